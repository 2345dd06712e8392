#include "sim/population/synthesis.hpp"

#include <gtest/gtest.h>

#include "core/sums.hpp"
#include "sim/selection/selection.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

using testing::small_scenario;

class SynthesisTest : public ::testing::Test {
 protected:
  SynthesisTest()
      : scenario_(small_scenario(100'000, 1000)), population_(scenario_), frame_(population_) {
    for (std::size_t i = 0; i < 4; ++i) all_.push_back(scenario_.schema.id(i));
    latent_ = {scenario_.schema.id(3)};
  }
  std::vector<PersonRef> persons(std::uint64_t first, std::size_t n) const {
    std::vector<PersonRef> list;
    for (std::uint64_t i = first; i < first + n; ++i) {
      const std::uint32_t cell = frame_.cell_of(i);
      list.push_back({cell, i - frame_.first(cell)});
    }
    return list;
  }
  Scenario scenario_;
  Population population_;
  PopulationFrame frame_;
  std::vector<VariableId> all_, latent_;
};

TEST_F(SynthesisTest, APersonDoesNotDependOnItsBlock) {
  const Synthesizer synthesizer(population_, all_, latent_);
  auto a = synthesizer.scratch(), b = synthesizer.scratch();
  synthesizer.make(persons(1000, 512), Seed{1}, purpose("person"), {}, a);
  synthesizer.make(persons(1300, 7), Seed{1}, purpose("person"), {}, b);
  for (VariableId v : all_)
    for (std::size_t i = 0; i < 7; ++i)
      EXPECT_EQ(a.columns[index(v)][300 + i], b.columns[index(v)][i]);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(a.latent_values[0][300 + i], b.latent_values[0][i]);
}

TEST_F(SynthesisTest, AVariableDoesNotDependOnWhatElseIsMade) {
  const Synthesizer everything(population_, all_, latent_);
  const std::vector<VariableId> income{scenario_.schema.id(3)};
  const Synthesizer only(population_, income, {});
  auto a = everything.scratch(), b = only.scratch();
  everything.make(persons(0, 512), Seed{1}, purpose("person"), {}, a);
  only.make(persons(0, 512), Seed{1}, purpose("person"), {}, b);
  EXPECT_EQ(a.columns[3], b.columns[3]);
}

TEST_F(SynthesisTest, PersonsFollowTheLawAndTheUniverse) {
  const Synthesizer synthesizer(population_, all_, latent_);
  auto scratch = synthesizer.scratch();
  const std::vector<VariableId> targets{scenario_.schema.id(1), scenario_.schema.id(3)};
  const auto law = population_.law().query({}, targets);
  std::vector<double> counts(law.size(), 0.0);
  const std::size_t n = 100'000;
  for (std::size_t first = 0; first < n; first += 500) {
    synthesizer.make(persons(first, 500), Seed{4}, purpose("person"), {}, scratch);
    for (std::size_t i = 0; i < 500; ++i) {
      const LevelCode job = scratch.columns[2][i], income = scratch.columns[3][i];
      ASSERT_EQ(job == 1, income == 3);
      if (income < 3) {
        ASSERT_GE(scratch.latent_values[0][i], scenario_.schema[targets[1]].edges[income]);
        ASSERT_LE(scratch.latent_values[0][i], scenario_.schema[targets[1]].edges[income + 1]);
      }
      counts[scratch.columns[1][i] * 4u + income] += 1;
    }
  }
  double chi2 = 0;
  for (std::size_t k = 0; k < law.size(); ++k) {
    const double expected = n * law[k];
    chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
  }
  EXPECT_LT(chi2,
            38.0);  // 7 df at most: false alarm 3e-6; a share wrong by 1 point would give over 100
}

TEST_F(SynthesisTest, CellCountsAreTheExpectedOnesToOnePerson) {
  const auto& p = population_.law().root().p;
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < p.size(); ++c) {
    EXPECT_NEAR(static_cast<double>(frame_.count(c)), p[c] * 100'000, 1.0);
    sum += frame_.count(c);
  }
  EXPECT_EQ(sum, 100'000u);
}

}  // namespace
}  // namespace steelyard
