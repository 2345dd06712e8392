#include "study/replicate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "estimators/tabulate.hpp"
#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool same(const Domain& a, const Domain& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const Condition& x, const Condition& y) {
           return x.variable == y.variable && x.levels == y.levels;
         });
}

struct WeightedMean {
  double mean = kNone, sum = 0;
};

WeightedMean weighted_mean(const std::vector<double>& totals, const std::vector<double>& values) {
  double sum = 0, weight = 0;
  for (std::size_t level = 0; level < totals.size(); ++level) {
    sum += totals[level] * values[level];
    weight += totals[level];
  }
  return {weight > 0 ? sum / weight : kNone, sum};
}

}  // namespace

ReplicatePlan::ReplicatePlan(const Scenario& scenario, const StudyPlan& plan,
                             const Benchmarks& benchmarks)
    : scenario_(&scenario), plan_(&plan), benchmarks_(&benchmarks) {
  for (const auto& weighting : plan.weightings)
    for (VariableId id : weighting.plugin->variables())
      if (std::find(cell_variables_.begin(), cell_variables_.end(), id) == cell_variables_.end())
        cell_variables_.push_back(id);
  std::sort(cell_variables_.begin(), cell_variables_.end());
  for (VariableId id : cell_variables_) need(id);
  for (std::size_t e = 0; e < plan.estimands.size(); ++e) {
    const PlannedEstimand& estimand = plan.estimands[e];
    estimand_task_.push_back(task_for(estimand.domain, estimand.functional->variables()));
    estimand_first_.push_back(estimators_.size());
    const bool uses_rule = estimand.functional->uses_value_rule();
    for (std::size_t w = 0; w < plan.weightings.size(); ++w)
      for (std::size_t v = 0; v < (uses_rule ? plan.value_rules.size() : 1); ++v)
        for (std::size_t t = 0; t < plan.intervals.size(); ++t)
          estimators_.push_back({static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(w),
                                 static_cast<std::uint32_t>(v), static_cast<std::uint32_t>(t),
                                 uses_rule});
  }
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

ReplicateResults ReplicatePlan::run(const Sample& sample, std::uint32_t replicate) const {
  ReplicateResults out;
  const std::size_t count = estimators_.size();
  for (auto* column : {&out.estimate, &out.se, &out.lower, &out.upper})
    column->assign(count, kNone);
  out.seconds.assign(count, 0.0);
  out.published.assign(scenario_->numbers.size(), kNone);

  // Weights: once per weighting, on cells.
  auto start = Clock::now();
  const CellIndex cells = make_cell_index(sample, cell_variables_);
  const double index_seconds = since(start);
  const std::size_t weightings = plan_->weightings.size(), intervals = plan_->intervals.size();
  std::vector<Result<Weights>> weights;
  std::vector<double> weigh_seconds;
  std::vector<std::vector<Result<std::unique_ptr<const PreparedInterval>>>> prepared(weightings);
  for (std::size_t w = 0; w < weightings; ++w) {
    start = Clock::now();
    weights.push_back(plan_->weightings[w].plugin->weigh(cells, *benchmarks_));
    weigh_seconds.push_back(index_seconds + since(start));
  }
  std::vector<std::vector<double>> prepare_seconds(weightings);
  for (std::size_t w = 0; w < weightings; ++w)
    for (std::size_t t = 0; t < intervals; ++t) {
      start = Clock::now();
      if (weights[w])
        prepared[w].push_back(plan_->intervals[t].plugin->prepare(cells, weights[w].value()));
      else
        prepared[w].push_back(weights[w].failure());
      prepare_seconds[w].push_back(since(start));
    }

  // Tabulations: once per domain and answer, for every weighting.
  std::vector<std::vector<std::uint32_t>> rows;
  for (const Domain& domain : domains_) rows.push_back(domain_rows(sample, domain));
  std::vector<Tabulation> tables;
  std::vector<double> table_seconds;
  std::vector<std::vector<std::vector<double>>> totals(tasks_.size());
  Tabulator tabulator(sample, cells);
  for (std::size_t t = 0; t < tasks_.size(); ++t) {
    start = Clock::now();
    tables.push_back(tabulator.tabulate(tasks_[t].answers, rows[tasks_[t].domain]));
    for (std::size_t w = 0; w < weightings; ++w)
      totals[t].push_back(weights[w] ? level_totals(tables[t], weights[w].value())
                                     : std::vector<double>{});
    table_seconds.push_back(since(start));
  }

  const Schema& schema = scenario_->schema;
  for (std::size_t i = 0; i < count; ++i) {
    const EstimatorPlan& plan = estimators_[i];
    start = Clock::now();
    const auto fail = [&](const Failure& failure) {
      out.failures.push_back(
          {replicate, static_cast<std::uint32_t>(i), to_string(failure.kind), failure.detail});
    };
    const std::size_t task = estimand_task_[plan.estimand];
    const Functional& functional = *plan_->estimands[plan.estimand].functional;
    if (!weights[plan.weighting]) {
      fail(weights[plan.weighting].failure());
      continue;
    }
    const std::vector<double>& level_total = totals[task][plan.weighting];
    const auto answers = tasks_[task].answers;
    std::vector<BucketValues> values;
    bool ok = true;
    for (std::size_t k = 0; k < answers.size() && ok; ++k) {
      const Variable& v = schema[answers[k]];
      if (!plan.uses_rule || v.kind != VariableKind::bucketed) {
        values.push_back({functional.fixed_values(k), {}});
        continue;
      }
      std::vector<double> marginal = level_total;
      if (answers.size() == 2) {
        const std::size_t inner = schema[answers[1]].size();
        marginal.assign(v.size(), 0.0);
        for (std::size_t j = 0; j < level_total.size(); ++j)
          marginal[k == 0 ? j / inner : j % inner] += level_total[j];
      }
      double sum = 0;
      for (double x : marginal) sum += x;
      if (!(sum > 0)) {
        fail({FailureKind::empty_domain, "no respondent in the domain"});
        ok = false;
        break;
      }
      auto made = plan_->value_rules[plan.value_rule].plugin->values(v, marginal);
      if (!made) {
        fail(made.failure());
        ok = false;
        break;
      }
      values.push_back(std::move(made.value()));
    }
    if (!ok) continue;
    const auto point = functional.estimate(level_total, values);
    if (!point) {
      fail(point.failure());
      continue;
    }
    const auto& ready = prepared[plan.weighting][plan.interval];
    const Result<Interval> interval = ready ? ready.value()->interval(tables[task], point.value())
                                            : Result<Interval>(ready.failure());
    if (!interval) {
      fail(interval.failure());
      continue;
    }
    out.estimate[i] = point.value().estimate;
    out.se[i] = interval.value().se;
    out.lower[i] = interval.value().lower;
    out.upper[i] = interval.value().upper;
    out.seconds[i] = since(start) + weigh_seconds[plan.weighting] +
                     prepare_seconds[plan.weighting][plan.interval] + table_seconds[task];
  }

  // What the simulated survey would have printed: unweighted, or after the report's own weighting.
  for (const PublishedTask& task : published_) {
    const PublishedNumber& n = scenario_->numbers[task.number];
    std::vector<double> plain;
    const auto table_totals = [&](std::size_t t) -> const std::vector<double>& {
      if (n.view == View::weighted_sample) return totals[t][view_weighting_];
      plain.assign(tables[t].levels, 0.0);
      for (std::size_t c = 0; c < tables[t].cells.size(); ++c)
        for (std::size_t level = 0; level < tables[t].levels; ++level)
          plain[level] += tables[t].weight[c * tables[t].levels + level];
      return plain;
    };
    const WeightedMean first = weighted_mean(table_totals(task.first), task.values);
    double& value = out.published[task.number];
    if (n.statistic == Statistic::count)
      value = first.sum;
    else if (!task.second_values.empty())
      value = first.mean - weighted_mean(table_totals(task.second), task.second_values).mean;
    else
      value = first.mean;
  }
  for (std::size_t k = 0; k < profile_.size(); ++k) {
    const Tabulation& table = tables[profile_task_[k]];
    std::vector<double> plain(table.levels, 0.0);
    for (std::size_t c = 0; c < table.cells.size(); ++c)
      for (std::size_t level = 0; level < table.levels; ++level)
        plain[level] += table.weight[c * table.levels + level];
    const std::vector<double>& weighted =
        weights[view_weighting_] ? totals[profile_task_[k]][view_weighting_] : plain;
    double plain_sum = 0, weighted_sum = 0;
    for (double x : plain) plain_sum += x;
    for (double x : weighted) weighted_sum += x;
    for (double x : plain) out.profile_sample.push_back(x / plain_sum);
    for (double x : weighted) out.profile_weighted.push_back(x / weighted_sum);
  }
  return out;
}

}  // namespace steelyard
