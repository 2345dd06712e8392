#include "study/budget_estimates.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/functionals/quantile.hpp"
#include "estimators/tabulate.hpp"
#include "study/complete_cells.hpp"
#include "study/tally.hpp"

namespace steelyard {

namespace {

double probability_of(const Functional& functional) {
  return dynamic_cast<const QuantileFunctional&>(functional).probability();
}

}  // namespace

/// Totals of an estimand's answers, or why there are none.
struct BudgetEstimates::Totals {
  Result<std::vector<double>> totals;
  double respondents = 0;
};

/// An estimand's answers in one sample.
struct BudgetEstimates::Asked {
  SampledAnswer answer;
  /// What weightings keep of their models of these answers, by weighting.
  std::map<std::size_t, std::shared_ptr<const void>>& kept;
};

bool reads_quantile_of_buckets(const Schema& schema, const Functional& functional) {
  return dynamic_cast<const QuantileFunctional*>(&functional) != nullptr &&
         is_bucketed(schema, functional, 0);
}

BudgetWorld budget_world(const Study& study, const Population& world, const BudgetPlan& plan) {
  const Schema& schema = study.scenario().schema;
  BudgetWorld made{world.persons(), Benchmarks(schema), Benchmarks(schema), {}, {}, {}};
  for (const auto& variables : study.plan().benchmarks) {
    Benchmarks::Table table{variables, population_totals(world, study.frame(), variables)};
    made.stale.add(stale_table(schema, table, study.stale_benchmarks()));
    made.fresh.add(std::move(table));
  }
  const auto& estimands = study.plan().estimands;
  made.truths.resize(estimands.size());
  made.true_values.resize(estimands.size());
  made.true_laws.resize(estimands.size());
  LatentLaws latent(world);
  for (std::size_t e : plan.estimands) {
    const PlannedEstimand& estimand = estimands[e];
    const DomainTruth truth = superpopulation_truth(world, estimand, made.persons, latent);
    made.truths[e] = true_value(*estimand.functional, truth);
    for (const auto& means : truth.means) made.true_values[e].push_back({means, {}});
    const Functional& functional = *estimand.functional;
    const bool quantile = reads_quantile_of_buckets(schema, functional);
    if (!quantile && !functional.uses_law()) continue;
    const VariableId answer = functional.variables()[0];
    made.true_laws[e].emplace(world, estimand.domain, answer);
    if (quantile)
      made.truths[e] =
          LatentQuantile(world, estimand.domain, answer).at(probability_of(functional));
  }
  return made;
}

BudgetWorld budget_world(const ModelStudy& study, const ModelPopulation& population,
                         const BudgetPlan& plan) {
  const ModelCondition& condition = study.condition(0);
  const Schema& schema = condition.model.scenario.schema;
  const auto& estimands = condition.plan.estimands;
  BudgetWorld made{static_cast<double>(population.size()),
                   model_benchmarks(population, schema, condition.plan, {}),
                   model_benchmarks(population, schema, condition.plan, condition.stale),
                   std::vector<double>(estimands.size()),
                   std::vector<std::vector<BucketValues>>(estimands.size()),
                   std::vector<std::optional<ReweightedLaw>>(estimands.size())};
  for (std::size_t e : plan.estimands) {
    const DomainTruth truth = model_truth(population, estimands[e]);
    made.truths[e] = true_value(*estimands[e].functional, truth);
    for (const auto& means : truth.means) made.true_values[e].push_back({means, {}});
  }
  return made;
}

BudgetEstimates::BudgetEstimates(const Schema& schema, const StudyPlan& study,
                                 const BudgetPlan& plan, BudgetWorld world)
    : schema_(&schema), plan_(&study), world_(std::move(world)) {
  for (const auto& weighting : study.weightings)
    for (VariableId id : weighting.plugin->variables())
      if (std::find(cell_variables_.begin(), cell_variables_.end(), id) == cell_variables_.end())
        cell_variables_.push_back(id);
  std::sort(cell_variables_.begin(), cell_variables_.end());
  models_answers_ =
      std::any_of(study.weightings.begin(), study.weightings.end(),
                  [](const auto& weighting) { return weighting.plugin->models_answers(); });
  for (VariableId id : cell_variables_) need(id);
  for (std::size_t e : plan.estimands) {
    const PlannedEstimand& estimand = study.estimands[e];
    for (const Condition& c : estimand.domain) need(c.variable);
    for (VariableId id : estimand.functional->variables()) need(id);
    const bool rule = estimand.functional->uses_value_rule();
    const bool reads = rule || reads_quantile_of_buckets(schema, *estimand.functional);
    for (std::size_t w = 0; w < study.weightings.size(); ++w)
      for (std::size_t v = 0; v < (rule ? study.value_rules.size() : 1); ++v)
        estimators_.push_back({e, w, v, rule, reads});
  }
}

void BudgetEstimates::need(VariableId id) {
  if (std::find(variables_.begin(), variables_.end(), id) == variables_.end())
    variables_.push_back(id);
}

std::vector<double> BudgetEstimates::ideal_totals(std::size_t e, const Sample& sample,
                                                  std::span<const std::uint32_t> rows,
                                                  std::span<const double> ideal) const {
  const auto answers = plan_->estimands[e].functional->variables();
  const Schema& schema = *sample.schema;
  double sum = 0;
  for (double weight : ideal) sum += weight;
  if (schema[answers[0]].kind == VariableKind::continuous) {
    std::vector<double> moments(2, 0.0);
    const std::vector<double>& y = sample.numbers[index(answers[0])];
    for (const std::uint32_t i : rows) {
      if (std::isnan(y[i])) continue;
      moments[0] += ideal[i] * world_.persons / sum;
      moments[1] += ideal[i] * world_.persons / sum * y[i];
    }
    return moments;
  }
  const std::size_t inner = answers.size() == 2 ? schema[answers[1]].size() : 1;
  std::vector<double> totals(schema[answers[0]].size() * inner, 0.0);
  for (const std::uint32_t i : rows) {
    std::size_t level = sample.column(answers[0])[i];
    if (level >= schema[answers[0]].size()) continue;
    if (answers.size() == 2) {
      if (sample.column(answers[1])[i] >= inner) continue;
      level = level * inner + sample.column(answers[1])[i];
    }
    totals[level] += ideal[i] * world_.persons / sum;
  }
  return totals;
}

Result<double> BudgetEstimates::value(const BudgetEstimator& estimator, bool rule,
                                      const Totals& made) const {
  if (!made.totals) return made.totals.failure();
  const std::vector<double>& totals = made.totals.value();
  const StudyPlan& plan = *plan_;
  const Functional& functional = *plan.estimands[estimator.estimand].functional;
  if (estimator.reads_buckets && !rule && world_.true_laws[estimator.estimand]) {
    const auto law = world_.true_laws[estimator.estimand]->law(totals);
    if (!law) return law.failure();
    if (functional.uses_law()) return functional.value_of(*law.value());
    return law.value()->quantile(probability_of(functional));
  }
  if (estimator.uses_rule && !rule) {
    const auto point = functional.estimate(totals, world_.true_values[estimator.estimand]);
    if (!point) return point.failure();
    return point.value().estimate;
  }
  const ValueRule* method =
      estimator.uses_rule ? plan.value_rules[estimator.value_rule].plugin.get() : nullptr;
  return LevelEstimator(*schema_, functional, method).value(totals, made.respondents);
}

/// Those that the weights give, or the weighting's model of the answer.
BudgetEstimates::Totals BudgetEstimates::totals(std::size_t w, const CellIndex& cells,
                                                const Weighed& weighed, const Asked& asked) const {
  const auto respondents = static_cast<double>(asked.answer.table.respondents);
  const Result<Weights>& weights = weighed.weights[w];
  if (!weights) return {weights.failure(), respondents};
  const Weighting& weighting = *plan_->weightings[w].plugin;
  if (weighting.models_answers()) {
    const auto modelled = model_sampled_answer(weighting, cells, weighed.benchmarks,
                                               weights.value(), asked.answer, &asked.kept[w]);
    if (!modelled) return {modelled.failure(), respondents};
    if (modelled.value())
      return {
          std::vector<double>(modelled.value()->totals().begin(), modelled.value()->totals().end()),
          respondents};
  }
  return {level_totals(asked.answer.table, weights.value()), respondents};
}

std::vector<Result<double>> BudgetEstimates::estimate(
    const Sample& sample, std::span<const double> ideal,
    const Result<std::shared_ptr<const ReferenceSample>>& reference,
    std::span<const EstimateSources> cases) const {
  const CompleteCells cells(sample, cell_variables_);
  const auto& weightings = plan_->weightings;
  std::optional<Weighed> weighed[2];  // by whether benchmarks are stale
  for (const EstimateSources& c : cases) {
    auto& made = weighed[c.stale_benchmarks];
    if (!c.weighting || made) continue;
    made.emplace(Weighed{c.stale_benchmarks ? world_.stale : world_.fresh, {}});
    if (reference) made->benchmarks.set_reference(reference.value());
    for (const auto& weighting : weightings)
      made->weights.push_back(!reference && weighting.plugin->needs_reference()
                                  ? Result<Weights>(reference.failure())
                                  : cells.weigh(*weighting.plugin, made->benchmarks));
  }
  Tabulator tabulator(sample, cells.cells());
  std::vector<Result<double>> out(cases.size() * estimators_.size(),
                                  Result<double>(Failure{FailureKind::none, {}}));
  // What weightings keep of answers, whatever the domain: by answers and staleness.
  std::map<std::vector<VariableId>, std::map<std::size_t, std::shared_ptr<const void>>> kept[2];
  for (std::size_t j = 0; j < estimators_.size();) {
    const std::size_t e = estimators_[j].estimand;
    const PlannedEstimand& estimand = plan_->estimands[e];
    const auto answers = estimand.functional->variables();
    const auto rows = domain_rows(sample, estimand.domain);
    const Tabulation table = tabulator.tabulate(answers, rows);
    const Tabulation everybody =
        models_answers_ ? tabulator.tabulate(answers, domain_rows(sample, {})) : Tabulation{};
    const auto of_reference =
        reference_rows(reference ? reference.value().get() : nullptr, estimand.domain);
    const SampledAnswer asked{answers, estimand.domain, table, everybody, of_reference};
    const Totals perfect{ideal_totals(e, sample, rows, ideal),
                         static_cast<double>(table.respondents)};
    while (j < estimators_.size() && estimators_[j].estimand == e) {
      // Estimators that differ in their value rule alone share the totals.
      const std::size_t w = estimators_[j].weighting;
      std::optional<Totals> made[2];
      for (;
           j < estimators_.size() && estimators_[j].estimand == e && estimators_[j].weighting == w;
           ++j)
        for (std::size_t c = 0; c < cases.size(); ++c) {
          const bool stale = cases[c].stale_benchmarks;
          if (cases[c].weighting && !made[stale])
            made[stale] = totals(w, cells.cells(), *weighed[stale], {asked, kept[stale][answers]});
          out[c * estimators_.size() + j] = value(estimators_[j], cases[c].bucket_rule,
                                                  cases[c].weighting ? *made[stale] : perfect);
        }
    }
  }
  return out;
}

}  // namespace steelyard
