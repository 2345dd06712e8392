#pragma once

// Variances by linearization: influence values, minus what the calibration explains, through the
// design's variance of a total.

#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/design.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {

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
  /// Degrees of freedom of the last variance, from those of the design.
  double df(double design_df) const {
    return degrees_of_freedom(sampling_variance_, design_df, targets_);
  }
  /// u_i = w_i (z_i - x_i'β) of all n rows, whose total has that variance, the errors of
  /// benchmarks apart. Cost O(n).
  void residuals(std::span<const std::uint32_t> rows, std::span<const double> z,
                 std::vector<double>& u);
  const SurveyDesign& design() const { return design_; }

 private:
  /// Of Σ a (z - f), with the fitted values that are there.
  Result<double> sampling_variance(std::span<const std::uint32_t> rows, std::span<const double> z);
  /// Fits the projection of z; the z to go on with. Sets fitted_ and targets_.
  std::span<const double> fit(std::span<const std::uint32_t> rows, std::span<const double> z);
  Result<double> full_elements(std::span<const double> z);
  void fitted_residuals(std::span<const std::uint32_t> rows, std::span<const double> z,
                        std::vector<double>& u) const;
  /// Σ (1 - π) u² of a Poisson sample of persons.
  double poisson_variance(std::span<const std::uint32_t> rows, std::span<const double> z);
  void prepare_pieces();

  const SurveyDesign& design_;
  std::span<const double> w_, d_;
  const CellIndex* index_;
  const Weights* weights_ = nullptr;
  std::optional<Residuals> residuals_;
  /// Cells split by stratum (element sampling) or primary unit: Σw and Σw² of each piece.
  struct Piece {
    std::uint32_t cell, group;
    double weight, squared;
  };
  std::vector<Piece> pieces_;
  bool pieces_ready_ = false;
  std::vector<double> first_, scaled_;  ///< of a weighting in several stages
  TargetErrors targets_;                ///< what those of benchmarks add to the last fit
  double sampling_variance_ = 0;        ///< of the last variance, without them
  std::vector<double> cell_weight_, cell_squared_;  ///< the same by cell: one stratum of elements
  std::vector<double> by_cell_, fitted_, u_, sum_, squares_, totals_;
};

}  // namespace steelyard
