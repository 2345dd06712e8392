#include "estimators/weighting/nearest_points.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/errors.hpp"

namespace steelyard {

NearestPoints::NearestPoints(std::span<const double> coordinates, std::size_t dimensions,
                             std::span<const double> weight)
    : dimensions_(dimensions) {
  EXPECTS(coordinates.size() == dimensions * weight.size());
  // Unequal parts, so that points which differ do not often share their projection.
  constexpr double kGolden = 0.6180339887498949;
  double squares = 0;
  for (std::size_t k = 0; k < dimensions; ++k) {
    direction_.push_back(0.5 + std::fmod(kGolden * static_cast<double>(k + 1), 1.0));
    squares += direction_[k] * direction_[k];
  }
  for (double& part : direction_) part /= std::sqrt(squares);
  std::vector<double> projection(weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i) {
    projection[i] = project(coordinates.data() + i * dimensions);
    if (weight[i] > 0) order_.push_back(static_cast<std::uint32_t>(i));
  }
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return projection[a] != projection[b] ? projection[a] < projection[b] : a < b;
  });
  for (const std::uint32_t i : order_) {
    key_.push_back(projection[i]);
    const auto row = coordinates.subspan(i * dimensions, dimensions);
    coordinates_.insert(coordinates_.end(), row.begin(), row.end());
  }
}

double NearestPoints::project(const double* x) const {
  double sum = 0;
  for (std::size_t k = 0; k < dimensions_; ++k) sum += direction_[k] * x[k];
  return sum;
}

NearestPoint NearestPoints::find(std::span<const double> target) const {
  EXPECTS(target.size() == dimensions_ && !order_.empty());
  double size = 0;
  for (const double x : target) size = std::max(size, std::abs(x));
  const auto margin = [&](double distance) { return 1e-12 * (distance + size); };
  const double t = project(target.data());
  double best = std::numeric_limits<double>::infinity();
  std::vector<std::pair<double, std::uint32_t>> found;
  const auto look = [&](std::size_t at) {
    const double* x = coordinates_.data() + at * dimensions_;
    const double limit = best + margin(best), most = limit * limit;
    double squares = 0;
    for (std::size_t k = 0; k < dimensions_ && squares <= most; ++k)
      squares += (x[k] - target[k]) * (x[k] - target[k]);
    const double distance = std::sqrt(squares);
    if (!(distance <= limit)) return;
    found.emplace_back(distance, order_[at]);
    best = std::min(best, distance);
  };
  auto up = static_cast<std::size_t>(std::lower_bound(key_.begin(), key_.end(), t) - key_.begin());
  std::size_t down = up;
  for (;;) {
    const double above = up < key_.size() ? key_[up] - t : std::numeric_limits<double>::infinity();
    const double below = down > 0 ? t - key_[down - 1] : std::numeric_limits<double>::infinity();
    const double next = std::min(above, below);
    if (!std::isfinite(next) || next > best + margin(best) * 2) break;
    if (above <= below)
      look(up++);
    else
      look(--down);
  }
  NearestPoint out{best, {}};
  for (const auto& [distance, point] : found)
    if (distance <= best + margin(best)) out.points.push_back(point);
  std::sort(out.points.begin(), out.points.end());
  return out;
}

}  // namespace steelyard
