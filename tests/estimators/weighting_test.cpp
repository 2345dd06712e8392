#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <thread>

#include "tests/estimators/worlds.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

using testing::cells_for;
using testing::make;
using testing::options_for;
using testing::RandomWorld;

/// Every registered weighting, by name.
class AnyWeighting : public ::testing::TestWithParam<std::string> {};

TEST_P(AnyWeighting, MeetsItsMarginsOrSaysWhyNot) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const RandomWorld world(seed, 30 + 20 * (seed % 20));
    const auto weighting = make(weightings(), GetParam(), world.schema, options_for(GetParam()));
    const CellIndex index = make_cell_index(world.sample, cells_for(world, *weighting));
    const auto weights = weighting->weigh(index, *world.benchmarks);
    if (!weights) {
      EXPECT_NE(weights.failure().kind, FailureKind::none);
      EXPECT_FALSE(weights.failure().detail.empty());
      continue;
    }
    for (double g : weights.value().factor) EXPECT_TRUE(std::isfinite(g));
    EXPECT_LE(weights.value().largest_margin_error, 1e-8);
    if (GetParam() == "none" || testing::inverts_probabilities(GetParam())) continue;
    double sum = 0, population = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      sum += index.weight[c] * weights.value().factor[c];
    for (double t : world.benchmarks->tables()[0].totals) population += t;
    EXPECT_NEAR(sum, population, 1e-8 * population);
  }
}

TEST_P(AnyWeighting, DoesNotDependOnTheOrderOfRespondents) {
  RandomWorld world(7), turned(7);
  for (auto& column : turned.sample.columns) std::reverse(column.begin(), column.end());
  const auto weighting = make(weightings(), GetParam(), world.schema, options_for(GetParam()));
  const CellIndex a = make_cell_index(world.sample, cells_for(world, *weighting)),
                  b = make_cell_index(turned.sample, cells_for(turned, *weighting));
  const auto x = weighting->weigh(a, *world.benchmarks),
             y = weighting->weigh(b, *turned.benchmarks);
  ASSERT_TRUE(x.ok() && y.ok());
  for (std::size_t i = 0; i < world.sample.n; ++i)
    EXPECT_DOUBLE_EQ(x.value().factor[a.cell_of[i]],
                     y.value().factor[b.cell_of[world.sample.n - 1 - i]]);
}

TEST_P(AnyWeighting, ARowSplitInTwoHalvesChangesNothing) {
  // Post-stratification's collapsing rule counts respondents, so it is left out here.
  // So does Silverman's rule for a bandwidth.
  const std::string options = GetParam() == "poststratification" ? "cross = [\"sex\"]"
                              : GetParam() == "kernel_weighting"
                                  ? options_for(GetParam()) + "\nbandwidth = 0.1"
                                  : options_for(GetParam());
  RandomWorld world(8);
  world.sample.base_weights.assign(world.sample.n, 2.5);
  RandomWorld split(8);
  split.sample.base_weights = world.sample.base_weights;
  split.sample.base_weights[0] = 1.25;
  split.sample.base_weights.push_back(1.25);
  for (auto& column : split.sample.columns) column.push_back(column[0]);
  ++split.sample.n;
  const auto weighting = make(weightings(), GetParam(), world.schema, options);
  const CellIndex a = make_cell_index(world.sample, cells_for(world, *weighting)),
                  b = make_cell_index(split.sample, cells_for(split, *weighting));
  const auto x = weighting->weigh(a, *world.benchmarks), y = weighting->weigh(b, *split.benchmarks);
  ASSERT_TRUE(x.ok() && y.ok());
  for (std::size_t i = 0; i < world.sample.n; ++i)
    EXPECT_NEAR(x.value().factor[a.cell_of[i]], y.value().factor[b.cell_of[i]],
                1e-9 * std::abs(x.value().factor[a.cell_of[i]]));
}

TEST_P(AnyWeighting, GivesTheSameBitsFromSeveralThreads) {
  const RandomWorld world(9);
  const auto weighting = make(weightings(), GetParam(), world.schema, options_for(GetParam()));
  const CellIndex index = make_cell_index(world.sample, cells_for(world, *weighting));
  const auto expected = weighting->weigh(index, *world.benchmarks);
  ASSERT_TRUE(expected.ok());
  std::vector<std::vector<double>> got(4);
  std::vector<std::thread> threads;
  for (auto& result : got)
    threads.emplace_back(
        [&] { result = weighting->weigh(index, *world.benchmarks).value().factor; });
  for (auto& thread : threads) thread.join();
  for (const auto& result : got) EXPECT_EQ(result, expected.value().factor);
}

TEST_P(AnyWeighting, AnEmptyDomainFailsAndIsNotNaN) {
  RandomWorld world(10);
  for (LevelCode& code : world.sample.columns[3]) code = 0;
  const auto weighting = make(weightings(), GetParam(), world.schema, options_for(GetParam()));
  const auto mean = make(functionals(), "mean", world.schema, "variable = \"answer\"");
  const auto result =
      testing::estimate(world.sample, *world.benchmarks, *weighting, cells_for(world, *weighting),
                        *mean, {{world.schema.id(3), {4}}});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().kind, FailureKind::empty_domain);
}

std::vector<std::string> all_weightings() {
  std::vector<std::string> names;
  for (const WeightingInfo& info : weightings()) names.emplace_back(info.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(All, AnyWeighting, ::testing::ValuesIn(all_weightings()),
                         [](const auto& test) { return test.param; });

TEST(Registry, EveryPluginHasASummaryAndASource) {
  for (const WeightingInfo& i : weightings())
    EXPECT_TRUE(!i.summary.empty() && !i.source.empty()) << i.name;
  for (const ValueRuleInfo& i : value_rules())
    EXPECT_TRUE(!i.summary.empty() && !i.source.empty()) << i.name;
  for (const FunctionalInfo& i : functionals())
    EXPECT_TRUE(!i.summary.empty() && !i.source.empty()) << i.name;
  for (const IntervalInfo& i : intervals())
    EXPECT_TRUE(!i.summary.empty() && !i.source.empty()) << i.name;
}

RC_GTEST_PROP(Raking, MeetsEveryMarginOnRandomData, (std::uint64_t seed)) {
  const RandomWorld world(seed, 300);
  const auto raking =
      make(weightings(), "raking", world.schema, "margins = [\"region\", \"sex\", \"age\"]");
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto weights = raking->weigh(index, *world.benchmarks);
  RC_PRE(weights.ok());
  for (std::size_t v = 0; v < 3; ++v) {
    const VariableId id = world.schema.id(v);
    const auto totals = *world.benchmarks->margin({&id, 1});
    std::vector<double> got(totals.size(), 0.0);
    for (std::size_t i = 0; i < world.sample.n; ++i)
      got[world.sample.columns[v][i]] += weights.value().factor[index.cell_of[i]];
    for (std::size_t k = 0; k < totals.size(); ++k)
      RC_ASSERT(std::abs(got[k] - totals[k]) <= 1e-8 * totals[k]);
  }
}

TEST(Raking, KeepsTheSamplesOddsRatio) {
  Schema schema;
  schema.add(testing::categorical("a", {"x", "y"}));
  schema.add(testing::categorical("b", {"x", "y"}));
  Sample sample{&schema, 10, {{0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, {0, 0, 0, 0, 1, 1, 0, 1, 1, 1}}, {}};
  Benchmarks benchmarks(schema);
  benchmarks.add({{schema.id(0)}, {300, 700}});
  benchmarks.add({{schema.id(1)}, {550, 450}});
  const std::vector<VariableId> cross{schema.id(0), schema.id(1)};
  const CellIndex index = make_cell_index(sample, cross);
  const auto w =
      make(weightings(), "raking", schema, "margins = [\"a\", \"b\"]")->weigh(index, benchmarks);
  ASSERT_TRUE(w.ok());
  const auto& g = w.value().factor;  // cells xx, xy, yx, yy with 4, 2, 1, 3 respondents
  EXPECT_NEAR(4 * g[0] + 2 * g[1], 300, 1e-6);
  EXPECT_NEAR(4 * g[0] + 1 * g[2], 550, 1e-6);
  EXPECT_NEAR(g[0] * g[3] / (g[1] * g[2]), 1, 1e-9);
}

TEST(Raking, FailuresNameTheMargin) {
  RandomWorld world(11);
  for (LevelCode& code : world.sample.columns[2]) code = std::min<LevelCode>(code, 2);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto empty = make(weightings(), "raking", world.schema, "margins = [\"age\"]")
                         ->weigh(index, *world.benchmarks);
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.failure().kind, FailureKind::empty_cell);
  EXPECT_EQ(empty.failure().detail, "no respondent has age=4");
  const RandomWorld full(12);
  const CellIndex other = make_cell_index(full.sample, full.cross());
  const auto slow =
      make(weightings(), "raking", full.schema,
           "margins = [\"region\", \"sex\", \"age\"]\nmax_iterations = 1\ntolerance = 1e-14")
          ->weigh(other, *full.benchmarks);
  ASSERT_FALSE(slow.ok());
  EXPECT_EQ(slow.failure().kind, FailureKind::no_convergence);
  EXPECT_NE(slow.failure().detail.find("after 1 iterations"), std::string::npos);
}

TEST(Poststratification, WeightsAreTotalsOverCounts) {
  const RandomWorld world(13);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto w = make(weightings(), "poststratification", world.schema, "cross = [\"sex\"]")
                     ->weigh(index, *world.benchmarks);
  ASSERT_TRUE(w.ok());
  const VariableId sex = world.schema.id(1);
  const auto totals = *world.benchmarks->margin({&sex, 1});
  double counts[2] = {0, 0};
  for (LevelCode code : world.sample.columns[1]) counts[code] += 1;
  for (std::size_t i = 0; i < world.sample.n; ++i)
    EXPECT_DOUBLE_EQ(w.value().factor[index.cell_of[i]],
                     totals[world.sample.columns[1][i]] / counts[world.sample.columns[1][i]]);
}

TEST(Poststratification, SmallCellsMergeWithTheNearestLevelAndAreNoted) {
  Schema schema;
  Variable age = testing::categorical("age", {"1", "2", "3", "4"});
  age.kind = VariableKind::ordered;
  schema.add(age);
  Sample sample{&schema, 11, {{0, 0, 0, 0, 1, 2, 2, 2, 3, 3, 3}}, {}};
  Benchmarks benchmarks(schema);
  benchmarks.add({{schema.id(0)}, {40, 10, 60, 30}});
  const std::vector<VariableId> cross{schema.id(0)};
  const CellIndex index = make_cell_index(sample, cross);
  const auto w = make(weightings(), "poststratification", schema,
                      "cross = [\"age\"]\nminimum_cell = 2\ncollapse = [\"age\"]")
                     ->weigh(index, benchmarks);
  ASSERT_TRUE(w.ok());
  // Level 2 has one respondent; levels 1 and 3 are as near, 3 has fewer respondents: (10 + 60) / 4.
  EXPECT_DOUBLE_EQ(w.value().factor[0], 10);
  EXPECT_DOUBLE_EQ(w.value().factor[1], 17.5);
  EXPECT_DOUBLE_EQ(w.value().factor[2], 17.5);
  EXPECT_DOUBLE_EQ(w.value().factor[3], 10);
  ASSERT_EQ(w.value().notes.size(), 1u);
  EXPECT_EQ(w.value().notes[0], "age=2 (1 respondents) merged into age=3");
}

TEST(CalibrationLinear, EqualsTheClosedFormOfOneMarginAndIsGregForTwo) {
  const RandomWorld world(14);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto one = make(weightings(), "calibration", world.schema, "margins = [\"sex\"]")
                       ->weigh(index, *world.benchmarks);
  const auto post = make(weightings(), "poststratification", world.schema, "cross = [\"sex\"]")
                        ->weigh(index, *world.benchmarks);
  ASSERT_TRUE(one.ok() && post.ok());
  for (std::size_t c = 0; c < index.cells; ++c)
    EXPECT_NEAR(one.value().factor[c], post.value().factor[c], 1e-9 * post.value().factor[c]);
  // For an answer that the margins explain fully, the calibrated total is the benchmark's own.
  const auto two =
      make(weightings(), "calibration", world.schema, "margins = [\"region\", \"sex\"]")
          ->weigh(index, *world.benchmarks);
  ASSERT_TRUE(two.ok());
  const VariableId region = world.schema.id(0), sex = world.schema.id(1);
  const auto by_region = *world.benchmarks->margin({&region, 1}),
             by_sex = *world.benchmarks->margin({&sex, 1});
  double total = 0;
  for (std::size_t i = 0; i < world.sample.n; ++i)
    total += two.value().factor[index.cell_of[i]] *
             (3.0 * world.sample.columns[0][i] + 7.0 * world.sample.columns[1][i]);
  EXPECT_NEAR(total, 3 * by_region[1] + 6 * by_region[2] + 7 * by_sex[1], 1e-6 * total);
}

TEST(Weighting, BadOptionsAreNamed) {
  const RandomWorld world(15);
  const auto tell = [&](const char* method, const char* options) {
    return message([&] { (void)make(weightings(), method, world.schema, options); });
  };
  EXPECT_EQ(tell("raking", "margins = [\"regoin\"]"),
            "test.toml:1:11: unknown variable \"regoin\"; did you mean \"region\"?");
  EXPECT_EQ(tell("raking", "margins = []"),
            "test.toml:1:11: [raking] \"margins\" is empty; name at least one variable");
  EXPECT_EQ(tell("raking", "margins = [\"sex\"]\ntolerence = 1"),
            "test.toml:2:13: [raking] unknown key \"tolerence\"; did you mean \"tolerance\"?");
  EXPECT_EQ(tell("poststratification", "cross = [\"sex\"]\nminimum_cell = 5"),
            "test.toml:2:16: [poststratification] \"minimum_cell\" needs collapse; name the "
            "variables along which small cells are merged");
  EXPECT_EQ(tell("poststratification", "cross = [\"sex\"]\ncollapse = [\"age\"]"),
            "test.toml:2:12: [poststratification] \"collapse\" names \"age\", which is not in "
            "cross; collapse along variables of the cross");
}

}  // namespace
}  // namespace steelyard
