#include "study/budget.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "study/budget_estimates.hpp"
#include "study/budget_samples.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

struct SourceText {
  ErrorSource source;
  const char *name, *label, *label_zh;
};

constexpr SourceText kTexts[] = {
    {ErrorSource::selection_benchmarked, "selection_benchmarked",
     "Coverage and selection on benchmarked variables", "基准变量上的覆盖与选择"},
    {ErrorSource::selection_other, "selection_other", "Selection on other variables",
     "其他变量上的选择"},
    {ErrorSource::selection_answers, "selection_answers", "Selection on the answers",
     "作答上的选择"},
    {ErrorSource::misreport, "misreport", "Misreport", "误报"},
    {ErrorSource::item_nonresponse, "item_nonresponse", "Item nonresponse", "项目无回答"},
    {ErrorSource::duplicates, "duplicates", "Duplicates", "重复作答"},
    {ErrorSource::stale_benchmarks, "stale_benchmarks", "Stale benchmarks", "过时的基准"},
    {ErrorSource::bucket_rule, "bucket_rule", "Bucket rule", "区间取值规则"},
    {ErrorSource::weighting, "weighting", "Weighting, against the ideal one",
     "加权（相对理想权数）"},
};

std::size_t at(ErrorSource source) { return static_cast<std::size_t>(source); }

/// The players of the game: sources that the scenario has, those of the sample first.
class Players {
 public:
  Players(const BudgetSampler& samples, const BudgetEstimates& estimates) {
    const auto& list = estimates.estimators();
    const bool rule =
        std::any_of(list.begin(), list.end(), [](const auto& e) { return e.reads_buckets; });
    for (const SourceText& text : kTexts) {
      const bool present =
          text.source == ErrorSource::weighting ||
          (text.source == ErrorSource::bucket_rule ? rule : samples.has(text.source));
      if (!present) continue;
      sources_.push_back(text.source);
      sample_sources_ += at(text.source) < kSampleSources ? 1 : 0;
    }
  }

  std::size_t size() const { return sources_.size(); }
  std::size_t sample_sets() const { return std::size_t{1} << sample_sources_; }
  std::size_t estimate_sets() const { return std::size_t{1} << (size() - sample_sources_); }
  /// The subset that a sample's and an estimate's subset make together.
  std::size_t set(std::size_t of_sample, std::size_t of_estimate) const {
    return of_sample | (of_estimate << sample_sources_);
  }
  /// Sources that are on in a subset; sources that the scenario has not are off.
  SourceFlags flags(std::size_t set) const {
    SourceFlags on(kErrorSources, false);
    for (std::size_t i = 0; i < sources_.size(); ++i) on[at(sources_[i])] = (set >> i) & 1;
    return on;
  }
  std::vector<BudgetSwitch> switches() const {
    std::vector<BudgetSwitch> list;
    for (ErrorSource source : sources_) {
      const SourceText& text = kTexts[at(source)];
      list.push_back({text.name, text.label, text.label_zh});
    }
    list.push_back({"sampling_noise", "Sampling noise", "抽样误差"});
    return list;
  }

 private:
  std::vector<ErrorSource> sources_;
  std::size_t sample_sources_ = 0;
};

/// Estimates by estimator, replicate and subset, and why one is missing.
struct Estimates {
  Estimates(std::size_t estimators, std::uint32_t replicates_, std::size_t sets_)
      : replicates(replicates_),
        sets(sets_),
        values(estimators * replicates * sets),
        failures(estimators * replicates) {}
  double* row(std::size_t estimator, std::uint32_t replicate) {
    return &values[(estimator * replicates + replicate) * sets];
  }
  std::uint32_t replicates;
  std::size_t sets;
  std::vector<double> values;
  std::vector<std::string> failures;  ///< empty: none
};

/// All subsets of one replicate.
class Replicates {
 public:
  Replicates(const BudgetSampler& samples, const BudgetEstimates& estimates, const Players& players,
             Seed seed)
      : samples_(samples), estimates_(estimates), players_(players), seed_(seed) {
    for (std::size_t s = 0; s < players.estimate_sets(); ++s) {
      const SourceFlags on = players.flags(players.set(0, s));
      cases_.push_back({.stale_benchmarks = on[at(ErrorSource::stale_benchmarks)],
                        .bucket_rule = on[at(ErrorSource::bucket_rule)],
                        .weighting = on[at(ErrorSource::weighting)]});
    }
  }

  void run(std::uint32_t r, BudgetSampler::Scratch& scratch, Estimates& out) const {
    samples_.start(seed_, Replicate{r}, scratch);
    const std::size_t estimators = estimates_.estimators().size();
    for (std::size_t s = 0; s < players_.sample_sets(); ++s) {
      const SourceFlags on = players_.flags(s);
      samples_.draw(seed_, Replicate{r}, on, scratch);
      const auto values =
          estimates_.estimate(scratch.sample, scratch.ideal, scratch.reference, cases_);
      for (std::size_t c = 0; c < cases_.size(); ++c)
        for (std::size_t j = 0; j < estimators; ++j) {
          const Result<double>& value = values[c * estimators + j];
          out.row(j, r)[players_.set(s, c)] = value ? value.value() : 0;
          std::string& failure = out.failures[j * out.replicates + r];
          if (!failure.empty()) continue;
          if (!value)
            failure = value.failure().detail;
          else if (!std::isfinite(value.value()))
            failure = "the estimate is not finite";
        }
    }
  }

 private:
  const BudgetSampler& samples_;
  const BudgetEstimates& estimates_;
  const Players& players_;
  Seed seed_;
  std::vector<EstimateSources> cases_;
};

BudgetRecord make_record(double truth, std::size_t estimator, std::size_t players,
                         Estimates& estimates) {
  std::vector<double> values;
  BudgetRecord failed;
  for (std::uint32_t r = 0; r < estimates.replicates; ++r) {
    const std::string& failure = estimates.failures[estimator * estimates.replicates + r];
    if (failure.empty()) {
      values.insert(values.end(), estimates.row(estimator, r),
                    estimates.row(estimator, r) + estimates.sets);
      continue;
    }
    ++failed.failures;
    if (failed.failure.empty()) failed.failure = failure;
  }
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  constexpr Measured kNothing{kNone, kNone};
  if (values.size() < 2 * estimates.sets) {
    failed.mean_estimate = kNone;
    failed.bias = failed.mse = kNothing;
    failed.parts.assign(players + 1, {kNothing, kNothing, kNothing, kNothing, kNothing, kNothing});
    failed.replicates = estimates.replicates - failed.failures;
    return failed;
  }
  BudgetRecord record = attribute_errors(truth, values, players);
  record.failures = failed.failures;
  record.failure = failed.failure;
  return record;
}

EstimandRecord estimand_record(const PlannedEstimand& e, double truth) {
  EstimandRecord record;
  record.estimand = e.id;
  record.domain = e.domain_name;
  record.label = e.label;
  record.label_zh = e.label_zh;
  record.domain_label = e.domain_label;
  record.domain_label_zh = e.domain_label_zh;
  record.unit = e.unit;
  record.truth = record.truth_superpopulation = truth;
  record.headline = e.headline;
  return record;
}

/// A study, whatever its population is made of.
struct Surveyed {
  const Scenario& scenario;
  const StudyPlan& plan;
  std::uint64_t sample_size;
};

void describe(const Surveyed& study, const BudgetPlan& plan, const StudyOptions& options,
              const BudgetEstimates& estimates, BudgetResults& results) {
  const Scenario& s = study.scenario;
  results.scenario = s.name;
  results.title = s.title;
  results.title_zh = s.title_zh;
  results.scenario_toml = s.toml_text;
  results.scenario_hash = s.hash;
  results.seed = static_cast<std::uint64_t>(options.seed);
  results.sample_size = study.sample_size;
  results.replicates = options.replicates;
  results.selection_on_answers = plan.selection_on_answers;
  for (std::size_t e : plan.estimands)
    results.estimands.push_back(estimand_record(study.plan.estimands[e], estimates.truth(e)));
}

void make_records(const StudyPlan& study, const BudgetPlan& plan, const BudgetEstimates& estimates,
                  std::size_t players, Estimates& values, BudgetResults& results) {
  for (std::size_t j = 0; j < estimates.estimators().size(); ++j) {
    const BudgetEstimator& estimator = estimates.estimators()[j];
    BudgetRecord record = make_record(estimates.truth(estimator.estimand), j, players, values);
    record.estimand = static_cast<std::uint32_t>(
        std::find(plan.estimands.begin(), plan.estimands.end(), estimator.estimand) -
        plan.estimands.begin());
    record.weighting = study.weightings[estimator.weighting].name;
    record.value_rule = estimator.uses_rule ? study.value_rules[estimator.value_rule].name : "-";
    record.reference = estimator.weighting == study.reference_weighting &&
                       (!estimator.uses_rule || estimator.value_rule == study.reference_value_rule);
    results.records.push_back(std::move(record));
  }
}

BudgetResults run(const Surveyed& study, const BudgetPlan& plan, const BudgetSampler& samples,
                  const BudgetEstimates& estimates, const StudyOptions& options,
                  const StudyProgress& progress) {
  EXPECTS(options.replicates >= 2);
  const Players players(samples, estimates);
  const Replicates replicates(samples, estimates, players, options.seed);
  Estimates values(estimates.estimators().size(), options.replicates,
                   std::size_t{1} << players.size());
  PerWorker<std::unique_ptr<BudgetSampler::Scratch>> scratches(options.threads,
                                                               [&] { return samples.scratch(); });
  std::atomic<std::uint32_t> done{0};
  std::mutex reporting;
  parallel_for(options.replicates, options.threads, [&](std::uint64_t i, std::size_t worker) {
    replicates.run(static_cast<std::uint32_t>(i), *scratches[worker], values);
    const std::uint32_t finished = ++done;
    if (!progress) return;
    const std::lock_guard lock(reporting);
    progress("replicates", static_cast<double>(finished) / options.replicates);
  });
  BudgetResults results;
  describe(study, plan, options, estimates, results);
  results.switches = players.switches();
  make_records(study.plan, plan, estimates, players.size(), values, results);
  return results;
}

}  // namespace

BudgetResults run_budget(const Study& study, const BudgetPlan& plan, const StudyOptions& options,
                         const StudyProgress& progress) {
  const std::optional<Population> turned =
      plan.world ? std::optional(in_world(study.population(), *plan.world)) : std::nullopt;
  const Population& world = turned ? *turned : study.population();
  const Scenario& scenario = study.scenario();
  const BudgetEstimates estimates(scenario.schema, study.plan(), plan,
                                  budget_world(study, world, plan));
  const BudgetSamples samples(study, world, estimates.variables(), plan.world.has_value());
  return run({scenario, study.plan(), scenario.sample_size}, plan, samples, estimates, options,
             progress);
}

BudgetResults run_budget(const ModelStudy& study, const BudgetPlan& plan,
                         const StudyOptions& options, const StudyProgress& progress) {
  const ModelCondition& condition = study.condition(0);
  const Scenario& scenario = condition.model.scenario;
  const ModelPopulation population(condition.model, options.seed, Replicate{0});
  const ModelSampler sampler(condition.model, population, condition.measurement.get(),
                             condition.reference_measurement.get());
  const BudgetEstimates estimates(scenario.schema, condition.plan, plan,
                                  budget_world(study, population, plan));
  const auto samples = model_budget_samples(study, plan, population, sampler);
  const auto size = static_cast<std::uint64_t>(std::llround(sampler.expected_size()));
  return run({scenario, condition.plan, size}, plan, *samples, estimates, options, progress);
}

}  // namespace steelyard
