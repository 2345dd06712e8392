#pragma once

// What estimators make of a sample when the sources of error behind them are switched off.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "sim/population/synthesis.hpp"
#include "study/budget.hpp"
#include "study/latent_quantile.hpp"
#include "study/modelled_answers.hpp"

namespace steelyard {

/// One estimator of a budget: positions in the study's plan.
struct BudgetEstimator {
  std::size_t estimand = 0, weighting = 0, value_rule = 0;
  bool uses_rule = false;
  bool reads_buckets = false;  ///< by a rule, or by itself: the bucket rule can be wrong
};

/// Sources of an estimate that do not change the sample.
struct EstimateSources {
  bool stale_benchmarks = true;  ///< off: the population's true totals
  bool bucket_rule = true;       ///< off: a bucket's number is the true mean of its values
  bool weighting = true;         ///< off: ideal weights, see BudgetSamples::ideal_weights
};

/// Whether it is a quantile that is read out of buckets without a value rule.
bool reads_quantile_of_buckets(const Schema& schema, const Functional& functional);

/// What is true of a world, and what its estimators know, whatever the population is made of.
struct BudgetWorld {
  double persons = 0;
  Benchmarks fresh, stale;
  /// By position in the plan's estimands, those of the budget.
  std::vector<double> truths;
  std::vector<std::vector<BucketValues>> true_values;  ///< and answer
  /// The true law inside its buckets, of functionals of the whole law and quantiles of buckets.
  std::vector<std::optional<ReweightedLaw>> true_laws;
};
BudgetWorld budget_world(const Study& study, const Population& world, const BudgetPlan& plan);
BudgetWorld budget_world(const ModelStudy& study, const ModelPopulation& population,
                         const BudgetPlan& plan);

/// The estimators of a budget. Immutable; calls are thread-safe.
class BudgetEstimates {
 public:
  /// The references must outlive it.
  BudgetEstimates(const Schema& schema, const StudyPlan& study, const BudgetPlan& plan,
                  BudgetWorld world);

  std::span<const BudgetEstimator> estimators() const { return estimators_; }
  /// What estimators and their domains read.
  const std::vector<VariableId>& variables() const { return variables_; }
  /// By position in the plan's estimands: under the law of the world.
  double truth(std::size_t estimand) const { return world_.truths[estimand]; }

  /// All estimates from one sample with the sources given.
  /// @param ideal      by row, not scaled
  /// @param reference  null: there is none; or why it could not be made
  /// @return cases × estimators, row-major
  std::vector<Result<double>> estimate(
      const Sample& sample, std::span<const double> ideal,
      const Result<std::shared_ptr<const ReferenceSample>>& reference,
      std::span<const EstimateSources> cases) const;

 private:
  struct Totals;
  struct Asked;
  /// Weights on one set of benchmarks, by weighting.
  struct Weighed {
    Benchmarks benchmarks;
    std::vector<Result<Weights>> weights;
  };
  void need(VariableId id);
  std::vector<double> ideal_totals(std::size_t estimand, const Sample& sample,
                                   std::span<const std::uint32_t> rows,
                                   std::span<const double> ideal) const;
  Result<double> value(const BudgetEstimator& estimator, bool rule, const Totals& totals) const;
  Totals totals(std::size_t weighting, const CellIndex& cells, const Weighed& weighed,
                const Asked& asked) const;

  const Schema* schema_;
  const StudyPlan* plan_;
  bool models_answers_ = false;
  BudgetWorld world_;
  std::vector<BudgetEstimator> estimators_;
  std::vector<VariableId> variables_, cell_variables_;
};

}  // namespace steelyard
