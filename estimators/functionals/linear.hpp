#pragma once

// Estimates that are a linear total sum T v over the levels, or a ratio of two: totals,
// proportions, means, ratios and indices are all of this kind.

#include <optional>
#include <span>

#include "core/sample.hpp"
#include "estimators/values/value_rule.hpp"

namespace steelyard {

/// Why totals whose sum is not above zero have no estimate: nobody with a weight (empty_domain), or
/// weights below zero that outweigh the others (infeasible). Nothing if the sum is above zero.
/// @param weight  Σ of the weights: the sum of totals by level, the first of moments
std::optional<Failure> without_weight(std::span<const double> totals, double weight);

/// sum_j totals[j] v[j] / sum_j totals[j], with influence (v[k] - estimate + sum_j totals[j]
/// dv[j]/dT[k]) / sum. Fails: as without_weight. Source: Woodruff (1971), JASA 66, 411-414.
Result<PointEstimate> mean_of_levels(std::span<const double> totals, const BucketValues& values);

/// sum_j totals[j] v[j], with influence v[k] + sum_j totals[j] dv[j]/dT[k]. Fails: as
/// without_weight.
Result<PointEstimate> total_of_levels(std::span<const double> totals, const BucketValues& values);

/// The same of a continuous answer, from its moments Σ w and Σ w y (Tabulation::moments).
Result<PointEstimate> mean_of_moments(std::span<const double> totals);
Result<PointEstimate> total_of_moments(std::span<const double> totals);

/// Ratio of the means of two answers tabulated together (the first one slowest), each with its
/// numbers. Fails: as without_weight, unsupported (denominator zero)
Result<PointEstimate> ratio_of_levels(std::span<const double> totals, const BucketValues& numerator,
                                      const BucketValues& denominator);

}  // namespace steelyard
