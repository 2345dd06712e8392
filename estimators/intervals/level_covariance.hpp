#pragma once

// The linearized covariance of the weighted level totals of one table: whatever number is made of
// that table, by any rule and any functional, has the variance z'Qz with its influence z.

#include <Eigen/Dense>
#include <optional>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {

/// One sample under one weighting of at most one plain calibration: respondents drawn with
/// replacement (n/(n-1) Σ (e - mean)²), or a Poisson sample (Σ (1 - π) e²), of the residuals
/// e = w (z - x'β); the errors of benchmarks add β'Vβ. With S and R the table's sums of d and of
/// d² g² by cell and level, B = (X'DX)⁻¹ X'S and G = X'diag(Σ d² g²)X it is
///   Σ e = (Σ g S - t'B) z,   Σ e² = z'(diag(Σ R) - B'X'R - R'XB + B'GB) z,
/// so no residual of any cell is formed.
/// Source: Deville & Särndal (1992), JASA 87, 376-382, section 3.4; the sums are those of
/// PreparedLinearization.
class LevelCovariance {
 public:
  static constexpr std::size_t kMostLevels = 16;
  /// Nothing where the weighting has several stages, a model, or an equation in two samples. The
  /// arguments must outlive it. Cost O(cells × blocks²).
  static std::optional<LevelCovariance> make(const CellIndex& index, const Weights& weights,
                                             const Residuals& residuals);
  /// @param table  of at most kMostLevels levels, not of moments
  /// @return Q, levels × levels, symmetric.
  ///         Cost O(occupied cells × levels × blocks + columns² × levels)
  Eigen::MatrixXd of(const Tabulation& table) const;

 private:
  LevelCovariance() = default;
  void remove_fit(const Tabulation& table, Eigen::VectorXd& sums, Eigen::MatrixXd& squares,
                  Eigen::MatrixXd& targets) const;

  double n_ = 0;
  bool poisson_ = false;
  std::span<const double> factor_;
  std::vector<double> square_factor_;       ///< by cell: g², times 1 - π of a Poisson sample
  const Projection* projection_ = nullptr;  ///< null: g is fixed
  Eigen::VectorXd totals_;                  ///< X'(d g)
  Eigen::MatrixXd gram_;                    ///< G; of one margin its diagonal, as a column
};

}  // namespace steelyard
