#pragma once

// Counter-based random numbers: every stream is a pure function of its id, so any person or
// replicate can be made alone, in any order, on any number of threads.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace steelyard {

enum class Seed : std::uint64_t {};
enum class Purpose : std::uint32_t {};
enum class Replicate : std::uint32_t {};
enum class Unit : std::uint64_t {};

/// Units are numbered below 2^40; the high bits share a counter word with the draw number.
inline constexpr std::uint64_t kMaxUnits = std::uint64_t{1} << 40;

/// Purpose of a stream: 32-bit FNV-1a hash of its name.
consteval Purpose purpose(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  return Purpose{hash};
}

__extension__ using Wide = unsigned __int128;  ///< exact product of two 64-bit numbers

using PhiloxBlock = std::array<std::uint32_t, 4>;

/// Philox4x32-10. Source: Salmon, Moraes, Dror & Shaw (2011), SC11, section 3.3.
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

struct StreamId {
  Seed seed{};
  Purpose purpose{};
  Replicate replicate{};
  Unit unit{};
};

/// Counter block `draw` (below 2^24) of a stream:
/// counter = {draw | unit bits 32-39 << 24, unit bits 0-31, replicate, purpose}, key = seed.
constexpr PhiloxBlock stream_block(const StreamId& id, std::uint32_t draw) {
  const auto seed = static_cast<std::uint64_t>(id.seed);
  const auto unit = static_cast<std::uint64_t>(id.unit);
  return philox4x32(
      {draw | (static_cast<std::uint32_t>(unit >> 32) << 24), static_cast<std::uint32_t>(unit),
       static_cast<std::uint32_t>(id.replicate), static_cast<std::uint32_t>(id.purpose)},
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

/// A sequence of 32-bit words for one id; a UniformRandomBitGenerator that Boost.Random accepts.
class Stream {
 public:
  using result_type = std::uint32_t;

  explicit Stream(const StreamId& id) : id_(id) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    if (word_ == 4) {
      block_ = stream_block(id_, draw_++);
      word_ = 0;
    }
    return block_[word_++];
  }

  std::uint64_t bits64() {
    const std::uint64_t low = (*this)();
    return low | (std::uint64_t{(*this)()} << 32);
  }

  /// Uniform on (0, 1), 53 bits, never 0 or 1.
  double uniform() {
    // The largest of the 2^53 middles would round up to 1.
    return std::min((static_cast<double>(bits64() >> 11) + 0.5) * 0x1p-53, 1 - 0x1p-53);
  }

  /// Uniform on {0, ..., bound - 1}; the bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(bits64()) * bound) >> 64);
  }

 private:
  StreamId id_;
  PhiloxBlock block_{};
  std::uint32_t draw_ = 0;
  std::uint32_t word_ = 4;
};

}  // namespace steelyard
