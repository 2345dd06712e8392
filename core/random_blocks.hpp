#pragma once

// Counter blocks of many streams at once, vectorised; the same bits as stream_block.

#include <cstdint>
#include <span>

#include "core/random.hpp"

namespace steelyard {

/// Block `draw` of the streams (seed, purpose, replicate, unit_i). Word k of unit i goes to
/// words[k * stride + i]. Units come as low and high halves (the high one below 2^8).
/// Runs on the widest instruction set that the machine has; integers only, so all give the same
/// bits.
void stream_blocks(Seed seed, Purpose purpose, Replicate replicate, std::uint32_t draw,
                   std::span<const std::uint32_t> unit_low,
                   std::span<const std::uint32_t> unit_high, std::uint32_t* words,
                   std::size_t stride);

}  // namespace steelyard
