#pragma once

// A study's results as one self-contained HTML file.

#include <string>

#include "report/format.hpp"
#include "results/results.hpp"

namespace steelyard {

/// Opens by double click, needs no network; its tables sort and filter where scripts run. Formats
/// and arranges; computes no statistic.
std::string render_report(const StudyResults& results, Language language);

}  // namespace steelyard
