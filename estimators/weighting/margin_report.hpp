#pragma once

// What a weighting did to its margins, level by level.

#include <optional>
#include <string>
#include <vector>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// One level of a margin, or one number; persons, or the number's unit.
struct MarginRow {
  std::string margin, level;        ///< "sex*age" and "sex=f, age=2"; a number has no level
  std::vector<std::string> levels;  ///< "f", "2"
  std::size_t respondents = 0;      ///< with that level
  double target = 0;
  double before = 0;  ///< with base weights, scaled to the population
  double after = 0;
  double relative_error = 0;  ///< (after - target) / |target|; of a target 0: / population
  /// Standardised mean differences from the population: (share - target share) / sqrt(t (1 - t)),
  /// of a number (mean - target mean) / its standard deviation among respondents. NaN without one.
  double smd_before = 0, smd_after = 0;
};

/// Rows of all margins, in order; also of levels that nobody has.
/// @param population  if not given, the first margin's total, or Σ base weights if all are numbers
/// @pre the margins' variables apply to every respondent. Fails: unsupported (a margin that no
/// benchmark holds). Cost O(cells × margins + n × numbers).
Result<std::vector<MarginRow>> margin_report(const Weights& weights, const CellIndex& index,
                                             const Benchmarks& benchmarks,
                                             const MarginVariables& margins,
                                             std::optional<double> population = {});

}  // namespace steelyard
