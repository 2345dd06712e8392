#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using testing::make;
using testing::RandomWorld;

Variable buckets() {
  Variable v =
      testing::categorical("income", {"a", "b", "c", "d", "e"}, {1000, 3500, 6500, 14000, 25000});
  v.kind = VariableKind::bucketed;
  v.edges = {0, 2000, 5000, 8000, 20000, std::numeric_limits<double>::infinity()};
  return v;
}

TEST(Midpoints, AreTheAssumedNumbersOrTheMiddles) {
  const Schema schema;
  const Variable v = buckets();
  const std::vector<double> totals(5, 1.0);
  EXPECT_EQ(make(value_rules(), "midpoints", schema)->values(v, totals).value().value,
            v.assumed_values);
  const auto arithmetic =
      make(value_rules(), "midpoints", schema, "points = \"arithmetic\"\nopen_top = 1.25");
  EXPECT_EQ(arithmetic->values(v, totals).value().value,
            (std::vector<double>{1000, 3500, 6500, 14000, 25000}));
  EXPECT_EQ(*make(value_rules(), "midpoints", schema, "points = \"arithmetic\"")->objection(v),
            "its top bucket is open: set open_top");
}

TEST(LinearCdf, ClosesTheTopAtAMultipleOfItsLowerEdge) {
  const Schema schema;
  const std::vector<double> totals(5, 1.0);
  const auto linear = make(value_rules(), "linear_cdf", schema);
  const auto step = make(value_rules(), "step_top2", schema);
  const auto law = linear->law(buckets(), totals).value();
  const auto same = step->law(buckets(), totals).value();
  EXPECT_NEAR(law->gini(), same->gini(), 1e-14);
  for (double u : {0.1, 0.5, 0.97}) EXPECT_NEAR(law->quantile(u) / same->quantile(u), 1, 1e-13);
  EXPECT_EQ(linear->values(buckets(), totals).value().value,
            (std::vector<double>{1000, 3500, 6500, 14000, 30000}));
}

TEST(ParetoTail, FollowsTheFormulaOfEachVariant) {
  const Schema schema;
  const Variable v = buckets();
  const std::vector<double> totals{10, 30, 35, 20, 5};
  const double alpha = (std::log(25.0) - std::log(5.0)) / (std::log(20000.0) - std::log(8000.0));
  ASSERT_GT(alpha, 1);
  const auto top = [&](const char* options) {
    return make(value_rules(), "pareto_tail", schema, options)->values(v, totals).value().value[4];
  };
  EXPECT_NEAR(top(""), 20000 * (1 + 1 / alpha), 1e-8);
  EXPECT_NEAR(top("variant = \"arithmetic\"\nalpha_floor = 1.1"), 20000 * alpha / (alpha - 1),
              1e-8);
  EXPECT_NEAR(top("variant = \"arithmetic\""), 20000 * 2.0, 1e-8);  // alpha 1.76 is floored at 2
  EXPECT_NEAR(top("variant = \"geometric\""), 20000 * std::exp(1 / alpha), 1e-8);
  EXPECT_NEAR(top("variant = \"median\""), 20000 * std::pow(2, 1 / alpha), 1e-8);
}

TEST(ParetoTail, UsesTheTopTwoPopulatedBucketsAndItsFloorWithoutAShape) {
  const Schema schema;
  const auto rule = make(value_rules(), "pareto_tail", schema);
  const auto gap = rule->values(buckets(), std::vector<double>{10, 30, 60, 0, 5});
  const double alpha = std::log(65.0 / 5) / std::log(20000.0 / 5000);
  EXPECT_NEAR(gap.value().value[4], 20000 * (1 + 1 / alpha), 1e-8);
  EXPECT_EQ(rule->values(buckets(), std::vector<double>{3, 0, 0, 0, 5}).value().value[4], 40000);
  EXPECT_TRUE(rule->values(buckets(), std::vector<double>{3, 2, 0, 0, 0}).ok());
  const auto bare =
      make(value_rules(), "pareto_tail", schema, "variant = \"arithmetic\"\nalpha_floor = 0");
  const auto none = bare->values(buckets(), std::vector<double>{0, 0, 0, 0, 5});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.failure().kind, FailureKind::unbounded_tail);
  EXPECT_EQ(none.failure().detail,
            "only the open top bucket holds anybody, so its tail has no shape");
}

/// The influence of every functional is the derivative of the estimate by each level's total,
/// value rules included.
TEST(Influence, IsTheNumericalDerivative) {
  Schema schema;
  schema.add(buckets());
  Variable hours = buckets();
  hours.name = "hours";
  schema.add(hours);
  const auto rule = make(value_rules(), "pareto_tail", schema);
  const auto mean = make(functionals(), "mean", schema, "variable = \"income\"");
  const auto ratio =
      make(functionals(), "ratio", schema, "numerator = \"income\"\ndenominator = \"hours\"");
  const auto evaluate = [&](const Functional& functional, const std::vector<double>& totals) {
    std::vector<BucketValues> values;
    for (std::size_t k = 0; k < functional.variables().size(); ++k) {
      std::vector<double> marginal(5, 0.0);
      for (std::size_t j = 0; j < totals.size(); ++j)
        marginal[totals.size() == 5 ? j : k == 0 ? j / 5 : j % 5] += totals[j];
      values.push_back(rule->values(schema[functional.variables()[k]], marginal).value());
    }
    return functional.estimate(totals, values).value();
  };
  Stream stream({Seed{1}, purpose("test"), {}, {}});
  for (const Functional* functional : {mean.get(), ratio.get()}) {
    std::vector<double> totals(functional == mean.get() ? 5 : 25);
    for (double& t : totals) t = 5 + 10 * stream.uniform();
    const PointEstimate base = evaluate(*functional, totals);
    for (std::size_t k = 0; k < totals.size(); ++k) {
      auto up = totals, down = totals;
      up[k] += 1e-4;
      down[k] -= 1e-4;
      const double slope =
          (evaluate(*functional, up).estimate - evaluate(*functional, down).estimate) / 2e-4;
      EXPECT_NEAR(base.influence[k], slope, 1e-5 * (1 + std::abs(slope))) << k;
    }
  }
}

TEST(DiffusionIndex, IsFiftyPlusFiftyTimesTheMeanScore) {
  const RandomWorld world(1);
  const auto index = make(functionals(), "diffusion_index", world.schema, "variable = \"answer\"");
  const std::vector<BucketValues> values{{index->fixed_values(0), {}}};
  // The report's formula with shares 20, 25, 40, 10, 5: 50 + 50 (0.20 + 0.125 - 0.05 - 0.05).
  EXPECT_NEAR(index->estimate(std::vector<double>{20, 25, 40, 10, 5}, values).value().estimate,
              61.25, 1e-12);
}

/// Respondent by respondent, as the definition says, against the cell sums.
TEST(Linearization, EqualsTheRowByRowDefinition) {
  for (const char* method : {"none", "poststratification", "raking", "calibration"}) {
    RandomWorld world(21, 150);
    Stream stream({Seed{5}, purpose("weights"), {}, {}});
    for (std::size_t i = 0; i < world.sample.n; ++i)
      world.sample.base_weights.push_back(10 + 20 * stream.uniform());
    const std::string options = std::string(method) == "none" ? ""
                                : std::string(method) == "poststratification"
                                    ? "cross = [\"region\"]"
                                    : "margins = [\"region\"]";
    const auto weighting = make(weightings(), method, world.schema, options);
    const auto mean = make(functionals(), "mean", world.schema, "variable = \"answer\"");
    const Domain domain{{world.schema.id(1), {0}}};
    const auto got = testing::estimate(world.sample, *world.benchmarks, *weighting, world.cross(),
                                       *mean, domain);
    ASSERT_TRUE(got.ok());

    const CellIndex index = make_cell_index(world.sample, world.cross());
    const Weights weights = weighting->weigh(index, *world.benchmarks).value();
    const std::size_t n = world.sample.n;
    std::vector<double> z(n, 0.0), w(n);
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < n; ++i) {
      w[i] = world.sample.base_weights[i] * weights.factor[index.cell_of[i]];
      if (world.sample.columns[1][i] != 0) continue;
      sum += w[i] * world.sample.columns[3][i];
      weight += w[i];
    }
    for (std::size_t i = 0; i < n; ++i)
      if (world.sample.columns[1][i] == 0)
        z[i] = (world.sample.columns[3][i] - sum / weight) / weight;
    if (std::string(method) != "none") {  // region means of z under the base weights
      double above[3] = {0, 0, 0}, below[3] = {0, 0, 0};
      for (std::size_t i = 0; i < n; ++i) {
        above[world.sample.columns[0][i]] += world.sample.base_weights[i] * z[i];
        below[world.sample.columns[0][i]] += world.sample.base_weights[i];
      }
      for (std::size_t i = 0; i < n; ++i)
        z[i] -= above[world.sample.columns[0][i]] / below[world.sample.columns[0][i]];
    }
    Moments moments;
    for (std::size_t i = 0; i < n; ++i) moments.add(w[i] * z[i]);
    EXPECT_NEAR(got.value().point.estimate, sum / weight, 1e-12);
    EXPECT_NEAR(got.value().interval.se, std::sqrt(static_cast<double>(n) * moments.variance()),
                1e-10)
        << method;
    EXPECT_EQ(got.value().interval.df, static_cast<double>(n - 1));
  }
}

TEST(Linearization, SampleMeanHasTheTextbookStandardError) {
  RandomWorld world(22, 100);
  const auto weighting = make(weightings(), "none", world.schema);
  const auto mean = make(functionals(), "mean", world.schema, "variable = \"answer\"");
  const auto got = testing::estimate(world.sample, *world.benchmarks, *weighting, {}, *mean, {});
  Moments moments;
  for (LevelCode code : world.sample.columns[3]) moments.add(code);
  EXPECT_NEAR(got.value().point.estimate, moments.mean(), 1e-12);
  EXPECT_NEAR(got.value().interval.se, moments.mean_se(), 1e-12);
  EXPECT_NEAR(got.value().interval.upper - got.value().point.estimate,
              1.98421695150868 * moments.mean_se(), 1e-9);  // t, 99 df
}

}  // namespace
}  // namespace steelyard
