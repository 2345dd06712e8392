#pragma once

// The page of a sweep: what moves the truths and the errors, and how.

#include <string>

#include "report/format.hpp"
#include "results/sweep.hpp"

namespace steelyard {

/// One self-contained HTML page.
std::string render_sweep(const SweepResults& results, Language language);

}  // namespace steelyard
