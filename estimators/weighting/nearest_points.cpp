#include "estimators/weighting/nearest_points.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr std::uint32_t kLeaf = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The nearest points so far, in order of distance, and how far it is worth looking.
struct Candidates {
  struct Candidate {
    double squared;
    std::uint32_t at;
  };
  double count, size;  ///< rows wanted; largest coordinate, for rounding
  const double* rows;  ///< by point
  std::vector<Candidate> near;
  std::size_t last = 0;      ///< the first that is far enough, if there are rows enough
  double up_to_last = 0;     ///< rows up to it, or of all
  double limit = kInfinity;  ///< squared

  bool enough(double sum) const { return sum >= count * (1 - 1e-12); }
  void sort() {
    std::sort(near.begin(), near.end(), [](const Candidate& a, const Candidate& b) {
      return a.squared != b.squared ? a.squared < b.squared : a.at < b.at;
    });
  }

  void add(double squared, std::uint32_t point) {
    if (squared > limit) return;
    if (limit == kInfinity) {  // in any order until there are enough
      near.push_back({squared, point});
      up_to_last += rows[point];
      if (!enough(up_to_last)) return;
      sort();
      last = near.size() - 1;
    } else {
      std::size_t at = near.size();
      near.emplace_back();
      for (; at > 0 && near[at - 1].squared > squared; --at) near[at] = near[at - 1];
      near[at] = {squared, point};
      if (at > last) return;  // as far as the last
      up_to_last += rows[point];
      ++last;
    }
    while (last > 0 && enough(up_to_last - rows[near[last].at]))
      up_to_last -= rows[near[last--].at];
    const double distance = std::sqrt(near[last].squared);
    const double end = distance + 1e-12 * (distance + size);
    limit = end * end;
    while (near.back().squared > limit) near.pop_back();
  }
};

}  // namespace

NearestPoints::NearestPoints(std::span<const double> coordinates, std::size_t dimensions,
                             std::span<const double> weight, std::span<const double> rows)
    : dimensions_(dimensions) {
  EXPECTS(coordinates.size() == dimensions * weight.size());
  EXPECTS(rows.empty() || rows.size() == weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i)
    if (weight[i] > 0) order_.push_back(static_cast<std::uint32_t>(i));
  if (!order_.empty()) grow(coordinates, 0, static_cast<std::uint32_t>(order_.size()));
  coordinates_.resize(order_.size() * dimensions);
  for (const Node& node : nodes_) {
    if (node.right != 0) continue;
    const std::size_t size = node.last - node.first;
    double* leaf = coordinates_.data() + node.first * dimensions;
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t k = 0; k < dimensions; ++k)
        leaf[k * size + i] = coordinates[order_[node.first + i] * dimensions + k];
  }
  rows_.reserve(order_.size());
  for (const std::uint32_t i : order_) rows_.push_back(rows.empty() ? 1.0 : rows[i]);
}

void NearestPoints::grow(std::span<const double> coordinates, std::uint32_t first,
                         std::uint32_t last) {
  const std::size_t node = nodes_.size();
  nodes_.push_back({first, last, 0, 0, 0, 0});
  if (last - first <= kLeaf) return;
  std::size_t side = 0;
  double widest = 0;
  for (std::size_t k = 0; k < dimensions_; ++k) {
    double low = kInfinity, high = -kInfinity;
    for (std::uint32_t i = first; i < last; ++i) {
      const double x = coordinates[order_[i] * dimensions_ + k];
      low = std::min(low, x);
      high = std::max(high, x);
    }
    if (high - low > widest) {
      widest = high - low;
      side = k;
    }
  }
  if (!(widest > 0)) return;  // all in one place
  const auto at = [&](std::uint32_t i) { return coordinates[i * dimensions_ + side]; };
  const std::uint32_t middle = first + (last - first) / 2;
  std::nth_element(
      order_.begin() + first, order_.begin() + middle, order_.begin() + last,
      [&](std::uint32_t a, std::uint32_t b) { return at(a) != at(b) ? at(a) < at(b) : a < b; });
  double low = -kInfinity;
  for (std::uint32_t i = first; i < middle; ++i) low = std::max(low, at(order_[i]));
  const double high = at(order_[middle]);
  grow(coordinates, first, middle);
  nodes_[node].right = static_cast<std::uint32_t>(nodes_.size());
  nodes_[node].side = static_cast<std::uint32_t>(side);
  nodes_[node].low = low;
  nodes_[node].high = high;
  grow(coordinates, middle, last);
}

/// Visits leaves from near to far while `visit.reach()` is at least the box's distance.
/// @param off  by side: how far the target is outside the box
template <typename Visit>
void NearestPoints::walk(std::size_t at, const double* target, double squared,
                         std::vector<double>& off, Visit& visit) const {
  const Node& node = nodes_[at];
  if (node.right == 0) {
    const std::size_t size = node.last - node.first;
    const double* leaf = coordinates_.data() + node.first * dimensions_;
    for (std::size_t from = 0; from < size; from += kLeaf) {
      const std::size_t points = std::min<std::size_t>(kLeaf, size - from);
      double squares[kLeaf] = {};
      for (std::size_t k = 0; k < dimensions_; ++k)
        for (std::size_t i = 0; i < points; ++i) {
          const double off_by = leaf[k * size + from + i] - target[k];
          squares[i] += off_by * off_by;
        }
      for (std::size_t i = 0; i < points; ++i)
        visit.look(squares[i], node.first + static_cast<std::uint32_t>(from + i));
    }
    return;
  }
  const double x = target[node.side];
  const bool left_first = x - node.low < node.high - x;
  const std::size_t left = at + 1, right = node.right;
  walk(left_first ? left : right, target, squared, off, visit);
  const double gap = std::max(0.0, left_first ? node.high - x : x - node.low);
  const double before = off[node.side];
  if (gap <= before) {
    if (squared <= visit.reach()) walk(left_first ? right : left, target, squared, off, visit);
    return;
  }
  const double farther = squared - before * before + gap * gap;
  // What the differences round off must not hide a point that is as near.
  if (farther * (1 - 1e-12) > visit.reach()) return;
  off[node.side] = gap;
  walk(left_first ? right : left, target, farther, off, visit);
  off[node.side] = before;
}

NearestPoint NearestPoints::find(std::span<const double> target, double count) const {
  EXPECTS(target.size() == dimensions_ && !order_.empty() && count > 0);
  struct Best {
    Candidates found;
    double reach() const { return found.limit; }
    void look(double squared, std::uint32_t i) { found.add(squared, i); }
  };
  double size = 0;
  for (const double x : target) size = std::max(size, std::abs(x));
  Best best{{.count = count, .size = size, .rows = rows_.data(), .near = {}}};
  Candidates& found = best.found;
  found.near.reserve(static_cast<std::size_t>(std::min(count, 1000.0)) + kLeaf);
  std::vector<double> off(dimensions_, 0.0);
  walk(0, target.data(), 0, off, best);
  if (found.limit == kInfinity) {  // fewer than wanted: all
    found.sort();
    found.last = found.near.size() - 1;
  }
  NearestPoint out{std::sqrt(found.near[found.last].squared), {}};
  out.points.reserve(found.near.size());
  for (const auto& candidate : found.near) out.points.push_back(order_[candidate.at]);
  std::sort(out.points.begin(), out.points.end());
  return out;
}

void NearestPoints::within(std::span<const double> target, double radius,
                           std::vector<Near>& found) const {
  EXPECTS(target.size() == dimensions_);
  struct Ball {
    const NearestPoints& points;
    double squared;
    std::vector<Near>& found;
    double reach() const { return squared; }
    void look(double distance, std::uint32_t i) {
      if (distance <= squared) found.push_back({std::sqrt(distance), points.order_[i]});
    }
  };
  found.clear();
  if (order_.empty()) return;
  Ball ball{*this, radius * radius, found};
  std::vector<double> off(dimensions_, 0.0);
  walk(0, target.data(), 0, off, ball);
}

}  // namespace steelyard
