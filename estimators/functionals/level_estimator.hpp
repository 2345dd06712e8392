#pragma once

// A functional with the value rule that gives its bucketed answers their numbers: the estimate from
// weighted totals alone, so that it can be made again from the totals of every replicate.

#include "estimators/functionals/functional.hpp"

namespace steelyard {

/// The references must outlive it.
class LevelEstimator {
 public:
  /// @param rule  null: no answer is turned into numbers by a rule
  LevelEstimator(const Schema& schema, const Functional& functional, const ValueRule* rule)
      : schema_(schema), functional_(functional), rule_(rule) {}

  const Functional& functional() const { return functional_; }
  /// @param totals       weighted total at each (joint) level
  /// @param respondents  behind them; 0: the sum of the totals
  /// @param laws         those of the rule at these totals, if made already; see uses_laws
  /// @return fails: as the functional and the rule
  Result<PointEstimate> estimate(std::span<const double> totals, double respondents = 0,
                                 const Result<LawNearby>* laws = nullptr) const;
  /// The estimate alone, without its influence: what replicates need.
  /// @param laws  as in `estimate`; those around are not used
  Result<double> value(std::span<const double> totals, double respondents = 0,
                       const Result<LawNearby>* laws = nullptr) const;
  /// Whether `estimate` starts from the laws of its (only) answer under the rule.
  bool uses_laws() const;

 private:
  enum class Slopes { yes, no };
  Result<std::vector<BucketValues>> numbers(std::span<const double> totals, double respondents,
                                            Slopes slopes, const LawNearby* laws) const;

  const Schema& schema_;
  const Functional& functional_;
  const ValueRule* rule_;
};

}  // namespace steelyard
