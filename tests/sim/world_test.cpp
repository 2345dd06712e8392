// Worlds against dense arithmetic on a scenario small enough to write out.

#include "sim/population/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/sim/small_world.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

using testing::dense_joint;
using testing::small_scenario;

World selection(double strength) {
  World w;
  w.dial = World::Dial::selection;
  w.value = strength;
  w.score = {{VariableId{3}, {-1.0, 0.25, 1.5}}, {VariableId{2}, {0.5, -0.5}}};
  return w;
}

/// Position in the dense joint over region, sex, job, income (with "not applicable").
std::size_t at(std::size_t region, std::size_t sex, std::size_t job, std::size_t income) {
  return ((region * 2 + sex) * 2 + job) * 4 + income;
}

double score(const World& w, std::size_t job, std::size_t income) {
  return w.score[1].values[job] + (income < 3 ? w.score[0].values[income] : 0.0);
}

TEST(World, PopulationIsTheSampleLawTiltedWithinRootCells) {
  const Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  const World w = selection(0.7);
  const Population other = in_world(neutral, w);
  const auto before = dense_joint(neutral.law()), after = dense_joint(other.law());
  for (std::size_t region = 0; region < 2; ++region)
    for (std::size_t sex = 0; sex < 2; ++sex) {
      double mass = 0, tilted = 0;
      for (std::size_t job = 0; job < 2; ++job)
        for (std::size_t income = 0; income < 4; ++income) {
          const double p = before[at(region, sex, job, income)];
          mass += p;
          tilted += p * std::exp(-0.7 * score(w, job, income));
        }
      for (std::size_t job = 0; job < 2; ++job)
        for (std::size_t income = 0; income < 4; ++income)
          EXPECT_NEAR(after[at(region, sex, job, income)],
                      mass * before[at(region, sex, job, income)] *
                          std::exp(-0.7 * score(w, job, income)) / tilted,
                      1e-12);
    }
}

TEST(World, TheSampleIsTheSameInEveryWorldAndTheTruthIsNot) {
  const Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  for (const double strength : {-1.0, -0.5, 0.5, 1.0}) {
    const Population other = in_world(neutral, selection(strength));
    const auto a = dense_joint(neutral.sample_law()), b = dense_joint(other.sample_law());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
    for (const PublishedNumber& n : s.numbers)
      EXPECT_NEAR(other.expected(n), neutral.expected(n), 1e-12);
    const auto p = neutral.law().query({}, std::vector{VariableId{3}}),
               q = other.law().query({}, std::vector{VariableId{3}});
    EXPECT_GT(std::abs(p[2] - q[2]), 0.01);
  }
}

TEST(World, ATiltKeepsBucketSharesAndMovesTheMeans) {
  const Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  World w;
  w.dial = World::Dial::tilt;
  w.variables = {VariableId{3}};
  w.value = 1;
  const Population higher = in_world(neutral, w);
  w.value = -1;
  const Population lower = in_world(neutral, w);
  for (std::size_t group = 0; group < 2; ++group) {
    for (std::size_t bucket = 0; bucket < 2; ++bucket) {
      EXPECT_GT(higher.latent(VariableId{3})->mean(group, bucket),
                neutral.latent(VariableId{3})->mean(group, bucket));
      EXPECT_LT(lower.latent(VariableId{3})->mean(group, bucket),
                neutral.latent(VariableId{3})->mean(group, bucket));
    }
    EXPECT_EQ(higher.latent(VariableId{3})->mean(group, 2),
              neutral.latent(VariableId{3})->mean(group, 2));
  }
  EXPECT_EQ(dense_joint(higher.law()), dense_joint(neutral.law()));
}

TEST(World, ATailIndexGivesTheOpenBucketTheParetoMean) {
  const Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  World w;
  w.dial = World::Dial::tail;
  w.variables = {VariableId{3}};
  w.value = 4;
  const Population other = in_world(neutral, w);
  // From 3,000 with index 4: 3000 x 4 / 3.
  EXPECT_NEAR(other.latent(VariableId{3})->mean(0, 2), 4000, 4);
  EXPECT_EQ(other.latent(VariableId{3})->mean(0, 1), neutral.latent(VariableId{3})->mean(0, 1));
}

TEST(World, AnAssociationMovesOnlyWhatNoNumberTies) {
  Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  World w;
  w.dial = World::Dial::association;
  w.variables = {VariableId{0}, VariableId{3}};
  w.value = 1.2;
  const Scenario tied = with_association(s, w);
  const Population other(tied);
  // Income by sex is what the numbers give, and what the fit holds.
  const auto by_sex = [](const Population& p) {
    auto law = p.weighted_law().query({}, std::vector{VariableId{1}, VariableId{3}});
    for (std::size_t sex = 0; sex < 2; ++sex) {  // shares among those with an income
      const double sum = law[4 * sex] + law[4 * sex + 1] + law[4 * sex + 2];
      for (std::size_t k = 0; k < 3; ++k) law[4 * sex + k] /= sum;
      law[4 * sex + 3] = 0;
    }
    return law;
  };
  const auto before = by_sex(neutral), after = by_sex(other);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i], 2e-6);
  const auto odds = [](const Population& p) {
    const auto q = p.weighted_law().query({}, std::vector{VariableId{0}, VariableId{3}});
    return std::log(q[1] * q[4 + 2] / (q[2] * q[4 + 1]));
  };
  EXPECT_GT(odds(other), odds(neutral) + 0.5);
  w.variables = {VariableId{1}, VariableId{3}};
  try {
    (void)with_association(s, w);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("sex and income are tied by number"));
  }
}

TEST(World, AScoreOverARootVariableIsRefused) {
  const Scenario s = small_scenario(0, 100);
  const Population neutral(s);
  World w = selection(1);
  w.score = {{VariableId{1}, {0, 1}}};
  EXPECT_THROW((void)in_world(neutral, w), UserError);
}

}  // namespace
}  // namespace steelyard
