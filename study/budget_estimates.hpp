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

/// The estimators of a budget. Immutable; calls are thread-safe.
class BudgetEstimates {
 public:
  BudgetEstimates(const Study& study, const Population& world, const BudgetPlan& plan);

  std::span<const BudgetEstimator> estimators() const { return estimators_; }
  /// What estimators and their domains read.
  const std::vector<VariableId>& variables() const { return variables_; }
  /// By position in the plan's estimands: under the law of the world.
  double truth(std::size_t estimand) const { return truths_[estimand]; }

  /// All estimates from one sample with the sources given.
  /// @param ideal      by root cell
  /// @param reference  null: there is none; or why it could not be made
  /// @return cases × estimators, row-major
  std::vector<Result<double>> estimate(
      const Sample& sample, std::span<const PersonRef> persons, std::span<const double> ideal,
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
  void make_truths(const Population& world);
  std::vector<double> ideal_totals(std::size_t estimand, const Sample& sample,
                                   std::span<const std::uint32_t> rows,
                                   std::span<const PersonRef> persons,
                                   std::span<const double> ideal) const;
  Result<double> value(const BudgetEstimator& estimator, bool rule, const Totals& totals) const;
  Totals totals(std::size_t weighting, const CellIndex& cells, const Weighed& weighed,
                const Asked& asked) const;

  const Study* study_;
  const BudgetPlan* plan_;
  double persons_;
  bool models_answers_ = false;
  Benchmarks fresh_, stale_;
  std::vector<BudgetEstimator> estimators_;
  std::vector<VariableId> variables_, cell_variables_;
  std::vector<double> truths_;
  std::vector<std::vector<BucketValues>> true_values_;  ///< by estimand and answer
  /// By estimand: the true law inside its buckets, of functionals of the whole law.
  std::vector<std::optional<ReweightedLaw>> true_laws_;
};

}  // namespace steelyard
