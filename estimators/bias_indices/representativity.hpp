#pragma once

// How alike the respondents and the population are in some covariates, by the estimated probability
// π of participation: overlap, R-indicator, and which covariates are behind it.

#include <string>
#include <vector>

#include "estimators/weighting/participation.hpp"

namespace steelyard {

/// Where the quantiles of π are taken.
inline constexpr double kPropensityProbabilities[] = {0.0,  0.01, 0.05, 0.25, 0.5,
                                                      0.75, 0.95, 0.99, 1.0};

struct Representativity {
  /// Quantiles of π among the respondents (base weights) and in the population, by the reference
  /// sample's design weights.
  std::vector<double> respondents, population;
  /// Shares of the population whose π is below (above) every respondent's: nobody answers for them.
  double below = 0, above = 0;
  double mean = 0;  ///< of π in the population
  double sd = 0;    ///< of π in the population, less what the estimation of π adds
  double raw_sd = 0;
  /// R = 1 - 2 sd: 1 if all participate alike. Near 1 whenever few people participate, so that cv
  /// is the one to read for an online sample.
  double r = 0, r_se = 0;
  /// sd / mean: the largest bias that the covariates can cause in an unweighted mean, in standard
  /// deviations of the answer.
  double cv = 0, cv_se = 0;
  /// Of one term alone: sd between its levels / mean (categories), |cov(π, x)| / (sd(x) mean).
  struct Partial {
    std::string term;
    double cv = 0;
  };
  std::vector<Partial> partial;  ///< largest first
};

/// From the logistic pseudo-likelihood on all terms. Fails as fit_participation.
/// Variance: the respondents as a Poisson sample, the reference sample by its design, θ's
/// estimation in both. Source: Schouten, Cobben & Bethlehem (2009), Survey Methodology 35, 101-113;
/// bias and variance of estimated π: Shlomo, Skinner & Schouten (2012), J. Official Statistics 28,
/// 25-45, with the sandwich of the estimating equation in place of theirs for a known population.
/// @param index  of the respondents, on which `samples` was made
/// Cost: one fit, O(cells log cells), and O(n_B).
Result<Representativity> representativity(const TwoSamples& samples, const CellIndex& index);

}  // namespace steelyard
