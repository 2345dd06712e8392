#include "study/truth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "estimators/functionals/law_functional.hpp"
#include "estimators/functionals/quantile.hpp"
#include "study/latent_quantile.hpp"
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

std::vector<BucketValues> bucket_values(const std::vector<std::vector<double>>& means) {
  std::vector<BucketValues> values;
  for (const auto& m : means) values.push_back({m, {}});
  return values;
}

}  // namespace

std::shared_ptr<const Law> LatentLaws::law(const Domain& domain, VariableId asked) {
  const Schema& schema = population_->law().schema();
  auto& law = made_[{schema.value_of(asked), schema.describe(domain)}];
  if (!law) law = LatentQuantile(*population_, domain, asked).law();
  return law;
}

DomainTruth superpopulation_truth(const Population& population, const PlannedEstimand& e,
                                  double persons, LatentLaws& latent_laws) {
  const Schema& schema = population.law().schema();
  const auto answers = e.functional->variables();
  DomainTruth truth;
  truth.totals = applicable(schema, answers, population.law().query(e.domain, answers));
  for (double& t : truth.totals) t *= persons;
  truth.means = fixed_means(*e.functional);
  truth.variances.resize(truth.means.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    if (!is_bucketed(schema, *e.functional, k)) continue;
    // Asked in coarser buckets, the value is another variable's, and so are its means.
    const VariableId fine = schema.value_of(answers[k]);
    const LatentLaw* latent = population.latent(fine);
    if (!latent)
      throw UserError(schema[fine].place, "variable " + schema[fine].name,
                      "has no latent law, so its numbers have no truth",
                      "add latent = { family = ... }");
    std::vector<VariableId> targets = latent->group();
    targets.push_back(fine);
    const auto law = population.law().query(e.domain, targets);
    const std::size_t states = schema[fine].states(), buckets = schema[answers[k]].size();
    std::vector<double> sum(buckets, 0.0), squares(buckets, 0.0), mass(buckets, 0.0);
    for (std::size_t g = 0; g < latent->groups(); ++g)
      for (std::size_t f = 0; f < schema[fine].size(); ++f) {
        const std::size_t b = fine == answers[k] ? f : schema[answers[k]].group_map[f];
        const double p = law[g * states + f], mean = latent->mean(g, f);
        sum[b] += p * mean;
        squares[b] += p * (latent->variance(g, f) + mean * mean);
        mass[b] += p;
      }
    for (std::size_t b = 0; b < buckets; ++b) {
      sum[b] = mass[b] > 0 ? sum[b] / mass[b] : 0.0;
      squares[b] = mass[b] > 0 ? squares[b] / mass[b] - sum[b] * sum[b] : 0.0;
    }
    truth.means[k] = std::move(sum);
    truth.variances[k] = std::move(squares);
  }
  if (const auto* f = dynamic_cast<const LawFunctional*>(e.functional.get()))
    truth.quantile = f->of(*latent_laws.law(e.domain, answers[0]));
  return truth;
}

double true_value(const Functional& functional, const DomainTruth& truth) {
  if (!std::isnan(truth.quantile)) return truth.quantile;
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  return estimate ? estimate.value().estimate : std::numeric_limits<double>::quiet_NaN();
}

double read_answers(const Schema& schema, const Functional& functional, const DomainTruth& truth,
                    const ValueRule* rule) {
  const auto value = LevelEstimator(schema, functional, rule).value(truth.totals);
  return value ? value.value() : std::numeric_limits<double>::quiet_NaN();
}

namespace {

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

}  // namespace

/// Root cells are fixed in a fitted population, which only lowers it.
double finite_sd(const Schema& schema, const Functional& functional, const DomainTruth& truth) {
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  if (!estimate) return std::numeric_limits<double>::quiet_NaN();
  const std::vector<double>& psi = estimate.value().influence;
  double variance = 0;
  if (const auto& y = truth.squares; !y.empty())
    return std::sqrt(psi[0] * psi[0] * y[0] + 2 * psi[0] * psi[1] * y[1] + psi[1] * psi[1] * y[2]);
  for (std::size_t j = 0; j < truth.totals.size(); ++j)
    variance += truth.totals[j] * psi[j] * psi[j];
  for (std::size_t k = 0; k < truth.means.size(); ++k) {
    if (truth.variances[k].empty()) continue;
    const auto counts = marginal(schema, functional, truth.totals, k);
    for (std::size_t b = 0; b < counts.size(); ++b) {
      if (!(counts[b] > 0) || !(truth.variances[k][b] > 0)) continue;
      DomainTruth moved = truth;
      const double step = std::sqrt(truth.variances[k][b]);
      moved.means[k][b] += step;
      const double change = true_value(functional, moved) - estimate.value().estimate;
      variance += change * change / counts[b];
    }
  }
  return std::sqrt(variance);
}

double quantile_sd(double p, double persons, const std::function<double(double)>& quantile) {
  const double step = std::sqrt(p * (1 - p) / persons);
  return (quantile(std::min(1.0, p + step)) - quantile(std::max(0.0, p - step))) / 2;
}

namespace {

double probability_of(const Functional& quantile) {
  return dynamic_cast<const QuantileFunctional&>(quantile).probability();
}

/// What quantiles need to know of the law: the quantile at any p, of latent values or of levels.
std::function<double(double)> law_quantile(const Population& population, const PlannedEstimand& e,
                                           const DomainTruth& law) {
  const auto* functional = dynamic_cast<const QuantileFunctional*>(e.functional.get());
  if (functional == nullptr) return {};
  if (is_bucketed(population.law().schema(), *functional, 0)) {
    auto latent =
        std::make_shared<const LatentQuantile>(population, e.domain, functional->variables()[0]);
    return [latent](double p) { return latent->at(p); };
  }
  return [functional, totals = law.totals](double p) {
    const auto q = functional->quantile(totals, p);
    return q ? q.value() : std::numeric_limits<double>::quiet_NaN();
  };
}

/// Tallies everybody; the window in which a quantile is looked for is widened until it is found.
std::vector<DomainTruth> tally_with_quantiles(
    const Population& population, const PopulationFrame& frame, const StudyPlan& plan,
    std::span<const std::function<double(double)>> quantiles, std::span<const DomainTruth> laws,
    Seed seed, int threads, const std::function<void(double)>& progress) {
  const Schema& schema = population.law().schema();
  for (double width = 8;; width *= 8) {
    std::vector<std::optional<QuantileWindow>> windows(plan.estimands.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const auto* f = dynamic_cast<const QuantileFunctional*>(plan.estimands[i].functional.get());
      if (f == nullptr || !is_bucketed(schema, *f, 0)) continue;
      const double persons = total(laws[i].totals);
      const double step = width * std::sqrt(f->probability() * (1 - f->probability()) / persons);
      constexpr double kEnd = std::numeric_limits<double>::infinity();
      windows[i] = {f->probability() > step ? quantiles[i](f->probability() - step) : -kEnd,
                    f->probability() + step < 1 ? quantiles[i](f->probability() + step) : kEnd};
    }
    auto tallies = tally_domains(population, frame, plan, windows, seed, threads, progress);
    if (std::none_of(tallies.begin(), tallies.end(),
                     [](const DomainTruth& t) { return std::isinf(t.quantile); }))
      return tallies;
  }
}

}  // namespace

std::vector<EstimandTruth> make_truths(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan, Seed seed, Tally tally, int threads,
                                       const std::function<void(double)>& progress) {
  const Schema& schema = population.law().schema();
  const double size = population.persons();
  std::vector<DomainTruth> laws, tallies;
  std::vector<std::function<double(double)>> quantiles;
  LatentLaws latent(population);
  for (const PlannedEstimand& e : plan.estimands) {
    laws.push_back(superpopulation_truth(population, e, size, latent));
    quantiles.push_back(law_quantile(population, e, laws.back()));
    if (quantiles.back() && is_bucketed(schema, *e.functional, 0))
      laws.back().quantile = quantiles.back()(probability_of(*e.functional));
  }
  const bool tallied = frame.finite() && tally == Tally::yes;
  if (tallied)
    tallies =
        tally_with_quantiles(population, frame, plan, quantiles, laws, seed, threads, progress);
  std::vector<EstimandTruth> truths;
  for (std::size_t i = 0; i < plan.estimands.size(); ++i) {
    const Functional& functional = *plan.estimands[i].functional;
    EstimandTruth truth;
    truth.superpopulation = true_value(functional, laws[i]);
    const bool of_law = functional.uses_law();
    truth.finite = tallied && !of_law ? true_value(functional, tallies[i])
                                      : std::numeric_limits<double>::quiet_NaN();
    const double sd = of_law         ? std::numeric_limits<double>::quiet_NaN()
                      : quantiles[i] ? quantile_sd(probability_of(functional),
                                                   total(laws[i].totals), quantiles[i])
                                     : finite_sd(schema, functional, laws[i]);
    if (frame.finite()) truth.finite_se = sd;
    truth.unit_sd = sd * std::sqrt(size);
    const DomainTruth& whole = tallied ? tallies[i] : laws[i];
    if (functional.uses_value_rule())
      for (const auto& rule : plan.value_rules)
        truth.rule_values.push_back(read_answers(schema, functional, whole, rule.plugin.get()));
    else
      truth.own_value = read_answers(schema, functional, whole, nullptr);
    truths.push_back(std::move(truth));
  }
  return truths;
}

std::vector<double> population_totals(const Population& population, const PopulationFrame& frame,
                                      std::span<const VariableId> variables) {
  const Schema& schema = population.law().schema();
  const Clique& root = population.law().root();
  const double scale = population.persons();
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
