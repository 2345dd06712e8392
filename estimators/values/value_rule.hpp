#pragma once

// A value rule turns buckets into numbers.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/schema.hpp"

namespace steelyard {

/// One number a bucket, and how it moves with the bucket totals.
struct BucketValues {
  std::vector<double> value;  ///< levels, in the variable's unit
  std::vector<double>
      jacobian;  ///< levels × levels, row-major: d value[j] / d total[k]; empty: all zero
};

/// Immutable after `make`; `values` is const and thread-safe.
class ValueRule {
 public:
  virtual ~ValueRule() = default;
  /// Why the rule cannot be used for this variable; nothing if it can.
  virtual std::optional<std::string> objection(const Variable& variable) const = 0;
  /// @param totals  weighted total in each bucket, >= 0, not all zero
  /// @return fails: unbounded_tail, unsupported
  virtual Result<BucketValues> values(const Variable& variable,
                                      std::span<const double> totals) const = 0;
};

struct ValueRuleInfo {
  std::string_view name, summary, source;
  std::unique_ptr<const ValueRule> (*make)(ConfigReader&, const Schema&);
};

std::span<const ValueRuleInfo> value_rules();

}  // namespace steelyard
