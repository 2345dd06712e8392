#pragma once

// A value rule turns buckets into numbers.

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/schema.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard {

/// One number a bucket, and how it moves with the bucket totals.
struct BucketValues {
  std::vector<double> value;  ///< levels, in the variable's unit
  std::vector<double>
      jacobian;  ///< levels × levels, row-major: d value[j] / d total[k]; empty: all zero
};

/// The law of a table and of tables near it: what a functional of the law needs for its influence.
struct LawNearby {
  std::shared_ptr<const Law> law;
  /// By level: the law where its total is larger by its step; null where nobody is, or not asked.
  std::vector<std::shared_ptr<const Law>> more;
  std::vector<double> step;  ///< by level, in totals
  /// d f(law) / d total by forward differences; 0 where nobody is.
  std::vector<double> influence(const std::function<double(const Law&)>& f) const;
};

/// Which laws are made of a table.
enum class Around {
  none,   ///< its own alone: values without influences
  levels  ///< and one for each level
};

/// Immutable after `make`; `values` and `laws` are const and thread-safe.
class ValueRule {
 public:
  virtual ~ValueRule() = default;
  /// Why the rule cannot be used for this variable; nothing if it can.
  virtual std::optional<std::string> objection(const Variable& variable) const = 0;
  /// @param totals       weighted total in each bucket, >= 0, not all zero
  /// @param respondents  behind them, for rules with a likelihood; 0: the sum of the totals
  /// @return numbers of which the weighted mean is that of the rule's law;
  ///         fails: unbounded_tail, unsupported, infeasible, no_convergence
  virtual Result<BucketValues> values(const Variable& variable, std::span<const double> totals,
                                      double respondents = 0) const = 0;
  /// The distribution that the rule makes of the buckets; by default everybody at its number.
  virtual Result<std::shared_ptr<const Law>> law(const Variable& variable,
                                                 std::span<const double> totals,
                                                 double respondents = 0) const;
  /// Whether the numbers come from the law, so that laws() of the same totals can be used again.
  virtual bool numbers_from_law() const { return false; }
  /// `values` from laws that are made already. @pre numbers_from_law()
  virtual Result<BucketValues> values_of(const Variable&, std::span<const double>,
                                         const LawNearby&) const {
    return Failure{FailureKind::unsupported, "its numbers do not come from a law"};
  }
  /// `values` without the jacobian, for replicates: one fit instead of levels + 1.
  virtual Result<BucketValues> numbers(const Variable& variable, std::span<const double> totals,
                                       double respondents = 0) const {
    return values(variable, totals, respondents);
  }
  /// The law and those around it: levels + 1 laws.
  /// @param shared  fits to the same totals and respondents that other rules made, or may use
  virtual Result<LawNearby> laws(const Variable& variable, std::span<const double> totals,
                                 double respondents = 0, FamilyFits* shared = nullptr,
                                 Around around = Around::levels) const;

 protected:
  /// laws() from a law and a way to that where level k holds `change` more.
  using Nearby = std::function<Result<std::shared_ptr<const Law>>(std::size_t k, double change)>;
  static Result<LawNearby> laws_around(std::shared_ptr<const Law> law,
                                       std::span<const double> totals, Around around,
                                       const Nearby& nearby);
};

struct ValueRuleInfo {
  std::string_view name, summary, source;
  std::function<std::unique_ptr<const ValueRule>(ConfigReader&, const Schema&)> make;
};

/// The rules of this folder, then every bucket rule under its own name.
std::span<const ValueRuleInfo> value_rules();

}  // namespace steelyard
