// Maximum entropy given the buckets' masses and the mean: density ∝ e^(-rx) in every bucket.

#include <cmath>
#include <limits>

#include "estimators/buckets/rule.hpp"
#include "estimators/buckets/special.hpp"

namespace steelyard {
namespace {

struct MeanAt {
  double value, slope;  ///< of the mean in r; the slope is minus the mean within-bucket variance
};

MeanAt mean_at(const BucketTable& table, std::span<const double> share, double rate) {
  MeanAt mean{0, 0};
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (share[i] <= 0) continue;
    const double lower = table.edges[i], w = table.edges[i + 1] - lower;
    if (std::isinf(w)) {
      mean.value += share[i] * (lower + 1 / rate);
      mean.slope -= share[i] / (rate * rate);
    } else {
      const auto tilted = detail::tilted_uniform(rate * w);
      mean.value += share[i] * (lower + w * tilted.mean);
      mean.slope -= share[i] * w * w * tilted.variance;
    }
  }
  return mean;
}

/// The rate with that mean, which decreases in it: Newton inside a bracket that is doubled open.
Result<double> solve_rate(const BucketTable& table, std::span<const double> share, double mean) {
  const double unit = std::fmax(mean - table.edges[0], 1e-300);
  const bool tail = detail::has_tail(table);
  double low = tail ? 0 : -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity(), rate = 1 / unit;
  for (int i = 0; i < 300; ++i) {
    const MeanAt at = mean_at(table, share, rate);
    const double gap = at.value - mean;
    if (gap == 0) return rate;
    (gap > 0 ? low : high) = rate;
    double next = rate - gap / at.slope;
    if (!(next > low && next < high)) {
      if (std::isinf(high))
        next = std::fmax(4 * rate, 1 / unit);
      else if (std::isinf(low))
        next = std::fmin(4 * rate, -1 / unit);
      else
        next = 0.5 * (low + high);
    }
    if (std::abs(next - rate) <= 1e-15 * std::abs(rate) + 1e-18 / unit) return next;
    rate = next;
  }
  // The last digits may alternate; a mean that far off is no answer.
  if (std::abs(mean_at(table, share, rate).value - mean) <= 1e-12 * std::abs(mean)) return rate;
  return Failure{FailureKind::no_convergence, "no rate was found for the known mean"};
}

Result<BucketFit> maximum_entropy(const BucketTable& table) {
  const auto mean = detail::known_mean(table);
  if (!mean) return mean.failure();
  const auto share = table.shares();
  double lowest = 0, highest = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (share[i] <= 0) continue;
    lowest += share[i] * table.edges[i];
    highest += share[i] * table.edges[i + 1];
  }
  if (!(mean.value() > lowest && mean.value() < highest))
    return detail::infeasible("known mean outside the bucket bounds");
  const auto solved = solve_rate(table, share, mean.value());
  if (!solved) return solved.failure();
  const double rate = solved.value();
  std::vector<Segment> list;
  list.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (share[i] <= 0) continue;
    const double lower = table.edges[i], upper = table.edges[i + 1];
    list.push_back(std::isinf(upper)
                       ? Segment::exponential_tail(lower, share[i], rate)
                       : Segment::truncated_exponential(lower, upper, share[i], rate));
  }
  return detail::piecewise_fit(std::move(list), {{"par:rate", rate}});
}

}  // namespace

std::vector<BucketRuleInfo> maxent_rules() {
  return {{"maxent_mean",
           "density ∝ exp(-rx) in every bucket, r so that the mean is the known one; feasible for "
           "every mean that the buckets allow",
           "Jaynes (1957), Physical Review 106, 620-630; Kullback & Leibler (1951), minimum "
           "discrimination information with linear constraints",
           true, &detail::make_rule<&maximum_entropy>}};
}

}  // namespace steelyard
