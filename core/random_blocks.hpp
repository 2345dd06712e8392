#pragma once

// Counter blocks of many streams at once, vectorised; the same bits as stream_block.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "core/random.hpp"

namespace steelyard {

/// Block `draw` of the streams (seed, purpose, replicate_i, unit_i). Word k of stream i goes to
/// words[k * stride + i]. Units come as low and high halves (the high one below 2^8).
/// Runs on the widest instruction set that the machine has; integers only, so all give the same
/// bits.
void stream_blocks(Seed seed, Purpose purpose, std::uint32_t draw,
                   std::span<const std::uint32_t> replicate,
                   std::span<const std::uint32_t> unit_low,
                   std::span<const std::uint32_t> unit_high, std::uint32_t* words,
                   std::size_t stride);

/// Blocks first ... first + count - 1 of one stream; word k of block first + i goes to
/// words[k * stride + i].
void stream_blocks(const StreamId& id, std::uint32_t first, std::size_t count, std::uint32_t* words,
                   std::size_t stride);

/// Block `draw` of the streams of n units in a row; word k of unit i after the first goes to
/// words[k * stride + i]. @pre the first unit and n come to 2^32 or less
void unit_blocks(const StreamId& first, std::uint32_t draw, std::size_t n, std::uint32_t* words,
                 std::size_t stride);

/// The sequence of bits64() and below() of a Stream, made many blocks at a time.
class BulkStream {
 public:
  /// @param expected  about how many numbers will be drawn
  BulkStream(const StreamId& id, std::size_t expected)
      : id_(id), size_(std::min(kBlocks, expected / 2 + 1)) {}

  std::uint64_t bits64() {
    if (next_ == 2 * filled_) fill();
    const std::size_t block = next_ / 2, word = next_ % 2 * 2;
    ++next_;
    return words_[word * kBlocks + block] |
           (std::uint64_t{words_[(word + 1) * kBlocks + block]} << 32);
  }
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(bits64()) * bound) >> 64);
  }

 private:
  static constexpr std::size_t kBlocks = 256;
  void fill() {
    stream_blocks(id_, draw_, size_, words_.data(), kBlocks);
    draw_ += static_cast<std::uint32_t>(size_);
    filled_ = size_;
    next_ = 0;
  }
  StreamId id_;
  std::size_t size_, filled_ = 0, next_ = 0;
  std::uint32_t draw_ = 0;
  std::array<std::uint32_t, 4 * kBlocks> words_;
};

}  // namespace steelyard
