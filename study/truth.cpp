#include "study/truth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "study/tally.hpp"

namespace steelyard {
namespace {

/// Drops the "not applicable" states from a joint law over states.
std::vector<double> applicable(const Schema& schema, std::span<const VariableId> answers,
                               const std::vector<double>& law) {
  if (answers.size() == 1)
    return {law.begin(), law.begin() + static_cast<std::ptrdiff_t>(schema[answers[0]].size())};
  std::vector<double> joint;
  const Variable& a = schema[answers[0]];
  const Variable& b = schema[answers[1]];
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) joint.push_back(law[i * b.states() + j]);
  return joint;
}

DomainTruth superpopulation_truth(const Population& population, const PlannedEstimand& e) {
  const Schema& schema = population.law().schema();
  const auto answers = e.functional->variables();
  DomainTruth truth;
  truth.totals = applicable(schema, answers, population.law().query(e.domain, answers));
  truth.means = fixed_means(*e.functional);
  truth.variances.resize(truth.means.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    if (!is_bucketed(schema, *e.functional, k)) continue;
    const LatentLaw* latent = population.latent(answers[k]);
    if (!latent)
      throw UserError(schema[answers[k]].place, "variable " + schema[answers[k]].name,
                      "has no latent law, so its mean has no truth",
                      "add latent = { family = ... }");
    std::vector<VariableId> targets = latent->group();
    targets.push_back(answers[k]);
    const auto law = population.law().query(e.domain, targets);
    const std::size_t states = schema[answers[k]].states(), buckets = schema[answers[k]].size();
    std::vector<double> sum(buckets, 0.0), squares(buckets, 0.0), mass(buckets, 0.0);
    for (std::size_t g = 0; g < latent->groups(); ++g)
      for (std::size_t b = 0; b < buckets; ++b) {
        const double p = law[g * states + b], mean = latent->mean(g, b);
        sum[b] += p * mean;
        squares[b] += p * (latent->variance(g, b) + mean * mean);
        mass[b] += p;
      }
    for (std::size_t b = 0; b < buckets; ++b) {
      sum[b] = mass[b] > 0 ? sum[b] / mass[b] : 0.0;
      squares[b] = mass[b] > 0 ? squares[b] / mass[b] - sum[b] * sum[b] : 0.0;
    }
    truth.means[k] = std::move(sum);
    truth.variances[k] = std::move(squares);
  }
  return truth;
}

std::vector<BucketValues> bucket_values(const std::vector<std::vector<double>>& means) {
  std::vector<BucketValues> values;
  for (const auto& m : means) values.push_back({m, {}});
  return values;
}

double evaluate(const Functional& functional, const DomainTruth& truth) {
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  return estimate ? estimate.value().estimate : std::numeric_limits<double>::quiet_NaN();
}

/// Marginal totals of one answer of a joint tabulation.
std::vector<double> marginal(const Schema& schema, const Functional& functional,
                             const std::vector<double>& totals, std::size_t k) {
  const auto answers = functional.variables();
  if (answers.size() == 1) return totals;
  const std::size_t inner = schema[answers[1]].size();
  std::vector<double> sums(schema[answers[k]].size(), 0.0);
  for (std::size_t j = 0; j < totals.size(); ++j) sums[k == 0 ? j / inner : j % inner] += totals[j];
  return sums;
}

double under_rule(const Schema& schema, const Functional& functional, const DomainTruth& truth,
                  const ValueRule& rule) {
  std::vector<BucketValues> values;
  for (std::size_t k = 0; k < functional.variables().size(); ++k) {
    if (!is_bucketed(schema, functional, k)) {
      values.push_back({truth.means[k], {}});
      continue;
    }
    auto made = rule.values(schema[functional.variables()[k]],
                            marginal(schema, functional, truth.totals, k));
    if (!made) return std::numeric_limits<double>::quiet_NaN();
    values.push_back(std::move(made.value()));
  }
  const auto estimate = functional.estimate(truth.totals, values);
  return estimate ? estimate.value().estimate : std::numeric_limits<double>::quiet_NaN();
}

/// An upper bound on the sd of the finite truth (root cells are fixed, which only lowers it):
/// sum N_k psi_k² plus what the spread of the latent values inside the levels adds.
double finite_sd(const Schema& schema, const Functional& functional, const DomainTruth& truth) {
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  if (!estimate) return std::numeric_limits<double>::quiet_NaN();
  double variance = 0;
  for (std::size_t j = 0; j < truth.totals.size(); ++j)
    variance += truth.totals[j] * estimate.value().influence[j] * estimate.value().influence[j];
  for (std::size_t k = 0; k < truth.means.size(); ++k) {
    if (truth.variances[k].empty()) continue;
    const auto counts = marginal(schema, functional, truth.totals, k);
    for (std::size_t b = 0; b < counts.size(); ++b) {
      if (!(counts[b] > 0) || !(truth.variances[k][b] > 0)) continue;
      DomainTruth moved = truth;
      const double step = std::sqrt(truth.variances[k][b]);
      moved.means[k][b] += step;
      const double change = evaluate(functional, moved) - estimate.value().estimate;
      variance += change * change / counts[b];
    }
  }
  return std::sqrt(variance);
}

}  // namespace

std::vector<EstimandTruth> make_truths(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan, Seed seed, Tally tally, int threads,
                                       const std::function<void(double)>& progress) {
  const Schema& schema = population.law().schema();
  std::vector<DomainTruth> laws;
  for (const PlannedEstimand& e : plan.estimands)
    laws.push_back(superpopulation_truth(population, e));
  const bool tallied = frame.finite() && tally == Tally::yes;
  std::vector<DomainTruth> tallies;
  if (tallied) tallies = tally_domains(population, frame, plan, seed, threads, progress);
  std::vector<EstimandTruth> truths;
  for (std::size_t i = 0; i < plan.estimands.size(); ++i) {
    const Functional& functional = *plan.estimands[i].functional;
    EstimandTruth truth;
    truth.superpopulation = evaluate(functional, laws[i]);
    truth.finite =
        tallied ? evaluate(functional, tallies[i]) : std::numeric_limits<double>::quiet_NaN();
    if (frame.finite()) {
      DomainTruth persons = laws[i];
      for (double& total : persons.totals) total *= static_cast<double>(frame.size());
      truth.finite_se = finite_sd(schema, functional, persons);
    }
    if (functional.uses_value_rule())
      for (const auto& rule : plan.value_rules)
        truth.rule_values.push_back(
            under_rule(schema, functional, tallied ? tallies[i] : laws[i], *rule.plugin));
    truths.push_back(std::move(truth));
  }
  return truths;
}

std::vector<double> population_totals(const Population& population, const PopulationFrame& frame,
                                      std::span<const VariableId> variables) {
  const Schema& schema = population.law().schema();
  const Clique& root = population.law().root();
  double scale = 0;
  for (const MarginTable& table : population.scenario().tables)
    if (scale == 0 && table.role == TableRole::margin) scale = total(table.values);
  if (scale == 0) scale = 1;
  std::size_t groups = 1;
  for (VariableId id : variables) groups *= schema[id].size();
  std::vector<double> totals(groups, 0.0);
  for (std::size_t c = 0; c < root.cells; ++c) {
    std::size_t g = 0;
    for (VariableId id : variables) {
      const Variable& v = schema[id];
      const bool direct = root.contains({&id, 1});
      const LevelCode code = direct ? root.code(c, root.position(id))
                                    : v.group_map[root.code(c, root.position(*v.group_of))];
      g = g * v.size() + code;
    }
    totals[g] += frame.finite() ? static_cast<double>(frame.count(c)) : root.p[c] * scale;
  }
  return totals;
}

}  // namespace steelyard
