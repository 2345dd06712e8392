#pragma once

// The part of a plan's page that shows edges.

#include <string>

#include "report/format.hpp"
#include "results/plan.hpp"

namespace steelyard {

/// Edges on one axis, a row a choice; how RMSE, bias and sd fall with the number of buckets; both
/// in numbers.
std::string edge_section(const EdgeResults& results, Language language);

}  // namespace steelyard
