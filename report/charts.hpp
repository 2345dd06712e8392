#pragma once

// Pictures as static SVG: nothing to load, nothing to run.

#include <string>
#include <vector>

#include "report/format.hpp"
#include "results/results.hpp"

namespace steelyard {

/// One estimand: the truth as a line, a dot and error bar (± 1.96 sd of the estimator) an
/// estimator.
std::string dot_plot(const StudyResults& results, std::size_t estimand, Language language);

/// One world of a dial: its position and the truth there.
struct DialPoint {
  double value = 0, truth = 0;
};

/// The truth against the dial, with every estimator's mean estimate as a level line.
std::string dial_plot(const StudyResults& results, std::size_t estimand,
                      const std::vector<DialPoint>& points, Language language);

/// Population, sample and weighted sample shares of one variable's levels.
std::string dumbbell(const std::vector<const ProfileRecord*>& levels, Language language);

}  // namespace steelyard
