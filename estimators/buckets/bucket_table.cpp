#include "estimators/buckets/bucket_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.hpp"

namespace steelyard {

bool BucketTable::open_top() const { return std::isinf(edges.back()); }

double BucketTable::total() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }

std::vector<double> BucketTable::shares() const {
  std::vector<double> shares = weights;
  const double sum = total();
  for (double& share : shares) share /= sum;
  return shares;
}

std::optional<std::string> objection(const BucketTable& table) {
  const std::size_t m = table.size();
  EXPECTS(table.edges.size() == m + 1);
  if (m == 0) return "has no bucket";
  if (m == 1) return "has a single bucket, which says nothing of the distribution; give two or more";
  if (!std::isfinite(table.edges[0]))
    return "has an open bottom bucket; give its lower edge (0 for amounts)";
  for (std::size_t i = 0; i < m; ++i) {
    if (std::isnan(table.edges[i + 1]) || !(table.edges[i] < table.edges[i + 1]))
      return fmt::format("has edges that do not increase: {:g} is followed by {:g}", table.edges[i],
                         table.edges[i + 1]);
    if (std::isinf(table.edges[i + 1]) && i + 1 < m)
      return fmt::format("has an open bucket, number {}, below others", i + 1);
    if (!(table.weights[i] >= 0) || std::isinf(table.weights[i]))
      return fmt::format("has {:g} in bucket {}; counts are 0 or more", table.weights[i], i + 1);
  }
  if (!(table.total() > 0)) return "is empty: all its buckets hold nothing";
  return std::nullopt;
}

}  // namespace steelyard
