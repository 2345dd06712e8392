#pragma once

// Log-likelihoods of answers by cell, as a function of η, and what they predict.

#include <Eigen/Dense>
#include <span>
#include <vector>

namespace steelyard {

enum class OutcomeModel {
  logit,    ///< P(1) = 1/(1 + e^-η)
  probit,   ///< P(1) = Φ(η)
  ordered,  ///< P(at most k) = 1/(1 + e^-(τ_k - η)), cumulative logit
  linear    ///< y = η + N(0, s²)
};

/// Answers by cell. Counts need not be whole numbers.
struct CellAnswers {
  OutcomeModel model = OutcomeModel::logit;
  std::size_t levels = 2;
  std::vector<double> counts;   ///< cells × levels (linear: empty)
  std::vector<double> n, mean;  ///< linear: persons and mean answer of each cell
  double within = 0;            ///< linear: Σ (y - cell's mean)²

  std::size_t cells() const { return counts.empty() ? n.size() : counts.size() / levels; }
  std::size_t thresholds() const { return model == OutcomeModel::ordered ? levels - 1 : 0; }
  /// Persons by cell.
  std::vector<double> sizes() const;
};

/// Derivatives of ℓ(η, τ). Thresholds only of the ordered model.
struct CellDerivatives {
  double value = 0;                    ///< Σ ℓ; -inf where it is not defined
  std::vector<double> score;           ///< ∂ℓ/∂η
  std::vector<double> weight;          ///< -∂²ℓ/∂η²
  std::vector<double> slope;           ///< ∂weight/∂η
  Eigen::VectorXd threshold_score;     ///< Σ ∂ℓ/∂τ
  Eigen::MatrixXd threshold_weight;    ///< -Σ ∂²ℓ/∂τ²
  Eigen::MatrixXd mixed, mixed_slope;  ///< cells × thresholds: ∂score/∂τ, ∂weight/∂τ
};
/// Cost O(cells × levels). Not of the linear model.
void differentiate(const CellAnswers& answers, std::span<const double> eta,
                   const Eigen::VectorXd& thresholds, CellDerivatives& out);

/// Shares of the levels at one η and their derivatives; of a linear model the mean itself, and of
/// binary ones the share of level 1.
struct Predicted {
  std::vector<double> value, by_eta;
  Eigen::MatrixXd by_threshold;  ///< values × thresholds
};
void predict(OutcomeModel model, double eta, const Eigen::VectorXd& thresholds, Predicted& out);

}  // namespace steelyard
