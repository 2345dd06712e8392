#pragma once

// Bucket rules as value rules of a study.

#include "estimators/values/value_rule.hpp"

namespace steelyard {

/// One for each bucket rule, under its name. A rule that needs the overall mean takes it as the
/// option known_mean (of everybody: for estimands without a domain).
std::vector<ValueRuleInfo> bucket_value_rules();

/// The buckets of a variable as a table. @param respondents  0: the sum of the totals
BucketTable table_of(const Variable& variable, std::span<const double> totals, double respondents);

}  // namespace steelyard
