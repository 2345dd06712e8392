#pragma once

// Weighted quantiles by the usual rules, and intervals for proportions, from which quantile
// intervals are made by inverting the distribution function.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace steelyard {

/// How a quantile is read off the weighted distribution function F.
enum class QuantileRule {
  math,    ///< smallest x with F(x) >= p
  school,  ///< the same, midway to the next value where F = p
  hf7,     ///< linear through (weight before i / weight of all but the last, x_i): Hyndman & Fan 7
};

/// How an interval for a proportion is made from its estimate and standard error.
enum class ProportionInterval {
  mean,        ///< p ± t se
  xlogit,      ///< t interval on the logit scale
  asin,        ///< t interval on the arcsine-root scale
  beta,        ///< Korn & Graubard (1998): Clopper-Pearson at the effective sample size
  wilson,      ///< Wilson's score interval at the effective sample size
  likelihood,  ///< binomial likelihood ratio, scaled by the design effect
};

/// Student's t quantile at 0.5 + level / 2; normal if df is infinite.
double t_quantile(double level, double df);

/// What an interval needs to know besides the estimate.
struct IntervalSetting {
  double level = 0.95, df = 0;
  std::size_t n = 0;                 ///< respondents in the domain
  double t = t_quantile(level, df);  ///< made once for many intervals: it is the dearest part
};

struct Limits {
  double lower = 0, upper = 0;
};

/// @return limits; they may lie outside [0, 1] for `mean`. NaN where the scale has none (p = 0).
Limits proportion_limits(double p, double se, ProportionInterval method,
                         const IntervalSetting& setting);

/// Puts rows in order of their values, equal ones by row. No value may be NaN.
/// Cost O(n log n), vectorised.
void sort_by_value(std::span<const double> value, std::span<std::uint32_t> rows);

/// Answers in order of value with their cumulated weights; zero weights are left out.
class WeightedDistribution {
 public:
  /// Cost O(n log n). @param order  if given, positions of `x` in increasing order
  WeightedDistribution(std::span<const double> x, std::span<const double> w,
                       std::span<const std::uint32_t> order = {});
  bool empty() const { return x_.empty(); }
  double total() const { return total_; }
  /// Where p lies on a step of F within rounding it counts as on the step. p is cut to [0, 1].
  double quantile(double p, QuantileRule rule) const;
  /// Weighted share at or below x.
  double at_or_below(double x) const;

 private:
  std::vector<double> x_, cumulated_;
  double total_ = 0;
};

std::optional<QuantileRule> parse_quantile_rule(std::string_view name);
std::optional<ProportionInterval> parse_proportion_interval(std::string_view name);

}  // namespace steelyard
