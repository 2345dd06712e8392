#pragma once

// A weighting as one self-contained HTML page.

#include <string>

#include "core/weighing.hpp"

namespace steelyard {

/// Margins before and after, the spread of the weights, the cells and respondents that carry most.
std::string weighing_page(const WeighingRecord& record);

}  // namespace steelyard
