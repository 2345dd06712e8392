#include "report/worlds_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/charts.hpp"
#include "report/page.hpp"

namespace steelyard {
namespace {

class WorldsPage {
 public:
  WorldsPage(const WorldsResults& results, Language language)
      : w_(results), r_(results.study), language_(language) {}

  std::string render() {
    const std::string title = escape_html(language_ == Language::zh ? r_.title_zh : r_.title) +
                              " · " + t("equivalent worlds", "观测等价的世界");
    html_ = page_start(title, language_);
    opening();
    pictures();
    worlds();
    errors();
    bounds();
    html_ += page_end();
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }
  std::string name(const EstimandRecord& e) const {
    return escape_html(language_ == Language::zh ? e.label_zh : e.label);
  }
  std::string domain(const EstimandRecord& e) const {
    return escape_html(language_ == Language::zh ? e.domain_label_zh : e.domain_label);
  }

  void opening() {
    html_ += fmt::format(
        "<p class=soft>{} × {} {} · {} {} · {} {}</p><p>{}</p>", r_.replicates, r_.sample_size,
        t("respondents", "名受访者"), w_.worlds.size(), t("worlds", "个世界"), t("seed", "种子"),
        r_.seed,
        t("In each of these worlds the survey would have printed the very same tables. What "
          "differs "
          "is the truth behind them: who of the people alike in census terms takes part, where "
          "values lie inside their buckets, how heavy the open bucket's tail is, and how answers "
          "that no table ties go together. No estimator can tell these worlds apart from the "
          "sample; the spread of the truth is an error that no standard error shows.",
          "在下列每个世界里，调查发布的表格完全相同；不同的是背后的真值：普查特征相同的人中谁参与调"
          "查"
          "、数值在区间内的位置、开口区间的尾部、以及没有表格约束的关联。样本无法区分这些世界。"));
    html_ += "</p>";
  }

  std::vector<std::size_t> of_dial(const std::string& dial) const {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < w_.worlds.size(); ++i)
      if (w_.worlds[i].dial == dial || w_.worlds[i].dial == "neutral") list.push_back(i);
    std::stable_sort(list.begin(), list.end(), [&](std::size_t a, std::size_t b) {
      return w_.worlds[a].value < w_.worlds[b].value;
    });
    return list;
  }

  void pictures() {
    const auto list = of_dial("selection");
    if (list.size() < 2) return;
    html_ += fmt::format(
        "<h2>{}</h2><p class=key><span><b style=\"color:var(--truth)\">●</b> "
        "{}</span><span><b style=\"color:var(--ref)\">–</b> {}</span><span><b "
        "style=\"color:var(--est)\">–</b> {}</span></p>",
        t("The truth against selection on the answers", "真值随作答选择强度的变化"),
        t("truth", "真值"), t("the report's own estimate", "报告方法的估计"),
        t("other estimates", "其他估计"));
    for (std::size_t e = 0; e < r_.estimands.size(); ++e) {
      if (!r_.estimands[e].headline) continue;
      std::vector<DialPoint> points;
      for (std::size_t i : list) points.push_back({w_.worlds[i].value, w_.worlds[i].truths[e]});
      html_ += fmt::format("<h3>{} · {} <span class=soft>({})</span></h3>{}", name(r_.estimands[e]),
                           domain(r_.estimands[e]), escape_html(r_.estimands[e].unit),
                           dial_plot(r_, e, points, language_));
    }
  }

  void worlds() {
    html_ += fmt::format(
        "<h2>{}</h2><p>{}</p><div class=scroll><table class=sortable><thead><tr><th>{}<th>{}<th "
        "class=n>{}<th class=n>{}",
        t("The worlds", "各个世界"),
        t("Largest change: of any published number's expectation against the neutral world, as a "
          "part of the spread of its values. Odds ratio: between the respondents with the highest "
          "and the lowest score, the likeliest to be asked too much of.",
          "最大变化：任一已发布数字的期望值相对中性世界的变化（占其取值范围的比例）。优势比：得分最"
          "高与"
          "最低者参与调查的优势之比。"),
        t("world", "世界"), t("assumption", "假设"), t("largest change", "最大变化"),
        t("odds ratio", "优势比"));
    std::vector<std::size_t> headlines;
    for (std::size_t e = 0; e < r_.estimands.size(); ++e)
      if (r_.estimands[e].headline) headlines.push_back(e);
    for (std::size_t e : headlines)
      html_ += fmt::format("<th class=n>{} <span class=soft>{}</span>", name(r_.estimands[e]),
                           escape_html(r_.estimands[e].unit));
    html_ += "</tr></thead><tbody>";
    for (const WorldRecord& w : w_.worlds) {
      html_ += fmt::format("<tr{}><td>{}<td>{}<td class=n data-v=\"{:.6g}\">{}<td class=n>{}",
                           w.dial == "neutral" ? " class=ref" : "", escape_html(w.name),
                           escape_html(w.source), w.largest_change,
                           w.dial == "neutral" ? "–" : fmt::format("{:.1g}", w.largest_change),
                           w.odds_ratio > 1 ? fmt::format("{:.3g}", w.odds_ratio) : "–");
      for (std::size_t e : headlines)
        html_ += fmt::format("<td class=n data-v=\"{:.10g}\">{}", w.truths[e],
                             format_number(w.truths[e], format(e)));
      html_ += "</tr>";
    }
    html_ += "</tbody></table></div>";
  }

  /// Digits as the Monte Carlo error of the estimand's first estimator deserves.
  NumberFormat format(std::size_t e) const {
    for (std::size_t i = 0; i < r_.estimators.size(); ++i)
      if (r_.estimators[i].estimand == e)
        return format_for(r_.estimands[e], w_.worlds[0].performance[i].bias_mcse);
    return format_for(r_.estimands[e], std::abs(r_.estimands[e].truth) * 1e-3);
  }

  void errors() {
    html_ += fmt::format(
        "<h2>{}</h2><p>{}</p><div class=scroll><table "
        "class=sortable><thead><tr><th>{}<th>{}<th>{}<th>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}<th class=n>{}</tr></thead><tbody>",
        t("Every estimator's error across the family", "各估计量在全部世界中的误差"),
        t("Headline estimands; worlds.csv has all. Bias is the mean estimate minus that world's "
          "truth.",
          "仅列主要指标，全部见 worlds.csv。偏差为估计均值减该世界的真值。"),
        t("estimand", "估计目标"), t("world", "世界"), t("weighting", "加权"),
        t("value rule", "取值规则"), t("truth", "真值"), t("bias ± MCSE", "偏差 ± MCSE"),
        t("bias %", "偏差 %"), t("coverage ± MCSE", "覆盖率 ± MCSE"));
    for (std::size_t i = 0; i < r_.estimators.size(); ++i) {
      const EstimatorRecord& m = r_.estimators[i];
      if (!r_.estimands[m.estimand].headline) continue;
      for (const WorldRecord& w : w_.worlds) {
        const PerformanceRecord& p = w.performance[i];
        const NumberFormat f = format_for(r_.estimands[m.estimand], p.bias_mcse);
        html_ += fmt::format(
            "<tr{}><td>{}<td>{}<td>{}<td>{}<td class=n data-v=\"{:.10g}\">{}<td class=n "
            "data-v=\"{:.10g}\">{}<td class=n>{:+.1f}<td class=n data-v=\"{:.4g}\">{:.1f} ± "
            "{:.1f} %</tr>",
            m.reference ? " class=ref" : "", name(r_.estimands[m.estimand]), escape_html(w.name),
            escape_html(m.weighting), escape_html(m.value_rule), p.truth, format_number(p.truth, f),
            p.bias, with_error(p.bias, p.bias_mcse, f, true), p.rel_bias_pct, p.coverage,
            100 * p.coverage, 100 * p.coverage_mcse);
      }
    }
    html_ += "</tbody></table></div>";
  }

  void bounds() {
    html_ += fmt::format(
        "<h2>{}</h2><p>{}</p>", t("Exact bounds", "精确界限"),
        t("The smallest and the largest value under all joint laws that meet every published "
          "number "
          "(linear programs), for the view in which the numbers are published: the sample after "
          "the report's weighting. First with the value that the scenario assumes for each bucket, "
          "then with values anywhere inside the buckets. No assumption on independence is made; "
          "what the survey's non-respondents would have said is not covered.",
          "在满足全部已发布数字的一切联合分布下的最小值与最大值（线性规划），针对发布口径，即按报告"
          "加"
          "权后的样本。先用情景为各区间假定的数值，再允许数值取区间内任意位置。"));
    if (!w_.bounds_refused.empty()) {
      html_ += "<p class=warn>" + escape_html(w_.bounds_refused) + "</p>";
      return;
    }
    html_ += fmt::format(
        "<table><thead><tr><th>{}<th>{}<th>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}<th class=n>{}</tr></thead><tbody>",
        t("estimand", "估计目标"), t("domain", "范围"), t("unit", "单位"),
        t("fitted law", "拟合分布"), t("smallest", "最小"), t("largest", "最大"),
        t("smallest, edges", "最小（区间端点）"), t("largest, edges", "最大（区间端点）"));
    for (const BoundsRecord& b : w_.bounds) {
      const EstimandRecord& e = r_.estimands[b.estimand];
      const NumberFormat f = format_for(e, std::max(std::abs(b.expected) * 2e-4, 1e-5));
      html_ += fmt::format("<tr><td>{}<td>{}<td>{}", name(e), domain(e), escape_html(e.unit));
      for (double x : {b.expected, b.lower, b.upper, b.edge_lower, b.edge_upper})
        html_ += fmt::format(
            "<td class=n>{}",
            std::isinf(x) ? t("unbounded: an open bucket", "无界：开口区间") : format_number(x, f));
      html_ += "</tr>";
    }
    html_ += "</tbody></table>";
  }

  const WorldsResults& w_;
  const StudyResults& r_;
  Language language_;
  std::string html_;
};

}  // namespace

std::string render_worlds(const WorldsResults& results, Language language) {
  return WorldsPage(results, language).render();
}

}  // namespace steelyard
