#include "report/scales.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace steelyard {

void ScaleOf::add(double value) {
  if (!std::isfinite(value)) return;
  low_ = any_ ? std::min(low_, value) : value;
  high_ = any_ ? std::max(high_, value) : value;
  any_ = true;
}

Scale ScaleOf::over(double from, double to, double margin) const {
  const double high =
      high_ > low_ ? high_ : low_ + (low_ == 0 ? 1 : std::max(1e-9, 0.1 * std::abs(low_)));
  const double room = margin * (high - low_);
  return {low_ - room, high + room, from, to};
}

std::vector<double> round_values(double low, double high) {
  const double raw = (high - low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  const double part = raw / power;
  const double step = (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
  std::vector<double> values;
  for (double v = std::ceil(low / step) * step; v <= high + 1e-9 * step; v += step)
    values.push_back(std::abs(v) < 1e-9 * step ? 0 : v);
  return values;
}

std::string grid_across(const Scale& across, double top, double bottom, double factor, bool plus) {
  std::string svg;
  for (double v : round_values(across.low * factor, across.high * factor))
    svg += fmt::format(
        "<line class=grid x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /><text class=tick x={0:.1f} "
        "y={3:.0f}>{4}</text>",
        across.at(v / factor), top, bottom, bottom + 15,
        plus ? fmt::format("{:+.6g}", v) : fmt::format("{:.10g}", v));
  return svg;
}

std::string grid_up(const Scale& up, double left, double right, double factor) {
  std::string svg;
  for (double v : round_values(up.low * factor, up.high * factor)) {
    const double y = up.at(v / factor);
    svg += fmt::format(
        "<line class=grid x1={0:.0f} x2={1:.0f} y1={2:.1f} y2={2:.1f} /><text class=row x={3:.0f} "
        "y={4:.1f}>{5:.10g}</text>",
        left, right, y, left - 6, y + 4, v);
  }
  return svg;
}

}  // namespace steelyard
