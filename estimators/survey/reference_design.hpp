#pragma once

// The design of a reference sample as every variance takes it, and the calibration of its weights.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "estimators/survey/design.hpp"

namespace steelyard {

class LeastSquares;

/// Strata and primary units. Without unit_prob primary units are drawn with replacement within
/// strata; with it without, by Brewer's variance, and persons at random within them. Weights that
/// were calibrated: the variance is of what the margins leave of u (Deville & Särndal 1992, JASA
/// 87, 376-382, result 5).
class ReferenceDesign {
 public:
  explicit ReferenceDesign(const ReferenceSample& reference);

  /// Variance of Σ u over the rows, u_j = w_j z_j. Cost O(n); with calibrated weights O(n margins).
  Result<double> variance(std::span<const double> u) const;
  /// e with Σ e² = variance(u), linear in u.
  Result<std::vector<double>> deviations(std::span<const double> u) const;
  /// Rows drawn with replacement in one stratum, their weights the design's: sums of u and u²
  /// are all that the variance needs.
  bool plain() const { return design_.element_sampling() && design_.strata() == 1 && !squares_; }
  /// Of the draw alone.
  const SurveyDesign& drawn() const { return design_; }

 private:
  std::vector<double> residuals(std::span<const double> u) const;
  Result<std::vector<double>> deviations_of_draw(std::span<const double> u) const;

  SurveyDesign design_;
  std::shared_ptr<const LeastSquares> squares_;  ///< on the margins; null: not calibrated
  std::vector<std::uint32_t> cell_of_;
  std::vector<double> weights_;
};

ReferenceDesign design_of(const ReferenceSample& reference);

/// Linear calibration of the design weights to `calibrated_to`: base_weights = d (1 + x'λ).
/// @pre design_weights are given
/// @return why there is none: empty_cell, unsupported (an answer that is missing), infeasible (a
/// weight that is not above zero, or totals that cannot be met). Source: Deville & Särndal (1992),
/// JASA 87, 376-382. Cost O(n margins + columns³)
std::optional<Failure> calibrate_reference(ReferenceSample& reference);

}  // namespace steelyard
