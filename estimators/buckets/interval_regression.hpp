#pragma once

// Regression of a quantity that is known in buckets only: y or ln y = x'β + σ e, e normal, and
// optionally ln σ = z'γ.

#include <span>
#include <string>
#include <vector>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

enum class IntervalScale { logarithm, identity };

/// Rows with NaN bounds or covariates are not used (outside the domain, but in the design).
struct IntervalModel {
  IntervalScale scale = IntervalScale::logarithm;
  std::vector<double> lower, upper;  ///< n bounds of y; infinite where open
  std::size_t columns = 1;           ///< p
  std::vector<double> x;             ///< n × p, row-major, the constant included
  std::size_t scale_columns = 1;     ///< q
  std::vector<double> z;             ///< n × q; empty (q = 1): one σ
  std::vector<std::string> names;    ///< p + q for messages; empty: numbers

  std::size_t n() const { return lower.size(); }
  std::size_t parameters() const { return columns + scale_columns; }
  bool uses(std::size_t i) const;
  double linear(std::size_t i, std::span<const double> beta) const;     ///< x_i'β
  double sigma_of(std::size_t i, std::span<const double> gamma) const;  ///< exp(z_i'γ)
  /// Bounds on the scale of the regression.
  double lower_edge(std::size_t i) const;
  double upper_edge(std::size_t i) const;
};

struct IntervalRegression {
  std::vector<double> beta, gamma;  ///< p, and q coefficients of ln σ
  double log_likelihood = 0;        ///< with weights of mean 1 over the rows used
  std::size_t n = 0;                ///< rows used
  int iterations = 0;
  /// Inverse of the observed information under those weights, (p + q)², row-major.
  std::vector<double> model_covariance;
};

/// Maximum of Σ w_i ln[Φ((b_i - x_i'β)/σ_i) - Φ((a_i - x_i'β)/σ_i)] by Newton's method with
/// analytic derivatives; stops where a step promises less than 1e-16 of log-likelihood a person.
/// @param w  n weights >= 0, those of the design included
/// Fails: empty_domain; unsupported (bounds that do not increase or are below zero under a
/// logarithm); singular_matrix (dependent columns); infeasible (everybody in one bucket, a single
/// boundary between buckets, a likelihood that rises without end: separation); no_convergence.
/// Cost O(n (p + q)²) a step. Source: Stewart (1983), Review of Economic Studies 50, 737-753.
Result<IntervalRegression> fit_interval_regression(const IntervalModel& model,
                                                   std::span<const double> w);

/// Influence of each person on each parameter: p + q columns of n values z_i, Σ w z = 0, whose
/// weighted totals have the sandwich variance; NaN in rows not used.
std::vector<std::vector<double>> regression_influences(const IntervalModel& model,
                                                       const IntervalRegression& fit,
                                                       std::span<const double> w);

/// Covariance of (β, γ) under the design of `data`, (p + q)², row-major: the sandwich
/// A⁻¹ B A⁻¹ with B the design's covariance of the weighted scores (calibration included), or with
/// replicates that of the refits. Source: Binder (1983), Int. Stat. Rev. 51, 279-292.
/// @pre one domain; data.w are the weights of the fit. Fails as the design, or as a refit.
Result<std::vector<double>> regression_covariance(const SurveyData& data,
                                                  const IntervalModel& model,
                                                  const IntervalRegression& fit,
                                                  const EstimationOptions& options);

}  // namespace steelyard
