#pragma once

#include <string>

#include "results/results.hpp"

namespace steelyard {

/// What a person wants to know when a study ends: for each headline estimand the truth, every
/// estimator's mean and bias with their Monte Carlo errors, and how much of the report's own bias
/// its value rule makes alone.
std::string summary(const StudyResults& results);

}  // namespace steelyard
