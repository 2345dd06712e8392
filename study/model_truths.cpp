#include "study/model_truths.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/sums.hpp"
#include "estimators/functionals/quantile.hpp"
#include "estimators/tabulate.hpp"
#include "study/tally.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The value below or at which enough of them lie, by p: the definition of QuantileFunctional.
std::function<double(double)> quantiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return [values = std::move(values)](double p) {
    if (values.empty()) return kNone;
    const double rank = std::ceil(p * static_cast<double>(values.size()) * (1 - 1e-15));
    return values[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
  };
}

/// @param sd  on return, as finite_sd
DomainTruth make_truth(const ModelPopulation& population, const PlannedEstimand& e,
                       Tabulator& tabulator, double& sd) {
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
  if (table.moments) {
    truth.squares.assign(3, 0.0);
    for (std::size_t k = 0; k < table.weight_squared.size(); ++k)
      truth.squares[k % 3] += table.weight_squared[k];
  }
  truth.means = fixed_means(*e.functional);
  truth.variances.resize(truth.means.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    if (!is_bucketed(schema, *e.functional, k)) continue;
    const auto behind = population.values_behind(answers[k]);
    std::vector<Moments> buckets(schema[answers[k]].size());
    for (std::uint32_t row : rows) buckets[everybody.column(answers[k])[row]].add(behind[row]);
    truth.means[k].clear();
    for (const Moments& bucket : buckets) {
      truth.means[k].push_back(bucket.mean());
      truth.variances[k].push_back(bucket.variance());
    }
  }
  const auto* quantile = dynamic_cast<const QuantileFunctional*>(e.functional.get());
  if (quantile == nullptr) {
    sd = finite_sd(schema, *e.functional, truth);
    return truth;
  }
  std::function<double(double)> at = [&](double p) {
    const auto q = quantile->quantile(truth.totals, p);
    return q ? q.value() : kNone;
  };
  if (is_bucketed(schema, *quantile, 0)) {
    const auto behind = population.values_behind(answers[0]);
    std::vector<double> values;
    for (std::uint32_t row : rows) values.push_back(behind[row]);
    at = quantiles_of(std::move(values));
    truth.quantile = at(quantile->probability());
  }
  sd = quantile_sd(quantile->probability(), total(truth.totals), at);
  return truth;
}

}  // namespace

DomainTruth model_truth(const ModelPopulation& population, const PlannedEstimand& e) {
  const CellIndex one_cell = make_cell_index(population.everybody(), {});
  Tabulator tabulator(population.everybody(), one_cell);
  double sd = kNone;
  return make_truth(population, e, tabulator, sd);
}

std::vector<EstimandTruth> model_truths(const ModelPopulation& population, const StudyPlan& plan) {
  const Sample& everybody = population.everybody();
  const CellIndex one_cell = make_cell_index(everybody, {});
  Tabulator tabulator(everybody, one_cell);
  std::vector<EstimandTruth> truths;
  for (const PlannedEstimand& e : plan.estimands) {
    EstimandTruth truth;
    double sd = kNone;
    const DomainTruth whole = make_truth(population, e, tabulator, sd);
    truth.unit_sd = sd * std::sqrt(static_cast<double>(everybody.n));
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

Benchmarks model_benchmarks(const ModelPopulation& population, const Schema& schema,
                            const StudyPlan& plan, const std::vector<StaleBenchmark>& stale) {
  Benchmarks benchmarks(schema);
  for (const auto& variables : plan.benchmarks)
    if (variables.size() == 1 && schema[variables[0]].kind == VariableKind::continuous)
      benchmarks.add_number(
          variables[0],
          stale_number(variables[0], total(population.everybody().numbers[index(variables[0])]),
                       stale));
    else
      benchmarks.add(stale_table(schema, {variables, population.totals(variables)}, stale));
  return benchmarks;
}

}  // namespace steelyard
