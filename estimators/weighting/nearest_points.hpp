#pragma once

// The nearest of many points, and all that are as near.

#include <cstdint>
#include <span>
#include <vector>

namespace steelyard {

struct NearestPoint {
  double distance = 0;
  std::vector<std::uint32_t> points;  ///< all at that distance, to rounding; ascending
};

/// Points are sorted by their projection on one direction; a search goes outward from the target
/// until the projection alone is farther than the nearest found. Exact in any dimension. Cost
/// O(n log n) to make; a search O(log n) on a line or where a point coincides with the target, up
/// to O(n × dimensions) otherwise.
class NearestPoints {
 public:
  /// @param coordinates  n × dimensions, row-major
  /// @param weight       n; points of weight 0 are nobody's nearest
  NearestPoints(std::span<const double> coordinates, std::size_t dimensions,
                std::span<const double> weight);
  /// @param target  `dimensions` coordinates. Needs a point of positive weight.
  NearestPoint find(std::span<const double> target) const;

 private:
  double project(const double* x) const;

  std::size_t dimensions_;
  std::vector<double> direction_, key_;  ///< key: projections, ascending
  std::vector<double> coordinates_;      ///< in that order
  std::vector<std::uint32_t> order_;
};

}  // namespace steelyard
