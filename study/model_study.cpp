#include "study/model_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/resolved.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "sim/models/model_sampler.hpp"
#include "study/parallel.hpp"
#include "study/replicate.hpp"
#include "study/selection_measures.hpp"
#include "study/study_records.hpp"
#include "study/study_run.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// A population and how samples are drawn from it.
struct World {
  World(const ModelCondition& condition, Seed seed, Replicate replicate)
      : population(condition.model, seed, replicate),
        sampler(condition.model, population, condition.measurement.get(),
                condition.reference_measurement.get()),
        benchmarks(model_benchmarks(population, condition.model.scenario.schema, condition.plan,
                                    condition.stale)) {}
  ModelPopulation population;
  ModelSampler sampler;
  Benchmarks benchmarks;
};

/// Shares of the levels in the population and the samples of one condition.
/// @param first_level  of this condition in the replicates' profiles
/// @return how many levels it has
std::size_t describe_profile(const ModelCondition& condition, const ReplicatePlan& plan,
                             const ModelPopulation& population, bool named,
                             std::span<const ReplicateResults> replicates, std::size_t first_level,
                             StudyResults& results) {
  std::size_t at = first_level;
  for (VariableId id : plan.profile()) {
    const Variable& v = condition.model.scenario.schema[id];
    const auto totals = population.totals({&id, 1});
    for (std::size_t level = 0; level < v.size(); ++level, ++at) {
      ProfileRecord record;
      record.variable = v.name;
      record.label = named ? condition.label + ": " + v.label : v.label;
      record.label_zh = named ? condition.label_zh + "：" + v.label_zh : v.label_zh;
      record.level = v.levels[level];
      record.level_label = v.level_label(level);
      record.level_label_zh =
          level < v.labels_zh.size() ? v.labels_zh[level] : v.level_label(level);
      record.population_share = totals[level] / total(totals);
      Moments sample, weighted;
      for (const ReplicateResults& replicate : replicates) {
        sample.add(replicate.profile_sample[at]);
        if (!std::isnan(replicate.profile_weighted[at]))
          weighted.add(replicate.profile_weighted[at]);
      }
      record.sample_share = sample.mean();
      record.weighted_share = weighted.mean();
      results.profile.push_back(std::move(record));
    }
  }
  return at - first_level;
}

/// Of a population that is drawn anew in each replicate: as stated, or the value among very many
/// persons.
std::vector<EstimandTruth> truths_of_model(const ModelCondition& condition, Seed seed) {
  const auto& estimands = condition.plan.estimands;
  ModelScenario many = condition.model;
  const bool stated = std::all_of(estimands.begin(), estimands.end(), [](const auto& e) {
    return e.truth && !e.functional->uses_value_rule();
  });
  if (!stated)
    many.scenario.population_size =
        std::max<std::uint64_t>(ModelStudy::kTruthPersons, *many.scenario.population_size);
  // Replicates draw from streams of their own; the last number is that of these persons.
  constexpr Replicate kTruth{std::numeric_limits<std::uint32_t>::max()};
  auto truths = model_truths(ModelPopulation(many, seed, kTruth), condition.plan);
  for (std::size_t e = 0; e < truths.size(); ++e) {
    truths[e].superpopulation = estimands[e].truth.value_or(truths[e].finite);
    if (stated) truths[e].own_value = truths[e].superpopulation;
    truths[e].finite = kNone;
  }
  return truths;
}

std::unique_ptr<const ModelCondition> make_condition(const std::string& folder,
                                                     std::vector<std::string> settings,
                                                     std::string name, std::string label,
                                                     std::string label_zh) {
  auto condition = std::make_unique<ModelCondition>();
  condition->name = std::move(name);
  condition->label = std::move(label);
  condition->label_zh = std::move(label_zh);
  condition->model = load_model_scenario(folder, settings);
  const Scenario& scenario = condition->model.scenario;
  condition->plan = plan_study(scenario);
  condition->measurement = std::make_unique<const Measurement>(scenario, PopulationKind::formulas);
  condition->reference_measurement =
      std::make_unique<const Measurement>(scenario, PopulationKind::formulas, Reporting::reference);
  condition->stale = read_stale_benchmarks(scenario, condition->plan.benchmarks);
  for (PlannedEstimand& e : condition->plan.estimands) {
    if (e.truth && condition->model.redraw == Redraw::once)
      throw UserError(e.truth_place, "estimand " + e.id,
                      "\"truth\" is given, but the population is drawn once and has its own",
                      "leave it out, or set population.draw = \"replicate\"");
    if (condition->name.empty()) continue;
    const bool all = e.domain.empty();
    e.domain_name = all ? condition->name : condition->name + ": " + e.domain_name;
    e.domain_label = all ? condition->label : condition->label + ": " + e.domain_label;
    e.domain_label_zh = all ? condition->label_zh : condition->label_zh + "：" + e.domain_label_zh;
  }
  return condition;
}

}  // namespace

ModelStudy::ModelStudy(const std::string& name_or_folder, const std::vector<std::string>& settings,
                       const std::vector<std::string>& only) {
  const ScenarioDocument document = open_scenario(name_or_folder, settings);
  ConfigReader root = document.reader();
  Texts names;
  for (ConfigReader& section : root.sections("condition")) {
    const std::string name = section.text("name", {.help = "the name in results"});
    if (std::find(names.begin(), names.end(), name) != names.end())
      section.fail("name", "= \"" + name + "\" stands twice", "rename one");
    names.push_back(name);
    if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
    const std::string label = section.text("label", {.fallback = name});
    const std::string label_zh = section.text("label_zh", {.fallback = label});
    std::vector<std::string> all = settings;
    for (const std::string& setting :
         section.texts("set", {.help = "\"key=value\", as with --set"}))
      all.push_back(setting);
    section.finish();
    conditions_.push_back(make_condition(name_or_folder, std::move(all), name, label, label_zh));
  }
  for (const std::string& name : only)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw UserError(root.place(), "--condition",
                      "\"" + name + "\" is no condition of the scenario",
                      names.empty() ? "it has none" : suggestion(name, names));
  if (conditions_.empty())
    conditions_.push_back(make_condition(name_or_folder, settings, "", "", ""));
  for (const auto& condition : conditions_) {
    const StudyPlan &plan = condition->plan, &first = conditions_.front()->plan;
    if (plan.estimands.size() != first.estimands.size() ||
        plan.weightings.size() != first.weightings.size() ||
        condition->model.redraw != conditions_.front()->model.redraw)
      throw UserError(condition->model.scenario.reader().place(), "condition " + condition->name,
                      "has other estimands, weightings or population.draw than the first",
                      "let conditions change numbers only");
  }
  published_ = read_published_measures(scenario());
  std::erase_if(published_, [&](const PublishedMeasure& m) {
    const bool known = std::find(names.begin(), names.end(), m.condition) != names.end();
    return known && !only.empty() && std::find(only.begin(), only.end(), m.condition) == only.end();
  });
}

namespace {

class ModelSession final : public StudySession {
 public:
  ModelSession(const ModelStudy& study, const StudyOptions& options)
      : study_(&study),
        options_(options),
        threads_(thread_count(options.threads)),
        worlds_(study.conditions()),
        scratches_(threads_, [] { return ModelSampler::Scratch(); }) {
    first_.push_back(0);
    for (std::size_t c = 0; c < study.conditions(); ++c) {
      const ModelCondition& condition = study.condition(c);
      plans_.push_back(std::make_unique<ReplicatePlan>(condition.model.scenario, condition.plan));
      append_estimator_names(condition.plan, *plans_.back(), estimators_);
      first_.push_back(estimators_.size());
      if (condition.model.redraw == Redraw::once)
        worlds_[c].emplace(condition, options.seed, Replicate{0});
    }
  }

  std::size_t conditions() const override { return plans_.size(); }
  const Texts& estimators() const override { return estimators_; }
  std::size_t first_estimator(std::size_t condition) const override { return first_[condition]; }

  ReplicateResults replicate(std::size_t c, std::uint32_t number, std::size_t worker,
                             std::span<const std::uint8_t> wanted) override {
    ModelSampler::Scratch& scratch = scratches_[worker];
    std::optional<World> own;
    if (!worlds_[c]) own.emplace(study_->condition(c), options_.seed, Replicate{number});
    const World& drawn = worlds_[c] ? *worlds_[c] : *own;
    drawn.sampler.draw(options_.seed, Replicate{number}, scratch);
    Benchmarks benchmarks = drawn.benchmarks;
    if (scratch.reference) benchmarks.set_reference(scratch.reference);
    return plans_[c]->run(scratch.sample, options_.seed, number, std::move(benchmarks), wanted);
  }

  StudyResults describe(const StudyProgress&) override {
    const Scenario& s = study_->scenario();
    StudyResults results;
    results.scenario = s.name;
    results.title = s.title;
    results.title_zh = s.title_zh;
    results.scenario_toml = s.toml_text;
    results.scenario_hash = s.hash;
    results.scenario_resolved = resolved_text(resolve(s));
    results.population_size = std::to_string(*s.population_size);
    results.population_kind = "model";
    results.seed = static_cast<std::uint64_t>(options_.seed);
    results.run.threads = static_cast<std::uint32_t>(threads_);
    const auto start = Clock::now();
    for (std::size_t c = 0; c < conditions(); ++c) {
      const ModelCondition& condition = study_->condition(c);
      const auto truths = worlds_[c] ? model_truths(worlds_[c]->population, condition.plan)
                                     : truths_of_model(condition, options_.seed);
      const std::size_t first_estimand = results.estimands.size();
      describe_estimands(condition.plan, truths, results);
      describe_estimators(condition.plan, *plans_[c], truths, first_estimand, results);
    }
    results.run.truth_seconds = seconds_since(start);
    std::optional<World> own;
    if (!worlds_[0]) own.emplace(study_->condition(0), options_.seed, Replicate{0});
    results.sample_size = static_cast<std::uint64_t>(
        std::llround((worlds_[0] ? *worlds_[0] : *own).sampler.expected_size()));
    return results;
  }

  void conclude(const std::vector<ReplicateResults>& replicates, StudyResults& results) override {
    measure(replicates, results);
    std::size_t first_level = 0;
    for (std::size_t c = 0; c < conditions(); ++c)
      if (worlds_[c])
        first_level += describe_profile(study_->condition(c), *plans_[c], worlds_[c]->population,
                                        conditions() > 1, replicates, first_level, results);
    results.reproduction = compare_published(study_->published(), results);
    record_survey(replicates, {}, results);
    std::vector<SurveySize> sizes;
    for (std::size_t c = 0; c < conditions(); ++c)
      sizes.push_back({first_[c],
                       worlds_[c] ? static_cast<double>(worlds_[c]->population.size()) : 0,
                       worlds_[c] ? worlds_[c]->sampler.expected_size() : 0});
    measure_selection(sizes, results);
  }

 private:
  const ModelStudy* study_;
  StudyOptions options_;
  int threads_;
  std::vector<std::optional<World>> worlds_;  ///< by condition; nothing: drawn in each replicate
  std::vector<std::unique_ptr<const ReplicatePlan>> plans_;
  PerWorker<ModelSampler::Scratch> scratches_;
  Texts estimators_;
  std::vector<std::size_t> first_;  ///< estimator of each condition, and the end
};

}  // namespace

std::unique_ptr<StudySession> ModelStudy::session(const StudyOptions& options) const {
  return std::make_unique<ModelSession>(*this, options);
}

StudyResults ModelStudy::run(const StudyOptions& options, const StudyProgress& progress) const {
  const auto made = session(options);
  ReplicateLedger ledger(made->estimators(), options.replicates);
  return run_study(*made, ledger, {.replicates = options.replicates, .threads = options.threads},
                   progress);
}

}  // namespace steelyard
