#pragma once

// Estimates that are a linear total sum T v over the levels, or a ratio of two: totals,
// proportions, means, ratios and indices are all of this kind.

#include <span>

#include "core/sample.hpp"
#include "estimators/values/value_rule.hpp"

namespace steelyard {

/// sum_j totals[j] v[j] / sum_j totals[j], with influence (v[k] - estimate + sum_j totals[j]
/// dv[j]/dT[k]) / sum. Fails: empty_domain. Source: Woodruff (1971), JASA 66, 411-414.
Result<PointEstimate> mean_of_levels(std::span<const double> totals, const BucketValues& values);

/// sum_j totals[j] v[j], with influence v[k] + sum_j totals[j] dv[j]/dT[k]. Fails: empty_domain.
Result<PointEstimate> total_of_levels(std::span<const double> totals, const BucketValues& values);

/// The same of a continuous answer, from its moments Σ w and Σ w y (Tabulation::moments).
Result<PointEstimate> mean_of_moments(std::span<const double> totals);
Result<PointEstimate> total_of_moments(std::span<const double> totals);

/// Ratio of the means of two answers tabulated together (the first one slowest), each with its
/// numbers. Fails: empty_domain, unsupported (denominator zero)
Result<PointEstimate> ratio_of_levels(std::span<const double> totals, const BucketValues& numerator,
                                      const BucketValues& denominator);

}  // namespace steelyard
