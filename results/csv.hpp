#pragma once

// The tables of a study as comma-separated text: a header, one row a record, UTF-8, LF line ends,
// the shortest digits that read back as the same number, an empty field where there is none (NaN).

#include <string>

#include "results/results.hpp"

namespace steelyard {

/// One row an estimator, in the study's order.
std::string write_performance_csv(const StudyResults& results);

/// One row a published number.
std::string write_reproduction_csv(const StudyResults& results);

/// One row an estimand and value rule: what the rule does apart from selection.
std::string write_rule_effects_csv(const StudyResults& results);

/// One row an estimator compared with the report's own procedure on the same samples.
std::string write_contrasts_csv(const StudyResults& results);

}  // namespace steelyard
