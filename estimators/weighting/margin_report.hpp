#pragma once

// What a weighting did to its margins, level by level.

#include <string>
#include <vector>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// One level of a margin, or one number; persons, or the number's unit.
struct MarginRow {
  std::string margin, level;  ///< "sex*age" and "sex=f, age=2"; a number has no level
  double target = 0;
  double before = 0;  ///< with base weights, scaled to the population if all are equal
  double after = 0;
  double relative_error = 0;  ///< (after - target) / |target|; of a target 0: / population
};

/// Rows of all margins, in order. Fails as make_auxiliary does. Cost O(cells × margins).
Result<std::vector<MarginRow>> margin_report(const Weights& weights, const CellIndex& index,
                                             const Benchmarks& benchmarks,
                                             const MarginVariables& margins);

}  // namespace steelyard
