#pragma once

// A drawn sample as a CSV file.

#include <string>

#include "core/sample.hpp"

namespace steelyard {

/// One row a respondent: level names, empty where the question does not apply, and numbers; what
/// was not asked has no column, and a probability sample its design_weight.
std::string sample_csv(const Sample& sample);

}  // namespace steelyard
