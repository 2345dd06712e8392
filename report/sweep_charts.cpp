#include "report/sweep_charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.hpp"
#include "report/scales.hpp"

namespace steelyard {

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
  std::string svg = fmt::format(
      "<div class=wide><svg class=chart viewBox=\"0 0 880 {:.0f}\" role=img>", bottom + 24);
  svg += grid_across(across, top, bottom, 1, true);
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
  return svg +
         fmt::format("<line class=link x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /></svg></div>",
                     across.at(0), top, bottom);
}

std::string response_plot(const std::vector<ResponsePoint>& points, const std::string& dial,
                          double scale, std::optional<double> level) {
  if (points.empty()) return {};
  ScaleOf values, dials;
  if (level) values.add(*level * scale);
  const auto spread = [](const ResponsePoint& p) { return std::isnan(p.mcse) ? 0 : 1.96 * p.mcse; };
  for (const ResponsePoint& p : points) {
    values.add((p.value - spread(p)) * scale);
    values.add((p.value + spread(p)) * scale);
    dials.add(p.dial);
  }
  const Scale up = values.over(250, 8), across = dials.over(90, 860, 0.02);
  std::string svg = "<div class=wide><svg class=chart viewBox=\"0 0 880 300\" role=img>";
  svg += grid_up(up, 90, 860);
  if (level)
    svg += fmt::format("<line class=link x1=90 x2=860 y1={0:.1f} y2={0:.1f} />",
                       up.at(*level * scale));
  for (double v : round_values(across.low, across.high))
    svg += fmt::format("<text class=tick x={:.1f} y=268>{:.6g}</text>", across.at(v), v);
  svg += fmt::format("<text class=tick x=475 y=290>{}</text>", escape_html(dial));
  std::vector<ResponsePoint> drawn = points;  // the base over the others
  std::stable_partition(drawn.begin(), drawn.end(), [](const ResponsePoint& p) { return !p.base; });
  for (const ResponsePoint& p : drawn) {
    const char* kind = p.base ? "ref" : "est";
    svg += fmt::format(
        "<line class={0} x1={1:.1f} x2={1:.1f} y1={2:.1f} y2={3:.1f} style=\"stroke-width:1\" "
        "/><circle class={0} cx={1:.1f} cy={4:.1f} r={5} />",
        kind, across.at(p.dial), up.at((p.value - spread(p)) * scale),
        up.at((p.value + spread(p)) * scale), up.at(p.value * scale), p.base ? 5 : 3);
  }
  return svg + "</svg></div>";
}

}  // namespace steelyard
