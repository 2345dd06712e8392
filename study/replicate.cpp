#include "study/replicate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/sums.hpp"
#include "core/timing.hpp"
#include "estimators/buckets/family_fits.hpp"
#include "estimators/tabulate.hpp"
#include "estimators/values/bucket_values.hpp"
#include "sim/population/constraints.hpp"
#include "study/complete_cells.hpp"
#include "study/modelled_answers.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
bool same(const Domain& a, const Domain& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const Condition& x, const Condition& y) {
           return x.variable == y.variable && x.levels == y.levels;
         });
}

struct WeightedMean {
  double mean = kNone, sum = 0;
};

/// Squared coefficient of variation of the respondents' weights.
double weights_cv2(const CellIndex& cells, const Weights& weights) {
  double sum = 0, squares = 0;
  for (std::size_t c = 0; c < cells.cells; ++c) {
    sum += cells.weight[c] * weights.factor[c];
    squares += cells.weight_squared[c] * weights.factor[c] * weights.factor[c];
  }
  return std::max(0.0, static_cast<double>(cells.n) * squares / (sum * sum) - 1);
}

std::vector<double> unweighted_totals(const Tabulation& table) {
  std::vector<double> totals(table.levels, 0.0);
  for (std::size_t c = 0; c < table.cells.size(); ++c)
    for (std::size_t level = 0; level < table.levels; ++level)
      totals[level] += table.weight[c * table.levels + level];
  return totals;
}

/// Of what no estimator asks for in this run; nobody reads it.
Failure not_wanted() { return {FailureKind::none, "not wanted"}; }

WeightedMean weighted_mean(const std::vector<double>& totals, const std::vector<double>& values) {
  double sum = 0, weight = 0;
  for (std::size_t level = 0; level < totals.size(); ++level) {
    sum += totals[level] * values[level];
    weight += totals[level];
  }
  return {weight > 0 ? sum / weight : kNone, sum};
}

}  // namespace

ReplicatePlan::ReplicatePlan(const Scenario& scenario, const StudyPlan& plan)
    : scenario_(&scenario), plan_(&plan) {
  for (const auto& weighting : plan.weightings)
    for (VariableId id : weighting.plugin->variables())
      if (std::find(cell_variables_.begin(), cell_variables_.end(), id) == cell_variables_.end())
        cell_variables_.push_back(id);
  std::sort(cell_variables_.begin(), cell_variables_.end());
  models_answers_ =
      std::any_of(plan.weightings.begin(), plan.weightings.end(),
                  [](const auto& weighting) { return weighting.plugin->models_answers(); });
  for (VariableId id : cell_variables_) need(id);
  for (std::size_t e = 0; e < plan.estimands.size(); ++e) {
    const PlannedEstimand& estimand = plan.estimands[e];
    estimand_task_.push_back(task_for(estimand.domain, estimand.functional->variables()));
    const bool uses_rule = estimand.functional->uses_value_rule();
    for (std::size_t w = 0; w < plan.weightings.size(); ++w)
      for (std::size_t v = 0; v < (uses_rule ? plan.value_rules.size() : 1); ++v)
        for (std::size_t t = 0; t < plan.intervals.size(); ++t)
          if (!plan.intervals[t].plugin->objection(*estimand.functional))
            estimators_.push_back({static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(w),
                                   static_cast<std::uint32_t>(v), static_cast<std::uint32_t>(t),
                                   uses_rule});
  }
  estimand_tasks_ = tasks_.size();
  last_of_table_.assign(estimators_.size(), false);
  std::set<std::pair<std::size_t, std::uint32_t>> later;
  for (std::size_t i = estimators_.size(); i-- > 0;)
    last_of_table_[i] =
        later.insert({estimand_task_[estimators_[i].estimand], estimators_[i].weighting}).second;
  for (std::size_t w = 0; w < plan.weightings.size(); ++w)
    if (plan.weightings[w].name == scenario.weighting_view) view_weighting_ = w;
  plan_published();
  for (VariableId id : scenario.root) {
    profile_.push_back(id);
    profile_task_.push_back(task_for({}, {id}));
  }
}

void ReplicatePlan::need(VariableId id) {
  if (std::find(variables_.begin(), variables_.end(), id) == variables_.end())
    variables_.push_back(id);
}

std::size_t ReplicatePlan::task_for(const Domain& domain, std::vector<VariableId> answers) {
  for (const Condition& c : domain) need(c.variable);
  for (VariableId id : answers) need(id);
  std::size_t d = 0;
  while (d < domains_.size() && !same(domains_[d], domain)) ++d;
  if (d == domains_.size()) domains_.push_back(domain);
  for (std::size_t t = 0; t < tasks_.size(); ++t)
    if (tasks_[t].domain == d && tasks_[t].answers == answers) return t;
  tasks_.push_back({d, std::move(answers)});
  return tasks_.size() - 1;
}

void ReplicatePlan::plan_published() {
  for (std::size_t i = 0; i < scenario_->numbers.size(); ++i) {
    const PublishedNumber& n = scenario_->numbers[i];
    if (n.use == Use::not_modelled || n.view == View::population || n.quantity.empty()) continue;
    PublishedTask task;
    task.number = i;
    task.first = task_for(n.scope, {n.quantity[0]});
    task.values = level_values(scenario_->schema, n, 0);
    if (n.statistic == Statistic::difference) {
      task.second = task_for(n.scope, {n.quantity[1]});
      task.second_values = level_values(scenario_->schema, n, 1);
    } else if (n.statistic == Statistic::mean_difference) {
      task.second = task_for(n.other_scope, {n.quantity[0]});
      task.second_values = task.values;
    }
    published_.push_back(std::move(task));
  }
}

/// What a value rule makes of one table.
struct ReplicatePlan::Laws {
  Result<LawNearby> nearby;
  double seconds = 0;  ///< with the fits that no rule had asked for before
};

/// What every estimator of one sample shares.
struct ReplicatePlan::Working {
  Benchmarks benchmarks;                  ///< with this replicate's reference sample
  const Failure* no_reference = nullptr;  ///< why it has none; null: nothing failed
  std::vector<std::vector<bool>> wanted;  ///< by weighting and interval
  CompleteCells complete;
  std::vector<Result<Weights>> weights;  ///< by weighting
  std::vector<std::vector<Result<std::unique_ptr<const PreparedInterval>>>>
      prepared;                                  ///< and interval
  std::vector<std::vector<std::uint32_t>> rows;  ///< by domain
  std::vector<std::optional<std::vector<std::uint32_t>>>
      reference_rows;  ///< by domain; nothing: the reference sample cannot tell who is in it
  std::vector<Tabulation> tables;  ///< by task
  std::vector<std::vector<std::vector<double>>>
      totals;  ///< by task and weighting; empty: it failed
  /// Answers of all respondents, where a weighting models them; empty elsewhere.
  std::map<std::vector<VariableId>, Tabulation> everybody;
  /// What weightings keep of the models of these answers, by weighting.
  std::map<std::pair<std::size_t, std::vector<VariableId>>, std::shared_ptr<const void>> kept;
  /// By task and weighting that models answers; null elsewhere.
  std::vector<std::vector<Result<std::unique_ptr<const ModelledAnswer>>>> modelled;
  std::vector<double> weigh_seconds, table_seconds;
  std::vector<std::vector<double>> prepare_seconds;

  /// By task and weighting: fits of families to its totals, which value rules share, and the laws
  /// that each rule has made of them.
  struct Table {
    FamilyFits fits;
    std::map<std::uint32_t, Laws> by_rule;
  };
  std::map<std::pair<std::size_t, std::uint32_t>, Table> laws;
  /// By task, weighting and interval: what rules share in their intervals.
  std::map<std::array<std::size_t, 3>, KeptOfTable> kept_of_table;
};

ReplicateResults ReplicatePlan::run(const Sample& sample, Seed seed, std::uint32_t replicate,
                                    Benchmarks benchmarks, std::span<const std::uint8_t> wanted,
                                    const Failure* no_reference) const {
  ReplicateResults out;
  for (auto* column : {&out.estimate, &out.se, &out.lower, &out.upper})
    column->assign(estimators_.size(), kNone);
  out.seconds.assign(estimators_.size(), 0.0);
  out.published.assign(scenario_->numbers.size(), kNone);
  Working shared{.benchmarks = std::move(benchmarks),
                 .no_reference = no_reference,
                 .wanted = pairs_of(wanted)};
  weigh(sample, shared);
  record_weights(shared, out);
  tabulate(sample, shared);
  prepare(sample, seed, replicate, shared);
  for (std::size_t i = 0; i < estimators_.size(); ++i) {
    if (wanted.empty() || wanted[i] != 0) {
      const auto failure = estimate(i, shared, out);
      if (failure)
        out.failures.push_back(
            {replicate, static_cast<std::uint32_t>(i), to_string(failure->kind), failure->detail});
    }
    // Laws of all tables together would leave the caches before they are given back.
    if (last_of_table_[i])
      shared.laws.erase({estimand_task_[estimators_[i].estimand], estimators_[i].weighting});
  }
  publish(shared, out);
  record_profile(shared, out);
  return out;
}

/// Which weightings and intervals the wanted estimators need.
std::vector<std::vector<bool>> ReplicatePlan::pairs_of(std::span<const std::uint8_t> wanted) const {
  std::vector<std::vector<bool>> pairs(plan_->weightings.size(),
                                       std::vector<bool>(plan_->intervals.size(), wanted.empty()));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i] != 0) pairs[estimators_[i].weighting][estimators_[i].interval] = true;
  return pairs;
}

void ReplicatePlan::record_weights(const Working& shared, ReplicateResults& out) const {
  std::vector<double> by_weighting;
  for (const auto& weights : shared.weights)
    by_weighting.push_back(weights ? weights_cv2(shared.complete.cells(), weights.value()) : kNone);
  for (const EstimatorPlan& estimator : estimators_)
    out.weights_cv2.push_back(by_weighting[estimator.weighting]);
}

/// Weights: once per weighting, on cells.
void ReplicatePlan::weigh(const Sample& sample, Working& shared) const {
  auto start = Clock::now();
  shared.complete = CompleteCells(sample, cell_variables_);
  const double index_seconds = seconds_since(start);
  for (std::size_t w = 0; w < plan_->weightings.size(); ++w) {
    start = Clock::now();
    const auto& wanted = shared.wanted[w];
    const Weighting& weighting = *plan_->weightings[w].plugin;
    if (std::find(wanted.begin(), wanted.end(), true) == wanted.end())
      shared.weights.emplace_back(not_wanted());
    else if (shared.no_reference != nullptr && weighting.needs_reference())
      shared.weights.emplace_back(*shared.no_reference);
    else
      shared.weights.push_back(shared.complete.weigh(weighting, shared.benchmarks));
    shared.weigh_seconds.push_back(index_seconds + seconds_since(start));
  }
}

/// What intervals need of each weighting, weights of replicates among it: once for all estimands.
void ReplicatePlan::prepare(const Sample& sample, Seed seed, std::uint32_t replicate,
                            Working& shared) const {
  std::vector<AnswerRows> tables;
  for (std::size_t t = 0; t < estimand_tasks_; ++t)
    tables.push_back({tasks_[t].answers, shared.rows[tasks_[t].domain],
                      shared.reference_rows[tasks_[t].domain]
                          ? std::span<const std::uint32_t>(*shared.reference_rows[tasks_[t].domain])
                          : std::span<const std::uint32_t>(),
                      &domains_[tasks_[t].domain]});
  for (std::size_t w = 0; w < plan_->weightings.size(); ++w) {
    const Result<Weights>& weights = shared.weights[w];
    auto& prepared = shared.prepared.emplace_back();
    auto& seconds = shared.prepare_seconds.emplace_back();
    for (std::size_t t = 0; t < plan_->intervals.size(); ++t) {
      const auto start = Clock::now();
      if (!shared.wanted[w][t])
        prepared.emplace_back(not_wanted());
      else if (weights)
        prepared.push_back(
            plan_->intervals[t].plugin->prepare({.index = shared.complete.cells(),
                                                 .weights = weights.value(),
                                                 .sample = &sample,
                                                 .weighting = plan_->weightings[w].plugin.get(),
                                                 .benchmarks = &shared.benchmarks,
                                                 .tables = tables,
                                                 .seed = seed,
                                                 .replicate = Replicate{replicate},
                                                 .many_of_a_table = !plan_->value_rules.empty()}));
      else
        prepared.push_back(weights.failure());
      seconds.push_back(seconds_since(start));
    }
  }
}

/// Tabulations: once per domain and answer, for every weighting.
void ReplicatePlan::tabulate(const Sample& sample, Working& shared) const {
  for (const Domain& domain : domains_) {
    shared.rows.push_back(domain_rows(sample, domain));
    shared.reference_rows.push_back(reference_rows(shared.benchmarks.reference().get(), domain));
  }
  Tabulator tabulator(sample, shared.complete.cells());
  for (const Task& task : tasks_) {
    const auto start = Clock::now();
    shared.tables.push_back(tabulator.tabulate(task.answers, shared.rows[task.domain]));
    auto& totals = shared.totals.emplace_back();
    for (const Result<Weights>& weights : shared.weights)
      totals.push_back(weights ? level_totals(shared.tables.back(), weights.value())
                               : std::vector<double>{});
    if (models_answers_ && !shared.everybody.contains(task.answers))
      shared.everybody.emplace(task.answers,
                               tabulator.tabulate(task.answers, domain_rows(sample, {})));
    model(shared.tables.size() - 1, shared);
    shared.table_seconds.push_back(seconds_since(start));
  }
}

/// Totals that a model of the answer gives, in place of those of weights.
void ReplicatePlan::model(std::size_t task, Working& shared) const {
  auto& modelled = shared.modelled.emplace_back();
  const std::size_t domain = tasks_[task].domain;
  for (std::size_t w = 0; w < plan_->weightings.size(); ++w) {
    const Weighting& weighting = *plan_->weightings[w].plugin;
    modelled.emplace_back(std::unique_ptr<const ModelledAnswer>());
    if (!weighting.models_answers() || !shared.weights[w]) continue;
    // Tables of the report are only wanted under its own weighting.
    if (task >= estimand_tasks_ && w != view_weighting_) continue;
    modelled.back() = model_sampled_answer(
        weighting, shared.complete.cells(), shared.benchmarks, shared.weights[w].value(),
        {tasks_[task].answers, domains_[domain], shared.tables[task],
         shared.everybody.at(tasks_[task].answers), shared.reference_rows[domain]},
        &shared.kept[{w, tasks_[task].answers}]);
    auto& totals = shared.totals[task][w];
    if (!modelled.back())
      totals.clear();
    else if (modelled.back().value())
      totals.assign(modelled.back().value()->totals().begin(),
                    modelled.back().value()->totals().end());
  }
}

/// Laws: once per rule, task and weighting, for all functionals of an answer.
const ReplicatePlan::Laws& ReplicatePlan::laws(const EstimatorPlan& plan, std::size_t task,
                                               Working& shared) const {
  const std::vector<double>& totals = shared.totals[task][plan.weighting];
  const auto respondents = static_cast<double>(shared.tables[task].respondents);
  const Variable& variable = scenario_->schema[tasks_[task].answers[0]];
  const std::pair key{task, plan.weighting};
  auto table = shared.laws.find(key);
  if (table == shared.laws.end()) {
    FamilyFits none(table_of(variable, totals, respondents));
    table = shared.laws.emplace(key, Working::Table{std::move(none), {}}).first;
  }
  auto& by_rule = table->second.by_rule;
  auto at = by_rule.find(plan.value_rule);
  if (at == by_rule.end()) {
    const auto start = Clock::now();
    const ValueRule& rule = *plan_->value_rules[plan.value_rule].plugin;
    Laws made{rule.laws(variable, totals, respondents, &table->second.fits), 0};
    made.seconds = seconds_since(start);
    at = by_rule.emplace(plan.value_rule, std::move(made)).first;
  }
  return at->second;
}

/// One estimator of one estimand into its slot; the reason if it cannot be made.
std::optional<Failure> ReplicatePlan::estimate(std::size_t i, Working& shared,
                                               ReplicateResults& out) const {
  const EstimatorPlan& plan = estimators_[i];
  if (!shared.weights[plan.weighting]) return shared.weights[plan.weighting].failure();
  const std::size_t task = estimand_task_[plan.estimand];
  const auto& modelled = shared.modelled[task][plan.weighting];
  if (!modelled) return modelled.failure();
  const std::vector<double>& totals = shared.totals[task][plan.weighting];
  const LevelEstimator estimator(
      scenario_->schema, *plan_->estimands[plan.estimand].functional,
      plan.uses_rule ? plan_->value_rules[plan.value_rule].plugin.get() : nullptr);
  const Laws* made =
      estimator.uses_laws() && total(totals) > 0 ? &laws(plan, task, shared) : nullptr;
  const auto start = Clock::now();
  const auto point =
      estimator.estimate(totals, static_cast<double>(shared.tables[task].respondents),
                         made != nullptr ? &made->nearby : nullptr);
  if (!point) return point.failure();
  const auto& prepared = shared.prepared[plan.weighting][plan.interval];
  if (!prepared) return prepared.failure();
  KeptOfTable* const kept =
      plan.uses_rule ? &shared.kept_of_table[{task, plan.weighting, plan.interval}] : nullptr;
  const bool made_before = kept != nullptr && kept->made;
  const auto interval = prepared.value()->interval(
      {shared.tables[task], point.value(), &estimator, totals, task, modelled.value().get(), kept});
  if (!interval) return interval.failure();
  out.estimate[i] = point.value().estimate;
  out.se[i] = interval.value().se;
  out.lower[i] = interval.value().lower;
  out.upper[i] = interval.value().upper;
  out.seconds[i] = seconds_since(start) + shared.weigh_seconds[plan.weighting] +
                   shared.prepare_seconds[plan.weighting][plan.interval] +
                   shared.table_seconds[task] + (made != nullptr ? made->seconds : 0) +
                   (made_before ? kept->seconds : 0);
  return std::nullopt;
}

/// What the simulated survey would have printed: unweighted, or after the report's own weighting.
void ReplicatePlan::publish(const Working& shared, ReplicateResults& out) const {
  for (const PublishedTask& task : published_) {
    const PublishedNumber& n = scenario_->numbers[task.number];
    const auto totals = [&](std::size_t t) {
      return n.view == View::weighted_sample ? shared.totals[t][view_weighting_]
                                             : unweighted_totals(shared.tables[t]);
    };
    const WeightedMean first = weighted_mean(totals(task.first), task.values);
    double& value = out.published[task.number];
    if (n.statistic == Statistic::count)
      value = first.sum;
    else if (!task.second_values.empty())
      value = first.mean - weighted_mean(totals(task.second), task.second_values).mean;
    else
      value = first.mean;
  }
}

/// One-way shares before and after the report's weighting; NaN where that failed.
void ReplicatePlan::record_profile(const Working& shared, ReplicateResults& out) const {
  const auto append = [](std::vector<double>& shares, const std::vector<double>& totals,
                         std::size_t levels) {
    const double sum = total(totals);
    for (std::size_t level = 0; level < levels; ++level)
      shares.push_back(totals.empty() ? kNone : totals[level] / sum);
  };
  for (std::size_t task : profile_task_) {
    const Tabulation& table = shared.tables[task];
    append(out.profile_sample, unweighted_totals(table), table.levels);
    append(out.profile_weighted, shared.totals[task][view_weighting_], table.levels);
  }
}

}  // namespace steelyard
