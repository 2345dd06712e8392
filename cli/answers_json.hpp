#pragma once

// The answers of tip and plan as JSON; docs/data-files.md says what stands where.

#include <string>

#include "results/plan.hpp"
#include "results/tipping.hpp"

namespace steelyard {

/// Numbers that are not there are null; shares are in [0, 1].
std::string tipping_json(const TippingResults& results);
std::string plan_json(const PlanResults& results);

}  // namespace steelyard
