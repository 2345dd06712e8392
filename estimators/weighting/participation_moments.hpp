#pragma once

// How the estimating equations of participation models vary from sample to sample.

#include <Eigen/Dense>
#include <span>
#include <vector>

#include "estimators/weighting/participation.hpp"

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

/// Divides the influence of each row of B by √(1 - h), h_j = d_j v'_j x_j'J⁻¹x_j its own part in J:
/// heavy rows draw the coefficients to themselves, so that plug-in variances are too small, by 11 %
/// of the variance with 500 rows of very unequal weights. Σ h is about the number of coefficients,
/// so that the change is of the order 1/n_B. Rows of a primary unit are taken one by one.
/// @param weights  those of participation_weights
/// Cost O(n_B + cells × columns²).
/// Source: MacKinnon & White (1985), J. Econometrics 29, 305-325, HC2; for survey designs Bell &
/// McCaffrey (2002), Survey Methodology 28, 169-181.
void reduce_reference_bias(const TwoSamples& samples, const ParticipationFit& fit,
                           ParticipationEquation equation, Link link, Weights& weights);

}  // namespace steelyard
