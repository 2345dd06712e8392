#include "report/plan_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/curves.hpp"
#include "report/edge_section.hpp"
#include "report/page.hpp"

namespace steelyard {
namespace {

bool same_question(const EstimandRecord& a, const EstimandRecord& b) {
  return a.estimand == b.estimand && a.domain == b.domain;
}

/// One headline estimand under one design.
struct DesignView {
  std::size_t number = 0;  ///< of the design, from 1
  const DesignResults* design = nullptr;
  const DesignRow* reference = nullptr;  ///< the first design's reference estimator
  const DesignRow* best = nullptr;       ///< with the smallest RMSE
};

std::vector<DesignView> views_of(const PlanResults& r, const DesignRow& asked) {
  std::vector<DesignView> views;
  for (std::size_t d = 0; d < r.designs.size(); ++d) {
    DesignView view{d + 1, &r.designs[d], nullptr, nullptr};
    for (const DesignRow& row : r.designs[d].rows) {
      if (!same_question(row.estimand, asked.estimand)) continue;
      if (row.estimator.weighting == asked.estimator.weighting &&
          row.estimator.value_rule == asked.estimator.value_rule &&
          row.estimator.interval == asked.estimator.interval)
        view.reference = &row;
      if (!std::isnan(row.performance.rmse) &&
          (view.best == nullptr || row.performance.rmse < view.best->performance.rmse))
        view.best = &row;
    }
    views.push_back(view);
  }
  return views;
}

/// A design's place on the axis of costs: its cost, or if no design has one, its sample size.
class Costs {
 public:
  explicit Costs(const PlanResults& r) {
    for (const DesignResults& d : r.designs) given_ |= d.design.cost.has_value();
  }
  bool given() const { return given_; }
  double of(const DesignResults& d) const {
    return given_ ? d.design.cost.value_or(std::nan("")) : static_cast<double>(d.sample_size);
  }

 private:
  bool given_ = false;
};

/// RMSE against cost, and the designs that no cheaper one equals as steps.
Curve front_of(const std::vector<DesignView>& views, const Costs& costs,
               const DesignRow* DesignView::*row, std::string label, std::string color) {
  Curve curve{std::move(label), std::move(color), {}, {}, true};
  for (const DesignView& v : views) {
    const DesignRow* of = v.*row;
    if (of == nullptr || std::isnan(costs.of(*v.design)) || std::isnan(of->performance.rmse))
      continue;
    curve.marks.push_back({costs.of(*v.design), of->performance.rmse, of->performance.rmse_mcse,
                           std::to_string(v.number)});
  }
  std::vector<CurveMark> sorted = curve.marks;
  std::stable_sort(sorted.begin(), sorted.end(), [](const CurveMark& a, const CurveMark& b) {
    return a.x != b.x ? a.x < b.x : a.y < b.y;
  });
  for (const CurveMark& m : sorted) {
    if (!curve.line.empty() && m.y >= curve.line.back().second) continue;
    if (!curve.line.empty()) curve.line.emplace_back(m.x, curve.line.back().second);
    curve.line.emplace_back(m.x, m.y);
  }
  return curve;
}

class PlanPage {
 public:
  PlanPage(const PlanResults& results, Language language)
      : r_(results), language_(language), costs_(results) {}

  std::string render() {
    const std::string title = escape_html(language_ == Language::zh ? r_.title_zh : r_.title) +
                              " · " + t("the next questionnaire", "下一期问卷");
    html_ = page_start(title, language_);
    opening();
    if (!r_.designs.empty())
      for (const DesignRow& row : r_.designs[0].rows)
        if (row.estimator.reference && row.estimand.headline) question(row);
    if (r_.edges) html_ += edge_section(*r_.edges, language_);
    html_ += page_end();
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }

  void opening() {
    html_ += fmt::format("<p class=soft>{} {} × {} {} · {} {}</p>", r_.designs.size(),
                         t("designs", "个方案"), r_.replicates, t("replicates", "次重复"),
                         t("seed", "种子"), r_.seed);
    if (r_.designs.empty()) return;
    html_ += fmt::format(
        "<p>{}</p><table id=designs><thead><tr><th class=n>#<th>{}<th class=n>{}<th "
        "class=n>{}<th>{}</tr></thead><tbody>",
        t("Designs draw from the same random numbers; the errors of changes against the first use "
          "that. Numbers after ± are Monte Carlo standard errors; bars in pictures are ± 1.96 of "
          "them.",
          "各方案使用相同的随机数，相对第一个方案的变化据此按配对计算误差。± "
          "为蒙特卡罗标准误，图中误差线为 ± 1.96 个标准误。"),
        t("design", "方案"), t("cost", "成本"), t("sample size", "样本量"),
        t("changes of the scenario", "对情景的更改"));
    for (std::size_t k = 0; k < r_.designs.size(); ++k) {
      const DesignResults& d = r_.designs[k];
      std::string settings;
      for (const std::string& s : d.design.settings)
        settings += (settings.empty() ? "" : "<br>") + ("<code>" + escape_html(s) + "</code>");
      html_ += fmt::format(
          "<tr><td class=n>{}<td>{}<td class=n>{}<td class=n>{}<td>{}</tr>", k + 1,
          escape_html(d.design.name),
          d.design.cost ? fmt::format("{:.10g}", *d.design.cost) : std::string("–"),
          d.failure.empty() ? grouped(static_cast<double>(d.sample_size)) : std::string("–"),
          d.failure.empty() ? settings
                            : settings + "<div class=warn>" + t("no result: ", "没有结果：") +
                                  escape_html(d.failure) + "</div>");
    }
    html_ += "</tbody></table>";
  }

  void question(const DesignRow& asked) {
    const EstimandRecord& e = asked.estimand;
    const std::vector<DesignView> views = views_of(r_, asked);
    const std::string procedure =
        asked.estimator.weighting +
        (asked.estimator.value_rule == "-" ? "" : ", " + asked.estimator.value_rule);
    html_ += fmt::format(
        "<h2>{} · {}{}</h2><h3>{}</h3>{}<p class=soft>{} {}. {} {}</p>",
        escape_html(language_ == Language::zh ? e.label_zh : e.label),
        escape_html(language_ == Language::zh ? e.domain_label_zh : e.domain_label),
        e.unit.empty() ? "" : " <span class=soft>(" + escape_html(e.unit) + ")</span>",
        costs_.given() ? t("Cost against RMSE", "成本与均方根误差")
                       : t("Sample size against RMSE", "样本量与均方根误差"),
        cost_picture(e, views), t("Red: the report's own procedure,", "红色：报告的方法，"),
        escape_html(procedure),
        t("Blue: the estimator with the smallest RMSE under each design. Numbers are designs; a "
          "dashed step joins those that no cheaper one equals. Designs whose bars overlap may "
          "stand "
          "in another order: the table's paired changes tell.",
          "蓝色：各方案下均方根误差最小的估计量。数字为方案编号；虚线阶梯连接没有更便宜方案能及者。"
          "误差线重叠的方案顺序不定，请看表中的配对变化。"),
        costs_.given() ? ""
                       : t("No design has a cost: its sample size stands in its place.",
                           "未给出成本，以样本量代替。"));
    table(e, views);
    html_ += fmt::format(
        "<h3>{}</h3><p>{}</p>{}{}",
        t("Smallest change between two quarters that is found", "两季之间可检出的最小变化"),
        fmt::format(fmt::runtime(t("With {:g} % power, by a two-sided test at {:g} %, of the "
                                   "report's own procedure; correlation of one respondent's two "
                                   "answers {:g}.",
                                   "以 {:g} % 的把握，在 {:g} % 水平的双侧检验中检出；"
                                   "估计量为报告的方法；同一受访者两次回答的相关系数 {:g}。")),
                    100 * r_.change.power, 100 * (1 - r_.change.level), r_.change.correlation),
        overlap_picture(e, views), size_picture(e, views));
  }

  static double scale_of(const EstimandRecord& e) { return e.unit == "%" ? 100 : 1; }

  std::string cost_picture(const EstimandRecord& e, const std::vector<DesignView>& views) const {
    return curve_chart(
        {{front_of(views, costs_, &DesignView::best, t("smallest RMSE", "最小"), "var(--est)"),
          front_of(views, costs_, &DesignView::reference, t("report's own", "报告的方法"),
                   "var(--ref)")},
         costs_.given() ? t("cost", "成本") : t("sample size", "样本量"),
         std::string(t("RMSE", "均方根误差")) + (e.unit.empty() ? "" : ", " + e.unit),
         1,
         scale_of(e),
         true});
  }

  /// The report's own procedure over all overlaps, a curve a design; marks at those asked for.
  std::string overlap_picture(const EstimandRecord& e, const std::vector<DesignView>& views) const {
    if (r_.change.correlation == 0) return {};
    CurvePicture picture{
        {},          t("share of respondents in both quarters", "两季重叠受访者占比"),
        e.unit,      100,
        scale_of(e), true};
    for (const DesignView& v : views) {
      if (v.reference == nullptr || !(v.reference->performance.sd > 0)) continue;
      Curve curve{fmt::format("{}: {}", v.number, v.design->design.name),
                  curve_color(v.number - 1),
                  {},
                  {}};
      for (std::size_t i = 0; i < r_.curve.overlaps.size(); ++i)
        curve.line.emplace_back(r_.curve.overlaps[i],
                                r_.curve.changes[i] * v.reference->performance.sd);
      for (std::size_t i = 0; i < r_.change.overlaps.size(); ++i)
        curve.marks.push_back({r_.change.overlaps[i],
                               v.reference->smallest_changes[i],
                               v.reference->smallest_changes_mcse[i],
                               {}});
      picture.curves.push_back(std::move(curve));
    }
    return curve_chart(picture);
  }

  /// The same against sample size, a curve an overlap; nothing if all designs have one size.
  std::string size_picture(const EstimandRecord& e, const std::vector<DesignView>& views) const {
    CurvePicture picture{{}, t("sample size", "样本量"), e.unit, 1, scale_of(e), true};
    for (std::size_t i = 0; i < r_.change.overlaps.size(); ++i) {
      Curve curve{fmt::format("{} {:g} %", t("overlap", "重叠"), 100 * r_.change.overlaps[i]),
                  curve_color(i),
                  {},
                  {}};
      for (const DesignView& v : views)
        if (v.reference != nullptr && v.reference->smallest_changes[i] > 0)
          curve.marks.push_back({static_cast<double>(v.design->sample_size),
                                 v.reference->smallest_changes[i],
                                 v.reference->smallest_changes_mcse[i],
                                 i == 0 ? std::to_string(v.number) : std::string{}});
      std::stable_sort(curve.marks.begin(), curve.marks.end(),
                       [](const CurveMark& a, const CurveMark& b) { return a.x < b.x; });
      for (const CurveMark& m : curve.marks)
        if (curve.line.empty() || m.x > curve.line.back().first) curve.line.emplace_back(m.x, m.y);
      if (curve.line.size() < 2) return {};
      picture.curves.push_back(std::move(curve));
    }
    return curve_chart(picture);
  }

  void table(const EstimandRecord& e, const std::vector<DesignView>& views) {
    html_ += fmt::format(
        "<div class=wide><table class=sortable><thead><tr><th class=n>#<th>{}<th class=n>{}<th "
        "class=n>{}<th "
        "class=n>{}<th class=n>{}",
        t("design", "方案"), t("RMSE ± MCSE", "均方根误差 ± MCSE"),
        t("change of RMSE ± MCSE", "均方根误差变化 ± MCSE"), t("bias ± MCSE", "偏差 ± MCSE"),
        t("coverage, % ± MCSE", "覆盖率 % ± MCSE"));
    for (double overlap : r_.change.overlaps)
      html_ +=
          fmt::format("<th class=n>{} {:g} %", t("found, overlap", "可检出，重叠"), 100 * overlap);
    html_ +=
        fmt::format("<th>{}<th class=n>{}</tr></thead><tbody>", t("best estimator", "最优估计量"),
                    t("its RMSE ± MCSE", "其均方根误差 ± MCSE"));
    for (const DesignView& v : views) row(e, v);
    html_ += "</tbody></table></div>";
  }

  void row(const EstimandRecord& e, const DesignView& v) {
    html_ += fmt::format("<tr><td class=n>{}<td>{}", v.number, escape_html(v.design->design.name));
    const auto cell = [&](double value, double error, const NumberFormat& f, bool plus = false) {
      html_ += fmt::format("<td class=n data-v=\"{:.10g}\">{}", value,
                           with_error(value, error, f, plus));
    };
    if (v.reference == nullptr) {
      for (std::size_t k = 0; k < 4 + r_.change.overlaps.size(); ++k) html_ += "<td class=n>–";
    } else {
      const PerformanceRecord& p = v.reference->performance;
      const PairedChange& change = v.reference->change.rmse;
      cell(p.rmse, p.rmse_mcse, format_for(e, p.rmse_mcse));
      cell(change.change, change.mcse, format_for(e, change.mcse), true);
      cell(p.bias, p.bias_mcse, format_for(e, p.bias_mcse), true);
      cell(p.coverage, p.coverage_mcse, {100, 1, "%"});
      for (std::size_t k = 0; k < r_.change.overlaps.size(); ++k)
        cell(v.reference->smallest_changes[k], v.reference->smallest_changes_mcse[k],
             format_for(e, v.reference->smallest_changes_mcse[k]));
    }
    if (v.best == nullptr) {
      html_ += "<td>–<td class=n>–</tr>";
      return;
    }
    const EstimatorRecord& m = v.best->estimator;
    const PerformanceRecord& p = v.best->performance;
    html_ += "<td>" + escape_html(m.weighting + (m.value_rule == "-" ? "" : ", " + m.value_rule));
    cell(p.rmse, p.rmse_mcse, format_for(e, p.rmse_mcse));
    html_ += "</tr>";
  }

  const PlanResults& r_;
  Language language_;
  Costs costs_;
  std::string html_;
};

}  // namespace

std::string render_plan(const PlanResults& results, Language language) {
  return PlanPage(results, language).render();
}

}  // namespace steelyard
