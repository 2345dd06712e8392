#pragma once

// A family of equivalent worlds as one self-contained HTML file.

#include <string>

#include "report/format.hpp"
#include "results/worlds.hpp"

namespace steelyard {

/// The picture of each headline estimand (truth against the dial, estimates beside it), every
/// dial's truths and errors, and the bounds. Formats and arranges; computes no statistic.
std::string render_worlds(const WorldsResults& results, Language language);

}  // namespace steelyard
