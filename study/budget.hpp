#pragma once

// The error budget: from the truth to what an estimator says, how much of the error each source
// makes. docs/methods/studies.md says what switching each of them off means.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "results/budget.hpp"
#include "sim/population/world.hpp"
#include "study/engine.hpp"
#include "study/model_study.hpp"

namespace steelyard {

/// Sources that can be switched off, in the order of a survey's course. The first six change the
/// sample, the others what is made of it. Sampling noise is on in every replicate.
enum class ErrorSource {
  selection_benchmarked,
  selection_other,
  selection_answers,
  misreport,
  item_nonresponse,
  duplicates,
  stale_benchmarks,
  bucket_rule,
  weighting
};
inline constexpr std::size_t kSampleSources = 6, kErrorSources = 9;

/// The source that a component of measurement error is.
ErrorSource source_of(ErrorComponent component);

/// Which sources are on, by ErrorSource.
using SourceFlags = std::vector<bool>;

struct BudgetPlan {
  std::uint32_t replicates = 200;
  double selection_on_answers = 0;     ///< strength of the dial
  std::optional<World> world;          ///< nothing: the neutral one
  std::vector<std::size_t> estimands;  ///< positions in the study's plan
};

/// Reads [budget] of scenario.toml; without it defaults.
/// @throws UserError for an estimand that is not declared, a dial without [worlds.selection]
BudgetPlan plan_budget(const Study& study);
/// The same of a population by formulas.
/// @throws UserError as well for several conditions, a population that is drawn anew in each
/// replicate, a strength of selection on the answers, an estimand that has no part for its buckets
BudgetPlan plan_budget(const ModelStudy& study);

/// Exact Shapley attribution over all subsets of the sources that the scenario has. Replicates are
/// drawn as from a population without end, with common random numbers in all subsets; the same bits
/// for any number of threads. A replicate in which an estimator fails in any subset is counted as
/// failed for it. Cost: replicates × 2^(sample sources) samples, each weighted by every weighting.
BudgetResults run_budget(const Study& study, const BudgetPlan& plan, const StudyOptions& options,
                         const StudyProgress& progress = {});

/// The same of a population by formulas with one condition, whose samples are drawn without
/// replacement: volunteers with selection off have equal probabilities of taking part, designed
/// samples have no selection that is an error.
/// @throws UserError where somebody would take part with a probability above 1
BudgetResults run_budget(const ModelStudy& study, const BudgetPlan& plan,
                         const StudyOptions& options, const StudyProgress& progress = {});

/// Shapley attribution of bias and MSE from the values of one estimator.
/// @param truth    of the estimand
/// @param values   replicates × 2^players, row-major: the estimate with the players of the index
/// on;
///                 R >= 2
/// @return by player, the last part sampling noise; bias, mse and mean_estimate of the record
BudgetRecord attribute_errors(double truth, std::span<const double> values, std::size_t players);

}  // namespace steelyard
