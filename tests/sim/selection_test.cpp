#include "sim/selection/selection.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/sums.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

using testing::small_scenario;

std::vector<Moments> cell_shares(const Scenario& scenario, int replicates) {
  const Population population(scenario);
  const PopulationFrame frame(population);
  const Selection selection(population, frame);
  std::vector<Moments> shares(population.law().root().cells);
  std::vector<PersonRef> persons(scenario.sample_size);
  Selection::Scratch scratch;
  for (int r = 0; r < replicates; ++r) {
    selection.draw(Seed{9}, Replicate{static_cast<std::uint32_t>(r)}, persons, scratch);
    std::vector<double> counts(shares.size(), 0.0);
    std::set<std::uint64_t> units;
    for (const PersonRef& person : persons) {
      counts[person.cell] += 1;
      if (frame.finite()) {
        EXPECT_LT(person.unit, frame.count(person.cell));
      }
      units.insert(person.unit + (frame.finite() ? frame.first(person.cell) : 0));
    }
    EXPECT_EQ(units.size(), persons.size());  // nobody twice
    for (std::size_t c = 0; c < shares.size(); ++c)
      shares[c].add(counts[c] / static_cast<double>(persons.size()));
  }
  return shares;
}

TEST(Selection, CellsAppearWithTheSampleLaw) {
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1'000'000}}) {
    const Scenario scenario = small_scenario(size, 500);
    const Population population(scenario);
    const auto shares = cell_shares(scenario, 400);
    for (std::size_t c = 0; c < shares.size(); ++c)  // with 1e6 persons the fpc is below 0.1 %
      EXPECT_NEAR(shares[c].mean(), population.sample_law().root().p[c],
                  4.5 * shares[c].mean_se() + 1e-4);
  }
}

TEST(Selection, TheSampleLawIsThePopulationTimesTheOdds) {
  const Scenario scenario = small_scenario(0, 500);
  const Population population(scenario);
  const Clique& p = population.law().root();
  const std::vector<VariableId> root{scenario.schema.id(0), scenario.schema.id(1)};
  const auto population_share = population.law().query({}, root),
             sample_share = population.sample_law().query({}, root);
  const double odds[] = {4, 1, 2, 1};
  double sum = 0;
  for (std::size_t k = 0; k < 4; ++k) sum += population_share[k] * odds[k];
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_NEAR(sample_share[k], population_share[k] * odds[k] / sum, 1e-12);
  EXPECT_GT(p.cells, 0u);
}

TEST(Selection, APopulationTooSmallForTheSelectionIsRefused) {
  const Scenario scenario = small_scenario(600, 300);
  const Population population(scenario);
  const PopulationFrame frame(population);
  try {
    const Selection selection(population, frame);
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(
        std::string(e.what()).find("is too small for the selection: persons with region=a, sex=a"),
        std::string::npos)
        << e.what();
  }
}

TEST(Selection, ReplicatesDifferAndRepeat) {
  const Scenario scenario = small_scenario(1'000'000, 500);
  const Population population(scenario);
  const PopulationFrame frame(population);
  const Selection selection(population, frame);
  std::vector<PersonRef> a(500), b(500), c(500);
  Selection::Scratch scratch;
  selection.draw(Seed{1}, Replicate{5}, a, scratch);
  selection.draw(Seed{1}, Replicate{5}, b, scratch);
  selection.draw(Seed{1}, Replicate{6}, c, scratch);
  std::size_t same_ab = 0, same_ac = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    same_ab += a[i].cell == b[i].cell && a[i].unit == b[i].unit;
    same_ac += a[i].cell == c[i].cell && a[i].unit == c[i].unit;
  }
  EXPECT_EQ(same_ab, 500u);
  EXPECT_LT(same_ac, 5u);
}

}  // namespace
}  // namespace steelyard
