#include "study/rule_effects.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <atomic>
#include <boost/random/binomial_distribution.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "core/sums.hpp"
#include "estimators/buckets/family_fits.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/values/bucket_values.hpp"
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

/// Trials of one answer and domain together.
std::vector<std::vector<Trial>> by_stream(std::vector<Trial> trials) {
  std::vector<std::vector<Trial>> groups;
  for (Trial& trial : trials) {
    if (trial.stream >= groups.size()) groups.resize(trial.stream + 1);
    groups[trial.stream].push_back(std::move(trial));
  }
  return groups;
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

/// One table that rules are tried on: of the population, or of a sample.
struct TriedTable {
  std::vector<double> totals;
  double respondents = 0;
  FamilyFits fits;
  TriedTable(const Variable& variable, std::vector<double> totals_, double respondents_)
      : totals(std::move(totals_)),
        respondents(respondents_),
        fits(table_of(variable, totals, respondents)) {}
};

/// A rule on all tables of one answer and domain, for all its estimands: laws are made once.
/// @return by trial
std::vector<RuleEffectRecord> try_rule(const Study& study, const Named<ValueRule>& rule,
                                       std::span<const Trial> trials,
                                       std::vector<TriedTable>& tables) {
  const Schema& schema = study.scenario().schema;
  std::vector<LevelEstimator> estimators;
  for (const Trial& trial : trials)
    estimators.emplace_back(schema, *study.plan().estimands[trial.estimand].functional,
                            rule.plugin.get());
  const Variable& variable = schema[estimators[0].functional().variables()[0]];
  std::vector<RuleEffectRecord> records(trials.size());
  for (std::size_t t = 0; t < trials.size(); ++t) {
    RuleEffectRecord& record = records[t];
    record.estimand = trials[t].estimand;
    record.value_rule = rule.name;
    record.truth = trials[t].value;
    record.value = record.bias = record.bias_mcse = record.rmse = record.rmse_mcse = kNone;
    record.status = rule.plugin->objection(variable).value_or("ok");
  }
  if (records[0].status != "ok") return records;
  const bool with_laws = std::any_of(estimators.begin(), estimators.end(),
                                     [](const auto& e) { return e.uses_laws(); });
  std::vector<std::vector<double>> estimates(trials.size());
  for (std::size_t r = 0; r < tables.size(); ++r) {
    TriedTable& table = tables[r];
    std::optional<Result<LawNearby>> laws;
    if (with_laws && total(table.totals) > 0)
      laws =
          rule.plugin->laws(variable, table.totals, table.respondents, &table.fits, Around::none);
    for (std::size_t t = 0; t < trials.size(); ++t) {
      const auto value = estimators[t].value(table.totals, table.respondents,
                                             laws && estimators[t].uses_laws() ? &*laws : nullptr);
      if (r > 0)
        estimates[t].push_back(value ? value.value() : kNone);
      else if (value)
        records[t].value = value.value();
      else
        records[t].status = value.failure().detail;
    }
  }
  for (std::size_t t = 0; t < trials.size(); ++t) {
    const std::vector<double> none(estimates[t].size(), kNone);
    const PerformanceRecord p = performance(trials[t].value, estimates[t], none, none, none);
    records[t].bias = p.bias;
    records[t].bias_mcse = p.bias_mcse;
    records[t].rmse = p.rmse;
    records[t].rmse_mcse = p.rmse_mcse;
    records[t].failures = p.failures;
    records[t].samples = p.replicates;
  }
  return records;
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
  const std::vector<std::vector<Trial>> groups = by_stream(make_trials(study));
  const auto sample_size = static_cast<double>(study.scenario().sample_size);
  std::vector<std::vector<std::vector<RuleEffectRecord>>> parts(groups.size());
  std::atomic<std::size_t> done{0};
  std::mutex reporting;
  parallel_for(groups.size(), thread_count(options.threads), [&](std::uint64_t g, std::size_t) {
    const std::vector<Trial>& trials = groups[g];
    const auto& shares = trials[0].truth.totals;
    const auto answer = study.plan().estimands[trials[0].estimand].functional->variables()[0];
    std::vector<TriedTable> tables;
    tables.emplace_back(schema[answer], shares, std::max(1.0, total(shares) * sample_size));
    for (std::uint32_t r = 0; r < options.samples; ++r) {
      Stream stream({options.seed, purpose("value rules"), Replicate{r}, Unit{trials[0].stream}});
      tables.emplace_back(schema[answer], draw_counts(shares, study.scenario().sample_size, stream),
                          0);
    }
    for (std::size_t k = 0; k < rules.size(); ++k) {
      parts[g].push_back(try_rule(study, *rules[k], trials, tables));
      for (RuleEffectRecord& record : parts[g].back()) record.of_study = k < own;
    }
    const std::size_t finished = ++done;
    if (!progress) return;
    const std::lock_guard lock(reporting);
    progress(static_cast<double>(finished) / static_cast<double>(groups.size()));
  });
  std::map<std::uint32_t, std::vector<RuleEffectRecord>> by_estimand;
  for (auto& group : parts)
    for (auto& of_rule : group)
      for (RuleEffectRecord& record : of_rule)
        by_estimand[record.estimand].push_back(std::move(record));
  std::vector<RuleEffectRecord> all;
  for (auto& [estimand, records] : by_estimand)
    std::move(records.begin(), records.end(), std::back_inserter(all));
  return all;
}

}  // namespace steelyard
