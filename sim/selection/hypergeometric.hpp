#pragma once

// How many of a simple random sample are of a kind.

#include <cstdint>

#include "core/random.hpp"

namespace steelyard {

/// Marked persons among `draws` of `persons`, `marked` of whom are, without replacement: one number
/// of the hypergeometric law, by inversion of its terms, each from its neighbour, from the mode
/// until they are below 1e-18 of it. Uses one uniform. Cost O(standard deviation).
/// @pre marked <= persons, draws <= persons
std::uint64_t hypergeometric(Stream& stream, std::uint64_t persons, std::uint64_t marked,
                             std::uint64_t draws);

}  // namespace steelyard
