#pragma once

// How wrong an estimator is over the replicates of a study, and how sure we are of that.

#include <span>

#include "results/results.hpp"

namespace steelyard {

/// Performance measures of one estimator of one estimand; `mean_us` is left at 0.
///
/// A replicate *failed* if its estimate is not finite, or if it lacks a standard error or limits
/// that the same estimator gives in another replicate. Failed replicates are counted in `failures`;
/// every measure is over the `replicates` others, which all have everything.
///
/// With R such replicates, estimates t_r, truth T: bias = mean(t) - T ± sd/√R;
/// sd (divisor R - 1) ± sd/√(2(R-1)); MSE = mean((t-T)²) ± √(Σ((t-T)²-MSE)²/(R(R-1))), and
/// rmse = √MSE ± that/(2 rmse); coverage c, limits included, ± √(c(1-c)/R).
/// Source: Morris, White & Crowther (2019), Statistics in Medicine 38, 2074-2102, table 6.
///
/// NaN: every measure where R = 0; sd and all Monte Carlo errors where R = 1; rel_bias_pct where
/// T = 0; what needs intervals (coverage, mean_width) or standard errors (mean_se) where no
/// replicate has any.
/// @param estimates, ses, lowers, uppers  one value a replicate; NaN where there is none
PerformanceRecord performance(double truth, std::span<const double> estimates,
                              std::span<const double> ses, std::span<const double> lowers,
                              std::span<const double> uppers);

/// An estimator against a reference on the same samples, over the replicates where both estimates
/// are finite; `estimator` and `reference` are left at 0. Differences are taken within replicates,
/// so that what both share cancels: bias_difference = mean(t - t') ± sd(t - t')/√R,
/// mse_difference = mean((t-T)² - (t'-T)²) ± its sd/√R. NaN where R = 0; errors NaN where R = 1.
ContrastRecord contrast(double truth, std::span<const double> estimates,
                        std::span<const double> reference_estimates);

}  // namespace steelyard
