// Degrees of freedom of intervals where a reference sample makes part of the variance.

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/functionals/level_estimator.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/survey/estimation.hpp"
#include "estimators/tabulate.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::ClaimedInfluence;
using testing::make;
using testing::TwoSampleWorld;

/// The world with its y among the answers of A.
struct AnsweredWorld : TwoSampleWorld {
  explicit AnsweredWorld(std::uint64_t seed) : TwoSampleWorld(seed) {
    a.numbers[4] = y;  // in the place of hours, which are not used
  }
  Interval interval(const Weighting& weighting) const {
    const CellIndex index = this->index(weighting);
    const Weights weights = weighting.weigh(index, benchmarks()).value();
    const auto functional = make(functionals(), "mean", schema, "variable = \"hours\"");
    const auto method = make(intervals(), "linearization", schema);
    const LevelEstimator estimator(schema, *functional, nullptr);
    const Tabulation table =
        Tabulator(a, index).tabulate(functional->variables(), domain_rows(a, {}));
    const std::vector<double> totals = level_totals(table, weights);
    const PointEstimate point = estimator.estimate(totals).value();
    const auto prepared = method->prepare({.index = index, .weights = weights});
    return prepared.value()->interval({table, point, &estimator, totals}).value();
  }
};

/// V_B and V_B²/df_B of contributions of rows drawn with replacement in `strata`.
struct Spread {
  double variance = 0, over_df = 0, df = 0;
  Spread(const std::vector<double>& u, const std::vector<std::uint32_t>& strata) {
    double fourth = 0, units = 0;
    std::size_t count = 0;
    for (std::uint32_t h = 0; h < 2; ++h) {
      double n = 0, sum = 0;
      for (std::size_t j = 0; j < u.size(); ++j)
        if (strata[j] == h) {
          n += 1;
          sum += u[j];
        }
      if (n == 0) continue;
      ++count;
      units += n;
      for (std::size_t j = 0; j < u.size(); ++j)
        if (strata[j] == h) {
          const double square = n / (n - 1) * std::pow(u[j] - sum / n, 2);
          variance += square;
          fourth += square * square;
        }
    }
    const double most = units - static_cast<double>(count);
    df = std::min(most,
                  2 * variance * variance / (fourth - variance * variance / units) * most / units);
    over_df = variance * variance / df;
  }
};

/// What moving each design weight of B does to the mean: u_j.
std::vector<double> contributions(const AnsweredWorld& world, const Weighting& weighting) {
  const CellIndex index = world.index(weighting);
  std::vector<double> u;
  for (std::size_t j = 0; j < world.b->sample.n; ++j) {
    double moved[2];
    for (const int side : {0, 1}) {
      auto b = std::make_shared<ReferenceSample>(*world.b);
      b->sample.base_weights[j] *= side == 0 ? 1 - 1e-4 : 1 + 1e-4;
      const Weights w = weighting.weigh(index, world.benchmarks(b)).value();
      moved[side] = testing::WeightedMean(index, w, world.y).mean;
    }
    u.push_back((moved[1] - moved[0]) / 2e-4);
  }
  return u;
}

// One stratum and two, from derivatives by refitting.
TEST(ReferenceDegreesOfFreedom, AreThoseOfBothSamplesContributions) {
  for (const bool stratified : {false, true}) {
    AnsweredWorld world(11);
    std::vector<std::uint32_t> strata(world.b->sample.n, 0);
    for (std::size_t j = 0; stratified && j < strata.size(); ++j) strata[j] = j % 3 == 0;
    if (stratified) world.b->stratum = strata;
    const auto weighting = world.weighting("ipw", "covariates = [\"age\", \"region\"]\n");
    const CellIndex index = world.index(*weighting);
    const Weights weights = weighting->weigh(index, world.benchmarks()).value();
    const ClaimedInfluence claimed(index, weights, world.y);
    double sampling = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      sampling += (1 - weights.participation[c]) * claimed.a[c] * claimed.a[c];
    const Spread spread(contributions(world, *weighting), strata);
    EXPECT_NEAR(claimed.variance_b / spread.variance, 1, 1e-5);
    const double whole = sampling + spread.variance;
    const double expected =
        whole * whole / (sampling * sampling / (static_cast<double>(index.n) - 1) + spread.over_df);
    const Interval made = world.interval(*weighting);
    EXPECT_NEAR(made.se / std::sqrt(whole), 1, 1e-5);
    EXPECT_NEAR(made.df / expected, 1, 1e-4);
    EXPECT_LT(spread.df, 58);
  }
}

TEST(ReferenceDegreesOfFreedom, AreTwoWhereOneRowMakesTheVariance) {
  // n contributions of which one is not 0: e² = n/(n-1) (1 - 1/n)² and n/(n-1)/n² each.
  std::vector<double> u(50, 0.0);
  u[7] = 3;
  const Spread one(u, std::vector<std::uint32_t>(50, 0));
  EXPECT_NEAR(one.df, 2, 0.1);
  // V_A = 0: those of B alone; no reference sample: those of the sample.
  TargetErrors targets{one.variance, one.over_df};
  EXPECT_NEAR(degrees_of_freedom(0, 399, targets), one.df, 1e-12);
  EXPECT_EQ(degrees_of_freedom(2, 399, TargetErrors{1, std::nullopt}), 399);
  // Satterthwaite's formula: two equal variances with 10 and 10 have 20.
  EXPECT_DOUBLE_EQ(degrees_of_freedom(1, 10, TargetErrors{1, 0.1}), 20);
}

// A file's estimates, row by row, and a study's, by cell.
TEST(ReferenceDegreesOfFreedom, AreTheSameForAFileUnlessTheyAreGiven) {
  const AnsweredWorld world(11);
  const auto weighting = world.weighting("ipw", "covariates = [\"age\", \"region\"]\n");
  const CellIndex index = world.index(*weighting);
  const Weights weights = weighting->weigh(index, world.benchmarks()).value();
  const SurveyDesign design = SurveyDesign::rows(index.n);
  SurveyData data;
  data.n = index.n;
  data.columns = {world.y};
  data.design = &design;
  data.d.assign(data.n, 1.0);
  for (const std::uint32_t c : index.cell_of) data.w.push_back(weights.factor[c]);
  data.index = &index;
  data.weights = &weights;
  const std::vector<EstimateRequest> mean{{.statistic = SurveyStatistic::mean}};
  const Interval study = world.interval(*weighting);
  const EstimateRow file = estimate_all(data, mean, {}).at(0);
  EXPECT_NEAR(file.se / study.se, 1, 1e-9);
  EXPECT_NEAR(file.df / study.df, 1, 1e-9);
  EXPECT_NEAR((file.upper - file.estimate) / (study.upper - study.lower), 0.5, 1e-9);
  EXPECT_EQ(estimate_all(data, mean, {.df = 17.0}).at(0).df, 17);
}

TEST(ReferenceDegreesOfFreedom, WithoutAReferenceSampleAreRowsLessOne) {
  const AnsweredWorld world(11);
  const auto raking = world.weighting("raking", "margins = [\"region\"]");
  EXPECT_EQ(world.interval(*raking).df, static_cast<double>(world.a.n) - 1);
}

}  // namespace
}  // namespace steelyard
