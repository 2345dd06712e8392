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
  /// @param totals  weighted total at each (joint) level
  /// @return fails: as the functional and the rule
  Result<PointEstimate> estimate(std::span<const double> totals) const;

 private:
  Result<std::vector<BucketValues>> numbers(std::span<const double> totals) const;

  const Schema& schema_;
  const Functional& functional_;
  const ValueRule* rule_;
};

}  // namespace steelyard
