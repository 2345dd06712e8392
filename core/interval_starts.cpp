// Where the climb of the likelihood starts: from the quartiles of the table.

#include <algorithm>
#include <cmath>

#include "core/interval_likelihood.hpp"

namespace steelyard::detail {

double Likelihood::table_quantile(double u) const {
  double below = 0;
  std::size_t i = 0;
  while (i + 1 < shares_.size() && below + shares_[i] < u) below += shares_[i++];
  double lower = edges_[i], upper = edges_[i + 1];
  const auto width = [&] {  // of a closed bucket, for an open one
    for (std::size_t l = 0; l + 1 < edges_.size(); ++l)
      if (std::isfinite(edges_[l + 1] - edges_[l])) return edges_[l + 1] - edges_[l];
    return 1.0;
  };
  if (!std::isfinite(upper)) upper = family_ != Family::normal ? 1.5 * lower : lower + width();
  if (!std::isfinite(lower)) lower = upper - width();
  return lower +
         (upper - lower) * (shares_[i] > 0 ? std::clamp((u - below) / shares_[i], 0.0, 1.0) : 0.5);
}

double Likelihood::table_spread() const {
  double low = table_quantile(0.25), high = table_quantile(0.75);
  if (family_ != Family::normal) {
    const double least = 1e-3 * table_quantile(0.5);
    low = std::log(std::max(low, least));
    high = std::log(std::max(high, least));
    return std::clamp((high - low) / 1.349, 0.02, 5.0);
  }
  return (high - low) / 1.349;
}

Vector Likelihood::start_of(std::array<double, 4> shapes) const {
  if (!normal_) {
    shapes[1] = 1;
    shapes[1] = table_quantile(0.5) / SizeDistribution(family_, shapes).quantile(0.5);
  }
  return point(shapes);
}

std::vector<Vector> Likelihood::starts() const {
  const double s = table_spread(), median = table_quantile(0.5);
  if (normal_) return {start_of({family_ == Family::normal ? median : std::log(median), s, 1, 1})};
  const double sharp = std::max(0.3, 1 / (s * s));
  std::vector<std::array<double, 4>> list;
  switch (family_) {
    case Family::weibull:
      list = {{1.28 / s, 1, 1, 1}};
      break;
    case Family::gamma:
      list = {{1, 1, sharp + 0.3, 1}};
      break;
    case Family::exponential:
      list = {{1, 1, 1, 1}};
      break;
    case Family::fisk:
      list = {{1.81 / s, 1, 1, 1}};
      break;
    case Family::dagum:
      list = {{1.81 / s, 1, 1, 1}, {3.2 / s, 1, 0.4, 1}, {1.4 / s, 1, 4, 1}};
      break;
    case Family::singh_maddala:
      list = {{1.81 / s, 1, 1, 1}, {3.2 / s, 1, 1, 0.4}, {1.4 / s, 1, 1, 4}};
      break;
    case Family::lomax:
      list = {{1, 1, 1, 2}, {1, 1, 1, 20}};
      break;
    case Family::beta2:
      list = {{1, 1, 2 * sharp, 2 * sharp + 1}, {1, 1, sharp + 0.3, 8 * sharp + 2}};
      break;
    case Family::generalized_gamma:
      list = {{1.28 / s, 1, 1, 1}, {1, 1, sharp + 0.3, 1}, {0.4, 1, 6 * sharp, 1}};
      break;
    default:
      list = {{1.81 / s, 1, 1, 1}, {1, 1, 2 * sharp, 2 * sharp + 1}};
      break;
  }
  std::vector<Vector> points;
  for (std::array<double, 4> shapes : list) {
    // A known mean must exist.
    if (known_mean_ && kind_of(family_) == FamilyKind::beta && shapes[0] * shapes[3] < 1.5) {
      if (shapes[3] != 1 || family_ == Family::lomax || family_ == Family::beta2)
        shapes[3] = 1.5 / shapes[0];
      else
        shapes[0] = 1.5 / shapes[3];
    }
    points.push_back(start_of(shapes));
  }
  return points;
}

}  // namespace steelyard::detail
