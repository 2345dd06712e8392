#pragma once

// The matrix of the modes of group effects, A = ΛZ'WZΛ + 1, Λ = diag σ, without the zeros it has.

#include <Eigen/Dense>
#include <cstdint>
#include <span>
#include <vector>

#include "estimators/multilevel/design.hpp"

namespace steelyard {

/// A cell is in one group of each term, so that a term's own part of A is diagonal. The term with
/// most groups is eliminated first: of its rows only the groups met in its cells are stored, and
/// what is left to factorise is as large as the other terms.
/// Source: Bates, Mächler, Bolker & Walker (2015), J. Statistical Software 67(1), section 3.4.
class EffectsSystem {
 public:
  /// The design must outlive it. Cost O(cells × terms).
  explicit EffectsSystem(const MultilevelDesign& design);

  /// Z'WZ. Cost O(cells × terms²).
  void weigh(std::span<const double> weight);
  /// A by the last weights; false if it is not positive definite.
  /// @param lambda  σ by effect
  /// Cost O(Σ (groups met)² + others³), sums over the groups of the largest term.
  bool factorise(const Eigen::VectorXd& lambda);

  double log_determinant() const;
  /// A⁻¹v in place of v, by column. Cost O(Σ groups met + others²) a column.
  void solve(Eigen::Ref<Eigen::MatrixXd> v) const;
  /// All of A⁻¹. Cost O(effects × Σ groups met + effects × others²).
  Eigen::MatrixXd inverse() const;

  /// The elements of A⁻¹ of pairs of groups that share a cell; cost as factorise.
  struct SharedInverse {
    std::vector<double> largest;  ///< by group of the largest term
    std::vector<double> met;      ///< by pair of it and another group
    Eigen::MatrixXd others;
  };
  void invert(SharedInverse& out) const;
  /// Diagonal of A⁻¹, by effect.
  Eigen::VectorXd diagonal(const SharedInverse& inverse) const;
  /// Diagonal of Z'WZ Λ A⁻¹, by effect.
  Eigen::VectorXd derivative(const SharedInverse& inverse) const;
  /// Diagonal of ZΛA⁻¹ΛZ', by cell: the variance of η given fixed effects.
  void leverage(const SharedInverse& inverse, std::vector<double>& out) const;

 private:
  std::size_t groups() const { return gram_largest_.size(); }

  const MultilevelDesign& design_;
  std::size_t largest_ = 0, first_ = 0;  ///< the largest term; its first effect
  std::vector<std::size_t> terms_;       ///< the others
  std::vector<std::uint32_t> offset_;    ///< of each of them among the others' effects
  std::vector<Eigen::Index> effect_;     ///< by effect of the others
  /// Pairs of a group of the largest term and another effect, by row; by other term and cell.
  std::vector<std::uint32_t> begin_, column_;
  std::vector<std::vector<std::uint32_t>> pair_;
  std::vector<double> gram_largest_, gram_met_;
  Eigen::MatrixXd gram_others_;  ///< lower triangle
  std::vector<double> lambda_largest_;
  Eigen::VectorXd lambda_others_;
  std::vector<double> inverse_pivot_, met_;  ///< of A
  Eigen::MatrixXd schur_;
  Eigen::LLT<Eigen::MatrixXd> llt_;
};

}  // namespace steelyard
