#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/text.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/tabulate.hpp"
#include "sim/models/model_population.hpp"
#include "study/latent_quantile.hpp"
#include "study/planning.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// What the search knows of the population: the value's distribution in the estimand's domain.
struct EdgeProblem {
  Schema schema;
  VariableId variable{};
  std::shared_ptr<const Functional> functional;
  const ValueRule* rule = nullptr;
  double truth = 0;
  std::function<double(double)> cdf;
};

/// The schema with other edges for one variable; its buckets stand at their middles, the open one
/// as far above its edge as the scenario has it.
Schema with_edges(const Schema& schema, VariableId id, const std::vector<double>& edges) {
  Schema changed;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    Variable v = schema[schema.id(i)];
    if (schema.id(i) == id) {
      const auto& was = v.edges;
      const double open =
          v.assumed_values.empty() ? 1.25 : v.assumed_values.back() / was[was.size() - 2];
      v.levels.clear();
      v.labels.clear();
      v.labels_zh.clear();
      v.scores.clear();
      v.assumed_values.clear();
      v.edges = edges;
      for (std::size_t b = 0; b + 1 < edges.size(); ++b) {
        v.levels.push_back(shortest(edges[b]) + "_" + shortest(edges[b + 1]));
        v.assumed_values.push_back(std::isinf(edges[b + 1]) ? open * edges[b]
                                                            : (edges[b] + edges[b + 1]) / 2);
      }
    }
    changed.add(std::move(v));
  }
  return changed;
}

EdgeChoice judge(const EdgeProblem& problem, double respondents, std::string name,
                 std::vector<double> edges) {
  EdgeChoice choice{std::move(name), std::move(edges), kNone, kNone, kNone, {}};
  const Schema schema = with_edges(problem.schema, problem.variable, choice.edges);
  std::vector<double> totals;
  double below = 0;
  for (std::size_t b = 1; b < choice.edges.size(); ++b) {
    const double up_to = b + 1 == choice.edges.size() ? 1.0 : problem.cdf(choice.edges[b]);
    totals.push_back(std::max(0.0, up_to - below) * respondents);
    below = up_to;
  }
  const auto estimate =
      LevelEstimator(schema, *problem.functional, problem.rule).estimate(totals, respondents);
  if (!estimate) {
    choice.failure = to_string(estimate.failure().kind) + (": " + estimate.failure().detail);
    return choice;
  }
  double variance = 0;
  for (std::size_t b = 0; b < totals.size(); ++b)
    variance += totals[b] * estimate.value().influence[b] * estimate.value().influence[b];
  choice.bias = estimate.value().estimate - problem.truth;
  choice.sd = std::sqrt(variance);
  choice.rmse = std::hypot(choice.bias, choice.sd);
  return choice;
}

const PlannedEstimand& estimand_named(const StudyPlan& plan, const std::string& id) {
  Texts names;
  for (const PlannedEstimand& e : plan.estimands) {
    if (e.id == id) return e;
    names.push_back(e.id);
  }
  throw UserError({}, "plan.edges", "there is no estimand \"" + id + "\"", suggestion(id, names));
}

EdgeProblem problem_of(const Schema& schema, const StudyPlan& plan, const EdgeSearch& search) {
  EdgeProblem problem;
  problem.schema = schema;
  problem.variable = schema.require(search.variable, {});
  const PlannedEstimand& e = estimand_named(plan, search.estimand);
  problem.functional = e.functional;
  const auto answers = e.functional->variables();
  if (answers.size() != 1 || answers[0] != problem.variable || !e.functional->uses_value_rule() ||
      e.functional->uses_law() || schema[problem.variable].kind != VariableKind::bucketed)
    throw UserError(
        {}, "plan.edges",
        "\"" + search.estimand + "\" is no mean of the bucketed \"" + search.variable + "\" alone",
        "name an estimand that turns its buckets into numbers");
  Texts names;
  for (const auto& rule : plan.value_rules) {
    if (rule.name == search.value_rule) problem.rule = rule.plugin.get();
    names.push_back(rule.name);
  }
  if (problem.rule == nullptr)
    throw UserError({}, "plan.edges", "there is no value rule \"" + search.value_rule + "\"",
                    suggestion(search.value_rule, names));
  return problem;
}

EdgeProblem synthetic_problem(const Study& study, const EdgeSearch& search) {
  EdgeProblem problem = problem_of(study.scenario().schema, study.plan(), search);
  const Domain& domain = estimand_named(study.plan(), search.estimand).domain;
  const auto law = LatentQuantile(study.population(), domain, problem.variable).law();
  problem.truth = law->mean();
  problem.cdf = [law](double x) { return law->cdf(x); };
  return problem;
}

EdgeProblem model_problem(const ModelCondition& condition, const EdgeSearch& search, Seed seed) {
  EdgeProblem problem = problem_of(condition.model.scenario.schema, condition.plan, search);
  const ModelPopulation population(condition.model, seed, Replicate{0});
  const auto behind = population.values_behind(problem.variable);
  auto values = std::make_shared<std::vector<double>>();
  for (std::uint32_t row :
       domain_rows(population.everybody(), estimand_named(condition.plan, search.estimand).domain))
    values->push_back(behind[row]);
  std::sort(values->begin(), values->end());
  double sum = 0;
  for (double x : *values) sum += x;
  problem.truth = sum / static_cast<double>(values->size());
  // Buckets hold their lower edge: those below an edge are in lower ones.
  problem.cdf = [values](double x) {
    return static_cast<double>(std::lower_bound(values->begin(), values->end(), x) -
                               values->begin()) /
           static_cast<double>(values->size());
  };
  return problem;
}

class CoordinateSearch {
 public:
  CoordinateSearch(const EdgeProblem& problem, const EdgeSearch& search)
      : problem_(problem), search_(search) {
    const auto n = static_cast<std::size_t>((search.upper - search.lower) / search.step + 1e-9) + 1;
    for (std::size_t i = 0; i < n; ++i)
      candidates_.push_back(search.lower + static_cast<double>(i) * search.step);
  }

  std::size_t candidates() const { return candidates_.size(); }

  /// Positions of inner edges among the candidates, nearest to these values.
  std::vector<std::size_t> positions(const std::vector<double>& inner) const {
    std::vector<std::size_t> at;
    for (double edge : inner) {
      const double place = std::round((edge - search_.lower) / search_.step);
      const auto last = static_cast<double>(candidates_.size() - 1);
      at.push_back(static_cast<std::size_t>(std::clamp(place, 0.0, last)));
    }
    // Apart from each other, with room for those above.
    for (std::size_t k = 0; k < at.size(); ++k) {
      if (k > 0) at[k] = std::max(at[k], at[k - 1] + 1);
      at[k] = std::min(at[k], candidates_.size() - (at.size() - k));
    }
    return at;
  }

  EdgeChoice judge_at(const std::vector<std::size_t>& at, const std::string& name) const {
    const auto& own = problem_.schema[problem_.variable].edges;
    std::vector<double> edges{own.front()};
    for (std::size_t k : at) edges.push_back(candidates_[k]);
    edges.push_back(own.back());
    return judge(problem_, search_.respondents, name, std::move(edges));
  }

  EdgeChoice descend(std::vector<std::size_t> at) const {
    EdgeChoice best = judge_at(at, "best");
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t k = 0; k < at.size(); ++k) {
        const std::size_t low = k == 0 ? 0 : at[k - 1] + 1;
        const std::size_t high = k + 1 == at.size() ? candidates_.size() : at[k + 1];
        const std::size_t kept = at[k];
        std::size_t chosen = kept;
        for (std::size_t c = low; c < high; ++c) {
          at[k] = c;
          EdgeChoice other = judge_at(at, "best");
          if (!(other.rmse < best.rmse) && !(std::isnan(best.rmse) && !std::isnan(other.rmse)))
            continue;
          best = std::move(other);
          chosen = c;
        }
        at[k] = chosen;
        moved |= chosen != kept;
      }
    }
    return best;
  }

  /// The best place for one more inner edge among these (with both ends).
  std::vector<std::size_t> one_more(const std::vector<double>& edges) const {
    std::vector<std::size_t> best;
    double smallest = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < candidates_.size(); ++c) {
      std::vector<double> inner(edges.begin() + 1, edges.end() - 1);
      inner.push_back(candidates_[c]);
      std::sort(inner.begin(), inner.end());
      const auto at = positions(inner);
      const double rmse = judge_at(at, {}).rmse;
      if (!best.empty() && !(rmse < smallest)) continue;
      best = at;
      if (!std::isnan(rmse)) smallest = rmse;
    }
    return best;
  }

  std::vector<double> equal_shares() const {
    std::vector<double> inner;
    for (std::size_t k = 1; k < search_.buckets; ++k) {
      const double share = static_cast<double>(k) / static_cast<double>(search_.buckets);
      const auto at = std::find_if(candidates_.begin(), candidates_.end(),
                                   [&](double x) { return problem_.cdf(x) >= share; });
      inner.push_back(at == candidates_.end() ? candidates_.back() : *at);
    }
    return inner;
  }

  std::vector<double> equal_steps() const {
    std::vector<double> inner;
    for (std::size_t k = 1; k < search_.buckets; ++k)
      inner.push_back(search_.lower + (search_.upper - search_.lower) * static_cast<double>(k) /
                                          static_cast<double>(search_.buckets));
    return inner;
  }

 private:
  const EdgeProblem& problem_;
  const EdgeSearch& search_;
  std::vector<double> candidates_;
};

/// Numbers of buckets to look at beside the one asked for, which is among them: ascending.
std::vector<std::size_t> numbers_of_buckets(const EdgeSearch& search, std::size_t candidates) {
  constexpr std::size_t kMore = 3, kAtMost = 12;
  const std::size_t highest = std::min({search.buckets + kMore, candidates + 1, std::size_t{50}});
  const std::size_t step = (highest - 2) / kAtMost + 1;
  std::vector<std::size_t> numbers;
  for (std::size_t n = 2 + (search.buckets - 2) % step; n <= highest; n += step)
    numbers.push_back(n);
  return numbers;
}

/// @param fewer  the best edges of one bucket fewer; empty: not known
EdgeChoice best_of(const EdgeProblem& problem, const EdgeSearch& search,
                   const std::vector<double>& fewer) {
  const CoordinateSearch coordinates(problem, search);
  const auto& present = problem.schema[problem.variable].edges;
  std::vector<std::vector<double>> starts{coordinates.equal_shares(), coordinates.equal_steps()};
  if (present.size() == search.buckets + 1)
    starts.emplace_back(present.begin() + 1, present.end() - 1);
  EdgeChoice best;
  best.rmse = kNone;
  for (const auto& start : starts) {
    EdgeChoice found = coordinates.descend(coordinates.positions(start));
    if (std::isnan(best.rmse) || found.rmse < best.rmse) best = std::move(found);
  }
  if (fewer.size() == search.buckets) {
    EdgeChoice found = coordinates.descend(coordinates.one_more(fewer));
    if (std::isnan(best.rmse) || found.rmse < best.rmse) best = std::move(found);
  }
  return best;
}

EdgeResults search_in(const EdgeProblem& problem, const EdgeSearch& search,
                      const PlannedEstimand& estimand) {
  const CoordinateSearch coordinates(problem, search);
  EdgeResults results{search,
                      estimand.label + " (" + estimand.domain_label + ")",
                      estimand.label_zh + "（" + estimand.domain_label_zh + "）",
                      estimand.unit,
                      {},
                      {}};
  for (std::size_t n : numbers_of_buckets(search, coordinates.candidates())) {
    EdgeSearch other = search;
    other.buckets = n;
    const auto fewer =
        results.by_number.empty() ? std::vector<double>{} : results.by_number.back().edges;
    results.by_number.push_back(best_of(problem, other, fewer));
    results.by_number.back().name = "best of " + std::to_string(n) + " buckets";
    if (n != search.buckets) continue;
    results.choices = {
        judge(problem, search.respondents, "as asked now", problem.schema[problem.variable].edges),
        coordinates.judge_at(coordinates.positions(coordinates.equal_shares()), "equal shares"),
        results.by_number.back()};
    results.choices.back().name = "best";
  }
  return results;
}

}  // namespace

EdgeResults search_edges(const std::string& scenario, const std::vector<std::string>& settings,
                         const EdgeSearch& search, Seed seed) {
  if (is_model_scenario(scenario)) {
    const ModelStudy study(scenario, settings);
    const ModelCondition& condition = study.condition(0);
    return search_in(model_problem(condition, search, seed), search,
                     estimand_named(condition.plan, search.estimand));
  }
  // The rule and the functional live as long as the study does.
  const Scenario read = load_scenario(scenario, settings);
  const Study study(read);
  return search_in(synthetic_problem(study, search), search,
                   estimand_named(study.plan(), search.estimand));
}

}  // namespace steelyard
