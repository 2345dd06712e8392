#include "study/rule_effects.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <atomic>
#include <boost/random/binomial_distribution.hpp>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/sums.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "results/performance.hpp"
#include "study/parallel.hpp"
#include "study/truth.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Rules whose effect is shown besides the study's own, with default options.
std::vector<Named<ValueRule>> further_rules(const StudyPlan& plan, const Schema& schema) {
  static constexpr std::string_view kFamilies[] = {"LN", "LN_calibrated", "DAGUM_calibrated",
                                                   "AVG_aic", "AVG_calibrated"};
  std::vector<Named<ValueRule>> list;
  for (const BucketRuleInfo& info : bucket_rules()) {
    if (info.needs_mean || info.name == "ems" || info.name == "pclm") continue;
    if (info.kind == RuleKind::fitted &&
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

/// One estimand that value rules are tried on.
struct Trial {
  std::uint32_t estimand = 0;
  std::uint64_t stream = 0;  ///< the same for all of one answer and domain
  DomainTruth truth;         ///< totals are shares of the population
  double value = 0;
};

std::vector<Trial> make_trials(const Study& study) {
  const Schema& schema = study.scenario().schema;
  const auto& estimands = study.plan().estimands;
  LatentLaws latent(study.population());
  std::map<std::pair<VariableId, std::string>, std::uint64_t> streams;
  std::vector<Trial> trials;
  for (std::uint32_t e = 0; e < estimands.size(); ++e) {
    const Functional& f = *estimands[e].functional;
    const auto answers = f.variables();
    if (!f.uses_value_rule() || answers.size() != 1 ||
        schema[answers[0]].kind != VariableKind::bucketed)
      continue;
    DomainTruth truth = superpopulation_truth(study.population(), estimands[e], 1, latent);
    if (!(total(truth.totals) > 0)) continue;
    const auto key = std::pair(answers[0], schema.describe(estimands[e].domain));
    const std::uint64_t stream = streams.emplace(key, streams.size()).first->second;
    const double value = true_value(f, truth);
    trials.push_back({e, stream, std::move(truth), value});
  }
  return trials;
}

/// Counts by bucket of a simple random sample (with replacement) of `size` persons of whom these
/// are the shares; the rest of the population answers elsewhere. A chain of binomials.
std::vector<double> draw_counts(std::span<const double> shares, std::uint64_t size,
                                Stream& stream) {
  std::vector<double> counts(shares.size(), 0.0);
  double left = 1;
  auto persons = static_cast<std::int64_t>(size);
  for (std::size_t b = 0; b < shares.size() && persons > 0; ++b) {
    const double p = std::clamp(shares[b] / left, 0.0, 1.0);
    const std::int64_t n = boost::random::binomial_distribution<std::int64_t>(persons, p)(stream);
    counts[b] = static_cast<double>(n);
    persons -= n;
    left = std::max(left - shares[b], 1e-300);
  }
  return counts;
}

/// The rule's value on the whole population's shares.
void on_population(const LevelEstimator& estimator, const Trial& trial, double sample_size,
                   RuleEffectRecord& record) {
  const double share = total(trial.truth.totals);
  const auto value = estimator.value(trial.truth.totals, std::max(1.0, share * sample_size));
  if (value)
    record.value = value.value();
  else
    record.status = value.failure().detail;
}

void on_samples(const LevelEstimator& estimator, const Trial& trial,
                const std::vector<std::vector<double>>& samples, RuleEffectRecord& record) {
  std::vector<double> estimates;
  for (const auto& counts : samples) {
    const auto value = estimator.value(counts);
    estimates.push_back(value ? value.value() : kNone);
  }
  const std::vector<double> none(estimates.size(), kNone);
  const PerformanceRecord p = performance(trial.value, estimates, none, none, none);
  record.bias = p.bias;
  record.bias_mcse = p.bias_mcse;
  record.rmse = p.rmse;
  record.rmse_mcse = p.rmse_mcse;
  record.failures = p.failures;
  record.samples = p.replicates;
}

}  // namespace

std::vector<RuleEffectRecord> rule_effects(const Study& study, const RuleEffectOptions& options,
                                           const std::function<void(double)>& progress) {
  const Schema& schema = study.scenario().schema;
  const auto further = further_rules(study.plan(), schema);
  std::vector<const Named<ValueRule>*> rules;
  for (const auto& rule : study.plan().value_rules) rules.push_back(&rule);
  for (const auto& rule : further) rules.push_back(&rule);
  const std::size_t own = study.plan().value_rules.size();
  const std::vector<Trial> trials = make_trials(study);
  std::vector<std::vector<RuleEffectRecord>> parts(trials.size());
  std::atomic<std::size_t> done{0};
  std::mutex reporting;
  parallel_for(trials.size(), thread_count(options.threads), [&](std::uint64_t i, std::size_t) {
    const Trial& trial = trials[i];
    const PlannedEstimand& e = study.plan().estimands[trial.estimand];
    const Variable& variable = schema[e.functional->variables()[0]];
    std::vector<std::vector<double>> samples;
    for (std::uint32_t r = 0; r < options.samples; ++r) {
      Stream stream({options.seed, purpose("value rules"), Replicate{r}, Unit{trial.stream}});
      samples.push_back(draw_counts(trial.truth.totals, study.scenario().sample_size, stream));
    }
    for (std::size_t k = 0; k < rules.size(); ++k) {
      RuleEffectRecord record;
      record.estimand = trial.estimand;
      record.value_rule = rules[k]->name;
      record.of_study = k < own;
      record.truth = trial.value;
      record.value = record.bias = record.bias_mcse = record.rmse = record.rmse_mcse = kNone;
      record.status = "ok";
      if (const auto objection = rules[k]->plugin->objection(variable)) {
        record.status = *objection;
      } else {
        const LevelEstimator estimator(schema, *e.functional, rules[k]->plugin.get());
        on_population(estimator, trial, static_cast<double>(study.scenario().sample_size), record);
        on_samples(estimator, trial, samples, record);
      }
      parts[i].push_back(std::move(record));
    }
    const std::size_t finished = ++done;
    if (!progress) return;
    const std::lock_guard lock(reporting);
    progress(static_cast<double>(finished) / static_cast<double>(trials.size()));
  });
  std::vector<RuleEffectRecord> all;
  for (auto& part : parts) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

}  // namespace steelyard
