#pragma once

// Constants that laws share.

#include <limits>

namespace steelyard::detail {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// A statistic that is undefined.
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
/// Cumulated shares that differ by less differ by rounding alone: they are equal.
constexpr double kTie = 1e-13;

}  // namespace steelyard::detail
