#pragma once

// An error budget as one self-contained HTML file.

#include <string>

#include "report/format.hpp"
#include "results/budget.hpp"

namespace steelyard {

/// From the truth to the mean estimate as a waterfall, source by source.
std::string waterfall(const BudgetResults& results, const BudgetRecord& record, Language language);

/// A waterfall and a table for each estimand under the report's own procedure, then every
/// estimator. Formats and arranges; computes no statistic.
std::string render_budget(const BudgetResults& results, Language language);

}  // namespace steelyard
