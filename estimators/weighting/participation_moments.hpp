#pragma once

// How the estimating equations of participation models vary from sample to sample.

#include <Eigen/Dense>
#include <span>
#include <vector>

#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

/// The scores of U = Σ_A a u x - Σ_B d v x, by cell.
struct MomentScores {
  std::vector<double> u, v;
};

/// Covariance of several such U, all columns of the first, then of the second ...: the respondents
/// are a Poisson sample with probabilities π, Σ_A (1 - π) a² u u' x x'; B varies by its design,
/// with replacement in strata and primary units.
/// @param weight_squared  Σ a² by cell of A
/// @param pi              by cell of A
/// Cost O(cells × blocks² × moments²), and O(n_B p² moments²) more for a stratified or clustered B.
Eigen::MatrixXd moment_covariance(const TwoSamples& samples, std::span<const MomentScores> moments,
                                  std::span<const double> weight_squared,
                                  std::span<const double> pi);

}  // namespace steelyard
