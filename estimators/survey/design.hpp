#pragma once

// A sampling design as a user describes it: strata, clusters in stages, population sizes.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/errors.hpp"
#include "estimators/survey/lonely_psu.hpp"
#include "estimators/survey/pps_variance.hpp"

namespace steelyard {

/// Units of one stage of selection within their parents (strata at the first stage, the units of
/// the stage before afterwards).
struct DesignStage {
  std::vector<std::uint32_t> unit_of_row;     ///< empty: every row is a unit of its own
  std::vector<std::uint32_t> parent_of_unit;  ///< by unit
  std::vector<double> units_in_parent;        ///< sampled units of each parent, n_h
  std::vector<double> fraction;               ///< sampling fraction f_h of each parent
  std::size_t units = 0, parents = 0;
};

/// Columns as given: codes are any integers, equal for equal levels.
struct DesignColumns {
  std::size_t n = 0;
  std::vector<std::uint32_t> strata;                 ///< empty: one stratum
  std::vector<std::vector<std::uint32_t>> clusters;  ///< by stage; numbered within the stage before
  /// By stage: population units in the row's parent, or sampling fractions if all are at most 1.
  std::vector<std::vector<double>> fpc;
  LonelyPsu lonely = LonelyPsu::fail;
  /// Primary units drawn with unequal probabilities without replacement; fpc[0] is then empty.
  std::optional<PpsColumns> pps;
};

class SurveyDesign {
 public:
  /// Clusters are nested: the same code in two strata is two units. Without clusters every row is
  /// a unit. Fails: unsupported (population sizes that differ within a stratum or are below the
  /// sample's; inclusion probabilities that are missing, outside (0, 1], differ within a primary
  /// unit or come without the joint ones that their variance needs).
  static Result<SurveyDesign> make(const DesignColumns& columns);
  /// Simple random sampling with replacement: every row a unit.
  static SurveyDesign rows(std::size_t n);

  std::size_t n() const { return n_; }
  const std::vector<DesignStage>& stages() const { return stages_; }
  std::size_t psus() const { return stages_[0].units; }
  std::size_t strata() const { return stages_[0].parents; }
  /// Primary units minus strata; with unequal probabilities those of units that are not certain.
  double df() const {
    return pps_ ? pps_->df() : static_cast<double>(psus()) - static_cast<double>(strata());
  }
  /// Every row is a primary unit, and sums by stratum are all that the variance needs.
  bool element_sampling() const { return stages_[0].unit_of_row.empty() && !pps_; }
  /// Absent: equal probabilities within strata.
  const std::optional<PpsVariance>& pps() const { return pps_; }
  LonelyPsu lonely() const { return lonely_; }
  std::uint32_t psu(std::size_t row) const {
    const auto& map = stages_[0].unit_of_row;
    return map.empty() ? static_cast<std::uint32_t>(row) : map[row];
  }

  /// Variance of Σ u over the rows, u_i = w_i z_i:
  /// Σ_h (1 - f_h) n_h/(n_h - 1) Σ_i (u_hi - mean u_h)² + f_h × the same within units, by stage.
  /// With unequal probabilities the first stage is PpsVariance, and π_i takes the place of f_h.
  /// Fails: single_unit (a stratum with one unit under LonelyPsu::fail; named by its number).
  /// Cost O(n × stages). Source: Särndal, Swensson & Wretman (1992), result 4.3.1 and 4.4.
  Result<double> variance(std::span<const double> u) const;

  /// e with Σ e² = variance(u), and linear in u: the covariance of two totals is the product of
  /// their deviations. All stages' units in turn. Fails as `variance`, and unsupported with
  /// unequal probabilities, whose variance may be negative. Cost O(n × stages).
  Result<std::vector<double>> deviations(std::span<const double> u) const;
  /// Totals of u in the first stage's units.
  std::vector<double> psu_totals(std::span<const double> u) const;
  /// Primary units minus strata among these rows, those of weight 0 left out.
  double df_of_rows(std::span<const std::uint32_t> rows, std::span<const double> w) const;

  /// The variance from totals of the first stage's units alone (no later stage contributes).
  bool one_stage() const { return effective_stages_ == 1; }
  Result<double> variance_of_unit_totals(std::span<const double> totals) const {
    return stage_variance(0, totals);
  }
  /// Same for element sampling, from sums by stratum: n_h, Σu, Σ(u - mean)².
  Result<double> variance_of_moments(std::span<const double> sum,
                                     std::span<const double> squares) const;

 private:
  Result<double> stage_variance(std::size_t stage, std::span<const double> totals) const;
  std::optional<Failure> add_deviations(std::size_t stage, std::span<const double> totals,
                                        std::vector<double>& out) const;
  Failure single(std::size_t stage, std::size_t parent) const;

  std::size_t n_ = 0, effective_stages_ = 1;
  std::vector<DesignStage> stages_;
  std::vector<std::vector<double>>
      multiplier_;  ///< by stage and parent: product of fractions above
  LonelyPsu lonely_ = LonelyPsu::fail;
  std::optional<PpsVariance> pps_;
};

}  // namespace steelyard
