#pragma once

// Benchmarks that were themselves estimated: the covariance of their errors.

#include <span>
#include <vector>

#include "core/config.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// How far the benchmarks of each margin may be from the truth; one of the two lists, or neither.
struct BenchmarkErrors {
  std::vector<double> cvs;    ///< by margin: coefficient of variation of its totals; 0: exact
  std::vector<double> sizes;  ///< by margin: respondents of the survey it comes from; 0: exact
  bool any() const;
  /// Margins that come after these have no such errors.
  void extend(std::size_t margins);
};

/// Keys `benchmark_cvs` and `benchmark_sizes`, one number a margin.
BenchmarkErrors read_benchmark_errors(ConfigReader& config, const Schema& schema,
                                      const MarginVariables& margins);

/// Covariance V of the targets' errors, columns × columns, row-major; empty if all are exact.
/// `sizes` (m): shares of a simple random sample with the population total N known,
/// V = N²/m (diag p - pp'). `cvs` (c): independent errors, V = diag (c t)²; where several margins
/// share the population total that total has no error, so V is taken given that the errors of a
/// margin's levels add up to nothing, V - V11'V / 1'V1. Errors of different margins are
/// independent. A calibrated estimate's variance then has β'Vβ more: Dever & Valliant (2010),
/// Survey Methodology 36, 45-56; Opsomer & Erciulescu (2021), Survey Methodology 47, 265-277.
/// @param shared_total  condition the `cvs` on the total (not where misses are penalised)
std::vector<double> target_covariance(const BenchmarkErrors& errors,
                                      std::span<const CalibrationBlock* const> blocks,
                                      std::span<const double> targets, bool shared_total);
std::vector<double> target_covariance(const BenchmarkErrors& errors, const Auxiliary& x);

}  // namespace steelyard
