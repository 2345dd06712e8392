#pragma once

// The answer that estimates are measured against: exact under the population's law, and tallied
// over the persons of a finite population.

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "estimators/buckets/law.hpp"
#include "sim/selection/selection.hpp"
#include "study/plan.hpp"

namespace steelyard {

/// What everybody in a domain would have answered: totals at each joint level of the answers, and
/// for each answer the mean (and variance) of its number at each level.
struct DomainTruth {
  std::vector<double> totals;
  std::vector<std::vector<double>> means, variances;  ///< one vector an answer
  /// Of a quantile of latent values, or a functional of their law: that value; NaN for others.
  double quantile = std::numeric_limits<double>::quiet_NaN();
  /// Of a continuous answer Σ 1, Σ y, Σ y²; its totals are the first two. Empty for levels.
  std::vector<double> squares;
};

struct EstimandTruth {
  double superpopulation = 0, finite = 0, finite_se = 0;  ///< finite: NaN if not tallied
  /// Standard deviation of one person's influence on it, so that simple random samples of n have
  /// the variance unit_sd²/n; NaN for functionals of a whole law.
  double unit_sd = std::numeric_limits<double>::quiet_NaN();
  std::vector<double>
      rule_values;  ///< by value rule: the functional under the rule on the whole population
  /// Without a value rule: the functional's own reading of the whole population's answers; it
  /// differs from the truth where buckets are interpolated.
  double own_value = 0;
};

enum class Tally { no, yes };

/// Truths of all estimands; totals are in persons. The quantile of a bucketed answer is that of its
/// latent law inside the buckets, or the smallest value that enough persons do not exceed; of
/// functionals of the whole law (Gini and the like) only the superpopulation's is known. Tallying
/// makes every person of the finite population, in O(N), in parallel, in bounded memory, with the
/// same bits for any number of threads.
std::vector<EstimandTruth> make_truths(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan, Seed seed, Tally tally, int threads,
                                       const std::function<void(double)>& progress = {});

/// Latent laws of answers over domains, each made once. Not thread-safe.
class LatentLaws {
 public:
  explicit LatentLaws(const Population& population) : population_(&population) {}
  std::shared_ptr<const Law> law(const Domain& domain, VariableId asked);

 private:
  const Population* population_;
  std::map<std::pair<VariableId, std::string>, std::shared_ptr<const Law>> made_;
};

/// What everybody in the estimand's domain would have answered, under the population's law; of a
/// functional of a law also its value.
/// @param persons  of the population, so that totals are in persons
DomainTruth superpopulation_truth(const Population& population, const PlannedEstimand& e,
                                  double persons, LatentLaws& latent);

/// The functional of the latent values behind those answers (of a quantile or a functional of a
/// law: DomainTruth::quantile, if it is known).
double true_value(const Functional& functional, const DomainTruth& truth);

/// Standard deviation of that value between populations of independent persons, Σ ψ² of the
/// persons' influences ψ and what the spread of latent values inside the levels adds; the
/// standard deviation of one person's influence divided by sqrt(persons). Not of a quantile.
double finite_sd(const Schema& schema, const Functional& functional, const DomainTruth& truth);

/// The same of a quantile at p: half the way between the quantiles at p ± one standard deviation of
/// the share below. @param persons  in the domain
double quantile_sd(double p, double persons, const std::function<double(double)>& quantile);

/// The functional's own reading of everybody's answers; NaN if it has none.
/// @param rule  null: it needs none
double read_answers(const Schema& schema, const Functional& functional, const DomainTruth& truth,
                    const ValueRule* rule);

/// Population totals over the cross of root variables (and groupings of them): persons.
std::vector<double> population_totals(const Population& population, const PopulationFrame& frame,
                                      std::span<const VariableId> variables);

}  // namespace steelyard
