#pragma once

// A functional is what is estimated from the weighted distribution of an answer: a proportion, a
// mean, a ratio, a quantile, a diffusion index.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/sample.hpp"
#include "estimators/values/value_rule.hpp"

namespace steelyard {

/// Immutable after `make`; `estimate` is const and thread-safe.
class Functional {
 public:
  virtual ~Functional() = default;
  /// One answer, or two that are tabulated together (the first one slowest).
  virtual std::vector<VariableId> variables() const = 0;
  /// True if bucketed answers are turned into numbers by a value rule.
  virtual bool uses_value_rule() const = 0;
  /// Whether the estimate is differentiable in the totals, so that it has an influence.
  virtual bool smooth() const { return true; }
  /// Whether the estimate is a share in [0, 1], so that scales for shares apply to its interval.
  virtual bool is_share() const { return false; }
  /// Numbers of the levels of variables()[position] where no value rule is used.
  virtual std::vector<double> fixed_values(std::size_t position) const = 0;
  /// @param totals  weighted total at each (joint) level of the domain's respondents
  /// @param values  one entry a variable: the numbers of its levels
  /// @return the estimate and its influence at each joint level (empty if it is not smooth);
  ///         fails: empty_domain
  virtual Result<PointEstimate> estimate(std::span<const double> totals,
                                         std::span<const BucketValues> values) const = 0;
  /// Whether it is of the whole law that a value rule makes, not of one number a level; then it is
  /// estimated by estimate_law.
  virtual bool uses_law() const { return false; }
  /// @pre uses_law()
  virtual Result<PointEstimate> estimate_law(std::span<const double>, const LawNearby&) const {
    return Failure{FailureKind::unsupported, "it is not of a law"};
  }
  /// The same without the influence. @pre uses_law()
  virtual Result<double> value_of(const Law&) const {
    return Failure{FailureKind::unsupported, "it is not of a law"};
  }
  /// The unit of the estimate, for people: "CNY per month", "%", ...
  virtual std::string unit() const = 0;
};

struct FunctionalInfo {
  std::string_view name, summary, source;
  std::function<std::unique_ptr<const Functional>(ConfigReader&, const Schema&)> make;
};

std::span<const FunctionalInfo> functionals();

}  // namespace steelyard
