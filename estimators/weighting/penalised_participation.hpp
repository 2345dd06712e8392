#pragma once

// The pseudo-likelihood of a logistic participation model with a penalty on whole terms.

#include <span>
#include <vector>

#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

/// Works on coefficients φ with sd_g = |φ_g| for each term: a level's by the root of its share of
/// the population, a number's (about its mean) by its standard deviation. The free intercept takes
/// up the mean of each term.
class PenalisedParticipation {
 public:
  /// @param weight_a, weight_b  by cell, in place of the samples' own: those of a fold
  PenalisedParticipation(const TwoSamples& samples, std::span<const double> weight_a,
                         std::span<const double> weight_b);

  std::size_t terms() const { return samples_.a.blocks.size() - 1; }
  /// Columns that a term is free to move: levels less one, or 1.
  double free_columns(std::size_t term) const;
  /// θ with only an intercept.
  std::vector<double> null_model() const;
  /// Standard deviation of each term's part of x'θ.
  std::vector<double> sizes(std::span<const double> theta) const;
  /// The smallest λ at which the null model is the maximum.
  double largest_lambda(std::span<const double> term_weight) const;
  /// The maximum from this start. Terms of weight 0 are not penalised.
  /// @return θ by column; its levels' mean is in the intercept
  std::vector<double> maximise(std::vector<double> theta, double lambda,
                               std::span<const double> term_weight) const;
  /// -2 l at θ.
  double deviance(std::span<const double> theta) const;

 private:
  struct Quadratic;
  double penalised(std::span<const double> theta, double lambda,
                   std::span<const double> term_weight) const;
  void sweep(Quadratic& q, double lambda, std::span<const double> term_weight) const;

  const TwoSamples& samples_;
  std::span<const double> weight_a_, weight_b_;
  std::vector<double> score_a_;  ///< by column: Σ_A a x, all that the likelihood needs of A
  std::vector<double> root_;     ///< by column: root of a level's share, sd of a number
  std::vector<double> mean_;     ///< by column: share of a level, mean of a number
};

}  // namespace steelyard
