#pragma once

// The distribution that a bucket rule makes of a table, and what is asked of it.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "estimators/buckets/bucket_table.hpp"

namespace steelyard {

/// Immutable and thread-safe. Units are those of the table's edges. A statistic that does not exist
/// is infinite (it diverges) or NaN (it is undefined), never a number.
class Law {
 public:
  virtual ~Law() = default;
  /// P(X <= x).
  virtual double cdf(double x) const = 0;
  /// The smallest x with P(X <= x) >= u; on a step of a discrete law the middle of the two points.
  /// @pre 0 < u < 1
  virtual double quantile(double u) const = 0;
  /// E[X; X <= x]; x = Inf: the mean.
  virtual double partial_mean(double x) const = 0;
  /// cdf and partial_mean at each of these ascending points, in one pass where the law can.
  virtual void cumulate(std::span<const double> x, std::span<double> cdf,
                        std::span<double> partial_mean) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      cdf[i] = this->cdf(x[i]);
      partial_mean[i] = this->partial_mean(x[i]);
    }
  }
  virtual double mean() const = 0;
  /// Population variance.
  virtual double variance() const = 0;
  /// Half the mean absolute difference over the mean: 1 - ∫ S(x)² dx / mean.
  virtual double gini() const = 0;
  /// E[X ln X] / mean - ln mean.
  virtual double theil() const = 0;
  /// ln mean - E ln X, the mean logarithmic deviation.
  virtual double mld() const = 0;
  /// For pictures; NaN for a law of points.
  virtual double density(double x) const = 0;
};

/// E[X; X among the lowest p]: p times the mean of those, also where p falls within a step.
/// @pre 0 < p < 1
inline double share_of_lowest(const Law& law, double p) {
  const double q = law.quantile(p);
  return law.partial_mean(q) - q * (law.cdf(q) - p);
}

/// What a rule made of a table.
struct BucketFit {
  std::shared_ptr<const Law> law;
  /// What was found on the way, under the names of the results file: "par:a", "se_log:a", "loglik",
  /// "aic", "w:LN", ...
  std::vector<std::pair<std::string, double>> found;
  std::vector<std::string> notes;
  /// The law where bucket k, which holds some weight, holds `change` more: right to first order in
  /// `change` (its derivative at 0 is that of the rule), much cheaper than a fit. Empty: fit again.
  std::function<Result<std::shared_ptr<const Law>>(std::size_t k, double change)> nearby;
};

class FamilyFits;

/// Turns a table into a law. Immutable; `fit` is const and thread-safe.
class BucketRule {
 public:
  virtual ~BucketRule() = default;
  /// @pre no objection(table)
  /// Fails: infeasible (no such law: the detail is the reason), no_convergence, unbounded_tail,
  /// unsupported (too few buckets, no known mean).
  virtual Result<BucketFit> fit(const BucketTable& table) const = 0;
  /// The same, sharing fits of families with other rules on the same table (family_fits.hpp).
  virtual Result<BucketFit> fit_with(const BucketTable& table, FamilyFits& shared) const;
};

/// The law of the table where bucket k holds `change` more weight: `nearby` of the table's fit, or
/// a fit of its own.
Result<std::shared_ptr<const Law>> law_nearby(const BucketRule& rule, const BucketTable& table,
                                              const BucketFit& fit, std::size_t k, double change);

enum class RuleKind {
  direct,  ///< from the table's edges and shares
  fitted   ///< a family fitted by maximum likelihood, several of them, or what is made of those
};

struct BucketRuleInfo {
  std::string_view name, summary, source;
  bool needs_mean;  ///< answers only where the overall mean is known
  std::unique_ptr<const BucketRule> (*make)();
  RuleKind kind = RuleKind::direct;
};

/// All rules, in the order of the catalogue: docs/methods/buckets.md.
std::vector<BucketRuleInfo> bucket_rules();

/// The rule of that name; nothing if there is none.
const BucketRuleInfo* find_bucket_rule(std::string_view name);

}  // namespace steelyard
