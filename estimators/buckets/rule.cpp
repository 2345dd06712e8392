#include "estimators/buckets/rule.hpp"

#include <cmath>

#include "estimators/buckets/piecewise.hpp"

namespace steelyard::detail {

bool has_tail(const BucketTable& table) { return table.open_top() && table.weights.back() > 0; }

Result<double> two_point_exponent(const BucketTable& table) {
  std::size_t t = table.size();
  while (table.weights[--t] <= 0) {
  }
  for (std::size_t b = t; b-- > 0;) {
    if (table.weights[b] <= 0) continue;
    if (table.edges[b] <= 0) return 0.0;
    return std::log1p(table.weights[b] / table.weights[t]) /
           std::log(table.edges[t] / table.edges[b]);
  }
  return infeasible("one populated bin");
}

Result<double> known_mean(const BucketTable& table) {
  if (!table.known_mean) return infeasible("no mean");
  return *table.known_mean;
}

Result<double> tail_mean(const BucketTable& table, double closed) {
  const auto mean = known_mean(table);
  if (!mean) return mean;
  if (!has_tail(table)) return infeasible("no open populated top bin");
  const double tail = (mean.value() - closed) / (table.weights.back() / table.total());
  if (!(tail > table.edges[table.size() - 1]))
    return infeasible("known mean puts the top mean below its edge");
  return tail;
}

BucketFit piecewise_fit(std::vector<Segment> segments,
                        std::vector<std::pair<std::string, double>> found) {
  return {std::make_shared<PiecewiseLaw>(std::move(segments)), std::move(found), {}};
}

}  // namespace steelyard::detail
