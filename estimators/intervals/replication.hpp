#pragma once

// Intervals from replicate weights: factors of the base weights, the weighting done again with
// them, the estimate made again. Base of jackknife, bootstrap, Bayesian bootstrap, random groups.

#include "estimators/intervals/interval_method.hpp"
#include "estimators/intervals/limits.hpp"
#include "estimators/survey/replicates.hpp"

namespace steelyard {

enum class ReplicateLimits {
  t,           ///< estimate ± t × standard error, or on the scale for shares
  percentile,  ///< quantiles of the replicates' estimates
};

struct ReplicationOptions {
  /// jk1 (delete a group), random_groups, canty_davison (n with replacement), bootstrap (Rao-Wu),
  /// bayesian.
  ReplicateMethod method = ReplicateMethod::bootstrap;
  std::size_t replicates = 0;  ///< or groups
  ReplicateLimits limits = ReplicateLimits::t;
  IntervalOptions interval;
};

/// Respondents are taken as drawn with replacement in one stage; groups are dealt at random. A
/// replicate in which the weighting or the estimate fails is a failure of the interval.
/// Cost, for each weighting: replicates × (O(n) + the weighting + O(rows) a tabulation).
std::unique_ptr<const IntervalMethod> make_replication(const ReplicationOptions& options);

/// A method of random groups; reads their number (key `groups`) and the interval's options.
std::unique_ptr<const IntervalMethod> make_group_replication(ConfigReader& config,
                                                             ReplicateMethod method,
                                                             std::int64_t usual_groups);

}  // namespace steelyard
