#include "report/tip_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page.hpp"
#include "report/scales.hpp"
#include "report/sweep_charts.hpp"

namespace steelyard {
namespace {

using Kind = TippingPoint::Kind;

std::string measured(double value, double error, bool plus = false) {
  return with_error(value, error, format_for(error), plus);
}

/// The point of all dials together; none of a single dial.
const TippingPoint* together(const TippingResults& r) {
  return !r.points.empty() && r.points.back().dial.empty() ? &r.points.back() : nullptr;
}

/// Dials with the nearest turns first, then those without one.
std::vector<std::size_t> order_of(const TippingResults& r) {
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < r.dials.size(); ++k) order.push_back(k);
  const auto distance = [&](std::size_t k) {
    const TippingPoint& p = r.points[k];
    return p.kind == Kind::turns ? std::abs(p.change_in_ranges) : p.kind == Kind::never ? 1e6 : 2e6;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return distance(a) < distance(b); });
  return order;
}

const char* answer(Kind kind, Language language) {
  if (language == Language::en) return to_string(kind);
  return kind == Kind::turns ? "转折" : kind == Kind::never ? "范围内不转折" : "无法判断";
}

/// "55.31 ± 0.82", or without an error where none can be given.
std::string turn_text(const TippingPoint& p, Language language) {
  return std::isfinite(p.se)
             ? measured(p.value, p.se)
             : fmt::format("{:.6g} ({})", p.value, say(language, "error not known", "误差未知"));
}

std::string interval_text(const TippingPoint& p, Language language) {
  if (!std::isfinite(p.se)) return say(language, "not known", "未知");
  const NumberFormat f = format_for(p.se);
  return format_number(p.value - 1.96 * p.se, f) + " – " + format_number(p.value + 1.96 * p.se, f);
}

/// The marks of one dial on its bar.
std::string marks(const TippingPoint& p, const Scale& across, double y) {
  std::string svg;
  if (!std::isnan(p.base))
    svg += fmt::format("<line class=truth x1={0:.1f} x2={0:.1f} y1={1:.1f} y2={2:.1f} />",
                       across.at(p.base), y - 9, y + 9);
  if (p.kind != Kind::turns) return svg;
  const double spread = std::isfinite(p.se) ? 1.96 * p.se : across.high - across.low;
  svg += fmt::format(
      "<line class=ref x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} /><circle class=ref cx={:.1f} "
      "cy={:.1f} r=4.5 />",
      across.at(std::max(p.value - spread, across.low)),
      across.at(std::min(p.value + spread, across.high)), y, y, across.at(p.value), y);
  return svg;
}

class TipPage {
 public:
  TipPage(const TippingResults& results, Language language) : r_(results), language_(language) {}

  std::string render() {
    const std::string title = escape_html(language_ == Language::zh ? r_.title_zh : r_.title) +
                              " · " + t("tipping points", "转折点");
    html_ = page_start(title, language_);
    opening();
    picture();
    table();
    if (const TippingPoint* all = together(r_)) joint(*all);
    margins();
    html_ += page_end();
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }

  void opening() {
    html_ += fmt::format(
        "<p class=soft>{} {} · {} {} {} · {} {}</p><h2>{}</h2><p class=key><b>{}</b></p><p>{} "
        "<b>{}</b></p>",
        r_.dials.size(), t("dials", "个参数"), r_.replicates, t("replicates", "次重复"),
        t("to begin with", "起步"), t("seed", "种子"), r_.seed, t("The conclusion", "结论"),
        escape_html(r_.conclusion),
        r_.holds ? t("It holds in the scenario as it stands: its margin is",
                     "情景原值下结论成立：裕量为")
                 : t("It does not hold in the scenario as it stands: its margin is",
                     "情景原值下结论不成立：裕量为"),
        measured(r_.base.value, r_.base.mcse) + unit());
    if (std::abs(r_.base.value) < 2 * r_.base.mcse)
      html_ += fmt::format("<p class=warn>{}</p>",
                           t("It is too near to its turn to be sure: give more --replicates.",
                             "离转折太近，无法确定：请增加 --replicates。"));
    html_ += fmt::format(
        "<p>{}</p>",
        t("The margin is the difference of the two sides, above 0 while the conclusion holds; "
          "errors after ± are Monte Carlo standard errors. A dial is moved alone from the "
          "scenario's own number towards both ends of its range; its tipping point is the nearest "
          "place where the margin changes its sign. A turn and back between two points that were "
          "looked at is not seen.",
          "裕量为两侧之差，结论成立时大于 0；± "
          "为蒙特卡罗标准误。每个参数从情景原值单独移向范围两端，"
          "转折点为裕量变号的最近位置。两个考察点之间的往返转折不可见。"));
  }

  std::string unit() const {
    if (r_.unit == "share") return t(" (a share)", "（份额）");
    return r_.unit.empty() ? "" : " " + escape_html(r_.unit);
  }

  void picture() {
    html_ += fmt::format(
        "<h2>{}</h2>{}<p class=soft>{}</p>", t("Where it turns", "何处转折"),
        tipping_chart(r_, language_),
        t("Bar: the dial's range. Green line: the scenario's own number. Red: where the conclusion "
          "turns, with its 95 % interval (± 1.96 Monte Carlo standard errors). Blue diamond: the "
          "dial's number where all dials together turn it.",
          "条形：参数范围。绿线：情景原值。红点：转折处及其 95 % 区间（± 1.96 "
          "个蒙特卡罗标准误）。蓝色菱形：全部参数共同变动时转折处的取值。"));
  }

  std::string ends(const TippingPoint& p) const {
    return p.replicates == 0 ? "–"
                             : measured(p.lower_margin, p.lower_mcse) + "; " +
                                   measured(p.upper_margin, p.upper_mcse);
  }

  void table() {
    html_ += fmt::format(
        "<h2>{}</h2><div class=wide><table class=sortable id=dials><thead><tr><th>{}<th "
        "class=n>{}<th "
        "class=n>{}<th>{}<th class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}</tr></thead><tbody>",
        t("Each dial alone", "单个参数"), t("dial", "参数"),
        t("as the scenario stands", "情景原值"), t("range", "范围"), t("answer", "结果"),
        t("turns at ± MCSE", "转折处 ± MCSE"), t("95 % interval", "95 % 区间"),
        t("change, % of range", "变动，占范围 %"),
        t("margins at the ends ± MCSE", "两端裕量 ± MCSE"), t("replicates", "重复次数"));
    for (std::size_t k : order_of(r_)) row(r_.dials[k], r_.points[k]);
    html_ += "</tbody></table></div>";
  }

  void row(const DialRecord& dial, const TippingPoint& p) {
    const bool turns = p.kind == Kind::turns;
    html_ += fmt::format(
        "<tr><td>{}<div class=soft>{}</div><td class=n>{}<td class=n>{:.6g} – "
        "{:.6g}<td>{}<td class=n>{}<td class=n>{}<td class=n data-v=\"{:.6g}\">{}<td "
        "class=n>{}<td class=n>{}</tr>",
        escape_html(dial.key), escape_html(dial.source),
        std::isnan(dial.base) ? t("default", "默认") : fmt::format("{:.6g}", dial.base), dial.lower,
        dial.upper,
        answer(p.kind, language_) +
            (p.note.empty() ? std::string{} : "<div class=soft>" + escape_html(p.note) + "</div>"),
        turns ? turn_text(p, language_) : "–", turns ? interval_text(p, language_) : "–",
        turns ? std::abs(p.change_in_ranges) : std::nan(""),
        turns && std::isfinite(p.se)
            ? measured(100 * p.change_in_ranges, 100 * p.se / (dial.upper - dial.lower), true)
        : turns ? fmt::format("{:+.1f}", 100 * p.change_in_ranges)
                : "–",
        ends(p), p.replicates);
  }

  void joint(const TippingPoint& p) {
    html_ += fmt::format("<h2>{}</h2><p>{}</p>", t("All dials together", "全部参数共同变动"),
                         t("All dials move at once along the way on which the margin falls "
                           "fastest, each in units of its range and until its end; those that "
                           "hardly matter stay.",
                           "全部参数沿裕量下降最快的方向同时变动，以各自范围为单位，直至范围端点；"
                           "影响甚微的参数保持不变。"));
    if (p.kind != Kind::turns)
      html_ += fmt::format(
          "<p><b>{}</b>{}{}</p>", answer(p.kind, language_),
          p.replicates == 0 ? ""
                            : fmt::format(": {} {}", t("the margin at the end is", "终点处裕量为"),
                                          measured(p.upper_margin, p.upper_mcse)),
          p.note.empty() ? "" : "; " + escape_html(p.note));
    else
      html_ +=
          fmt::format("<p>{} <b>{}</b> {}{}</p>", t("They turn it at a distance of", "转折距离为"),
                      std::isfinite(p.se) ? measured(p.change_in_ranges, p.se)
                                          : fmt::format("{:.3g}", p.change_in_ranges),
                      t("ranges (Euclidean)", "个范围（欧氏距离）"),
                      p.note.empty() ? "" : "; " + escape_html(p.note));
    if (p.values.empty()) return;
    html_ += fmt::format(
        "<table id=together><thead><tr><th>{}<th class=n>{}<th class=n>{}<th class=n>{}"
        "</tr></thead><tbody>",
        t("dial", "参数"), t("as the scenario stands", "情景原值"),
        p.kind == Kind::turns ? t("where they turn it", "转折处")
                              : t("at the end of the way", "终点处"),
        t("change, % of range", "变动，占范围 %"));
    for (std::size_t k = 0; k < r_.dials.size(); ++k) {
      const DialRecord& d = r_.dials[k];
      if (std::isnan(p.values[k]) || p.values[k] == d.base) continue;
      html_ += fmt::format("<tr><td>{}<td class=n>{:.6g}<td class=n>{:.6g}<td class=n>{:+.1f}</tr>",
                           escape_html(d.key), d.base, p.values[k],
                           100 * (p.values[k] - d.base) / (d.upper - d.lower));
    }
    html_ += "</tbody></table>";
  }

  /// The margin along every dial, as a picture and in numbers.
  void margins() {
    html_ += fmt::format("<h2>{}</h2><p>{}</p>", t("Margins that were looked at", "考察过的裕量"),
                         t("With ± 1.96 Monte Carlo standard errors; the larger red point is the "
                           "scenario as it stands.",
                           "附 ± 1.96 个蒙特卡罗标准误；较大的红点为情景原值。"));
    for (std::size_t k : order_of(r_)) {
      const TippingPoint& p = r_.points[k];
      if (p.looked.empty()) continue;
      std::vector<ResponsePoint> points;
      for (const MarginLooked& m : p.looked)
        points.push_back({m.at, m.margin.value, m.margin.mcse, m.at == p.base});
      html_ +=
          fmt::format("<h3>{}</h3>{}", escape_html(p.dial), response_plot(points, p.dial, 1, 0.0));
    }
    html_ += fmt::format(
        "<h3>{}</h3><input data-for=looked placeholder=\"{}\"><span id=looked-count "
        "class=soft></span><div class=scroll><table class=sortable id=looked><thead><tr><th>{}<th "
        "class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th>{}</tr></thead><tbody>",
        t("The same in numbers", "数值"), t("filter", "筛选"), t("dial", "参数"), t("at", "取值"),
        t("margin ± MCSE", "裕量 ± MCSE"), t("replicates", "重复次数"), t("failed", "失败"),
        t("conclusion", "结论"));
    for (const TippingPoint& p : r_.points)
      for (const MarginLooked& m : p.looked)
        html_ += fmt::format(
            "<tr{}><td>{}<td class=n data-v=\"{:.10g}\">{:.6g}<td class=n "
            "data-v=\"{:.10g}\">{}<td class=n>{}<td class=n>{}<td>{}</tr>",
            p.kind == Kind::turns && brackets(p, m) ? " class=ref" : "",
            p.dial.empty() ? t("all together", "共同变动") : escape_html(p.dial), m.at, m.at,
            m.margin.value, measured(m.margin.value, m.margin.mcse), p.replicates,
            m.margin.failures, m.holds ? t("holds", "成立") : t("does not hold", "不成立"));
    html_ += fmt::format("</tbody></table></div><p class=soft>{}</p>",
                         t("Marked rows are the two between which the conclusion turns.",
                           "标记的两行之间为转折处。"));
  }

  /// Whether a margin is one of the two nearest around the turn.
  static bool brackets(const TippingPoint& p, const MarginLooked& m) {
    double below = -INFINITY, above = INFINITY;
    for (const MarginLooked& other : p.looked) {
      if (other.at <= p.value) below = std::max(below, other.at);
      if (other.at > p.value) above = std::min(above, other.at);
    }
    return m.at == below || m.at == above;
  }

  const TippingResults& r_;
  Language language_;
  std::string html_;
};

}  // namespace

std::string tipping_chart(const TippingResults& r, Language language) {
  const double step = 34, top = 4;
  const TippingPoint* all = together(r);
  std::string svg =
      fmt::format("<div class=wide><svg class=chart viewBox=\"0 0 1000 {:.0f}\" role=img>",
                  top + step * static_cast<double>(r.dials.size()) + 4);
  double y = top + step / 2;
  for (std::size_t k : order_of(r)) {
    const DialRecord& d = r.dials[k];
    const TippingPoint& p = r.points[k];
    // A scenario's own number may lie outside its dial's range: the way begins there.
    const double low = std::isnan(d.base) ? d.lower : std::min(d.lower, d.base),
                 high = std::isnan(d.base) ? d.upper : std::max(d.upper, d.base);
    const Scale across{low, high, 360, 720};
    svg += fmt::format(
        "<text class=row x=300 y={:.1f}>{}</text><text class=row x=352 y={:.1f} "
        "style=\"fill:var(--soft)\">{:.5g}</text><rect x={:.1f} y={:.1f} width={:.1f} height=10 "
        "style=\"fill:{}\" /><text x=728 y={:.1f} style=\"fill:var(--soft)\">{:.5g}</text>",
        y + 4, escape_html(d.key), y + 4, low, across.at(d.lower), y - 5,
        across.at(d.upper) - across.at(d.lower), p.kind == Kind::turns ? "#d5dde6" : "#edf0f3",
        y + 4, high);
    svg += marks(p, across, y);
    if (all != nullptr && all->kind == Kind::turns && !std::isnan(all->values[k]) &&
        all->values[k] != d.base)
      svg += fmt::format("<path class=wtd d=\"M{:.1f} {:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z\" />",
                         across.at(all->values[k]), y - 4.5);
    svg += fmt::format("<text class={} x=790 y={:.1f}>{}</text>",
                       p.kind == Kind::turns ? "ref" : "none", y + 4,
                       p.kind == Kind::turns ? turn_text(p, language) : answer(p.kind, language));
    y += step;
  }
  return svg + "</svg></div>";
}

std::string render_tipping(const TippingResults& results, Language language) {
  return TipPage(results, language).render();
}

}  // namespace steelyard
