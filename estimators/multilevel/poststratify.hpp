#pragma once

// Totals over the population's cells of what multilevel models predict, with their errors.

#include <Eigen/Dense>
#include <span>
#include <vector>

#include "estimators/multilevel/fit.hpp"

namespace steelyard {

/// Σ_c Σ_j m_cj μ_j(η_c, τ) for chosen multipliers m, of one fitted model.
class Poststratifier {
 public:
  /// The references must outlive it.
  Poststratifier(const MultilevelDesign& design, const MultilevelFit& fit,
                 const TargetCells& target);

  /// Predicted value (a share of each level) by cell of the target: cells × values.
  std::span<const double> predicted() const { return predicted_; }
  std::size_t values() const { return values_; }

  /// d total / d ξ for d total / d μ = `multiplier`, ξ the coefficients of MultilevelFit; then the
  /// derivatives by groups that the sample did not see. Cost O(cells × (values + terms)).
  struct Gradient {
    Eigen::VectorXd by_coefficient;
    Eigen::VectorXd by_unseen;  ///< by term of groups: Σ of squares over unseen levels
  };
  Gradient gradient(std::span<const double> multiplier) const;
  /// Variance of the total by the delta method, unseen groups drawn from N(0, σ²).
  double variance(const Gradient& gradient) const;
  /// What one person's score in each cell of the sample moves the total by, variances σ held: a
  /// linear model's total is Σ φ_c n_c mean_c with them.
  std::vector<double> leverage(const Gradient& gradient) const;

 private:
  const MultilevelDesign& design_;
  const MultilevelFit& fit_;
  const TargetCells& target_;
  std::size_t values_ = 1;
  std::vector<double> predicted_, by_eta_;
  std::vector<double> by_threshold_;  ///< cells × values × thresholds
};

/// Weights of a linear model: one factor a cell of the sample, the same for each of its persons, so
/// that Σ_c N_c η_c = Σ_c w_c n_c mean_c whatever the answers, σ held.
/// Source: Gelman (2007), Statistical Science 22, 153-164, section 3.
std::vector<double> linear_model_weights(const MultilevelDesign& design, const MultilevelFit& fit,
                                         const TargetCells& target,
                                         std::span<const double> population);

}  // namespace steelyard
