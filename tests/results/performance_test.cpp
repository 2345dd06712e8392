#include "results/performance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace steelyard {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Values = std::vector<double>;

// Truth 10; estimates 9, 11, 14, 10: errors -1, 1, 4, 0; squared 1, 1, 16, 0.
const Values kEstimates{9, 11, 14, 10}, kSes{1, 2, 1, 2}, kLowers{7, 7, 12, 10},
    kUppers{11, 15, 16, 14};

TEST(Performance, EqualsTheMeasuresWorkedByHand) {
  const PerformanceRecord p = performance(10, kEstimates, kSes, kLowers, kUppers);
  EXPECT_EQ(p.truth, 10);
  EXPECT_EQ(p.replicates, 4u);
  EXPECT_EQ(p.failures, 0u);
  EXPECT_DOUBLE_EQ(p.mean_estimate, 11);
  EXPECT_DOUBLE_EQ(p.bias, 1);
  EXPECT_DOUBLE_EQ(p.rel_bias_pct, 10);
  // Deviations -2, 0, 3, -1: squares sum to 14.
  EXPECT_DOUBLE_EQ(p.sd, std::sqrt(14 / 3.0));
  EXPECT_DOUBLE_EQ(p.sd_mcse, std::sqrt(14 / 3.0) / std::sqrt(6.0));
  EXPECT_DOUBLE_EQ(p.bias_mcse, std::sqrt(14 / 3.0) / 2);
  EXPECT_DOUBLE_EQ(p.mean_se, 1.5);
  // MSE 18/4 = 4.5; squared deviations of the squares: 12.25 + 12.25 + 132.25 + 20.25 = 177.
  EXPECT_DOUBLE_EQ(p.rmse, std::sqrt(4.5));
  EXPECT_DOUBLE_EQ(p.rmse_mcse, std::sqrt(177 / 12.0) / (2 * std::sqrt(4.5)));
  // [7,11] and [7,15] cover 10, [12,16] does not, [10,14] does at its limit.
  EXPECT_DOUBLE_EQ(p.coverage, 0.75);
  EXPECT_DOUBLE_EQ(p.coverage_mcse, std::sqrt(0.75 * 0.25 / 4));
  EXPECT_DOUBLE_EQ(p.mean_width, 5);
  EXPECT_EQ(p.mean_us, 0);
}

TEST(Performance, CountsFailedReplicatesAndLeavesThemOut) {
  const Values estimates{9, kNaN, 11, 14, kInfinity, 10}, ses{1, kNaN, 2, 1, 1, 2},
      lowers{7, kNaN, 7, 12, 1, 10}, uppers{11, kNaN, 15, 16, 2, 14};
  const PerformanceRecord p = performance(10, estimates, ses, lowers, uppers);
  const PerformanceRecord whole = performance(10, kEstimates, kSes, kLowers, kUppers);
  EXPECT_EQ(p.failures, 2u);
  EXPECT_EQ(p.replicates, 4u);
  EXPECT_EQ(p.bias, whole.bias);
  EXPECT_EQ(p.rmse_mcse, whole.rmse_mcse);
  EXPECT_EQ(p.coverage, whole.coverage);
}

TEST(Performance, CountsAMissingIntervalAsAFailureWhereOthersHaveOne) {
  const Values lowers{7, 7, kNaN, 10};
  const PerformanceRecord p = performance(10, kEstimates, kSes, lowers, kUppers);
  EXPECT_EQ(p.failures, 1u);
  EXPECT_DOUBLE_EQ(p.mean_estimate, 10);
  EXPECT_DOUBLE_EQ(p.coverage, 1);
}

TEST(Performance, CountsAMissingStandardErrorAsAFailureWhereOthersHaveOne) {
  const PerformanceRecord p = performance(10, kEstimates, Values{1, 2, kNaN, 2}, kLowers, kUppers);
  EXPECT_EQ(p.failures, 1u);
  EXPECT_DOUBLE_EQ(p.mean_se, 5 / 3.0);
}

TEST(Performance, OfAPointEstimatorHasNoIntervalMeasures) {
  const Values none(4, kNaN);
  const PerformanceRecord p = performance(10, kEstimates, none, none, none);
  EXPECT_EQ(p.failures, 0u);
  EXPECT_DOUBLE_EQ(p.bias, 1);
  EXPECT_TRUE(std::isnan(p.mean_se));
  EXPECT_TRUE(std::isnan(p.coverage));
  EXPECT_TRUE(std::isnan(p.coverage_mcse));
  EXPECT_TRUE(std::isnan(p.mean_width));
}

TEST(Performance, OfOneReplicateHasNoMonteCarloErrors) {
  const PerformanceRecord p = performance(10, Values{9}, Values{1}, Values{8}, Values{12});
  EXPECT_EQ(p.replicates, 1u);
  EXPECT_EQ(p.bias, -1);
  EXPECT_EQ(p.rmse, 1);
  EXPECT_EQ(p.coverage, 1);
  EXPECT_EQ(p.mean_width, 4);
  for (double value : {p.sd, p.sd_mcse, p.bias_mcse, p.rmse_mcse, p.coverage_mcse})
    EXPECT_TRUE(std::isnan(value));
}

TEST(Performance, OfNoSuccessIsAllNaN) {
  const Values none(3, kNaN);
  const PerformanceRecord p = performance(10, none, none, none, none);
  EXPECT_EQ(p.failures, 3u);
  EXPECT_EQ(p.replicates, 0u);
  EXPECT_EQ(p.truth, 10);
  for (double value : {p.mean_estimate, p.bias, p.bias_mcse, p.rel_bias_pct, p.sd, p.sd_mcse,
                       p.mean_se, p.rmse, p.rmse_mcse, p.coverage, p.coverage_mcse, p.mean_width})
    EXPECT_TRUE(std::isnan(value));
}

TEST(Performance, HasNoRelativeBiasWhereTheTruthIsZero) {
  EXPECT_TRUE(std::isnan(performance(0, kEstimates, kSes, kLowers, kUppers).rel_bias_pct));
}

TEST(Performance, OfAnExactEstimatorHasNoError) {
  const Values exact(3, 10.0), none(3, kNaN);
  const PerformanceRecord p = performance(10, exact, none, none, none);
  EXPECT_EQ(p.rmse, 0);
  EXPECT_EQ(p.rmse_mcse, 0);
}

TEST(Performance, KeepsAnInfiniteIntervalAsAnInfiniteWidth) {
  const PerformanceRecord p =
      performance(10, Values{9, 11}, Values{1, 1}, Values{8, -kInfinity}, Values{9, kInfinity});
  EXPECT_EQ(p.coverage, 0.5);
  EXPECT_EQ(p.mean_width, kInfinity);
  EXPECT_EQ(p.failures, 0u);
}

TEST(Performance, LosesNoDigitsToALargeTruth) {
  const double truth = 1e9;
  const PerformanceRecord p = performance(truth, Values{truth + 1, truth + 2, truth + 3},
                                          Values(3, kNaN), Values(3, kNaN), Values(3, kNaN));
  EXPECT_DOUBLE_EQ(p.bias, 2);
  EXPECT_DOUBLE_EQ(p.sd, 1);
  EXPECT_DOUBLE_EQ(p.rmse, std::sqrt(14 / 3.0));
}

TEST(Contrast, EqualsThePairedDifferencesWorkedByHand) {
  // Against 10, 10, 11, 12: differences -1, 1, 3, -2, mean 0.25; squares of their deviations sum to
  // 15 - 4·0.0625 = 14.75. Squared errors 1, 1, 16, 0 minus 0, 0, 1, 4: 1, 1, 15, -4, mean 3.25;
  // 243 - 4·10.5625 = 200.75.
  const ContrastRecord c = contrast(10, kEstimates, Values{10, 10, 11, 12});
  EXPECT_EQ(c.replicates, 4u);
  EXPECT_DOUBLE_EQ(c.bias_difference, 0.25);
  EXPECT_DOUBLE_EQ(c.bias_difference_mcse, std::sqrt(14.75 / 12));
  EXPECT_DOUBLE_EQ(c.mse_difference, 3.25);
  EXPECT_DOUBLE_EQ(c.mse_difference_mcse, std::sqrt(200.75 / 12));
}

TEST(Contrast, UsesTheReplicatesWhereBothSucceeded) {
  const ContrastRecord c =
      contrast(10, Values{9, kNaN, 11, 50, 14, 10}, Values{10, 1, 10, kNaN, 11, 12});
  EXPECT_EQ(c.replicates, 4u);
  EXPECT_DOUBLE_EQ(c.bias_difference, 0.25);
  EXPECT_DOUBLE_EQ(c.mse_difference, 3.25);
}

TEST(Contrast, CancelsWhatBothShare) {
  const ContrastRecord c = contrast(0, Values{101, 201, 301}, Values{100, 200, 300});
  EXPECT_EQ(c.bias_difference, 1);
  EXPECT_EQ(c.bias_difference_mcse, 0);
}

TEST(Contrast, WithItselfIsZero) {
  const ContrastRecord c = contrast(10, kEstimates, kEstimates);
  EXPECT_EQ(c.bias_difference, 0);
  EXPECT_EQ(c.mse_difference, 0);
  EXPECT_EQ(c.mse_difference_mcse, 0);
}

TEST(Contrast, OfOneReplicateHasNoMonteCarloErrorsAndOfNoneNothing) {
  const ContrastRecord one = contrast(10, Values{9}, Values{11});
  EXPECT_EQ(one.bias_difference, -2);
  EXPECT_EQ(one.mse_difference, 0);
  EXPECT_TRUE(std::isnan(one.bias_difference_mcse));
  EXPECT_TRUE(std::isnan(one.mse_difference_mcse));
  const ContrastRecord none = contrast(10, Values{kNaN}, Values{11});
  EXPECT_EQ(none.replicates, 0u);
  EXPECT_TRUE(std::isnan(none.bias_difference));
  EXPECT_TRUE(std::isnan(none.mse_difference));
}

}  // namespace
}  // namespace steelyard
