#pragma once

// How weights are spread: their moments and quantiles, and a histogram before and after weighting.

#include <cstddef>
#include <utility>
#include <vector>

#include "core/weighing.hpp"
#include "study/weigh_file.hpp"

namespace steelyard {

/// Distinct weights, ascending, and how many rows have each: few where there are no base weights.
using WeightCounts = std::vector<std::pair<double, std::size_t>>;

/// Of the rows that take part, before and after the weighting. Cost O(n log n) with base weights,
/// else O(cells log cells).
WeightCounts starting_weight_counts(const WeighedFile& file);
WeightCounts final_weight_counts(const WeighedFile& file);

/// @pre not empty
WeightSpread weight_spread(const WeightCounts& counts);

/// Thirty bins of weight / mean weight, from the smaller minimum to the larger 99.5th percentile;
/// the last one holds what is beyond. Empty if the mean weight after is not positive.
std::vector<HistogramBin> weight_histogram(const WeightCounts& before, const WeightCounts& after);

}  // namespace steelyard
