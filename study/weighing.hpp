#pragma once

// Diagnostics of a weighted file.

#include "core/weighing.hpp"
#include "study/weigh_file.hpp"

namespace steelyard {

/// Everything that is shown of a weighting. Cost O(n log n + cells × columns²).
WeighingRecord describe_weighing(const WeighRequest& request, const WeighedFile& file);

}  // namespace steelyard
