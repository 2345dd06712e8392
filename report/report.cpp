#include "report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/charts.hpp"
#include "report/page.hpp"
#include "report/rule_report.hpp"

namespace steelyard {
namespace {

/// A sortable numeric cell: the raw number for sorting, the text for reading.
std::string cell(double value, const std::string& text) {
  return fmt::format("<td class=n data-v=\"{:.10g}\">{}</td>", value, text);
}

class Page {
 public:
  Page(const StudyResults& results, Language language) : r_(results), language_(language) {}

  std::string render() {
    const std::string title = escape_html(zh() ? r_.title_zh : r_.title);
    html_ = page_start(title, language_);
    opening();
    headlines();
    who_answered();
    all_estimators();
    contrasts();
    value_rules();
    reproduction();
    failures();
    provenance();
    html_ += page_end();
    return std::move(html_);
  }

 private:
  bool zh() const { return language_ == Language::zh; }
  const char* t(const char* en, const char* chinese) const { return say(language_, en, chinese); }
  std::string name(const EstimandRecord& e) const {
    return escape_html(zh() ? e.label_zh : e.label);
  }
  std::string domain(const EstimandRecord& e) const {
    return escape_html(zh() ? e.domain_label_zh : e.domain_label);
  }
  void heading(const char* id, const char* en, const char* chinese) {
    html_ += fmt::format("<h2 id={}>{}</h2>", id, t(en, chinese));
  }

  void opening() {
    html_ +=
        fmt::format("<p class=soft>{} × {} {} · {} {} · {} {} · Steelyard {}</p>", r_.replicates,
                    r_.sample_size, t("respondents", "名受访者"), t("population", "总体"),
                    r_.population_size == "superpopulation" ? t("a superpopulation", "超总体")
                                                            : r_.population_size.c_str(),
                    t("seed", "种子"), r_.seed, escape_html(r_.version));
    if (!r_.ended.empty())
      html_ += fmt::format("<p><strong>{}</strong></p>", escape_html(r_.ended));
    html_ += "<nav>";
    for (const auto& [id, en, chinese] :
         {std::tuple{"headline", "Headline numbers", "主要指标"},
          {"who", "Who answered", "谁作答"},
          {"all", "Bias and coverage", "偏差与覆盖率"},
          {"contrasts", "Against the report's procedure", "与报告方法对比"},
          {"rules", "Value rules alone", "取值规则本身"},
          {"reproduction", "Published numbers", "已发布数字"},
          {"failures", "Failures", "失败"},
          {"provenance", "Provenance", "来源"}})
      html_ += fmt::format("<a href=\"#{}\">{}</a>", id, t(en, chinese));
    html_ += "</nav><p>";
    const bool model = r_.population_kind == "model";
    html_ += model ? t("A population was drawn from the scenario's model; samples were drawn from "
                       "it; every estimator below was applied to every sample "
                       "and compared with the known truth. ",
                       "按情景中的模型生成总体，再反复抽取样本；下列每个估计量都作用于每个样本，并"
                       "与已知真值比较。")
                   : t("A population that agrees with the census and with what the survey reported "
                       "was made; "
                       "biased samples were drawn from it; every estimator below was applied to "
                       "every sample "
                       "and compared "
                       "with the known truth. ",
                       "先合成与普查及调查报告一致的总体，再反复抽取有偏样本；下列每个估计量都作用"
                       "于每个样本，并"
                       "与已知真值比较。");
    html_ +=
        t("Bias is the mean estimate minus the truth, ± its Monte Carlo "
          "standard error (MCSE). Coverage is the share of nominal 95 % intervals that hold the "
          "truth.",
          "偏差为估计均值减真值，± 为其蒙特卡洛标准误（MCSE）。覆盖率为名义 95% "
          "区间包含真值的比例。");
    html_ += "</p>";
  }

  void headlines() {
    heading("headline", "Headline numbers", "主要指标");
    html_ += fmt::format(
        "<p class=key><span><b style=\"color:var(--truth)\">│</b> {}</span><span><b "
        "style=\"color:var(--ref)\">●</b> {}</span><span><b style=\"color:var(--est)\">●</b> "
        "{}</span><span class=soft>{}</span></p>",
        t("truth", "真值"), t("the report's own procedure", "报告的方法"),
        t("other estimators", "其他估计量"),
        t("dot: mean estimate; bar: ± 1.96 standard deviations of the estimator over replicates",
          "点：估计均值；横线：估计量在重复间的 ±1.96 标准差"));
    for (std::size_t e = 0; e < r_.estimands.size(); ++e)
      if (r_.estimands[e].headline) headline(e);
  }

  void headline(std::size_t estimand) {
    const EstimandRecord& e = r_.estimands[estimand];
    html_ += fmt::format(
        "<h3>{} · {}{}</h3>", name(e), domain(e),
        e.unit.empty() ? "" : fmt::format(" <span class=soft>({})</span>", escape_html(e.unit)));
    html_ += dot_plot(r_, estimand, language_);
    html_ += fmt::format(
        "<table><thead><tr><th>{}<th>{}<th class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}</tr></thead><tbody>",
        t("weighting", "加权"), t("value rule", "取值规则"), t("mean estimate", "估计均值"),
        t("bias ± MCSE", "偏差 ± MCSE"), t("of which value rule", "其中取值规则"),
        t("of which left by the weighting", "其中加权未消除"),
        t("coverage ± MCSE", "覆盖率 ± MCSE"));
    for (std::size_t i = 0; i < r_.estimators.size(); ++i) {
      const EstimatorRecord& m = r_.estimators[i];
      if (m.estimand != estimand) continue;
      const PerformanceRecord& p = r_.performance[i];
      const NumberFormat f = format_for(e, p.bias_mcse);
      const bool rule = m.value_rule != "-";
      html_ += fmt::format(
          "<tr{}><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td "
          "class=n>{}</tr>",
          m.reference ? " class=ref" : "", escape_html(m.weighting), escape_html(m.value_rule),
          with_error(p.mean_estimate, p.bias_mcse, f), with_error(p.bias, p.bias_mcse, f, true),
          rule ? format_number(m.rule_bias, f, true) : "–",
          rule ? with_error(p.bias - m.rule_bias, p.bias_mcse, f, true) : "–", coverage(p));
    }
    const NumberFormat f =
        format_for(e, e.truth_finite_se > 0 ? e.truth_finite_se : std::abs(e.truth) * 1e-4);
    html_ += fmt::format("</tbody></table><p class=soft>{} {}{}</p>", t("Truth:", "真值："),
                         format_number(e.truth, f),
                         e.truth_finite_se > 0
                             ? fmt::format(" ({} {})",
                                           t("standard deviation between populations of this size:",
                                             "同等规模总体之间的标准差："),
                                           format_number(e.truth_finite_se, f))
                             : "");
  }

  std::string coverage(const PerformanceRecord& p) const {
    if (std::isnan(p.coverage)) return "–";
    return fmt::format("{:.1f} ± {:.1f} %{}", 100 * p.coverage, 100 * p.coverage_mcse,
                       p.failures ? fmt::format(" <span class=warn>({} {})</span>", p.failures,
                                                t("failed", "次失败"))
                                  : "");
  }

  void who_answered() {
    heading("who", "Who answered", "谁作答");
    html_ += fmt::format(
        "<p class=key><span><b style=\"color:var(--pop)\">●</b> {}</span><span><b "
        "style=\"color:var(--smp)\">●</b> {}</span><span><b style=\"color:var(--est)\">◇</b> "
        "{}</span><span class=soft>%</span></p>",
        t("population", "总体"), t("sample, mean over replicates", "样本（重复均值）"),
        t("sample after the report's weighting", "按报告加权后"));
    std::vector<std::string> order;
    std::map<std::string, std::vector<const ProfileRecord*>> variables;
    for (const ProfileRecord& p : r_.profile) {
      if (!variables.contains(p.variable)) order.push_back(p.variable);
      variables[p.variable].push_back(&p);
    }
    for (const std::string& variable : order) {
      auto levels = variables[variable];
      if (levels.size() > 12)
        std::stable_sort(levels.begin(), levels.end(),
                         [](const ProfileRecord* a, const ProfileRecord* b) {
                           return a->population_share > b->population_share;
                         });
      html_ +=
          fmt::format("<h3>{}</h3>", escape_html(zh() ? levels[0]->label_zh : levels[0]->label)) +
          dumbbell(levels, language_);
    }
  }

  void filter(const char* table, std::size_t rows) {
    html_ += fmt::format(
        "<input data-for={} placeholder=\"{}\" aria-label=\"{}\"> <span class=soft id={}-count>{} "
        "/ {}</span>",
        table, t("filter: words that a row must hold", "筛选：行中须含的词"), t("filter", "筛选"),
        table, rows, rows);
  }

  void all_estimators() {
    heading("all", "Bias and coverage of every estimator", "全部估计量的偏差与覆盖率");
    filter("estimators", r_.estimators.size());
    html_ += fmt::format(
        "<div class=scroll><table id=estimators "
        "class=sortable><thead><tr><th>{}<th>{}<th>{}<th>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}</tr></thead><tbody>",
        t("estimand", "估计目标"), t("domain", "范围"), t("weighting", "加权"),
        t("value rule", "取值规则"), t("truth", "真值"), t("bias ± MCSE", "偏差 ± MCSE"),
        t("bias %", "偏差 %"), t("RMSE ± MCSE", "RMSE ± MCSE"), t("mean SE / sd", "平均SE / sd"),
        t("coverage ± MCSE", "覆盖率 ± MCSE"), t("effective n ± MCSE", "有效样本量 ± MCSE"),
        t("data defect correlation ± MCSE, ‰", "数据缺陷相关 ± MCSE，‰"));
    for (std::size_t i = 0; i < r_.estimators.size(); ++i) {
      const EstimatorRecord& m = r_.estimators[i];
      const EstimandRecord& e = r_.estimands[m.estimand];
      const PerformanceRecord& p = r_.performance[i];
      const NumberFormat f = format_for(e, p.bias_mcse);
      html_ += fmt::format("<tr{}><td>{} <span class=soft>{}</span><td>{}<td>{}<td>{}",
                           m.reference ? " class=ref" : "", name(e), escape_html(e.unit), domain(e),
                           escape_html(m.weighting), escape_html(m.value_rule));
      html_ += cell(e.truth, format_number(e.truth, f)) +
               cell(p.bias, with_error(p.bias, p.bias_mcse, f, true)) +
               cell(p.rel_bias_pct,
                    std::isnan(p.rel_bias_pct) ? "–" : fmt::format("{:+.1f}", p.rel_bias_pct));
      html_ += cell(p.rmse, with_error(p.rmse, p.rmse_mcse, f)) +
               cell(p.mean_se / p.sd, p.sd > 0 ? fmt::format("{:.3f}", p.mean_se / p.sd) : "–") +
               cell(p.coverage, coverage(p)) + selection(i) + "</tr>";
    }
    html_ += fmt::format(
        "</tbody></table></div><p class=soft>{}</p>",
        t("Effective n: the simple random sample that errs as much, σ²/MSE. Data defect "
          "correlation: of being in the sample, times the weight, with the answer (Meng 2018).",
          "有效样本量：均方误差相同的简单随机样本规模 "
          "σ²/MSE。数据缺陷相关：入样（乘以权数）与回答之间"
          "的相关（Meng 2018）。"));
  }

  std::string selection(std::size_t estimator) const {
    if (r_.selection.empty()) return cell(0, "–") + cell(0, "–");
    const SelectionRecord& s = r_.selection[estimator];
    return cell(s.effective_n,
                std::isnan(s.effective_n)
                    ? "–"
                    : fmt::format("{} ± {}", grouped(s.effective_n), grouped(s.effective_n_mcse))) +
           cell(s.ddc, std::isnan(s.ddc)
                           ? "–"
                           : fmt::format("{:+.2f} ± {:.2f}", 1000 * s.ddc, 1000 * s.ddc_mcse));
  }

  void contrasts() {
    heading("contrasts", "Against the report's own procedure, on the same samples",
            "与报告方法在相同样本上的配对对比");
    if (r_.contrasts.empty()) {
      html_ += fmt::format("<p>{}</p>", t("There is no other estimator.", "没有其他估计量。"));
      return;
    }
    filter("paired", r_.contrasts.size());
    html_ += fmt::format(
        "<div class=scroll><table id=paired class=sortable><thead><tr><th>{}<th>{}<th>{}<th>{}<th "
        "class=n>{}<th class=n>{}</tr></thead><tbody>",
        t("estimand", "估计目标"), t("domain", "范围"), t("weighting", "加权"),
        t("value rule", "取值规则"), t("mean difference ± MCSE", "平均差 ± MCSE"),
        t("MSE difference ± MCSE (negative: better)", "MSE 差 ± MCSE（负：更好）"));
    for (const ContrastRecord& c : r_.contrasts) {
      const EstimatorRecord& m = r_.estimators[c.estimator];
      const EstimandRecord& e = r_.estimands[m.estimand];
      const NumberFormat f = format_for(e, c.bias_difference_mcse);
      const double square = e.unit == "%" ? 1e4 : 1;
      html_ += fmt::format("<tr><td>{} <span class=soft>{}</span><td>{}<td>{}<td>{}", name(e),
                           escape_html(e.unit), domain(e), escape_html(m.weighting),
                           escape_html(m.value_rule));
      html_ +=
          cell(c.bias_difference, with_error(c.bias_difference, c.bias_difference_mcse, f, true));
      html_ += cell(c.mse_difference, fmt::format("{:+.4g} ± {:.2g}", c.mse_difference * square,
                                                  c.mse_difference_mcse * square)) +
               "</tr>";
    }
    html_ += "</tbody></table></div>";
  }

  void value_rules() {
    heading("rules", "What the value rules do, apart from selection",
            "取值规则本身的影响（不含选择）");
    html_ += r_.rule_effects.empty()
                 ? fmt::format("<p>{}</p>", t("No estimand turns one bucketed answer into numbers.",
                                              "没有估计目标把单个分组回答变成数值。"))
                 : rule_section(r_, language_);
  }

  void reproduction() {
    if (r_.population_kind == "model")
      heading("reproduction", "Published and found here", "已发表结果与本研究对照");
    else
      heading("reproduction", "Does it reproduce the published report?", "是否重现已发布的报告？");
    if (r_.reproduction.empty()) {
      html_ += fmt::format(
          "<p>{}</p>", t("This scenario has no published numbers.", "本情景没有已发布的数字。"));
      return;
    }
    const std::map<ReproductionStatus, const char*> names{
        {ReproductionStatus::reproduced, t("reproduced", "重现")},
        {ReproductionStatus::contradicted, t("contradicted", "矛盾")},
        {ReproductionStatus::not_modelled, t("not modelled", "未建模")}};
    std::map<ReproductionStatus, std::size_t> counts;
    std::vector<const ReproductionRecord*> rows;
    for (const ReproductionRecord& record : r_.reproduction) {
      ++counts[record.status];
      rows.push_back(&record);
    }
    if (r_.population_kind != "model")
      std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
        return (a->status == ReproductionStatus::reproduced) <
               (b->status == ReproductionStatus::reproduced);
      });
    html_ += "<p>";
    for (const auto& [status, count] : counts)
      html_ += fmt::format("<b>{}</b> {} &nbsp; ", count, names.at(status));
    const bool model = r_.population_kind == "model";
    html_ += fmt::format(
        "<br><span class=soft>{}</span></p>",
        model ? t("Printed: in the published study. Allowed: the printed value ∓ the scenario's "
                  "stated "
                  "tolerance. Simulated: here, ± MCSE.",
                  "发布值：已发表研究的数值。允许范围：发布值 ∓ 情景所述容差。模拟：本研究的结果 ± "
                  "MCSE。")
              : t("Allowed: what the printed rounding or word (over, about) lets be true. "
                  "Expected: under the fitted law. Simulated: what the report's own "
                  "procedure gives on the drawn samples, ± MCSE.",
                  "允许范围：由印刷的四舍五入或用词（超过、接近）所允许。期望：拟合分布下"
                  "的值。模拟：报告方法在抽取样本上的均值 ± MCSE。"));
    filter("published", rows.size());
    html_ += fmt::format(
        "<div class=scroll><table id=published class=sortable><thead><tr><th>{}<th>{}<th>{}<th "
        "class=n>{}<th class=n>{}<th class=n>{}<th class=n>{}<th>{}<th>{}</tr></thead><tbody>",
        t("number", "数字"), t("who", "范围"), t("what", "内容"), t("printed", "发布值"),
        t("allowed", "允许范围"), t("expected", "期望"), t("simulated ± MCSE", "模拟 ± MCSE"),
        t("status", "状态"), t("note", "说明"));
    const auto plain = [](double x) {
      return std::isnan(x)   ? std::string("–")
             : std::isinf(x) ? std::string(x > 0 ? "∞" : "−∞")
                             : fmt::format("{:.6g}", x);
    };
    for (const ReproductionRecord* p : rows) {
      html_ += fmt::format("<tr><td>{}<td>{}<td>{} {}", escape_html(p->id), escape_html(p->scope),
                           escape_html(p->quantity), escape_html(p->level));
      html_ += fmt::format("<td class=n>{} {}", escape_html(p->reported), escape_html(p->unit)) +
               cell(p->lower, plain(p->lower) + " … " + plain(p->upper)) +
               cell(p->expected, plain(p->expected));
      html_ +=
          cell(p->simulated, std::isnan(p->simulated)
                                 ? "–"
                                 : fmt::format("{:.6g} ± {:.2g}", p->simulated, p->simulated_mcse));
      html_ += fmt::format("<td{}>{}<td>{}</tr>",
                           p->status == ReproductionStatus::reproduced ? "" : " class=warn",
                           names.at(p->status), escape_html(p->note));
    }
    html_ += "</tbody></table></div>";
  }

  void failures() {
    heading("failures", "Failed estimates", "失败的估计");
    if (r_.failures.empty()) {
      html_ += fmt::format(
          "<p>{}</p>",
          t("None: every estimator gave an estimate and an interval in every replicate.",
            "无：每个估计量在每次重复中都给出了估计与区间。"));
      return;
    }
    std::map<std::pair<std::uint32_t, std::string>, std::pair<std::size_t, std::string>> groups;
    for (const FailureRecord& f : r_.failures) {
      auto& group = groups[{f.estimator, f.kind}];
      if (group.first++ == 0) group.second = f.detail;
    }
    html_ += fmt::format(
        "<p>{}</p><div class=scroll><table class=sortable><thead><tr><th>{}<th>{}<th>{}<th "
        "class=n>{}<th>{}<th>{}</tr></thead><tbody>",
        t("They are counted, never redrawn.", "失败计入统计，从不重抽。"),
        t("estimand", "估计目标"), t("weighting", "加权"), t("value rule", "取值规则"),
        t("replicates", "重复数"), t("reason", "原因"), t("first case", "首例"));
    for (const auto& [key, group] : groups) {
      const EstimatorRecord& m = r_.estimators[key.first];
      const EstimandRecord& e = r_.estimands[m.estimand];
      html_ += fmt::format("<tr><td>{} · {}<td>{}<td>{}", name(e), domain(e),
                           escape_html(m.weighting), escape_html(m.value_rule)) +
               cell(static_cast<double>(group.first), std::to_string(group.first)) +
               fmt::format("<td>{}<td>{}</tr>", escape_html(key.second), escape_html(group.second));
    }
    html_ += "</tbody></table></div>";
  }

  void provenance() {
    heading("provenance", "Provenance", "来源");
    const RunRecord& run = r_.run;
    html_ += "<table>";
    const auto row = [&](const char* key, const std::string& value) {
      html_ += fmt::format("<tr><td>{}<td>{}</tr>", key, escape_html(value));
    };
    row(t("scenario", "情景"), r_.scenario + " (" + r_.scenario_hash + ")");
    row(t("version", "版本"), r_.version + " (" + run.git_revision + ")");
    row(t("seed", "种子"), std::to_string(r_.seed));
    row(t("started", "开始"), run.started_utc);
    row(t("machine", "机器"), run.host + ", " + run.cpu + ", " + run.compiler);
    row(t("time", "用时"),
        fmt::format("{:.1f} s + {:.1f} s + {:.1f} s, {} {}", run.setup_seconds, run.truth_seconds,
                    run.replicate_seconds, run.threads, t("threads", "线程")));
    html_ += fmt::format("</table><details><summary>scenario.toml</summary><pre>{}</pre></details>",
                         escape_html(r_.scenario_toml));
  }

  const StudyResults& r_;
  Language language_;
  std::string html_;
};

}  // namespace

std::string render_report(const StudyResults& results, Language language) {
  return Page(results, language).render();
}

}  // namespace steelyard
