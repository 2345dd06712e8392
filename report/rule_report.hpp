#pragma once

// The section of a study's report on what value rules do apart from selection.

#include <string>

#include "report/format.hpp"
#include "results/results.hpp"

namespace steelyard {

/// A table of domains for each estimand (the study's own rules and the best of all), and one of all
/// rules, ranked. @pre results.rule_effects is not empty
std::string rule_section(const StudyResults& results, Language language);

}  // namespace steelyard
