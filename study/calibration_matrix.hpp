#pragma once

// What the matrix of all margins tells about a weighted file: benchmarks that depend on each other
// and rows that the weighting hangs on.

#include <string>
#include <vector>

#include "study/weigh_file.hpp"

namespace steelyard {

/// Names the benchmarks that depend on the others among these respondents beyond what the margins'
/// shared totals make them. None if no matrix can be made or it has more than 4,000 columns.
/// Cost O(cells × margins² + columns³).
std::vector<std::string> dependent_benchmarks(const WeighedFile& file);

/// Leverage of each cell's rows per unit of starting weight, x'(X'DX)⁻¹x. Empty if no matrix can be
/// made or it has more than 2,000 columns. The same cost.
std::vector<double> cell_leverages(const WeighedFile& file);

}  // namespace steelyard
