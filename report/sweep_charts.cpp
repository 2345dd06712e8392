#include "report/sweep_charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/charts.hpp"

namespace steelyard {
namespace {

/// Screen positions of values between low and high.
struct Scale {
  double low, high, from, to;
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

/// About five round values between two.
std::vector<double> round_values(double low, double high) {
  const double raw = (high - low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  const double part = raw / power;
  const double step = (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
  std::vector<double> values;
  for (double v = std::ceil(low / step) * step; v <= high + 1e-9 * step; v += step)
    values.push_back(std::abs(v) < 1e-9 * step ? 0 : v);
  return values;
}

}  // namespace

std::string tornado(const std::vector<TornadoBar>& bars, double scale) {
  double low = 0, high = 0;
  for (const TornadoBar& b : bars) {
    const double spread = std::isnan(b.mcse) ? 0 : 1.96 * b.mcse;
    low = std::min(low, (b.change - spread) * scale);
    high = std::max(high, (b.change + spread) * scale);
  }
  if (!(high > low)) high = low + 1;
  const double margin = 0.04 * (high - low), step = 22, top = 6,
               bottom = top + step * static_cast<double>(bars.size());
  const Scale across{low - margin, high + margin, 330, 860};
  std::string svg =
      fmt::format("<svg class=chart viewBox=\"0 0 880 {:.0f}\" role=img>", bottom + 24);
  for (double v : round_values(across.low, across.high))
    svg += fmt::format(
        "<line class=grid x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /><text class=tick x={0:.1f} "
        "y={3:.0f}>{4:+.6g}</text>",
        across.at(v), top, bottom, bottom + 15, v);
  double y = top;
  for (const TornadoBar& b : bars) {
    const double zero = across.at(0), end = across.at(b.change * scale);
    const double spread = std::isnan(b.mcse) ? 0 : 1.96 * b.mcse * scale;
    svg += fmt::format(
        "<text class=row x=322 y={:.1f}>{}</text><rect x={:.1f} y={:.1f} width={:.1f} height=14 "
        "style=\"fill:var(--est);opacity:.75\" /><line x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} "
        "style=\"stroke:var(--ink);stroke-width:1.5\" />",
        y + 15, escape_html(b.label), std::min(zero, end), y + 4, std::abs(end - zero),
        across.at(b.change * scale - spread), across.at(b.change * scale + spread), y + 11, y + 11);
    y += step;
  }
  return svg + fmt::format("<line class=link x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /></svg>",
                           across.at(0), top, bottom);
}

std::string response_plot(const std::vector<ResponsePoint>& points, const std::string& dial,
                          double scale) {
  if (points.empty()) return {};
  double low = 1e300, high = -1e300, left = 1e300, right = -1e300;
  for (const ResponsePoint& p : points) {
    const double spread = std::isnan(p.mcse) ? 0 : 1.96 * p.mcse;
    low = std::min(low, (p.value - spread) * scale);
    high = std::max(high, (p.value + spread) * scale);
    left = std::min(left, p.dial);
    right = std::max(right, p.dial);
  }
  if (!(high > low)) high = low + 1;
  if (!(right > left)) right = left + 1;
  const double margin = 0.05 * (high - low), side = 0.02 * (right - left);
  const Scale up{low - margin, high + margin, 250, 8};
  const Scale across{left - side, right + side, 90, 860};
  std::string svg = "<svg class=chart viewBox=\"0 0 880 300\" role=img>";
  for (double v : round_values(up.low, up.high))
    svg += fmt::format(
        "<line class=grid x1=90 x2=860 y1={0:.1f} y2={0:.1f} /><text class=row x=82 "
        "y={1:.1f}>{2:.6g}</text>",
        up.at(v), up.at(v) + 4, v);
  for (double v : round_values(across.low, across.high))
    svg += fmt::format("<text class=tick x={:.1f} y=268>{:.6g}</text>", across.at(v), v);
  svg += fmt::format("<text class=tick x=475 y=290>{}</text>", escape_html(dial));
  for (const ResponsePoint& p : points) {
    const double spread = std::isnan(p.mcse) ? 0 : 1.96 * p.mcse;
    const char* kind = p.base ? "ref" : "est";
    svg += fmt::format(
        "<line class={0} x1={1:.1f} x2={1:.1f} y1={2:.1f} y2={3:.1f} style=\"stroke-width:1\" "
        "/><circle class={0} cx={1:.1f} cy={4:.1f} r={5} />",
        kind, across.at(p.dial), up.at((p.value - spread) * scale),
        up.at((p.value + spread) * scale), up.at(p.value * scale), p.base ? 5 : 3);
  }
  return svg + "</svg>";
}

}  // namespace steelyard
