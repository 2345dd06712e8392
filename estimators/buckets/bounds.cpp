#include "estimators/buckets/bounds.hpp"

#include <algorithm>
#include <cmath>

#include "estimators/buckets/constants.hpp"

namespace steelyard {
namespace {

using detail::kInfinity;
using detail::kNone;

/// Shares, and the mass above each bucket, up to the last populated one.
struct Shares {
  const std::vector<double>& edges;
  std::vector<double> share, above;

  explicit Shares(const BucketTable& table) : edges(table.edges) {
    std::size_t m = table.size();
    while (table.weights[m - 1] <= 0) --m;
    const double total = table.total();
    share.resize(m);
    above.resize(m);
    double rest = 0;
    for (std::size_t i = m; i-- > 0;) {
      share[i] = table.weights[i] / total;
      above[i] = rest / total;
      rest += table.weights[i];
    }
  }

  std::size_t size() const { return share.size(); }
  double lower(std::size_t i) const { return edges[i]; }
  double upper(std::size_t i) const { return edges[i + 1]; }
  double width(std::size_t i) const { return upper(i) - lower(i); }
  double start(std::size_t i) const { return above[i] + share[i]; }  ///< mass from lower(i) on
  bool open() const { return std::isinf(upper(size() - 1)); }
  /// Weight of a bucket's point in E min(X, X').
  double minimum_weight(std::size_t i) const { return share[i] * (start(i) + above[i]); }
  Range means() const {
    Range range{0, 0};
    for (std::size_t i = 0; i < size(); ++i) {
      if (share[i] <= 0) continue;
      range.lower += share[i] * lower(i);
      range.upper += share[i] * upper(i);
    }
    return range;
  }
};

double lowest_gini(const Shares& s) {
  double minimum = 0, mean = 0;  // all at their lower edges
  for (std::size_t i = 0; i < s.size(); ++i) {
    minimum += s.minimum_weight(i) * s.lower(i);
    mean += s.share[i] * s.lower(i);
  }
  // With everything at a first edge of 0 there is no Gini: any law then has some inequality.
  double lowest = mean > 0 ? 1 - minimum / mean : 1;
  for (std::size_t i = 0; i < s.size() && std::isfinite(s.upper(i)); ++i) {
    minimum += s.minimum_weight(i) * s.width(i);
    mean += s.share[i] * s.width(i);
    if (mean > 0) lowest = std::min(lowest, 1 - minimum / mean);
  }
  return std::max(lowest, 0.0);
}

double highest_gini(const Shares& s) {
  if (s.open()) return 1;
  double ratio = 1;
  for (int i = 0; i < 100; ++i) {
    double squared = s.lower(0), mean = s.lower(0);
    for (std::size_t k = 0; k < s.size(); ++k) {
      const double level = std::clamp(0.5 * ratio, s.above[k], s.start(k));
      squared += s.width(k) * level * level;
      mean += s.width(k) * level;
    }
    const double next = squared / mean;
    const bool done = next >= ratio * (1 - 1e-16);
    ratio = next;
    if (done) break;
  }
  return 1 - ratio;
}

double lowest_gini(const Shares& s, double mean) {
  double minimum = 0, left = mean;
  for (std::size_t i = 0; i < s.size(); ++i) left -= s.share[i] * s.lower(i);
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s.share[i] <= 0) continue;
    const double raised = std::clamp(left, 0.0, s.share[i] * s.width(i));
    left -= raised;
    minimum += s.minimum_weight(i) * s.lower(i) + (s.start(i) + s.above[i]) * raised;
  }
  return std::max(1 - minimum / mean, 0.0);
}

double highest_gini(const Shares& s, double mean) {
  const std::size_t m = s.size();
  double squared = s.lower(0);
  if (s.open()) {  // next to nothing, infinitely far away, brings the mean
    for (std::size_t i = 0; i + 1 < m; ++i) squared += s.width(i) * s.above[i] * s.above[i];
    return 1 - squared / mean;
  }
  // Survival at its least in buckets below k, at its most above k; k is where the mean is met.
  double area = s.lower(0);
  for (std::size_t i = 0; i < m; ++i) area += s.width(i) * s.start(i);
  std::size_t k = 0;
  for (; k + 1 < m && area - s.width(k) * s.share[k] > mean; ++k) area -= s.width(k) * s.share[k];
  const double level = std::clamp(s.start(k) - (area - mean) / s.width(k), s.above[k], s.start(k));
  for (std::size_t i = 0; i < m; ++i) {
    const double at = i < k ? s.above[i] : i > k ? s.start(i) : level;
    squared += s.width(i) * at * at;
  }
  return 1 - squared / mean;
}

}  // namespace

BucketTable capped(BucketTable table, double multiple) {
  EXPECTS(multiple > 1);
  if (table.open_top()) {
    EXPECTS(table.edges[table.size() - 1] > 0);
    table.edges.back() = multiple * table.edges[table.size() - 1];
  }
  return table;
}

Range mean_bounds(const BucketTable& table) { return Shares(table).means(); }

Range quantile_bounds(const BucketTable& table, double u) {
  EXPECTS(u > 0 && u < 1);
  const double target = u * table.total();
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table.weights[i] <= 0) continue;
    last = i;
    sum += table.weights[i];
    if (sum >= target * (1 - 1e-13)) break;  // a tie but for rounding
  }
  return {table.edges[last], table.edges[last + 1]};
}

Range gini_bounds(const BucketTable& table) {
  if (table.edges[0] < 0) return {kNone, kNone};
  const Shares s(table);
  return {lowest_gini(s), highest_gini(s)};
}

Result<Range> gini_bounds_given_mean(const BucketTable& table, double mean) {
  if (table.edges[0] < 0) return Range{kNone, kNone};
  const Shares s(table);
  const Range means = s.means();
  if (!(mean >= means.lower && mean <= means.upper && mean > 0 && mean < kInfinity))
    return Failure{FailureKind::infeasible, "known mean outside the bucket bounds"};
  return Range{lowest_gini(s, mean), highest_gini(s, mean)};
}

}  // namespace steelyard
