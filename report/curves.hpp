#pragma once

// Curves and marks over two axes, as static SVG.

#include <string>
#include <utility>
#include <vector>

namespace steelyard {

/// A point with a bar of ± 1.96 standard errors; NaN or 0: none.
struct CurveMark {
  double x = 0, y = 0, error = 0;
  std::string label;
};

struct Curve {
  std::string label;  ///< at the end of the line, or of the last mark
  std::string color;  ///< of CSS
  std::vector<CurveMark> marks;
  std::vector<std::pair<double, double>> line;
  bool dashed = false;
};

struct CurvePicture {
  std::vector<Curve> curves;
  std::string across, up;                ///< what the axes show
  double factor_across = 1, factor = 1;  ///< 100: in per cent
  bool from_zero = false;                ///< the upward axis holds 0
};

/// The i-th of a few colours that differ in hue and lightness.
const char* curve_color(std::size_t i);

/// Labels are escaped here. Empty if there is nothing to show.
std::string curve_chart(const CurvePicture& picture);

}  // namespace steelyard
