#include "study/rule_effects.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/csv.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/functionals/law_functional.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "study/latent_quantile.hpp"
#include "study/parallel.hpp"
#include "study/truth.hpp"

namespace steelyard {
namespace {

/// Rules whose effect is shown besides the study's own, with default options.
std::vector<Named<ValueRule>> further_rules(const StudyPlan& plan, const Schema& schema) {
  static constexpr std::string_view kFamilies[] = {"LN", "LN_calibrated", "DAGUM_calibrated",
                                                   "AVG_aic", "AVG_calibrated"};
  std::vector<Named<ValueRule>> list;
  for (const BucketRuleInfo& info : bucket_rules()) {
    const bool fitted = info.name[0] >= 'A' && info.name[0] <= 'Z';
    if (info.needs_mean || info.name == "ems" || info.name == "pclm") continue;
    if (fitted &&
        std::find(std::begin(kFamilies), std::end(kFamilies), info.name) == std::end(kFamilies))
      continue;
    const auto same = [&](const auto& rule) { return rule.name == info.name; };
    if (std::any_of(plan.value_rules.begin(), plan.value_rules.end(), same)) continue;
    for (const ValueRuleInfo& value_rule : value_rules()) {
      if (value_rule.name != info.name) continue;
      const toml::table none;
      ConfigReader config(none, "", "");
      list.push_back(
          {std::string(info.name), std::string(info.name), value_rule.make(config, schema)});
    }
  }
  return list;
}

}  // namespace

std::vector<RuleEffect> rule_effects(const Study& study, int threads) {
  const Schema& schema = study.scenario().schema;
  const auto further = further_rules(study.plan(), schema);
  std::vector<const Named<ValueRule>*> rules;
  for (const auto& rule : study.plan().value_rules) rules.push_back(&rule);
  for (const auto& rule : further) rules.push_back(&rule);
  std::vector<std::uint32_t> estimands;
  for (std::uint32_t e = 0; e < study.plan().estimands.size(); ++e) {
    const Functional& f = *study.plan().estimands[e].functional;
    if (f.uses_value_rule() && f.variables().size() == 1 &&
        schema[f.variables()[0]].kind == VariableKind::bucketed)
      estimands.push_back(e);
  }
  const auto sample = static_cast<double>(study.scenario().sample_size);
  std::vector<std::vector<RuleEffect>> parts(estimands.size());
  parallel_for(estimands.size(), threads, [&](std::uint64_t i, std::size_t) {
    const PlannedEstimand& e = study.plan().estimands[estimands[i]];
    const Variable& variable = schema[e.functional->variables()[0]];
    DomainTruth truth = superpopulation_truth(study.population(), e, 1);
    const double share = total(truth.totals);
    if (!(share > 0)) return;
    if (const auto* f = dynamic_cast<const LawFunctional*>(e.functional.get()))
      truth.quantile =
          f->of(*LatentQuantile(study.population(), e.domain, f->variables()[0]).law());
    const double right = true_value(*e.functional, truth);
    for (const auto* rule : rules) {
      RuleEffect effect{
          estimands[i], rule->name, right, std::numeric_limits<double>::quiet_NaN(), {}};
      if (const auto objection = rule->plugin->objection(variable)) {
        effect.failure = *objection;
      } else {
        const auto value = LevelEstimator(schema, *e.functional, rule->plugin.get())
                               .value(truth.totals, std::max(1.0, share * sample));
        if (value)
          effect.value = value.value();
        else
          effect.failure = value.failure().detail;
      }
      parts[i].push_back(std::move(effect));
    }
  });
  std::vector<RuleEffect> all;
  for (auto& part : parts) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

std::string rule_effects_csv(const Study& study, const std::vector<RuleEffect>& effects) {
  std::string text = "estimand,domain,value_rule,truth,value,error,error_pct,status\n";
  for (const RuleEffect& effect : effects) {
    const PlannedEstimand& e = study.plan().estimands[effect.estimand];
    const double error = effect.value - effect.truth;
    const auto cell = [](double v) { return std::isnan(v) ? std::string() : shortest(v); };
    text += fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(e.id), csv_field(e.domain_name),
                        effect.rule, cell(effect.truth), cell(effect.value), cell(error),
                        cell(100 * error / effect.truth),
                        effect.failure.empty() ? "ok" : csv_field(effect.failure));
  }
  return text;
}

}  // namespace steelyard
