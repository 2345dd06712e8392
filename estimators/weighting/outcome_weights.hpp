#pragma once

// What a linear model of the answers does to weights: the same for every answer, so that an
// estimator with a linear outcome model is a weighting.

#include <vector>

#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

/// How residuals enter the variance of a linear stage.
enum class StageResiduals {
  weighted_after,   ///< by the weights after the stage
  weighted_before,  ///< by those before it: the published variances of doubly robust estimators
};

/// Adds to `weights` the stage with factors g = k + q x'λ (k = 1 after other stages, 0 as the
/// first) whose weights meet the reference sample's totals Σ_B d x: Σ w y is then
///   k Σ w_before (y - x'β) + Σ_B d x'β,  β = (Σ w_before q x x')⁻¹ Σ w_before q x y.
/// @param q  by cell: with w_before q the weights of the regression
/// @param reference_scale  of the reference sample's part in the variance: 1, or where the weights
///                         were scaled to its size what add_reference_size says
/// Fails: singular_matrix. Cost O(cells × terms²).
/// Source: Kim, Park, Chen & Wu (2021), JRSS A 184, 941-963 (k = 0); Chen, Li & Wu (2020), JASA
/// 115, 2011-2021, section 3 (k = 1).
Result<Weights> add_linear_outcome(Weights weights, const TwoSamples& samples,
                                   const CellIndex& index, std::span<const double> q,
                                   StageResiduals residuals, double reference_scale = 1);

/// The stage of weights that bring the respondents' covariates near to the reference sample's,
/// Σ_A a g x ≈ Σ_B d x, without solving an equation for it (matching, donors, local regression):
/// f = x'β, β by least squares with weights a |g|, and B's persons have the influence x'β. What
/// moves with the covariates otherwise than x'β is taken for an error of the respondents.
WeightStage covariate_stage(const TwoSamples& samples, std::span<const double> g);

/// Adds the stage that scales the weights to the reference sample's size Σ_B d. In the published
/// variance the reference sample's mean of predictions is a total over Σ_A 1/π, not over Σ_B d:
/// the ratio of the two, which tends to 1, multiplies its part.
/// @param scale  set to Σ_B d / Σ_A w
Weights add_reference_size(Weights weights, const TwoSamples& samples, const CellIndex& index,
                           double& scale);

}  // namespace steelyard
