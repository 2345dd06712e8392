#pragma once

// Simple random sampling without replacement, shared by the designs that are made of it.

#include <span>
#include <vector>

#include "sim/designs/design.hpp"

namespace steelyard {

/// Appends n of the units given, in their order: each set of n is equally likely. Cost O(N).
/// Source: Fan, Muller & Rezucha (1962), JASA 57, 387-402.
inline void append_simple_random(Stream& stream, std::span<const std::uint32_t> units,
                                 std::size_t n, std::vector<std::uint32_t>& sample) {
  std::size_t left = n;
  for (std::size_t k = 0; k < units.size() && left > 0; ++k)
    if (stream.below(units.size() - k) < left) {
      sample.push_back(units[k]);
      --left;
    }
}

/// P(two given units are both among n of N).
inline double simple_random_pair(std::size_t n, std::size_t units) {
  const auto a = static_cast<double>(n), b = static_cast<double>(units);
  return units > 1 ? a * (a - 1) / (b * (b - 1)) : 0.0;
}

}  // namespace steelyard
