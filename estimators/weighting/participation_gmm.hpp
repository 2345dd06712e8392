#pragma once

// A participation model by the generalized method of moments: its pseudo-likelihood score and the
// balance of its weights at once.

#include "estimators/weighting/participation.hpp"

namespace steelyard {

enum class GmmWeight {
  two_step,    ///< the moments' covariance Ω from the start's coefficients
  continuous,  ///< Ω(θ) inside the minimum
};

struct GmmFit {
  std::vector<double> theta;  ///< by column
  double j = 0;               ///< ḡ'Ω⁻¹ḡ at the minimum; chi-squared where the model holds
  std::size_t df = 0;         ///< independent moments less parameters; 0: θ is the start's
  int iterations = 0;
  /// θ solves K ḡ(θ) = 0, K = G'Ω⁻¹ with G = dḡ/dθ, to the first order with K fixed (Hansen 1982,
  /// Econometrica 50, 1029-1054): K by columns × columns of score and balance, row-major, and -KG.
  Eigen::MatrixXd score_part, balance_part, jacobian;
};

/// Minimises ḡ'Ω⁻¹ḡ, ḡ = (score, balance), by Newton's method, with Ω(θ) by BFGS from there,
/// with halving. Ω holds the errors of both samples (moment_covariance). Moments that depend on
/// those before them are left out.
/// @param start  the pseudo-likelihood's fit
/// Fails: no_convergence, singular_matrix. Cost O(cells × blocks² + columns³) a step.
/// Source: Imai & Ratkovic (2014), JRSS B 76, 243-263, section 2.3; continuous updating: Hansen,
/// Heaton & Yaron (1996), J. Business & Economic Statistics 14, 262-280.
Result<GmmFit> fit_gmm(const TwoSamples& samples, const CellIndex& index, Link link,
                       const ParticipationFit& start, GmmWeight weighting);

}  // namespace steelyard
