#pragma once

// Qualitative answers about the past against what was measured, and expectations against what came.

#include <span>
#include <vector>

#include "core/errors.hpp"

namespace steelyard {

/// Least squares by quarter; errors assume independent quarters of equal variance.
struct RealisationFit {
  std::vector<double> coefficient, se;
  double residual_sd = 0;  ///< divisor T - coefficients
  double df = 0;
  int iterations = 0;
};

/// actual_t = α up_t + β down_t: coefficients α, β, where a fall counts with β < 0.
/// @pre equal lengths. Fails: unsupported (fewer than 3 quarters), singular_matrix.
/// Source: Anderson (1952), Review of the International Statistical Institute 20.
Result<RealisationFit> anderson_regression(std::span<const double> up, std::span<const double> down,
                                           std::span<const double> actual);

/// actual_t = (α up_t + β down_t)/(1 - λ up_t): rises of a size that grows with the rate itself.
/// Coefficients α, β, λ by Gauss-Newton from the regression with λ actual_t up_t as a column.
/// Fails also: no_convergence, infeasible (a denominator of zero or less).
/// Source: Pesaran (1985), Economic Journal 95, 948-975.
Result<RealisationFit> pesaran_regression(std::span<const double> up, std::span<const double> down,
                                          std::span<const double> actual);

/// What a fit says at new shares (of expectations): two coefficients Anderson's, three Pesaran's.
double quantified(const RealisationFit& fit, double up, double down);

/// Expectations of T quarters against what came.
struct ExpectationReview {
  double mean_error = 0;  ///< actual - expected
  double mean_error_se = 0;
  double rmse = 0;
  double intercept = 0, slope = 0;  ///< of actual on expected; 0 and 1 if unbiased
  double intercept_se = 0, slope_se = 0;
  double p_value = 0;  ///< F test of intercept 0 and slope 1
};

/// Fails as anderson_regression. Source: Mincer & Zarnowitz (1969), in Economic Forecasts and
/// Expectations, NBER.
Result<ExpectationReview> review_expectations(std::span<const double> expected,
                                              std::span<const double> actual);

}  // namespace steelyard
