#pragma once

// A study's results as one self-contained HTML file.

#include <string>

#include "results/results.hpp"

namespace steelyard {

enum class Language { en, zh };

/// Opens by double click, needs no network. Formats and sorts; computes no statistic.
std::string render_report(const StudyResults& results, Language language);

}  // namespace steelyard
