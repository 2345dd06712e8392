#pragma once

// What rules share: functions as rules, the open top bucket, its Pareto exponent, its mean.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "estimators/buckets/law.hpp"
#include "estimators/buckets/segment.hpp"

namespace steelyard::detail {

/// The rule whose `fit` is Fit(table, Options...).
template <auto Fit, auto... Options>
std::unique_ptr<const BucketRule> make_rule() {
  class Rule final : public BucketRule {
   public:
    Result<BucketFit> fit(const BucketTable& table) const override {
      return Fit(table, Options...);
    }
  };
  return std::make_unique<const Rule>();
}

inline Failure infeasible(std::string reason) {
  return {FailureKind::infeasible, std::move(reason)};
}

/// Whether the top bucket is open and holds something: only then is there a tail to shape.
bool has_tail(const BucketTable& table);

/// Two-point Pareto exponent from the top two populated buckets b < t,
/// ln((n_b + n_t) / n_t) / ln(l_t / l_b); 0 if l_b <= 0. Fails: one populated bucket.
/// Source: Quandt (1966), Metrika 10, 55-82; Henson (1967), Trends in the Income of Families.
Result<double> two_point_exponent(const BucketTable& table);

/// The known mean. Fails: none known.
Result<double> known_mean(const BucketTable& table);

/// The mean that the tail must have so that the whole has the known mean.
/// @param closed  E[X; X in a closed bucket] under the rule
/// Fails: no mean, no tail, a mean at or below the tail's edge.
Result<double> tail_mean(const BucketTable& table, double closed);

/// A law of segments with what was found.
BucketFit piecewise_fit(std::vector<Segment> segments,
                        std::vector<std::pair<std::string, double>> found = {});

}  // namespace steelyard::detail
