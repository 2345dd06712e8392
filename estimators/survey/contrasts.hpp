#pragma once

// Differences, linear combinations and ratios of estimates, with their covariance: between domains,
// variables, weightings of the same rows, and waves.

#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// One estimate of a combination, by its number in JointEstimates.
struct Term {
  std::size_t estimate = 0;
  double coefficient = 1;
};

struct ContrastRow {
  double estimate = 0, se = 0, lower = 0, upper = 0, df = 0;
  double p_value = 0;  ///< two-sided, of the contrast being 0 (of a ratio: being 1); NaN if se = 0
};

/// estimate ± t se, and the two-sided t test of `null_value`. Fails: unsupported (df below 1).
Result<ContrastRow> t_interval(double estimate, double variance, double df, double level,
                               double null_value = 0);

/// Estimates of one file and what their covariance needs. The design must outlive it. Memory: two
/// doubles an estimate and unit of the design, or one an estimate and replicate.
class JointEstimates {
 public:
  /// One estimate a request and domain, requests slowest.
  static JointEstimates make(const SurveyData& data, std::span<const EstimateRequest> requests,
                             const EstimationOptions& options);
  /// Adds estimates of the same rows under another weighting, or another list of requests; they
  /// come after those here. Why it cannot: unsupported (another design, other replicates).
  std::optional<Failure> append(const JointEstimates& other);

  const std::vector<EstimateRow>& rows() const { return rows_; }
  std::size_t size() const { return rows_.size(); }
  /// Number of an estimate of the first list of requests.
  std::size_t at(std::size_t request, std::size_t domain) const {
    return request * domains_ + domain;
  }

  /// Σ c_j θ_j, variance c'Vc; with replicates that of Σ c_j θ_jr, which is the same thing.
  /// Fails: as the estimates themselves; unsupported (df below 1). The df are the smallest of the
  /// estimates'. Cost O(terms × units).
  Result<ContrastRow> linear(std::span<const Term> terms) const;
  /// θ_a / θ_b. Linearization: delta method, the variance of (θ_a - R θ_b)/θ_b (Woodruff 1971,
  /// JASA 66, 411-414); replicates: the variance of θ_ar / θ_br.
  Result<ContrastRow> ratio(std::size_t numerator, std::size_t denominator) const;
  /// Covariances of the estimates named, row-major. Cost O(k² units).
  Result<std::vector<double>> covariance(std::span<const std::size_t> estimates) const;

  const SurveyDesign& design() const { return *design_; }
  const ReplicateDesign* replicates() const { return replicates_; }
  double level() const { return level_; }
  /// θ_r of an estimate; empty without replicates.
  std::span<const double> replicate_values(std::size_t estimate) const { return theta_[estimate]; }
  /// Influence totals of the first stage's units; empty with replicates.
  std::span<const double> unit_totals(std::size_t estimate) const { return totals_[estimate]; }

 private:
  std::optional<Failure> broken(std::size_t estimate) const;
  std::vector<double> combined(std::span<const Term> terms) const;
  /// Of a combination of deviations_.
  Result<double> variance_of(std::span<const double> e) const;

  const SurveyDesign* design_ = nullptr;
  const ReplicateDesign* replicates_ = nullptr;
  double level_ = 0.95;
  std::size_t domains_ = 1;
  std::vector<EstimateRow> rows_;
  /// e with covariance e'f; with unequal probabilities u itself, for the design's quadratic form.
  std::vector<std::vector<double>> deviations_;
  std::vector<std::vector<double>> totals_, theta_;
};

/// Which units two waves have in common: an id of each row's primary unit, equal for the same unit
/// in both files (all rows of a primary unit have the same one).
struct WaveOverlap {
  std::span<const std::uint32_t> units_a, units_b;
};

/// Σ a_j θ_j + Σ b_j θ'_j of two waves (-1 and 1 for a change). Independent samples (`overlap`
/// null): V = V_a + V_b, df by Satterthwaite. Overlapping: plus 2 cov, with
/// cov = Σ_h (m_h - n_ha n_hb / N_h) s_h, s_h the covariance of the m_h matched units' influence
/// totals, n n'/N = 0 without finite population correction; df the smaller. A stratum with one
/// matched unit adds no covariance. Source: Tam (1984), The American Statistician 38, 288-289;
/// Qualité & Tillé (2008), Survey Methodology 34, 173-181. Fails: unsupported (replicates or later
/// stages or unequal probabilities with an overlap; matched units that change stratum where there
/// is a population size; population sizes that differ; a variance below zero).
Result<ContrastRow> across_waves(const JointEstimates& a, std::span<const Term> terms_a,
                                 const JointEstimates& b, std::span<const Term> terms_b,
                                 const WaveOverlap* overlap);

}  // namespace steelyard
