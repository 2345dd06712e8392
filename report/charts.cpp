#include "report/charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/scales.hpp"

namespace steelyard {

std::string dot_plot(const StudyResults& r, std::size_t estimand, Language language) {
  const EstimandRecord& e = r.estimands[estimand];
  std::vector<std::size_t> rows;
  double low = e.truth, high = e.truth;
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    if (r.estimators[i].estimand != estimand) continue;
    rows.push_back(i);
    const PerformanceRecord& p = r.performance[i];
    if (std::isnan(p.mean_estimate)) continue;
    const double spread = std::isnan(p.sd) ? 0 : 1.96 * p.sd;
    low = std::min(low, p.mean_estimate - spread);
    high = std::max(high, p.mean_estimate + spread);
  }
  if (!(high > low)) high = low + 1;
  const double margin = 0.06 * (high - low), top = 22, step = 19,
               bottom = top + step * static_cast<double>(rows.size());
  const Scale axis{low - margin, high + margin, 250, 850};
  const double scale = e.unit == "%" ? 100 : 1, truth = axis.at(e.truth);
  std::string svg = fmt::format(
      "<div class=wide><svg class=chart viewBox=\"0 0 880 {:.0f}\" role=img>", bottom + 24);
  svg += grid_across(axis, top, bottom, scale);
  svg += fmt::format(
      "<line class=truth x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /><text class=truthtext "
      "x={0:.1f} y=14>{3}</text>",
      truth, top - 4, bottom, say(language, "truth", "真值"));
  double y = top + step / 2;
  for (std::size_t i : rows) {
    const EstimatorRecord& t = r.estimators[i];
    const PerformanceRecord& p = r.performance[i];
    const char* kind = t.reference ? "ref" : "est";
    svg += fmt::format("<text class=\"row {}\" x=242 y={:.1f}>{}{}</text>", kind, y + 4,
                       escape_html(t.weighting),
                       t.value_rule == "-" ? "" : " · " + escape_html(t.value_rule));
    if (!std::isnan(p.mean_estimate)) {
      const double spread = std::isnan(p.sd) ? 0 : 1.96 * p.sd;
      svg += fmt::format(
          "<line class={0} x1={1:.1f} x2={2:.1f} y1={3:.1f} y2={3:.1f} /><circle class={0} "
          "cx={4:.1f} cy={3:.1f} r=4 />",
          kind, axis.at(p.mean_estimate - spread), axis.at(p.mean_estimate + spread), y,
          axis.at(p.mean_estimate));
    }
    y += step;
  }
  return svg + "</svg></div>";
}

std::string dial_plot(const StudyResults& r, std::size_t estimand,
                      const std::vector<DialPoint>& points, Language language) {
  const EstimandRecord& e = r.estimands[estimand];
  const double scale = e.unit == "%" ? 100 : 1;
  double low = points[0].truth, high = low;
  for (const DialPoint& p : points) {
    low = std::min(low, p.truth);
    high = std::max(high, p.truth);
  }
  std::vector<std::pair<double, std::size_t>> lines;  // mean estimate, estimator
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    if (r.estimators[i].estimand != estimand || std::isnan(r.performance[i].mean_estimate))
      continue;
    lines.emplace_back(r.performance[i].mean_estimate, i);
    low = std::min(low, lines.back().first);
    high = std::max(high, lines.back().first);
  }
  std::sort(lines.begin(), lines.end());
  if (!(high > low)) high = low + 1;
  const double margin = 0.06 * (high - low), top = 10, height = 300;
  const Scale up{low - margin, high + margin, top + height, top};
  const Scale across{points.front().value, points.back().value, 90, 560};
  std::string svg = "<div class=wide><svg class=chart viewBox=\"0 0 880 362\" role=img>";
  svg += grid_up(up, 80, 570, scale);
  for (const DialPoint& p : points)
    svg += fmt::format("<text class=tick x={:.1f} y={:.0f}>{:g}</text>", across.at(p.value),
                       top + height + 16, p.value);
  svg += fmt::format("<text class=tick x=325 y={:.0f}>{}</text>", top + height + 36,
                     say(language, "selection on the answers", "作答选择强度"));
  // Labels from the bottom up, none over another; what runs over the top is pushed down again.
  std::vector<double> label;
  for (const auto& [mean, i] : lines)
    label.push_back(std::min(label.empty() ? 1e9 : label.back() - 14, up.at(mean) + 4));
  for (std::size_t k = label.size(); k-- > 0;)
    label[k] = std::max(label[k], k + 1 == label.size() ? 14.0 : label[k + 1] + 14);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const EstimatorRecord& m = r.estimators[lines[k].second];
    const char* kind = m.reference ? "ref" : "est";
    const double y = up.at(lines[k].first);
    svg += fmt::format(
        "<line class={0} x1=80 x2=570 y1={1:.1f} y2={1:.1f} style=\"stroke-width:1\" /><line "
        "class=link x1=572 x2=584 y1={1:.1f} y2={2:.1f} style=\"stroke-width:1\" /><text class={0} "
        "x=587 y={3:.1f}>{4}{5}</text>",
        kind, y, label[k] - 4, label[k], escape_html(m.weighting),
        m.value_rule == "-" ? "" : " · " + escape_html(m.value_rule));
  }
  std::string path;
  for (const DialPoint& p : points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", across.at(p.value),
                        up.at(p.truth));
    svg += fmt::format("<circle cx={:.1f} cy={:.1f} r=4.5 style=\"fill:var(--truth)\" />",
                       across.at(p.value), up.at(p.truth));
  }
  return svg + fmt::format("<path class=truth fill=none d=\"{}\" /></svg></div>", path);
}

std::string dumbbell(const std::vector<const ProfileRecord*>& levels, Language language) {
  double high = 0;
  for (const ProfileRecord* p : levels)
    high = std::max({high, p->population_share, p->sample_share, p->weighted_share});
  const double top = 6, step = levels.size() > 12 ? 15 : 19,
               bottom = top + step * static_cast<double>(levels.size());
  const Scale axis{0, high * 1.05, 190, 850};
  std::string svg =
      fmt::format("<div class=wide><svg class=chart viewBox=\"0 0 880 {:.0f}\" role=img>",
                  bottom + 24) +
      grid_across(axis, top, bottom, 100);
  double y = top + step / 2;
  for (const ProfileRecord* p : levels) {
    const double a = axis.at(p->population_share), b = axis.at(p->sample_share),
                 c = axis.at(p->weighted_share);
    svg += fmt::format("<text class=row x=182 y={:.1f}>{}</text>", y + 4,
                       escape_html(language == Language::zh ? p->level_label_zh : p->level_label));
    svg += fmt::format("<line class=link x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} />", a, b, y, y);
    svg += fmt::format(
        "<circle class=pop cx={:.1f} cy={:.1f} r=4.5 /><circle class=smp cx={:.1f} cy={:.1f} r=4.5 "
        "/><path class=wtd d=\"M{:.1f} {:.1f}l4 4l-4 4l-4 -4z\" />",
        a, y, b, y, c, y - 4);
    y += step;
  }
  return svg + "</svg></div>";
}

}  // namespace steelyard
