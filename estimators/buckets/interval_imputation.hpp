#pragma once

// What an interval regression says of each person: the mean and variance of the amount given its
// bucket and covariates, and multiple imputations inside the bucket.

#include <span>
#include <vector>

#include "core/random.hpp"
#include "estimators/buckets/interval_regression.hpp"

namespace steelyard {

/// By person; NaN in rows the model does not use.
struct ConditionalMoments {
  std::vector<double> mean, variance;
};

/// E[y | bucket, x] and Var(y | bucket, x). On the logarithmic scale
/// E[y^k] = exp(kμ + k²σ²/2) P(A - kσ, B - kσ)/P(A, B), A and B standardised log bounds.
ConditionalMoments conditional_moments(const IntervalModel& model, const IntervalRegression& fit);

/// What a single imputation adds to the variance of a weighted mean, the parameters taken as known:
/// Σ w² Var(y | bucket, x) / (Σ w)².
double imputation_noise(std::span<const double> w, std::span<const double> variance);

/// E[y | x] of the model, buckets not used: exp(μ + σ²/2), or μ.
std::vector<double> predicted_means(const IntervalModel& model, const IntervalRegression& fit);

struct ImputationOptions {
  std::size_t imputations = 20;
  Seed seed{};
  Replicate replicate{};
};

/// Proper imputations: (β, γ) ~ N(fit, covariance), then each y from its law inside its bucket by
/// the inverse distribution function. A pure function of seed, replicate and the imputation's
/// number m: a longer list begins with the shorter one.
/// @param covariance  of the parameters, (p + q)², positive semidefinite: regression_covariance
///                    (the design's) or the model's
/// @return M columns of n amounts, NaN in rows not used. Source: Rubin (1987), Multiple Imputation
/// for Nonresponse in Surveys, chapter 5. Cost O(M n p).
std::vector<std::vector<double>> impute_in_buckets(const IntervalModel& model,
                                                   const IntervalRegression& fit,
                                                   std::span<const double> covariance,
                                                   const ImputationOptions& options);

/// An estimate over M imputations.
struct PooledEstimate {
  double estimate = 0, se = 0, lower = 0, upper = 0, df = 0;
  double within = 0, between = 0;  ///< mean variance W, variance B of the estimates
  double missing_share = 0;        ///< λ = (1 + 1/M) B / T: of the variance, due to imputation
  /// γ = λ + (1 - λ) 2/(df + 3), what λ is with M without end (Rubin 1987, equation 3.1.10, with
  /// the df here): the fraction of information missing.
  double missing_information() const { return missing_share + (1 - missing_share) * 2 / (df + 3); }
};

/// T = W + (1 + 1/M) B; 1/df = λ²/(M - 1) + 1/df_obs, df_obs = (1 - λ) ν (ν + 1)/(ν + 3) with the
/// complete data's ν (infinite: Rubin's df). @pre M >= 2. Sources: Rubin (1987), chapter 3; Barnard
/// & Rubin (1999), Biometrika 86, 948-955.
PooledEstimate pool_imputations(std::span<const double> estimates,
                                std::span<const double> variances, double complete_df,
                                double level);

/// The same requests on every imputation: rows[m] as estimate_all gives them. Fails as the first
/// row that has no standard error, naming the imputation; by request and domain.
std::vector<Result<PooledEstimate>> pool_rows(std::span<const std::vector<EstimateRow>> rows,
                                              double level);

}  // namespace steelyard
