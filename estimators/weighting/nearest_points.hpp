#pragma once

// The nearest of many points, and all that are as near.

#include <cstdint>
#include <span>
#include <vector>

namespace steelyard {

struct NearestPoint {
  double distance = 0;
  std::vector<std::uint32_t> points;  ///< all at most that far, to rounding; ascending
};

/// A k-d tree: boxes are halved at the median of the side in which their points spread most. Exact
/// in any dimension, ties included. Cost O(n log n × dimensions) to make; a search O(log n) in few
/// dimensions or where a point coincides with the target, up to O(n × dimensions) in many.
/// Source: Friedman, Bentley & Finkel (1977), ACM Trans. Mathematical Software 3, 209-226.
class NearestPoints {
 public:
  /// @param coordinates  n × dimensions, row-major
  /// @param weight       n; points of weight 0 are nobody's nearest
  /// @param rows         n; how many rows each point stands for; empty: one each
  NearestPoints(std::span<const double> coordinates, std::size_t dimensions,
                std::span<const double> weight, std::span<const double> rows = {});
  /// Points of positive weight.
  std::size_t size() const { return order_.size(); }
  /// The same points, neighbours near each other: searches in this order share what is in cache.
  std::span<const std::uint32_t> order() const { return order_; }
  /// The nearest rows, `count` of them and those as near as the last; all if there are fewer.
  /// @param target  `dimensions` coordinates. Needs a point of positive weight.
  NearestPoint find(std::span<const double> target, double count = 1) const;

  struct Near {
    double distance;
    std::uint32_t point;
  };
  /// Every point at most `radius` away, in no order. @param found  replaced
  void within(std::span<const double> target, double radius, std::vector<Near>& found) const;

 private:
  struct Node {
    std::uint32_t first, last;  ///< its points, in order_
    std::uint32_t right;        ///< the left child follows its parent; 0: a leaf
    std::uint32_t side;
    double low, high;  ///< the left child's largest coordinate on that side, the right's smallest
  };
  void grow(std::span<const double> coordinates, std::uint32_t first, std::uint32_t last);
  template <typename Visit>
  void walk(std::size_t node, const double* target, double squared, std::vector<double>& off,
            Visit& visit) const;

  std::size_t dimensions_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> order_;
  std::vector<double> coordinates_;  ///< in that order; of each leaf dimensions × points
  std::vector<double> rows_;         ///< in that order
};

}  // namespace steelyard
