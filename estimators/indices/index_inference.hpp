#pragma once

// From an index and its standard error to limits that stay in its range, the probability that it is
// above the line of no change, and the sample that a change needs.

#include <cstddef>
#include <span>
#include <vector>

#include "core/errors.hpp"
#include "estimators/survey/quantiles.hpp"
#include "estimators/survey/replicates.hpp"

namespace steelyard {

enum class IndexInterval {
  t,          ///< estimate ± t se; may leave the range
  logit,      ///< t interval on the logit scale of (index - lowest)/(highest - lowest)
  wilson,     ///< Wilson's on the same share, at the n that its variance implies
  dirichlet,  ///< of the posterior of the shares, prior 1/2 a level, at the effective n
};

/// What is known of an index in one domain.
struct IndexEvidence {
  double estimate = 0, se = 0, df = 0, level = 0.95;
  Limits range;                            ///< lowest and highest value of an answer
  double n = 0, kish_n = 0;                ///< answers; (Σw)²/Σw²
  std::span<const double> values, shares;  ///< by level; NaN values: no score
};

/// Where all answers are equal (se = 0) logit and wilson have nothing to go by, and the Dirichlet
/// interval at Kish's n takes their place; at a range of zero width the limits are the estimate.
Limits index_limits(IndexInterval method, const IndexEvidence& evidence);

/// n_eff = variance of one answer / se², times (t_{n-1}/t_df)² at the level (Korn & Graubard 1998,
/// Survey Methodology 24, 193-201); Kish's n where se = 0.
double effective_answers(const IndexEvidence& evidence);

/// P(Σ v_k π_k <= x) for π ~ Dirichlet(α): that Σ (v_k - x) γ_k <= 0 for independent γ_k ~
/// Gamma(α_k), by inversion of the characteristic function to about 1e-9.
/// @pre α_k > 0. Sources: Gil-Pelaez (1951), Biometrika 38, 481-482; Imhof (1961), Biometrika 48,
/// 419-426. Cost a few hundred evaluations of K arctangents.
double dirichlet_mean_cdf(std::span<const double> values, std::span<const double> alpha, double x);
/// The x of a given probability. @pre 0 < u < 1
double dirichlet_mean_quantile(std::span<const double> values, std::span<const double> alpha,
                               double u);

/// Student's (df infinite: normal) probability that the index is above the line: the share of its
/// confidence distribution there, one minus the one-sided p-value. se = 0: 1, 0, or 1/2 on the
/// line.
double above_line_probability(double estimate, double se, double df, double line);

/// The share of bootstrap replicates above it, ties by half. Fails: unsupported (replicates whose
/// spread is not that of the estimate: jackknife, Fay).
Result<double> above_line_share(const ReplicateDesign& design, std::span<const double> theta,
                                double line);

/// Two quarters of n persons each, some of them the same.
struct ChangeDesign {
  double sd = 0;           ///< of one person's answer, in index points
  double deff = 1;         ///< design effect of each index
  double overlap = 0;      ///< share of persons in both quarters
  double correlation = 0;  ///< of their two answers
  double level = 0.95;     ///< two-sided test at 1 - level
  double power = 0.8;
};

/// Standard error of the change: sqrt(2 deff sd² (1 - overlap × correlation)/n).
double change_se(const ChangeDesign& design, double n);
/// The change that the test finds with the power asked for. @pre power > 1 - level
double detectable_change(const ChangeDesign& design, double n);
/// Persons a quarter, rounded up. @pre change != 0
double persons_needed(const ChangeDesign& design, double change);
/// Φ(δ/se - z) + Φ(-δ/se - z).
double power_of_change(const ChangeDesign& design, double change, double n);

}  // namespace steelyard
