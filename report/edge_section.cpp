#include "report/edge_section.hpp"

#include <fmt/format.h>

#include <cmath>

#include "report/curves.hpp"
#include "report/scales.hpp"

namespace steelyard {
namespace {

/// What the search calls a choice, in the page's language.
std::string choice_name(const EdgeChoice& c, Language language) {
  if (language == Language::en) return escape_html(c.name);
  if (c.name == "as asked now") return "现行问卷";
  if (c.name == "equal shares") return "等份额";
  if (c.name == "best") return "最优";
  return fmt::format("{} 组最优", c.buckets());
}

std::string edges_text(const EdgeChoice& c) {
  std::string text;
  for (double edge : c.edges)
    text += (text.empty() ? "" : ", ") +
            (std::isinf(edge) ? std::string("∞") : fmt::format("{:.10g}", edge));
  return text;
}

/// Edges as ticks, a row a choice.
std::string rulers(const EdgeResults& r, Language language) {
  ScaleOf values;
  for (const auto* choices : {&r.choices, &r.by_number})
    for (const EdgeChoice& c : *choices)
      for (double edge : c.edges) values.add(edge);
  const std::size_t rows = r.choices.size() + r.by_number.size();
  const double step = 22, top = 6, bottom = top + step * static_cast<double>(rows);
  const Scale across = values.over(200, 840, 0.03);
  std::string svg =
      fmt::format("<div class=wide><svg class=chart viewBox=\"0 0 880 {:.0f}\" role=img>{}",
                  bottom + 24, grid_across(across, top, bottom));
  double y = top + step / 2;
  for (const auto* choices : {&r.choices, &r.by_number})
    for (const EdgeChoice& c : *choices) {
      const char* color = c.name == "as asked now" ? "var(--truth)"
                          : c.name == "best"       ? "var(--ref)"
                                                   : "var(--est)";
      const bool open = std::isinf(c.edges.back());
      const double end = open ? 860 : across.at(c.edges.back());
      svg += fmt::format(
          "<text class=row x=190 y={:.1f}>{}</text><line x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} "
          "style=\"stroke:{};stroke-width:2\" />",
          y + 4, choice_name(c, language), across.at(c.edges.front()), end, y, y, color);
      if (open)
        svg += fmt::format("<path d=\"M{0:.1f} {1:.1f}l8 5l-8 5z\" style=\"fill:{2}\" />", end,
                           y - 5, color);
      for (double edge : c.edges)
        if (std::isfinite(edge))
          svg += fmt::format(
              "<line x1={0:.1f} x2={0:.1f} y1={1:.1f} y2={2:.1f} style=\"stroke:{3};stroke-width:2"
              "\" />",
              across.at(edge), y - 7, y + 7, color);
      y += step;
    }
  return svg + "</svg></div>";
}

/// RMSE, bias and sd against the number of buckets.
std::string criterion(const EdgeResults& r, double scale, Language language) {
  Curve rmse{say(language, "RMSE", "均方根误差"), "var(--ref)", {}, {}},
      bias{say(language, "size of the bias", "偏差绝对值"), "var(--est)", {}, {}},
      sd{say(language, "sd", "标准差"), "var(--soft)", {}, {}, true},
      now{{}, "var(--truth)", {}, {}};
  for (const EdgeChoice& c : r.by_number) {
    if (!c.failure.empty()) continue;
    const auto n = static_cast<double>(c.buckets());
    rmse.line.emplace_back(n, c.rmse);
    rmse.marks.push_back({n, c.rmse, 0, {}});
    bias.line.emplace_back(n, std::abs(c.bias));
    sd.line.emplace_back(n, c.sd);
  }
  for (const EdgeChoice& c : r.choices)
    if (c.name == "as asked now" && c.failure.empty())
      now.marks.push_back({static_cast<double>(c.buckets()), c.rmse, 0,
                           say(language, "RMSE as asked now", "现行问卷的均方根误差")});
  return curve_chart({{sd, bias, rmse, now},
                      say(language, "number of buckets", "分组数"),
                      r.unit,
                      1,
                      scale,
                      true});
}

std::string table(const EdgeResults& r, double scale, Language language) {
  std::string html = fmt::format(
      "<div class=wide><table class=sortable id=edges><thead><tr><th>{}<th class=n>{}<th "
      "class=n>{}<th "
      "class=n>{}<th class=n>{}<th>{}</tr></thead><tbody>",
      say(language, "choice", "方案"), say(language, "buckets", "分组数"),
      say(language, "bias", "偏差"), say(language, "sd", "标准差"),
      say(language, "RMSE", "均方根误差"), say(language, "edges", "分界"));
  for (const auto* choices : {&r.choices, &r.by_number})
    for (const EdgeChoice& c : *choices) {
      html += fmt::format("<tr{}><td>{}<td class=n>{}", c.name == "best" ? " class=ref" : "",
                          choice_name(c, language), c.buckets());
      html += c.failure.empty()
                  ? fmt::format(
                        "<td class=n data-v=\"{:.10g}\">{:+.5g}<td class=n data-v=\"{:.10g}\">"
                        "{:.5g}<td class=n data-v=\"{:.10g}\">{:.5g}<td>{}</tr>",
                        c.bias, c.bias * scale, c.sd, c.sd * scale, c.rmse, c.rmse * scale,
                        edges_text(c))
                  : fmt::format("<td class=n>–<td class=n>–<td class=n>–<td>{}</tr>",
                                escape_html(c.failure));
    }
  return html + "</tbody></table></div>";
}

}  // namespace

std::string edge_section(const EdgeResults& r, Language language) {
  const double scale = r.unit == "%" ? 100 : 1;
  const EdgeSearch& s = r.search;
  return fmt::format(
             "<h2 id=edges-section>{}</h2><p>{}{}: {} · {} {} · {} {}</p><p>{}</p>",
             say(language, "Best edges", "最优分界"),
             escape_html(language == Language::zh ? r.label_zh : r.label),
             r.unit.empty() ? "" : ", " + escape_html(r.unit), escape_html(s.variable),
             say(language, "value rule", "取值规则"), escape_html(s.value_rule),
             grouped(s.respondents), say(language, "respondents", "名受访者"),
             say(language,
                 "Bias is the rule's value on the population's shares minus the truth; sd is the "
                 "sampling error of a simple random sample of so many respondents, so it is the "
                 "uncertainty of one survey. Both are exact under the population's law (of a "
                 "population by formulas: under its persons), and have no Monte Carlo error. "
                 "Selection is not in them. The best edges are the best that the search met; with "
                 "large samples biases of buckets may cancel in this very population: judge them "
                 "again with --set in other conditions.",
                 "偏差为取值规则在总体份额上的值减真值；标准差为相应人数简单随机样本的抽样误差。"
                 "两者按总体分布精确计算（公式总体按其个体），无蒙特卡罗误差，不含选择偏差。"
                 "最优分界为搜索所得；大样本下各组偏差可能恰好相互抵消，请用 --set "
                 "在其他情形中复核。")) +
         rulers(r, language) +
         fmt::format("<h3>{}</h3>", say(language, "How the error falls with the number of buckets",
                                        "误差随分组数的变化")) +
         criterion(r, scale, language) + table(r, scale, language);
}

}  // namespace steelyard
