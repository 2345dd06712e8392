#pragma once

// Differences of performance measures between conditions that share their random numbers, with
// Monte Carlo errors that use the pairing.

#include <cstdint>
#include <span>
#include <vector>

#include "results/sweep.hpp"

namespace steelyard {

/// Linear combinations Σ_c w_c m_c of measures over conditions, fed condition by condition.
///
/// With replicate r's estimates t_cr, truths T_c, the combination's Monte Carlo error is
/// sd(d_r)/√R, with d_r = Σ w_c t_cr for means and bias, Σ w_c ((t_cr - T_c)² - MSE_c)/(2 RMSE_c)
/// for RMSE (delta method), Σ w_c 1{covered} for coverage: what conditions share cancels within
/// replicates. A replicate that failed in a condition with w_c ≠ 0 is left out of the error; the
/// measures themselves are each condition's own. Source: Koehler, Brown & Haneuse (2009), The
/// American Statistician 63, 155-162; Morris, White & Crowther (2019), Statistics in Medicine 38,
/// 2074-2102. Memory: combinations × 3 × estimators × replicates doubles.
class PairedCombinations {
 public:
  PairedCombinations(std::size_t combinations, std::size_t estimators, std::uint32_t replicates);

  /// @param weights  one a combination
  void add(const StudyResults& condition, std::span<const double> weights);

  PairedChange mean_estimate(std::size_t combination, std::size_t estimator) const;
  PairedChange bias(std::size_t combination, std::size_t estimator) const;
  PairedChange rmse(std::size_t combination, std::size_t estimator) const;
  PairedChange coverage(std::size_t combination, std::size_t estimator) const;

 private:
  enum Part { mean, root, covered, kParts };
  struct Values {
    double mean_estimate = 0, bias = 0, rmse = 0, coverage = 0;
  };
  double* row(std::size_t combination, std::size_t estimator, Part part);
  double error(std::size_t combination, std::size_t estimator, Part part) const;

  std::size_t estimators_;
  std::uint32_t replicates_;
  std::vector<Values> values_;  ///< combinations × estimators
  std::vector<double> parts_;  ///< combinations × estimators × parts × replicates; NaN: left out
};

/// b minus a, estimator by estimator.
std::vector<BaseChange> paired_changes(const StudyResults& a, const StudyResults& b);

}  // namespace steelyard
