#include "study/budget_estimates.hpp"

#include <algorithm>

#include "core/sums.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/tabulate.hpp"
#include "study/complete_cells.hpp"

namespace steelyard {

/// Totals of an estimand's answers, or why there are none.
struct BudgetEstimates::Totals {
  Result<std::vector<double>> totals;
  double respondents = 0;
};

BudgetEstimates::BudgetEstimates(const Study& study, const Population& world,
                                 const BudgetPlan& plan)
    : study_(&study),
      plan_(&plan),
      persons_(world.persons()),
      fresh_(study.scenario().schema),
      stale_(study.scenario().schema) {
  for (const auto& variables : study.plan().benchmarks) {
    Benchmarks::Table table{variables, population_totals(world, study.frame(), variables)};
    stale_.add(stale_table(study.scenario().schema, table, study.stale_benchmarks()));
    fresh_.add(std::move(table));
  }
  for (std::size_t w : plan.weightings)
    for (VariableId id : study.plan().weightings[w].plugin->variables())
      if (std::find(cell_variables_.begin(), cell_variables_.end(), id) == cell_variables_.end())
        cell_variables_.push_back(id);
  std::sort(cell_variables_.begin(), cell_variables_.end());
  for (VariableId id : cell_variables_) need(id);
  for (std::size_t e : plan.estimands) {
    const PlannedEstimand& estimand = study.plan().estimands[e];
    for (const Condition& c : estimand.domain) need(c.variable);
    for (VariableId id : estimand.functional->variables()) need(id);
    const bool rule = estimand.functional->uses_value_rule();
    for (std::size_t w : plan.weightings)
      for (std::size_t v = 0; v < (rule ? study.plan().value_rules.size() : 1); ++v)
        estimators_.push_back({e, w, v, rule});
  }
  make_truths(world);
}

void BudgetEstimates::need(VariableId id) {
  if (std::find(variables_.begin(), variables_.end(), id) == variables_.end())
    variables_.push_back(id);
}

void BudgetEstimates::make_truths(const Population& world) {
  truths_.resize(study_->plan().estimands.size());
  true_values_.resize(truths_.size());
  LatentLaws latent(world);
  for (std::size_t e : plan_->estimands) {
    const PlannedEstimand& estimand = study_->plan().estimands[e];
    const DomainTruth truth = superpopulation_truth(world, estimand, persons_, latent);
    truths_[e] = true_value(*estimand.functional, truth);
    for (const auto& means : truth.means) true_values_[e].push_back({means, {}});
  }
}

std::vector<double> BudgetEstimates::ideal_totals(std::size_t e, const Sample& sample,
                                                  std::span<const std::uint32_t> rows,
                                                  std::span<const PersonRef> persons,
                                                  std::span<const double> ideal) const {
  const auto answers = study_->plan().estimands[e].functional->variables();
  const Schema& schema = *sample.schema;
  const std::size_t inner = answers.size() == 2 ? schema[answers[1]].size() : 1;
  double sum = 0;
  for (const PersonRef& person : persons) sum += ideal[person.cell];
  std::vector<double> totals(schema[answers[0]].size() * inner, 0.0);
  for (const std::uint32_t i : rows) {
    std::size_t level = sample.column(answers[0])[i];
    if (level >= schema[answers[0]].size()) continue;
    if (answers.size() == 2) {
      if (sample.column(answers[1])[i] >= inner) continue;
      level = level * inner + sample.column(answers[1])[i];
    }
    totals[level] += ideal[persons[i].cell] * persons_ / sum;
  }
  return totals;
}

Result<double> BudgetEstimates::value(const BudgetEstimator& estimator, bool rule,
                                      const Totals& made) const {
  if (!made.totals) return made.totals.failure();
  const std::vector<double>& totals = made.totals.value();
  const StudyPlan& plan = study_->plan();
  const Functional& functional = *plan.estimands[estimator.estimand].functional;
  if (estimator.uses_rule && !rule) {
    const auto point = functional.estimate(totals, true_values_[estimator.estimand]);
    if (!point) return point.failure();
    return point.value().estimate;
  }
  const ValueRule* method =
      estimator.uses_rule ? plan.value_rules[estimator.value_rule].plugin.get() : nullptr;
  return LevelEstimator(study_->scenario().schema, functional, method)
      .value(totals, made.respondents);
}

std::vector<Result<double>> BudgetEstimates::estimate(
    const Sample& sample, std::span<const PersonRef> persons, std::span<const double> ideal,
    std::span<const EstimateSources> cases) const {
  const CompleteCells cells(sample, cell_variables_);
  const auto& weightings = study_->plan().weightings;
  // Weights: by whether benchmarks are stale, and weighting.
  std::vector<std::vector<Result<Weights>>> weights(2);
  for (const bool stale : {false, true})
    if (std::any_of(cases.begin(), cases.end(), [&](const EstimateSources& c) {
          return c.weighting && c.stale_benchmarks == stale;
        }))
      for (std::size_t w : plan_->weightings)
        weights[stale].push_back(cells.weigh(*weightings[w].plugin, stale ? stale_ : fresh_));
  Tabulator tabulator(sample, cells.cells());
  std::vector<Result<double>> out(cases.size() * estimators_.size(),
                                  Result<double>(Failure{FailureKind::none, {}}));
  for (std::size_t j = 0; j < estimators_.size();) {
    const std::size_t e = estimators_[j].estimand;
    const PlannedEstimand& estimand = study_->plan().estimands[e];
    const auto rows = domain_rows(sample, estimand.domain);
    const Tabulation table = tabulator.tabulate(estimand.functional->variables(), rows);
    const auto respondents = static_cast<double>(table.respondents);
    const Totals perfect{ideal_totals(e, sample, rows, persons, ideal), respondents};
    for (; j < estimators_.size() && estimators_[j].estimand == e; ++j) {
      const auto w = static_cast<std::size_t>(
          std::find(plan_->weightings.begin(), plan_->weightings.end(), estimators_[j].weighting) -
          plan_->weightings.begin());
      for (std::size_t c = 0; c < cases.size(); ++c) {
        Result<double>& to = out[c * estimators_.size() + j];
        if (!cases[c].weighting) {
          to = value(estimators_[j], cases[c].bucket_rule, perfect);
          continue;
        }
        const Result<Weights>& made = weights[cases[c].stale_benchmarks][w];
        to = made ? value(estimators_[j], cases[c].bucket_rule,
                          {level_totals(table, made.value()), respondents})
                  : Result<double>(made.failure());
      }
    }
  }
  return out;
}

}  // namespace steelyard
