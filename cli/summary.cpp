#include "cli/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "results/rule_ranking.hpp"

namespace steelyard {
namespace {

struct Format {
  double scale = 1;
  int digits = 2;
  std::string unit;
};

/// Shares are shown in per cent; other numbers with as many digits as their size asks for.
Format format_of(const EstimandRecord& e) {
  if (e.unit == "%") return {100, 2, "%"};
  const double size = std::abs(e.truth);
  return {1, size >= 1000 ? 0 : size >= 100 ? 1 : 2, e.unit};
}

std::string headline(const StudyResults& r, std::size_t estimand) {
  const EstimandRecord& e = r.estimands[estimand];
  const Format f = format_of(e);
  const auto number = [&](double x) {
    return std::isnan(x) ? std::string("-") : fmt::format("{:.{}f}", x * f.scale, f.digits);
  };
  std::string text =
      fmt::format("\n{} ({}){}{}\n", e.label, e.domain_label, f.unit.empty() ? "" : ", ", f.unit);
  text += fmt::format("  truth {}", number(e.truth));
  if (std::isnan(e.truth_finite) && e.truth_finite_se > 0)
    text += fmt::format(" (under the population's law; sd between populations of this size {:.1g})",
                        e.truth_finite_se * f.scale);
  if (!std::isnan(e.truth_finite) && !std::isnan(e.truth_superpopulation))
    text += fmt::format(" (this population; its law {}, sd between populations {})",
                        number(e.truth_superpopulation), number(e.truth_finite_se));
  text += fmt::format("\n  {:<22} {:<18} {:>12} {:>20} {:>9} {:>12} {:>16}\n", "weighting",
                      "value rule", "mean", "bias (MCSE)", "bias %", "rmse", "coverage (MCSE)");
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    const EstimatorRecord& t = r.estimators[i];
    if (t.estimand != estimand) continue;
    const PerformanceRecord& p = r.performance[i];
    text += fmt::format("{} {:<22} {:<18} {:>12} {:>20} {:>9} {:>12} {:>16}{}\n",
                        t.reference ? "*" : " ", t.weighting, t.value_rule, number(p.mean_estimate),
                        fmt::format("{} ({})", number(p.bias), number(p.bias_mcse)),
                        std::isnan(p.rel_bias_pct) ? "-" : fmt::format("{:+.1f}", p.rel_bias_pct),
                        number(p.rmse),
                        fmt::format("{:.1f} % ({:.1f})", 100 * p.coverage, 100 * p.coverage_mcse),
                        p.failures ? fmt::format("  {} failed", p.failures) : "");
  }
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    const EstimatorRecord& t = r.estimators[i];
    if (t.estimand != estimand || !t.reference || t.value_rule == "-") continue;
    const PerformanceRecord& p = r.performance[i];
    text += fmt::format(
        "  of the report's bias of {} ({}), its value rule alone makes {}; selection that the "
        "weighting leaves makes {} ({})\n",
        number(p.bias), number(p.bias_mcse), number(t.rule_bias), number(p.bias - t.rule_bias),
        number(p.bias_mcse));
  }
  return text;
}

/// The study's own rules and the best of all, apart from selection.
std::string value_rules(const StudyResults& r) {
  std::string text;
  std::string estimand;
  const auto ranks = rank_rules(r);
  std::map<std::string, std::size_t> counts;
  for (const RuleRank& rank : ranks) ++counts[rank.estimand];
  for (const RuleRank& rank : ranks) {
    const bool best = rank.estimand != estimand;
    estimand = rank.estimand;
    if (!r.estimands[r.rule_effects[rank.first].estimand].headline || !(best || rank.of_study))
      continue;
    if (text.empty())
      text = fmt::format(
          "\nvalue rules apart from selection (simple random samples; bias in % of the truth, "
          "MCSE; value_rules.csv has all)\n  {:<22} {:<18} {:>16} {:>22} {:>14}\n",
          "estimand", "value rule", "bias overall", "mean |bias| of domains", "median RMSE");
    const RuleEffectRecord& whole = r.rule_effects[rank.first];
    text += fmt::format(
        "  {:<22} {:<18} {:>16} {:>22} {:>14}{}\n", best ? rank.estimand : "", rank.value_rule,
        fmt::format("{:+.2f} ({:.2f})", whole.percent(whole.bias), whole.percent(whole.bias_mcse)),
        fmt::format("{:.2f} ({:.2f})", rank.mean_bias_pct, rank.mean_bias_pct_mcse),
        fmt::format("{:.2f}", rank.median_rmse_pct),
        fmt::format("{}{}", best ? fmt::format("  best of {}", counts[rank.estimand]) : "",
                    rank.failures
                        ? fmt::format("  no answer in {} of {}", rank.failures, rank.samples)
                        : ""));
  }
  return text;
}

}  // namespace

std::string summary(const StudyResults& r) {
  std::string text = fmt::format(
      "{}\n{} replicates of {} respondents out of {}, seed {}; {} estimands by domain, {} "
      "estimators\n",
      r.title, r.replicates, r.sample_size,
      r.population_size == "superpopulation" ? "a superpopulation"
                                             : "a population of " + r.population_size,
      r.seed, r.estimands.size(), r.estimators.size());
  if (!r.ended.empty()) text += r.ended + "\n";
  text +=
      "* the report's own procedure. Bias: mean estimate minus truth. MCSE: Monte Carlo standard "
      "error. Coverage: of nominal 95 % intervals.\n";
  for (std::size_t e = 0; e < r.estimands.size(); ++e)
    if (r.estimands[e].headline) text += headline(r, e);
  text += value_rules(r);
  if (!r.reproduction.empty()) {
    std::size_t reproduced = 0, contradicted = 0, not_modelled = 0;
    for (const ReproductionRecord& record : r.reproduction) {
      reproduced += record.status == ReproductionStatus::reproduced;
      contradicted += record.status == ReproductionStatus::contradicted;
      not_modelled += record.status == ReproductionStatus::not_modelled;
    }
    text += fmt::format(
        "\npublished numbers: {} reproduced, {} {}, {} not modelled "
        "(reproduction.csv says why)\n",
        reproduced, contradicted,
        r.population_kind == "model" ? "outside their tolerance" : "contradicted by others",
        not_modelled);
  }
  std::map<std::string, std::size_t> kinds;
  for (const FailureRecord& failure : r.failures) ++kinds[failure.kind];
  if (kinds.empty()) {
    text += "failed estimates: none\n";
  } else {
    text += fmt::format("failed estimates: {} of {} (counted, not redrawn):", r.failures.size(),
                        r.estimators.size() * r.replicates);
    for (const auto& [kind, count] : kinds) text += fmt::format(" {} {}", count, kind);
    text += '\n';
  }
  text += fmt::format(
      "time: setup {:.1f} s, truth {:.1f} s, replicates {:.1f} s ({:.1f}/s on {} threads); peak "
      "memory {} MB\n",
      r.run.setup_seconds, r.run.truth_seconds, r.run.replicate_seconds,
      r.replicates / std::max(r.run.replicate_seconds, 1e-9), r.run.threads,
      r.run.peak_memory_bytes >> 20);
  return text;
}

}  // namespace steelyard
