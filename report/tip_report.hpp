#pragma once

// Tipping points as one self-contained HTML file.

#include <string>

#include "report/format.hpp"
#include "results/tipping.hpp"

namespace steelyard {

/// One row a dial: its range as a bar, the scenario's own number, where the conclusion turns with
/// its 95 % interval, and where it turns with all dials together. Nearest turns first.
std::string tipping_chart(const TippingResults& results, Language language);

/// The conclusion, the picture, a table of dials, all together, and every margin that was looked
/// at. Formats and arranges; computes no statistic.
std::string render_tipping(const TippingResults& results, Language language);

}  // namespace steelyard
