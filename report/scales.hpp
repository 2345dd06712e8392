#pragma once

// Axes of pictures.

#include <string>
#include <vector>

namespace steelyard {

/// Screen positions of values between low and high; `from` above `to`: values run up the page.
struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

/// The scale that shows all values given to it, with a margin at both ends.
class ScaleOf {
 public:
  /// NaN and infinities are passed over.
  void add(double value);
  /// @param margin  at each end, as a part of the whole
  Scale over(double from, double to, double margin = 0.05) const;

 private:
  double low_ = 0, high_ = 0;
  bool any_ = false;
};

/// About five round values between two.
std::vector<double> round_values(double low, double high);

/// Lines up the page at round values of a horizontal scale, the values under them. `factor`: 100
/// for shares that are shown in per cent.
std::string grid_across(const Scale& across, double top, double bottom, double factor = 1,
                        bool plus = false);
/// Lines across the page at round values of a vertical scale, the values before them.
std::string grid_up(const Scale& up, double left, double right, double factor = 1);

}  // namespace steelyard
