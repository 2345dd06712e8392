#pragma once

// The plan of a questionnaire as one self-contained HTML file.

#include <string>

#include "report/format.hpp"
#include "results/plan.hpp"

namespace steelyard {

/// For each headline estimand: designs as cost against RMSE with the front that no other design
/// beats, a table, and the smallest change found against overlap and sample size; then the best
/// edges. Formats and arranges; computes no statistic.
std::string render_plan(const PlanResults& results, Language language);

}  // namespace steelyard
