#include "report/rule_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "results/rule_ranking.hpp"

namespace steelyard {
namespace {

/// "+7.81 ± 0.02", per cent of the truth.
std::string percent(const RuleEffectRecord& effect) {
  if (!std::isfinite(effect.bias)) return "–";
  return fmt::format("{:+.2f} ± {:.2f}", effect.percent(effect.bias),
                     effect.percent(effect.bias_mcse));
}

class RuleSection {
 public:
  RuleSection(const StudyResults& results, Language language)
      : r_(results), language_(language), ranks_(rank_rules(results)) {}

  std::string render() {
    html_ = fmt::format(
        "<p>{}</p>",
        t("A value rule turns buckets into numbers. Here every rule is given simple random samples "
          "of the whole population, so that neither selection nor weighting is in its bias: it is "
          "what the rule alone does. Bias in % of the truth, ± Monte Carlo standard error; all "
          "rules on the same samples. The best rule has the smallest root mean squared error, in "
          "the "
          "median over the domains; a rule that is best in one domain may be so by luck.",
          "取值规则把分组变成数值。这里每条规则作用于总体的简单随机样本，因此偏差中既无选择也无加权"
          "，"
          "只有规则本身。偏差以真值的百分比表示，± 为蒙特卡洛标准误；所有规则使用相同样本。最佳规则"
          "的均方根误差（各范围的中位数）最小；单个范围中的最佳可能出于偶然。"));
    for (std::size_t first = 0; first < ranks_.size();) {
      std::size_t last = first;
      while (last < ranks_.size() && ranks_[last].estimand == ranks_[first].estimand) ++last;
      estimand(first, last);
      first = last;
    }
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }
  std::string domain(std::uint32_t estimand) const {
    const EstimandRecord& e = r_.estimands[estimand];
    return escape_html(language_ == Language::zh ? e.domain_label_zh : e.domain_label);
  }

  void estimand(std::size_t first, std::size_t last) {
    const EstimandRecord& e = r_.estimands[r_.rule_effects[ranks_[first].first].estimand];
    html_ += fmt::format("<h3>{} <span class=soft>({})</span></h3>",
                         escape_html(language_ == Language::zh ? e.label_zh : e.label),
                         escape_html(e.unit));
    domains(first);
    all_rules(first, last);
  }

  /// The study's own rules and the one that is best over all domains, by domain.
  void domains(std::size_t first) {
    std::vector<std::string> rules;
    for (const RuleEffectRecord& effect : r_.rule_effects)
      if (effect.of_study &&
          std::find(rules.begin(), rules.end(), effect.value_rule) == rules.end())
        rules.push_back(effect.value_rule);
    const std::string& best = ranks_[first].value_rule;
    if (std::find(rules.begin(), rules.end(), best) == rules.end()) rules.push_back(best);
    html_ += fmt::format("<div class=scroll><table class=sortable><thead><tr><th>{}<th class=n>{}",
                         t("domain", "范围"), t("truth", "真值"));
    for (const std::string& rule : rules)
      html_ += fmt::format("<th class=n>{}{} %", escape_html(rule),
                           rule == best ? t(" (best)", "（最佳）") : "");
    html_ += fmt::format("<th>{}</tr></thead><tbody>", t("best here", "此处最佳"));
    for (std::size_t e = 0; e < r_.estimands.size(); ++e)
      if (r_.estimands[e].estimand == ranks_[first].estimand)
        domain_row(static_cast<std::uint32_t>(e), rules);
    html_ += "</tbody></table></div>";
  }

  void domain_row(std::uint32_t estimand, const std::vector<std::string>& rules) {
    const RuleEffectRecord* best = nullptr;
    std::vector<const RuleEffectRecord*> shown(rules.size(), nullptr);
    for (const RuleEffectRecord& effect : r_.rule_effects) {
      if (effect.estimand != estimand) continue;
      for (std::size_t k = 0; k < rules.size(); ++k)
        if (effect.value_rule == rules[k]) shown[k] = &effect;
      // A rule that answers only in some samples is not compared on the others'.
      if (std::isfinite(effect.rmse) && effect.failures == 0 &&
          (best == nullptr || effect.rmse < best->rmse))
        best = &effect;
    }
    if (best == nullptr) return;
    const NumberFormat f = format_for(r_.estimands[estimand], std::abs(best->truth) * 1e-3);
    html_ += fmt::format("<tr><td>{}<td class=n data-v=\"{:.10g}\">{}", domain(estimand),
                         best->truth, format_number(best->truth, f));
    for (const RuleEffectRecord* effect : shown)
      html_ += effect == nullptr ? std::string("<td class=n>–")
                                 : fmt::format("<td class=n data-v=\"{:.10g}\">{}",
                                               effect->percent(effect->bias), percent(*effect));
    html_ += fmt::format("<td>{} <span class=soft>{} %</span></tr>", escape_html(best->value_rule),
                         percent(*best));
  }

  void all_rules(std::size_t first, std::size_t last) {
    html_ += fmt::format(
        "<details><summary>{}</summary><div class=scroll><table "
        "class=sortable><thead><tr><th>{}<th class=n>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}<th>{}<th class=n>{}<th class=n>{}</tr></thead><tbody>",
        t("all rules, best first", "全部规则，最佳在前"), t("value rule", "取值规则"),
        t("median RMSE %", "RMSE 中位数 %"), t("mean |bias| % ± MCSE", "平均 |偏差| % ± MCSE"),
        t("bias overall % ± MCSE", "总体偏差 % ± MCSE"), t("worst bias %", "最大偏差 %"),
        t("where", "范围"), t("domains answered", "有结果的范围数"),
        t("samples without an answer", "无结果的样本"));
    for (std::size_t i = first; i < last; ++i) {
      const RuleRank& rank = ranks_[i];
      html_ += fmt::format(
          "<tr{}><td>{}<td class=n>{:.2f}<td class=n>{:.2f} ± {:.2f}<td class=n>{}<td "
          "class=n>{:+.2f}<td>{}<td class=n>{}<td class=n>{}</tr>",
          rank.of_study ? " class=ref" : "", escape_html(rank.value_rule), rank.median_rmse_pct,
          rank.mean_bias_pct, rank.mean_bias_pct_mcse, percent(r_.rule_effects[rank.first]),
          rank.worst_pct, domain(r_.rule_effects[rank.worst].estimand), rank.domains,
          rank.failures == 0 ? std::string("0")
                             : fmt::format("{} / {}", rank.failures, rank.samples));
    }
    html_ += "</tbody></table></div></details>";
  }

  const StudyResults& r_;
  Language language_;
  std::vector<RuleRank> ranks_;
  std::string html_;
};

}  // namespace

std::string rule_section(const StudyResults& results, Language language) {
  return RuleSection(results, language).render();
}

}  // namespace steelyard
