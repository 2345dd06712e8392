#pragma once

// Variances by linearization: influence values, minus what the calibration explains, through the
// design's variance of a total.

#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/design.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// Projection of influence values on the calibration variables, z - x'β with
/// β = (X'DQX + penalty)⁻¹ X'DQ z and the weights d before calibration.
/// Source: Deville & Särndal (1992), JASA 87, 376-382, section 3.4.
class Residuals {
 public:
  /// @param d  sum of starting weights of each cell
  Residuals(const Weights& weights, std::span<const double> d);
  bool none() const { return x_.blocks.empty(); }
  /// x'β of each cell from s_c = Σ_{i in c} d_i z_i. Cost O(cells × blocks + columns²).
  void fit(std::span<const double> s, std::vector<double>& fitted) const;

 private:
  Auxiliary x_;
  std::vector<double> q_;
  std::vector<double> group_weight_;  ///< a single margin: projection is its groups' means
  std::vector<std::size_t> columns_;
  Eigen::LLT<Eigen::MatrixXd> cholesky_;
};

/// Variances of many estimates under one design and one set of weights. Not thread-safe: it keeps
/// scratch between calls. The references must outlive it.
class Linearizer {
 public:
  /// @param w      final weights, n
  /// @param d      weights before calibration, n (used only with `weights`)
  /// @param index  cells of the calibration; null with `weights`: not calibrated
  Linearizer(const SurveyDesign& design, std::span<const double> w, std::span<const double> d,
             const CellIndex* index, const Weights* weights);

  /// Variance of Σ w_i z_i. @param rows  those that z belongs to, others have z = 0; empty: all n
  /// Cost O(n), or for element sampling with few rows O(rows + cells × margins).
  Result<double> variance(std::span<const std::uint32_t> rows, std::span<const double> z);
  /// u_i = w_i (z_i - x_i'β) of all n rows, whose total has that variance. Cost O(n).
  void residuals(std::span<const std::uint32_t> rows, std::span<const double> z,
                 std::vector<double>& u);
  const SurveyDesign& design() const { return design_; }

 private:
  std::span<const double> fit(std::span<const std::uint32_t> rows, std::span<const double> z);
  Result<double> full_elements(std::span<const double> z);
  void prepare_pieces();

  const SurveyDesign& design_;
  std::span<const double> w_, d_;
  const CellIndex* index_;
  std::optional<Residuals> residuals_;
  /// Cells split by stratum (element sampling) or primary unit: Σw and Σw² of each piece.
  struct Piece {
    std::uint32_t cell, group;
    double weight, squared;
  };
  std::vector<Piece> pieces_;
  bool pieces_ready_ = false;
  std::vector<double> trim_, untrimmed_, scaled_;  ///< of trimmed weights
  std::vector<double> by_cell_, fitted_, u_, sum_, squares_, totals_;
};

}  // namespace steelyard
