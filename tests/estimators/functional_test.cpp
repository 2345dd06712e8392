// Totals and quantiles by hand, their influence by differences, and the intervals that go with
// them.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "estimators/functionals/level_estimator.hpp"
#include "estimators/functionals/linear.hpp"
#include "estimators/functionals/quantile.hpp"
#include "estimators/survey/quantiles.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Schema schema_with(std::vector<double> edges) {
  Schema schema;
  Variable v = testing::categorical("income", {"a", "b", "c"});
  v.kind = VariableKind::bucketed;
  v.edges = std::move(edges);
  schema.add(v);
  schema.add(testing::categorical("score", {"high", "low", "middle"}, {9, 1, 4}));
  return schema;
}

std::unique_ptr<const Functional> quantile(const Schema& schema, const std::string& variable,
                                           double p) {
  return testing::make(functionals(), "quantile", schema,
                       "variable = \"" + variable + "\"\np = " + std::to_string(p));
}

PointEstimate value(const Functional& f, const std::vector<double>& totals) {
  const std::vector<BucketValues> values{{f.fixed_values(0), {}}};
  return f.estimate(totals, values).value();
}

TEST(Quantile, IsLinearInsideTheBucket) {
  const Schema schema = schema_with({0, 10, 30, 60});
  const std::vector<double> totals{3, 4, 1};
  EXPECT_DOUBLE_EQ(value(*quantile(schema, "income", 0.5), totals).estimate, 15);  // 1/4 into b
  EXPECT_DOUBLE_EQ(value(*quantile(schema, "income", 0.9375), totals).estimate, 45);
  EXPECT_DOUBLE_EQ(value(*quantile(schema, "income", 0.375), totals).estimate, 10);  // on the edge
}

TEST(Quantile, InfluenceIsTheDerivativeByEachTotal) {
  const Schema schema = schema_with({0, 10, 30, 60});
  for (double p : {0.2, 0.5, 0.8, 0.95}) {
    const auto f = quantile(schema, "income", p);
    const std::vector<double> totals{3, 4, 1};
    const PointEstimate at = value(*f, totals);
    double weighted = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      std::vector<double> up = totals, down = totals;
      up[k] += 1e-5;
      down[k] -= 1e-5;
      EXPECT_NEAR(at.influence[k], (value(*f, up).estimate - value(*f, down).estimate) / 2e-5, 1e-7)
          << p << " level " << k;
      weighted += totals[k] * at.influence[k];
    }
    EXPECT_NEAR(weighted, 0, 1e-12);  // it does not move if all totals are scaled
  }
}

TEST(Quantile, OfAnOpenBucketFails) {
  const Schema top = schema_with({0, 10, 30, kInf});
  const std::vector<BucketValues> none{{{}, {}}};
  EXPECT_DOUBLE_EQ(value(*quantile(top, "income", 0.5), {3, 4, 1}).estimate, 15);
  const auto failed = quantile(top, "income", 0.9)->estimate(std::vector<double>{3, 4, 1}, none);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure().kind, FailureKind::unbounded_tail);
  EXPECT_NE(failed.failure().detail.find("0.9-quantile of income lies in its open top bucket"),
            std::string::npos)
      << failed.failure().detail;
  const auto empty = quantile(top, "income", 0.5)->estimate(std::vector<double>{0, 0, 0}, none);
  EXPECT_EQ(empty.failure().kind, FailureKind::empty_domain);
}

TEST(Quantile, OfNumberedLevelsIsTheSmallestWithFAtLeastP) {
  const Schema schema = schema_with({0, 10, 30, 60});  // score: high 9, low 1, middle 4
  const std::vector<double> totals{2, 3, 1};
  EXPECT_EQ(value(*quantile(schema, "score", 0.5), totals).estimate, 1);  // F(1) = 1/2
  EXPECT_EQ(value(*quantile(schema, "score", 0.51), totals).estimate, 4);
  EXPECT_EQ(value(*quantile(schema, "score", 0.7), totals).estimate, 9);
  EXPECT_FALSE(quantile(schema, "score", 0.5)->smooth());
}

TEST(Total, IsTheWeightedSumOrTheCountOfLevels) {
  const Schema schema = schema_with({0, 10, 30, 60});
  const auto sum = testing::make(functionals(), "total", schema, "variable = \"score\"");
  const PointEstimate at = value(*sum, {2, 3, 1});
  EXPECT_DOUBLE_EQ(at.estimate, 2 * 9 + 3 * 1 + 1 * 4);
  EXPECT_EQ(at.influence, (std::vector<double>{9, 1, 4}));
  const auto count = testing::make(functionals(), "total", schema,
                                   "variable = \"income\"\nlevels = [\"a\", \"c\"]");
  EXPECT_DOUBLE_EQ(value(*count, {2, 3, 1}).estimate, 3);
}

/// Nobody, and weights below zero that outweigh the others, are told apart.
TEST(WithoutWeight, SaysWhetherNobodyIsThereOrWeightsCancel) {
  const Schema schema = schema_with({0, 10, 30, 60});
  const std::string negative =
      "the weights of the domain's respondents sum to -1; an estimate needs a sum above zero";
  for (const char* functional : {"mean", "total", "quantile"}) {
    SCOPED_TRACE(functional);
    const auto f = testing::make(functionals(), functional, schema, "variable = \"score\"");
    const std::vector<BucketValues> values{{f->fixed_values(0), {}}};
    const auto nobody = f->estimate(std::vector<double>{0, 0, 0}, values);
    const auto below = f->estimate(std::vector<double>{2, -4, 1}, values);
    ASSERT_FALSE(nobody.ok() || below.ok());
    EXPECT_EQ(nobody.failure().kind, FailureKind::empty_domain);
    EXPECT_EQ(nobody.failure().detail, "no respondent in the domain");
    EXPECT_EQ(below.failure().kind, FailureKind::infeasible);
    EXPECT_NE(below.failure().detail.find(negative), std::string::npos) << below.failure().detail;
    const LevelEstimator estimator(schema, *f, nullptr);
    EXPECT_NE(estimator.value(std::vector<double>{2, -4, 1}, 3).failure().detail.find(negative),
              std::string::npos);
  }
  EXPECT_EQ(mean_of_moments(std::vector<double>{0, 0}).failure().detail,
            "no respondent in the domain");
  for (const double size : {0.0, -1.0})
    for (const auto& made : {mean_of_moments(std::vector<double>{size, 3}),
                             total_of_moments(std::vector<double>{size, 3})}) {
      ASSERT_FALSE(made.ok());
      EXPECT_EQ(made.failure().kind, FailureKind::infeasible);
    }
  EXPECT_FALSE(without_weight(std::vector<double>{2, -1}, 1));
}

/// One answer of a RandomWorld over everybody, under a weighting, ready for any interval method.
struct Prepared {
  testing::RandomWorld world;
  CellIndex index = make_cell_index(world.sample, world.cross());
  std::unique_ptr<const Weighting> weighting;
  Weights weights;
  std::vector<std::uint32_t> rows = domain_rows(world.sample, {});
  VariableId answer = world.schema.require("answer", {});
  Tabulation table;

  explicit Prepared(const std::string& method, std::size_t n = 300)
      : world(7, n),
        weighting(testing::make(weightings(), method, world.schema, testing::options_for(method))),
        weights(weighting->weigh(index, *world.benchmarks).value()) {
    Tabulator tabulator(world.sample, index);
    table = tabulator.tabulate({&answer, 1}, rows);
  }

  Result<Interval> interval(const std::string& method, const std::string& options,
                            const std::string& functional, const std::string& what,
                            std::uint32_t replicate = 3) const {
    const AnswerRows all{{&answer, 1}, rows};
    const auto f = testing::make(functionals(), functional, world.schema, what);
    const LevelEstimator estimator(world.schema, *f, nullptr);
    const auto plugin = testing::make(intervals(), method, world.schema, options);
    EXPECT_FALSE(plugin->objection(*f).has_value());
    const auto prepared = plugin->prepare({.index = index,
                                           .weights = weights,
                                           .sample = &world.sample,
                                           .weighting = weighting.get(),
                                           .benchmarks = world.benchmarks.get(),
                                           .tables = {&all, 1},
                                           .seed = Seed{11},
                                           .replicate = Replicate{replicate}});
    if (!prepared) return prepared.failure();
    const std::vector<double> totals = level_totals(table, weights);
    const PointEstimate point = estimator.estimate(totals).value();
    return prepared.value()->interval({table, point, &estimator, totals, 0});
  }
};

const char* kMean = "variable = \"answer\"";

TEST(Jackknife, LeavingOutEveryRespondentOfAnUnweightedMeanIsLinearization) {
  const Prepared p("none");
  const auto jackknife = p.interval("jackknife", "groups = 300", "mean", kMean).value();
  const auto linear = p.interval("linearization", "", "mean", kMean).value();
  EXPECT_NEAR(jackknife.se, linear.se, 1e-12 * linear.se);
  EXPECT_EQ(jackknife.df, 299);
  EXPECT_NEAR(jackknife.upper, linear.upper, 1e-12);
}

TEST(Replication, OfACalibratedMeanIsNearLinearization) {
  const Prepared p("raking", 3000);
  const double linear = p.interval("linearization", "", "mean", kMean).value().se;
  for (const char* method : {"jackknife", "bootstrap", "bayesian_bootstrap", "random_groups"}) {
    const bool groups =
        std::string(method) == "jackknife" || std::string(method) == "random_groups";
    const auto made =
        p.interval(method, groups ? "groups = 10" : "replicates = 400", "mean", kMean);
    ASSERT_TRUE(made.ok()) << method;
    // Ten groups leave the standard error a coefficient of variation of 24 %, 400 replicates 3.5 %.
    EXPECT_NEAR(made.value().se, linear, (groups ? 0.75 : 0.15) * linear) << method;
    EXPECT_EQ(made.value().se,
              p.interval(method, groups ? "groups = 10" : "replicates = 400", "mean", kMean)
                  .value()
                  .se);  // a pure function of seed and replicate
    EXPECT_NE(made.value().se,
              p.interval(method, groups ? "groups = 10" : "replicates = 400", "mean", kMean, 4)
                  .value()
                  .se);
  }
}

TEST(Replication, PercentileLimitsAreReplicatesQuantiles) {
  const Prepared p("raking");
  const auto t = p.interval("bootstrap", "replicates = 400", "mean", kMean).value();
  const auto percentile =
      p.interval("bootstrap", "replicates = 400\nlimits = \"percentile\"", "mean", kMean).value();
  EXPECT_EQ(t.se, percentile.se);
  EXPECT_NEAR(percentile.lower, t.lower, 0.4 * t.se);
  EXPECT_NEAR(percentile.upper, t.upper, 0.4 * t.se);
  EXPECT_NE(percentile.lower, t.lower);
}

TEST(Replication, AReplicateThatCannotBeWeightedIsAFailureWithItsReason) {
  const Prepared p("raking");
  const auto made = p.interval("random_groups", "groups = 150", "mean", kMean);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.failure().kind, FailureKind::empty_cell);
  EXPECT_EQ(made.failure().detail.find("replicate 1 of 150 cannot be weighted: "), 0u)
      << made.failure().detail;
}

TEST(Woodruff, OfNumberedLevelsInvertsTheIntervalOfF) {
  const Prepared p("poststratification");
  const auto interval = p.interval("woodruff", "", "quantile", kMean).value();
  const auto f = testing::make(functionals(), "quantile", p.world.schema, kMean);
  const auto& q = dynamic_cast<const QuantileFunctional&>(*f);
  const std::vector<double> totals = level_totals(p.table, p.weights);
  const double median = q.quantile(totals, 0.5).value();
  // F at the median is the share of the levels at or below it: its linearized interval is known.
  std::string levels;
  for (int k = 0; k <= static_cast<int>(median); ++k)
    levels += (k ? ", \"" : "\"") + std::to_string(k) + "\"";
  const auto share = p.interval("linearization", "", "proportion",
                                "variable = \"answer\"\nlevels = [" + levels + "]")
                         .value();
  EXPECT_EQ(interval.lower, q.quantile(totals, share.lower).value());
  EXPECT_EQ(interval.upper, q.quantile(totals, share.upper).value());
  EXPECT_LE(interval.lower, median);
  EXPECT_LE(median, interval.upper);
}

TEST(IntervalMethods, ObjectToFunctionalsThatTheyAreNotFor) {
  const testing::RandomWorld world(1);
  const auto mean = testing::make(functionals(), "mean", world.schema, kMean);
  const auto median = testing::make(functionals(), "quantile", world.schema, kMean);
  const auto objects = [&](const char* method, const Functional& f) {
    return testing::make(intervals(), method, world.schema)->objection(f).has_value();
  };
  EXPECT_TRUE(objects("woodruff", *mean));
  EXPECT_TRUE(objects("linearization", *median));
  EXPECT_TRUE(objects("jackknife", *median));
  EXPECT_FALSE(objects("woodruff", *median));
  EXPECT_FALSE(objects("bootstrap", *median));
}

TEST(Shares, IntervalsOnTheirScalesStayInsideAndAreTheKnownOnes) {
  const Prepared p("none");
  const std::string what = "variable = \"answer\"\nlevels = [\"4\"]";
  const auto plain = p.interval("linearization", "", "proportion", what).value();
  const double share = (plain.lower + plain.upper) / 2;
  for (const char* name : {"logit", "beta", "wilson"}) {
    const auto made =
        p.interval("linearization", std::string("shares = \"") + name + "\"", "proportion", what)
            .value();
    const Limits known =
        proportion_limits(share, plain.se, *parse_proportion_interval(name), {0.95, plain.df, 300});
    EXPECT_NEAR(made.lower, known.lower, 1e-12) << name;
    EXPECT_NEAR(made.upper, known.upper, 1e-12) << name;
    EXPECT_EQ(made.se, plain.se);
    const auto mean =
        p.interval("linearization", std::string("shares = \"") + name + "\"", "mean", kMean)
            .value();
    EXPECT_EQ(mean.lower, p.interval("linearization", "", "mean", kMean).value().lower);
  }
}

}  // namespace
}  // namespace steelyard
