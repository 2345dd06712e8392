#pragma once

// Margins that no benchmark holds, estimated from the reference sample.

#include <vector>

#include "core/config.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// Key `reference_margins`, margins beside those of the benchmarks; may be empty.
MarginVariables read_reference_margins(ConfigReader& config, const Schema& schema);

/// The benchmarks and those margins: shares (of a number the mean) of the reference sample by its
/// design weights, times the population of the first of `margins`.
/// Fails: unsupported (no reference sample; a variable that it lacks, that does not apply to some
/// of it, or that a benchmark already holds; `margins` of numbers alone). Cost O(n_B) a margin.
Result<Benchmarks> with_reference_margins(const Benchmarks& benchmarks,
                                          const MarginVariables& margins,
                                          const MarginVariables& reference_margins);

/// `weigh(benchmarks)` with those margins among the benchmarks; as they are if there are none.
template <typename Weigh>
Result<Weights> with_reference_margins(const Benchmarks& benchmarks, const MarginVariables& margins,
                                       const MarginVariables& reference_margins, Weigh&& weigh) {
  if (reference_margins.empty()) return weigh(benchmarks);
  const auto all = with_reference_margins(benchmarks, margins, reference_margins);
  if (!all) return all.failure();
  return weigh(all.value());
}

/// Adds the covariance of those estimates under the reference sample's design to V (columns ×
/// columns of x, row-major; empty: none yet). x has the reference margins as its last blocks.
/// A calibrated estimate's variance then has β'Vβ more (Dever & Valliant 2010, Survey Methodology
/// 36, 45-56). Cost O(n_B p + n_B p²), p their columns.
void add_reference_covariance(const Auxiliary& x, const Benchmarks& benchmarks,
                              const MarginVariables& reference_margins, std::vector<double>& v);

}  // namespace steelyard
