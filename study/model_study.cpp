#include "study/model_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "estimators/functionals/quantile.hpp"
#include "estimators/tabulate.hpp"
#include "sim/models/model_sampler.hpp"
#include "study/parallel.hpp"
#include "study/replicate.hpp"
#include "study/study_records.hpp"
#include "study/tally.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The value below or at which enough of them lie: the definition of QuantileFunctional.
double quantile_of(std::vector<double> values, double p) {
  if (values.empty()) return kNone;
  const double rank = std::ceil(p * static_cast<double>(values.size()) * (1 - 1e-15));
  const auto k = static_cast<std::ptrdiff_t>(std::max(1.0, rank)) - 1;
  std::nth_element(values.begin(), values.begin() + k, values.end());
  return values[static_cast<std::size_t>(k)];
}

DomainTruth model_truth(const ModelPopulation& population, const PlannedEstimand& e,
                        Tabulator& tabulator) {
  const Sample& everybody = population.everybody();
  const Schema& schema = *everybody.schema;
  const auto answers = e.functional->variables();
  if (e.functional->uses_law())
    throw UserError({}, "estimand " + e.id,
                    "is of a whole law of values, whose truth is not known in a model population",
                    "leave it out");
  const auto rows = domain_rows(everybody, e.domain);
  DomainTruth truth;
  const Tabulation table = tabulator.tabulate(answers, rows);
  truth.totals.assign(table.levels, 0.0);
  for (std::size_t c = 0; c < table.cells.size(); ++c)
    for (std::size_t k = 0; k < table.levels; ++k)
      truth.totals[k] += table.weight[c * table.levels + k];
  truth.means = fixed_means(*e.functional);
  truth.variances.resize(truth.means.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    if (!is_bucketed(schema, *e.functional, k)) continue;
    const auto behind = population.values_behind(answers[k]);
    std::vector<Moments> buckets(schema[answers[k]].size());
    for (std::uint32_t row : rows) buckets[everybody.column(answers[k])[row]].add(behind[row]);
    truth.means[k].clear();
    for (const Moments& bucket : buckets) truth.means[k].push_back(bucket.mean());
    const auto* quantile = dynamic_cast<const QuantileFunctional*>(e.functional.get());
    if (quantile == nullptr) continue;
    std::vector<double> values;
    for (std::uint32_t row : rows) values.push_back(behind[row]);
    truth.quantile = quantile_of(std::move(values), quantile->probability());
  }
  return truth;
}

Benchmarks benchmarks_of(const ModelPopulation& population, const Scenario& scenario,
                         const StudyPlan& plan) {
  Benchmarks benchmarks(scenario.schema);
  for (const auto& variables : plan.benchmarks)
    if (variables.size() == 1 && scenario.schema[variables[0]].kind == VariableKind::continuous)
      benchmarks.add_number(variables[0],
                            total(population.everybody().numbers[index(variables[0])]));
    else
      benchmarks.add({variables, population.totals(variables)});
  return benchmarks;
}

/// A population and how samples are drawn from it.
struct World {
  World(const ModelCondition& condition, Seed seed, Replicate replicate)
      : population(condition.model, seed, replicate),
        sampler(condition.model, population),
        benchmarks(benchmarks_of(population, condition.model.scenario, condition.plan)) {}
  ModelPopulation population;
  ModelSampler sampler;
  Benchmarks benchmarks;
};

void append(const ReplicateResults& from, std::size_t first_estimator, ReplicateResults& to) {
  for (const auto column :
       {&ReplicateResults::estimate, &ReplicateResults::se, &ReplicateResults::lower,
        &ReplicateResults::upper, &ReplicateResults::seconds})
    (to.*column).insert((to.*column).end(), (from.*column).begin(), (from.*column).end());
  for (FailureRecord failure : from.failures) {
    failure.estimator += static_cast<std::uint32_t>(first_estimator);
    to.failures.push_back(std::move(failure));
  }
}

/// Shares of the levels in the population and the samples of one condition.
void describe_profile(const ModelCondition& condition, const ReplicatePlan& plan,
                      const ModelPopulation& population, bool named,
                      std::span<const ReplicateResults> replicates, StudyResults& results) {
  std::size_t at = 0;
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
  condition->plan = plan_study(condition->model.scenario);
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

std::vector<EstimandTruth> model_truths(const ModelPopulation& population, const StudyPlan& plan) {
  const Sample& everybody = population.everybody();
  const CellIndex one_cell = make_cell_index(everybody, {});
  Tabulator tabulator(everybody, one_cell);
  std::vector<EstimandTruth> truths;
  for (const PlannedEstimand& e : plan.estimands) {
    const DomainTruth whole = model_truth(population, e, tabulator);
    EstimandTruth truth;
    truth.superpopulation = kNone;
    truth.finite = true_value(*e.functional, whole);
    if (e.functional->uses_value_rule())
      for (const auto& rule : plan.value_rules)
        truth.rule_values.push_back(
            read_answers(*everybody.schema, *e.functional, whole, rule.plugin.get()));
    else
      truth.own_value = read_answers(*everybody.schema, *e.functional, whole, nullptr);
    truths.push_back(std::move(truth));
  }
  return truths;
}

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

void ModelStudy::run_condition(const ModelCondition& condition, const StudyOptions& options,
                               const std::function<void()>& finished_one,
                               std::vector<ReplicateResults>& all, StudyResults& results) const {
  const int threads = thread_count(options.threads);
  const bool once = condition.model.redraw == Redraw::once;
  auto start = Clock::now();
  std::optional<World> world;
  std::vector<EstimandTruth> truths;
  if (once) {
    world.emplace(condition, options.seed, Replicate{0});
    truths = model_truths(world->population, condition.plan);
  } else {
    truths = truths_of_model(condition, options.seed);
  }
  results.run.truth_seconds += seconds_since(start);

  const ReplicatePlan plan(condition.model.scenario, condition.plan);
  const std::size_t first_estimand = results.estimands.size();
  const std::size_t first_estimator = results.estimators.size();
  describe_estimands(condition.plan, truths, results);
  describe_estimators(condition.plan, plan, truths, first_estimand, results);
  start = Clock::now();
  std::vector<ReplicateResults> replicates(options.replicates);
  PerWorker<ModelSampler::Scratch> scratches(threads, [] { return ModelSampler::Scratch(); });
  parallel_for(options.replicates, threads, [&](std::uint64_t i, std::size_t worker) {
    const auto r = static_cast<std::uint32_t>(i);
    ModelSampler::Scratch& scratch = scratches[worker];
    std::optional<World> own;
    if (!once) own.emplace(condition, options.seed, Replicate{r});
    const World& drawn = once ? *world : *own;
    drawn.sampler.draw(options.seed, Replicate{r}, scratch);
    Benchmarks benchmarks = drawn.benchmarks;
    if (scratch.reference) benchmarks.set_reference(scratch.reference);
    replicates[r] = plan.run(scratch.sample, options.seed, r, std::move(benchmarks));
    finished_one();
  });
  results.run.replicate_seconds += seconds_since(start);
  if (world)
    describe_profile(condition, plan, world->population, conditions_.size() > 1, replicates,
                     results);
  for (std::size_t r = 0; r < all.size(); ++r) append(replicates[r], first_estimator, all[r]);
  if (results.sample_size != 0) return;
  if (!world) world.emplace(condition, options.seed, Replicate{0});
  results.sample_size = static_cast<std::uint64_t>(std::llround(world->sampler.expected_size()));
}

StudyResults ModelStudy::run(const StudyOptions& options, const StudyProgress& progress) const {
  const Scenario& s = scenario();
  StudyResults results;
  results.scenario = s.name;
  results.title = s.title;
  results.title_zh = s.title_zh;
  results.scenario_toml = s.toml_text;
  results.scenario_hash = s.hash;
  results.population_size = std::to_string(*s.population_size);
  results.population_kind = "model";
  results.seed = static_cast<std::uint64_t>(options.seed);
  results.replicates = options.replicates;
  results.run.threads = static_cast<std::uint32_t>(thread_count(options.threads));
  const double runs = static_cast<double>(options.replicates) * static_cast<double>(conditions());
  std::vector<ReplicateResults> all(options.replicates);
  std::atomic<std::uint64_t> done{0};
  std::mutex reporting;
  for (const auto& condition : conditions_)
    run_condition(
        *condition, options,
        [&] {
          const std::uint64_t finished = ++done;
          if (!progress) return;
          const std::lock_guard lock(reporting);
          progress("replicates", static_cast<double>(finished) / runs);
        },
        all, results);
  measure(all, results);
  results.reproduction = compare_published(published_, results);
  return results;
}

}  // namespace steelyard
