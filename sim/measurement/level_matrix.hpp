#pragma once

// Misreport between the levels of one answer.

#include <span>
#include <vector>

#include "core/config.hpp"
#include "core/schema.hpp"

namespace steelyard {

/// P(reported level | true level) in each group; everybody reports the truth until rows are set.
class LevelMatrix {
 public:
  LevelMatrix(std::size_t levels, std::size_t groups);

  std::size_t levels() const { return levels_; }
  std::size_t groups() const { return groups_; }
  std::span<double> row(std::size_t group, std::size_t level) {
    return std::span(p_).subspan((group * levels_ + level) * levels_, levels_);
  }
  std::span<const double> row(std::size_t group, std::size_t level) const {
    return std::span(p_).subspan((group * levels_ + level) * levels_, levels_);
  }
  /// What is reported at a uniform number in (0, 1): below the truth's own probability the truth,
  /// so that a smaller error changes fewer answers under the same numbers. Cost O(levels).
  LevelCode report(std::size_t group, LevelCode truth, double uniform) const;
  /// Levels × levels of a group, row-major.
  std::vector<double> of_group(std::size_t group) const;

 private:
  std::size_t levels_, groups_;
  std::vector<double> p_;
};

/// Levels × levels, row-major: first reported by `first`, then that by `second`.
std::vector<double> product(std::span<const double> first, std::span<const double> second,
                            std::size_t levels);

}  // namespace steelyard
