#pragma once

// Pictures of a sweep, as static SVG.

#include <optional>
#include <string>
#include <vector>

#include "results/sweep.hpp"

namespace steelyard {

/// One bar of a tornado: a dial's change of an output from end to end, and its Monte Carlo error.
struct TornadoBar {
  std::string label;
  double change = 0, mcse = 0;
};

/// Bars from zero, the longest first, each with ± 1.96 MCSE. `scale`: 100 for shares.
std::string tornado(const std::vector<TornadoBar>& bars, double scale);

/// A point of a response: a dial's value, the output there, and its Monte Carlo error.
struct ResponsePoint {
  double dial = 0, value = 0, mcse = 0;
  bool base = false;
};

/// Points with bars of ± 1.96 MCSE; the base condition stands out. `level`: a line across.
std::string response_plot(const std::vector<ResponsePoint>& points, const std::string& dial,
                          double scale, std::optional<double> level = {});

}  // namespace steelyard
