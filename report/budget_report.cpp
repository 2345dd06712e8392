#include "report/budget_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page.hpp"
#include "report/scales.hpp"

namespace steelyard {
namespace {

/// Nothing but what rounding leaves of it, against a number of this size.
bool is_zero(const Measured& part, double size) {
  return std::abs(part.value) <= 1e-12 * size && !(part.mcse > 1e-12 * size);
}

/// A part with the digits that its own Monte Carlo error deserves; one that is always 0 as "0".
std::string part_text(const EstimandRecord& e, const Measured& part, double sign = 1) {
  if (is_zero(part, std::max(std::abs(e.truth), 1e-3))) return "0";
  return with_error(sign * part.value, part.mcse, format_for(e, part.mcse), true);
}

std::string percent_text(const Measured& part) {
  if (is_zero(part, 100)) return "0";
  return with_error(part.value, part.mcse, format_for(part.mcse), true);
}

/// The horizontal axis of a waterfall.
Scale scale_of(double truth, const BudgetRecord& r) {
  double low = truth, high = truth, level = truth;
  for (const BudgetPart& p : r.parts) {
    level += p.bias.value;
    // With the bar of its Monte Carlo error.
    low = std::min(low, level - 1.96 * p.bias.mcse);
    high = std::max(high, level + 1.96 * p.bias.mcse);
  }
  if (!(high > low)) high = low + std::max(1e-9, std::abs(low) * 1e-6);
  const double margin = 0.05 * (high - low);
  return {low - margin, high + margin, 330, 800};
}

std::string level_line(const Scale& scale, double value, double y, const char* kind,
                       const std::string& label, const std::string& number) {
  return fmt::format(
      "<text class=row x=318 y={0:.1f} font-weight=600>{1}</text><line class={2} x1={3:.1f} "
      "x2={3:.1f} y1={4:.1f} y2={5:.1f} stroke-width=3 /><text x=812 y={0:.1f} "
      "font-weight=600>{6}</text>",
      y + 4, label, kind, scale.at(value), y - 9, y + 9, number);
}

/// One source: a bar from the level before it to that after it, with its 95 % Monte Carlo interval.
std::string bar(const Scale& scale, double before, const Measured& part, double y,
                const std::string& label, const std::string& number) {
  const double after = before + part.value;
  const double left = scale.at(std::min(before, after)), right = scale.at(std::max(before, after));
  const double error = 1.96 * part.mcse;
  return fmt::format(
      "<text class=row x=318 y={0:.1f}>{1}</text><rect x={2:.1f} y={3:.1f} width={4:.1f} height=14 "
      "fill=\"var(--{5})\" opacity=0.85 /><line stroke=\"var(--ink)\" x1={6:.1f} x2={7:.1f} "
      "y1={8:.1f} y2={8:.1f} /><line class=link x1={9:.1f} x2={9:.1f} y1={10:.1f} y2={11:.1f} "
      "stroke-width=1 /><text x=812 y={0:.1f}>{12}</text>",
      y + 4, label, left, y - 7, std::max(right - left, 1.0), part.value < 0 ? "est" : "ref",
      scale.at(after - error), scale.at(after + error), y, scale.at(after), y + 7, y + 17, number);
}

class BudgetPage {
 public:
  BudgetPage(const BudgetResults& results, Language language) : b_(results), language_(language) {}

  std::string render() {
    const std::string title = escape_html(language_ == Language::zh ? b_.title_zh : b_.title) +
                              " · " + t("error budget", "误差分解");
    html_ = page_start(title, language_);
    opening();
    for (const BudgetRecord& r : b_.records)
      if (r.reference) own_procedure(r);
    everything();
    html_ += page_end();
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }
  std::string name(const BudgetRecord& r) const {
    const EstimandRecord& e = b_.estimands[r.estimand];
    return language_ == Language::zh ? escape_html(e.label_zh + " · " + e.domain_label_zh)
                                     : escape_html(e.label + " · " + e.domain_label);
  }
  std::string procedure(const BudgetRecord& r) const {
    return escape_html(r.weighting + (r.value_rule == "-" ? "" : ", " + r.value_rule));
  }
  std::string source(std::size_t i) const {
    return escape_html(language_ == Language::zh ? b_.switches[i].label_zh : b_.switches[i].label);
  }

  void opening() {
    html_ += fmt::format(
        "<p class=soft>{} {} {} {} · {} {}</p><p>{}</p>", b_.replicates,
        t("replicates of", "次重复，每次"), grouped(static_cast<double>(b_.sample_size)),
        t("respondents", "名受访者"), t("seed", "种子"), b_.seed,
        t("From the truth to what the procedure says on average: how much of the way each source "
          "of "
          "error makes. Each source can be switched off; a part is its Shapley value, the average "
          "over all orders in which sources can come in of what it adds, so the parts sum to the "
          "whole error exactly. <i>Alone</i> is the error with this source only; <i>if it alone "
          "went</i> is how the error would change without it. "
          "Errors are Monte Carlo standard errors. What switching a source off means is told in "
          "docs/methods/studies.md.",
          "从真值到该方法的平均估计：每个误差来源各占多少。各部分为 Shapley "
          "值，总和恰为全部误差；± "
          "为蒙特卡洛标准误。"));
    if (b_.selection_on_answers != 0)
      html_ += fmt::format("<p>{} {:g}.</p>",
                           t("Strength of selection on the answers:", "作答选择强度："),
                           b_.selection_on_answers);
  }

  void own_procedure(const BudgetRecord& r) {
    const std::string unit = escape_html(b_.estimands[r.estimand].unit);
    html_ += fmt::format("<h2>{}{}</h2><p>{}: {}</p>", name(r),
                         unit.empty() ? "" : " <span class=soft>(" + unit + ")</span>",
                         t("the report's own procedure", "报告的方法"), procedure(r));
    if (r.failures > 0)
      html_ +=
          fmt::format("<p class=warn>{} / {} {}: {}</p>", r.failures, r.failures + r.replicates,
                      t("replicates failed", "次重复失败"), escape_html(r.failure));
    if (std::isnan(r.bias.value)) return;
    html_ += waterfall(b_, r, language_);
    html_ += fmt::format(
        "<table><thead><tr><th>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}</tr></thead><tbody>",
        t("source of error", "误差来源"), t("bias ± MCSE", "偏差 ± MCSE"), t("alone", "仅此来源"),
        t("if it alone went", "仅去除此来源"), t("part of the MSE, %", "均方误差占比 %"));
    const EstimandRecord& e = b_.estimands[r.estimand];
    for (std::size_t i = 0; i < r.parts.size(); ++i) {
      if (!concerns(b_, r, i)) continue;
      const BudgetPart& p = r.parts[i];
      html_ += fmt::format(
          "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}</tr>", source(i),
          part_text(e, p.bias), part_text(e, p.first_bias), part_text(e, p.last_bias, -1),
          percent_text({100 * p.mse.value / r.mse.value, 100 * p.mse.mcse / r.mse.value}));
    }
    const double rmse = std::sqrt(r.mse.value), rmse_mcse = r.mse.mcse / (2 * rmse);
    html_ += fmt::format(
        "<tr class=ref><td>{}<td class=n>{}<td><td class=n>{}<td class=n>100</tr></tbody></table>",
        t("total", "合计"), part_text(e, r.bias),
        "RMSE " + with_error(rmse, rmse_mcse, format_for(e, rmse_mcse)));
  }

  void everything() {
    html_ += fmt::format(
        "<h2>{}</h2><input data-for=all placeholder=\"{}\"><span id=all-count "
        "class=soft></span><div class=scroll><table class=sortable id=all><thead><tr><th>{}<th>{}",
        t("Every estimator: parts of the bias ± MCSE", "全部估计量：偏差的各部分 ± MCSE"),
        t("filter", "筛选"), t("estimand", "估计目标"), t("procedure", "方法"));
    for (std::size_t i = 0; i < b_.switches.size(); ++i) html_ += "<th class=n>" + source(i);
    html_ += fmt::format("<th class=n>{}<th class=n>{}</tr></thead><tbody>", t("total", "合计"),
                         t("failed", "失败"));
    for (const BudgetRecord& r : b_.records) {
      const EstimandRecord& e = b_.estimands[r.estimand];
      html_ +=
          fmt::format("<tr{}><td>{}<td>{}", r.reference ? " class=ref" : "", name(r), procedure(r));
      for (const BudgetPart& p : r.parts)
        html_ +=
            fmt::format("<td class=n data-v=\"{:.10g}\">{}", p.bias.value, part_text(e, p.bias));
      html_ += fmt::format("<td class=n data-v=\"{:.10g}\">{}<td class=n>{}</tr>", r.bias.value,
                           part_text(e, r.bias), r.failures);
    }
    html_ += "</tbody></table></div>";
  }

  const BudgetResults& b_;
  Language language_;
  std::string html_;
};

}  // namespace

std::string waterfall(const BudgetResults& b, const BudgetRecord& r, Language language) {
  const double truth = b.estimands[r.estimand].truth;
  const EstimandRecord& e = b.estimands[r.estimand];
  const NumberFormat f = format_for(e, r.bias.mcse);
  const Scale scale = scale_of(truth, r);
  double y = 16, level = truth;
  std::string svg = fmt::format("<div class=wide><svg class=chart viewBox=\"0 0 940 {}\" role=img>",
                                24 * (r.parts.size() + 2) + 8);
  svg +=
      level_line(scale, truth, y, "truth", say(language, "truth", "真值"), format_number(truth, f));
  for (std::size_t i = 0; i < r.parts.size(); ++i) {
    if (!concerns(b, r, i)) continue;
    const Measured& part = r.parts[i].bias;
    y += 24;
    svg += bar(scale, level, part, y,
               escape_html(language == Language::zh ? b.switches[i].label_zh : b.switches[i].label),
               part_text(e, part));
    level += part.value;
  }
  svg +=
      level_line(scale, r.mean_estimate, y + 24, "ref", say(language, "mean estimate", "平均估计"),
                 with_error(r.mean_estimate, r.bias.mcse, f));
  return svg + "</svg></div>";
}

std::string render_budget(const BudgetResults& results, Language language) {
  return BudgetPage(results, language).render();
}

}  // namespace steelyard
