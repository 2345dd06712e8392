#include "estimators/buckets/bucket_means.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

Failure outside(const BucketTable& table, std::size_t i, double mean) {
  return {FailureKind::infeasible,
          fmt::format("the mean {:g} of bucket {} is not inside [{:g}, {:g})", mean, i + 1,
                      table.edges[i], table.edges[i + 1])};
}

}  // namespace

Result<GroupedGini> grouped_gini(const BucketTable& table, std::span<const double> means) {
  EXPECTS(means.size() == table.size());
  const double total = table.total();
  Sum mean, minimum, within;
  double above = 1;  // mass above the bucket, before it
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double p = table.weights[i] / total;
    if (p <= 0) continue;
    const double l = table.edges[i], u = table.edges[i + 1], m = means[i];
    if (!(m >= l && m <= u)) return outside(table, i, m);
    above -= p;
    mean.add(p * m);
    minimum.add(p * m * (2 * above + p));
    // E min of two of the bucket falls short of its mean by p²(m - l)(u - m)/(u - l) at most
    within.add(p * p * (m - l) * (std::isinf(u) ? 1 : (u - m) / (u - l)));
  }
  const double lower = 1 - minimum.value() / mean.value();
  const double upper = lower + within.value() / mean.value();
  return GroupedGini{mean.value(), lower, upper, lower + 2.0 / 3 * (upper - lower)};
}

Result<std::shared_ptr<const PiecewiseLaw>> split_histogram(const BucketTable& table,
                                                            std::span<const double> means) {
  EXPECTS(means.size() == table.size());
  const double total = table.total();
  std::vector<Segment> list;
  list.reserve(2 * table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double p = table.weights[i] / total;
    if (p <= 0) continue;
    const double l = table.edges[i], u = table.edges[i + 1], m = means[i];
    if (!(m > l && m < u)) return outside(table, i, m);
    if (std::isinf(u)) {
      if (!(l > 0))
        return Failure{FailureKind::unsupported, "a Pareto tail needs a lower edge above 0"};
      list.push_back(Segment::pareto_tail(l, p, m / (m - l)));
      continue;
    }
    list.push_back(Segment::uniform(l, m, p * (u - m) / (u - l)));
    list.push_back(Segment::uniform(m, u, p * (m - l) / (u - l)));
  }
  return std::shared_ptr<const PiecewiseLaw>(std::make_shared<PiecewiseLaw>(std::move(list)));
}

Result<SheppardMoments> sheppard_moments(const BucketTable& table) {
  const double h = table.edges[1] - table.edges[0], total = table.total();
  Sum mean;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double width = table.edges[i + 1] - table.edges[i];
    if (!(std::abs(width - h) <= 1e-12 * h))
      return Failure{FailureKind::unsupported,
                     "Sheppard's corrections need closed buckets of one width"};
    mean.add(table.weights[i] / total * 0.5 * (table.edges[i] + table.edges[i + 1]));
  }
  Sum second, third, fourth;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double p = table.weights[i] / total;
    const double d = 0.5 * (table.edges[i] + table.edges[i + 1]) - mean.value();
    second.add(p * d * d);
    third.add(p * d * d * d);
    fourth.add(p * d * d * d * d);
  }
  const double m2 = second.value(), m3 = third.value(), m4 = fourth.value();
  return SheppardMoments{mean.value(),
                         m2,
                         m3,
                         m4,
                         m2 - h * h / 12,
                         m3,
                         m4 - h * h * m2 / 2 + 7 * h * h * h * h / 240,
                         m2 + h * h / 12};
}

}  // namespace steelyard
