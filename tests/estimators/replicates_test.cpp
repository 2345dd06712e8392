// Every replicate method against the textbook variance of a total, on tiny designs: exactly where
// the method is exact, else in expectation over its own draws.

#include "estimators/survey/replicates.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/sums.hpp"

namespace steelyard {
namespace {

struct Tiny {
  SurveyDesign design;
  std::vector<double> u;
};

/// Strata of 2 rows each.
Tiny pairs() {
  DesignColumns c;
  c.strata = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4};
  c.n = c.strata.size();
  return {SurveyDesign::make(c).value(), {3, 1, 4, 1, 5, 9, 2, 6, 5, 3}};
}

/// Strata of 3 and 5 clusters of one or two rows, with population sizes 12 and 10.
Tiny clusters() {
  DesignColumns c;
  c.strata = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  c.clusters = {{1, 1, 2, 3, 4, 5, 6, 6, 7, 8}};
  c.fpc = {{12, 12, 12, 12, 10, 10, 10, 10, 10, 10}};
  c.n = c.strata.size();
  return {SurveyDesign::make(c).value(), {3, 1, 4, 1, 5, 9, 2, 6, 5, 3}};
}

/// 4 of 6 clusters, 2 to 4 of 5 units in each.
Tiny two_stages() {
  DesignColumns c;
  c.clusters = {{1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4}, {1, 2, 1, 2, 3, 1, 2, 3, 4, 1, 2, 3}};
  c.n = c.clusters[0].size();
  c.fpc = {std::vector<double>(c.n, 6.0), std::vector<double>(c.n, 5.0)};
  return {SurveyDesign::make(c).value(), {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}};
}

/// Two strata of six rows.
Tiny even() {
  DesignColumns c;
  c.strata = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  c.n = c.strata.size();
  return {SurveyDesign::make(c).value(), {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}};
}

std::vector<double> totals(const ReplicateDesign& replicates, std::span<const double> u) {
  std::vector<double> theta(replicates.replicates), factor(u.size());
  for (std::size_t r = 0; r < theta.size(); ++r) {
    replicates.fill(r, factor);
    theta[r] = std::inner_product(u.begin(), u.end(), factor.begin(), 0.0);
  }
  return theta;
}

double sum(std::span<const double> u) { return std::accumulate(u.begin(), u.end(), 0.0); }

ReplicateOptions with(ReplicateMethod method, std::size_t replicates = 0, std::uint64_t seed = 1) {
  ReplicateOptions o;
  o.method = method;
  o.replicates = replicates;
  o.seed = Seed{seed};
  return o;
}

double variance(const Tiny& tiny, const ReplicateOptions& options) {
  const auto made = make_replicates(tiny.design, options);
  EXPECT_TRUE(made.ok());
  return made.value().variance(totals(made.value(), tiny.u), sum(tiny.u));
}

TEST(Replicates, JackknivesAreTheTextbookVariance) {
  for (const bool mse : {false, true}) {
    ReplicateOptions o = with(ReplicateMethod::jkn);
    o.mse = mse;
    const Tiny c = clusters(), p = pairs();
    EXPECT_NEAR(variance(c, o), c.design.variance(c.u).value(), 1e-11);
    EXPECT_NEAR(variance(p, o), p.design.variance(p.u).value(), 1e-11);
    o.method = ReplicateMethod::jk1;
    DesignColumns columns;
    columns.n = 5;
    columns.fpc = {{20, 20, 20, 20, 20}};
    const Tiny one{SurveyDesign::make(columns).value(), {3, 1, 4, 1, 5}};
    EXPECT_NEAR(variance(one, o), 0.75 * 5 * 3.2, 1e-11);  // (1 - f) n s²
  }
}

TEST(Replicates, BalancedHalfSamplesAreTheTextbookVariance) {
  const Tiny tiny = pairs();
  double expected = 0;  // Σ (u_1 - u_2)²
  for (std::size_t h = 0; h < 5; ++h) expected += std::pow(tiny.u[2 * h] - tiny.u[2 * h + 1], 2);
  ReplicateOptions o = with(ReplicateMethod::brr);
  EXPECT_NEAR(variance(tiny, o), expected, 1e-11);
  o.method = ReplicateMethod::fay;
  o.rho = 0.3;
  EXPECT_NEAR(variance(tiny, o), expected, 1e-11);
}

TEST(Replicates, SuccessiveDifferencesAreHalfTheirSquares) {
  const Tiny tiny{SurveyDesign::rows(7), {3, 1, 4, 1, 5, 9, 2}};
  double expected = 0;  // in a circle
  for (std::size_t i = 0; i < 7; ++i) expected += std::pow(tiny.u[i] - tiny.u[(i + 1) % 7], 2) / 2;
  EXPECT_NEAR(variance(tiny, with(ReplicateMethod::successive_difference, 20)), expected, 1e-11);
}

/// Mean of R squared deviations and its own Monte Carlo error.
void expect_mean_square(const Tiny& tiny, ReplicateMethod method, double expected) {
  ReplicateOptions o = with(method, 20000);
  o.mse = true;
  const auto made = make_replicates(tiny.design, o);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  const auto theta = totals(made.value(), tiny.u);
  const double full = sum(tiny.u), r = static_cast<double>(theta.size());
  const double unit = made.value().scale * r;
  double mean = 0, square = 0, centre = 0;
  for (const double value : theta) {
    const double v = unit * (value - full) * (value - full);
    mean += v / r;
    square += v * v / r;
    centre += (value - full) / r;
  }
  const double error = std::sqrt((square - mean * mean) / r);
  EXPECT_NEAR(mean, expected, 4 * error) << "method " << static_cast<int>(method);
  EXPECT_NEAR(centre, 0, 4 * std::sqrt(mean / unit / r));
  EXPECT_LT(error, 0.03 * expected);  // what the test can see
}

TEST(Replicates, RandomOnesAreTheTextbookVarianceInExpectation) {
  for (const Tiny& tiny : {pairs(), clusters(), two_stages()}) {
    const double v = tiny.design.variance(tiny.u).value();
    for (const ReplicateMethod method :
         {ReplicateMethod::bootstrap, ReplicateMethod::rao_wu_yue_beaumont,
          ReplicateMethod::preston, ReplicateMethod::generalized})
      expect_mean_square(tiny, method, v);
  }
  const Tiny tiny = even();  // the same number of units in every stratum
  const double v = tiny.design.variance(tiny.u).value();
  expect_mean_square(tiny, ReplicateMethod::canty_davison, v);
  // Dirichlet weights: n/(n + 1) Σ (u - mean)², the posterior's and not the sample's variance.
  expect_mean_square(tiny, ReplicateMethod::bayesian, v * (6.0 / 7) / (6.0 / 5));
}

TEST(Replicates, UnequalFirstStageProbabilitiesShrinkEachUnit) {
  const std::vector<double> prob = {0.1, 0.5, 1, 0.3, 0.9, 0.6}, u = {3, 1, 50, 4, 1, 5};
  DesignColumns columns;
  columns.n = 6;
  columns.pps.emplace();
  columns.pps->probability = prob;
  const Tiny tiny{SurveyDesign::make(columns).value(), u};
  double squares = 0, total = 0;  // the certain unit adds nothing
  for (std::size_t i = 0; i < 6; ++i) {
    const double x = std::sqrt(1 - prob[i]) * u[i];
    squares += x * x;
    total += x;
  }
  expect_mean_square(tiny, ReplicateMethod::rao_wu_yue_beaumont,
                     5.0 / 4 * (squares - total * total / 5));
}

TEST(Replicates, UnitsOfAnUndrawnClusterStandStillUnderPreston) {
  const Tiny tiny = two_stages();
  const auto made = make_replicates(tiny.design, with(ReplicateMethod::preston, 50));
  std::vector<double> factor(tiny.u.size());
  const double lambda = std::sqrt(2.0 * (1 - 4.0 / 6) / 2);
  std::size_t still = 0;
  for (std::size_t r = 0; r < 50; ++r) {
    made.value().fill(r, factor);
    still += std::abs(factor[0] - (1 - lambda)) < 1e-12 && factor[0] == factor[1];
  }
  EXPECT_GT(still, 10u);
  EXPECT_LT(still, 40u);
}

TEST(Replicates, GroupsAreTheTextbookVarianceInExpectation) {
  const Tiny tiny = even();
  const double expected = tiny.design.variance(tiny.u).value();
  for (const ReplicateMethod method :
       {ReplicateMethod::random_groups, ReplicateMethod::delete_a_group}) {
    std::vector<double> v;
    for (std::uint64_t seed = 0; seed < 4000; ++seed)
      v.push_back(variance(tiny, with(method, 3, seed)));
    const double mean = sum(v) / 4000;
    double squares = 0;
    for (const double x : v) squares += (x - mean) * (x - mean) / 4000;
    EXPECT_NEAR(mean, expected, 4 * std::sqrt(squares / 4000)) << static_cast<int>(method);
  }
}

TEST(Replicates, DeletedGroupsAreExactInStrataWithFewerUnitsThanGroups) {
  const Tiny c = clusters(), p = pairs();
  for (const Tiny& tiny : {c, p})
    EXPECT_NEAR(variance(tiny, with(ReplicateMethod::delete_a_group, 40)),
                tiny.design.variance(tiny.u).value(), 1e-10);
}

TEST(Replicates, SimulationErrorIsWhatItIs) {
  const Tiny tiny = clusters();
  std::vector<double> se;
  double claimed = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto made = make_replicates(tiny.design, with(ReplicateMethod::bootstrap, 200, seed));
    const auto theta = totals(made.value(), tiny.u);
    se.push_back(std::sqrt(made.value().variance(theta, sum(tiny.u))));
    claimed += simulation_cv(made.value(), theta, sum(tiny.u)) / 400;
  }
  const double mean = sum(se) / 400;
  double squares = 0;
  for (const double x : se) squares += (x - mean) * (x - mean) / 399;
  const double cv = std::sqrt(squares) / mean;
  EXPECT_NEAR(claimed, cv, 4 * cv / std::sqrt(2.0 * 400));  // the error of a standard deviation
  // For normal replicates it is 1 / sqrt(2 R), which replicates_for_cv turns around.
  const auto normal = make_replicates(tiny.design, with(ReplicateMethod::generalized, 20000));
  const auto theta = totals(normal.value(), tiny.u);
  EXPECT_NEAR(simulation_cv(normal.value(), theta, sum(tiny.u)), 0.005, 0.0002);
  EXPECT_EQ(replicates_for_cv(0.005), 20000u);
  EXPECT_EQ(replicates_for_cv(0.05), 200u);
}

}  // namespace
}  // namespace steelyard
