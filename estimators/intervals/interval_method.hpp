#pragma once

// An interval method gives the standard error and the confidence interval of an estimate.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/random.hpp"
#include "core/sample.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

/// Answers of a domain's respondents, as they are tabulated: what replicate weights are summed
/// over.
struct AnswerRows {
  std::span<const VariableId> answers;  ///< one, or two that are tabulated together
  std::span<const std::uint32_t> rows;  ///< the domain's respondents
  /// For weightings that model answers: the domain's rows of the reference sample, and who is in
  /// the domain (null: not known).
  std::span<const std::uint32_t> reference_rows = {};
  const Domain* domain = nullptr;
};

/// One sample under one weighting. Methods that weight again in every replicate use all of it,
/// others the cells and their weights.
struct WeightedSample {
  const CellIndex& index;
  const Weights& weights;
  const Sample* sample = nullptr;
  const Weighting* weighting = nullptr;
  const Benchmarks* benchmarks = nullptr;
  std::span<const AnswerRows> tables = {};  ///< every tabulation that an interval is wanted for
  Seed seed{};                              ///< of the study; with `replicate` it decides what
  Replicate replicate{};                    ///< resampling draws, so weightings are compared on
                                            ///< the same resamples
  bool many_of_a_table = false;             ///< several estimates will come from one table, which
                                            ///< have a place to keep what they share
};

/// What an interval method keeps of a table for the next estimate that is made from it.
struct KeptOfTable {
  std::shared_ptr<const void> made;  ///< null: nothing yet
  double seconds = 0;                ///< that it took
};

/// An estimate and what it was made from.
struct MadeEstimate {
  const Tabulation& tabulation;               ///< the domain's answers by cell
  const PointEstimate& point;                 ///< influence: one number a level of the tabulation
  const LevelEstimator* estimator = nullptr;  ///< null: only a number with an influence
  std::span<const double> totals = {};        ///< weighted, by level
  std::size_t table = 0;                      ///< its place in WeightedSample::tables
  const ModelledAnswer* modelled = nullptr;   ///< where the totals come from a model of the answer
  KeptOfTable* kept = nullptr;                ///< null: nothing is kept
};

/// An interval method made ready for one sample and one weighting; used for many estimates.
class PreparedInterval {
 public:
  virtual ~PreparedInterval() = default;
  virtual Result<Interval> interval(const MadeEstimate& made) const = 0;
};

/// Immutable after `make`; `prepare` is const and thread-safe, and a pure function of its argument.
class IntervalMethod {
 public:
  virtual ~IntervalMethod() = default;
  /// Why the method has no interval for this functional; nothing if it has one.
  virtual std::optional<std::string> objection(const Functional&) const { return std::nullopt; }
  /// What the sample refers to must outlive what is returned.
  virtual Result<std::unique_ptr<const PreparedInterval>> prepare(
      const WeightedSample& sample) const = 0;
};

struct IntervalInfo {
  std::string_view name, summary, source;
  std::unique_ptr<const IntervalMethod> (*make)(ConfigReader&, const Schema&);
};

std::span<const IntervalInfo> intervals();

}  // namespace steelyard
