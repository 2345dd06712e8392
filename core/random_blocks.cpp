#include "core/random_blocks.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/random_blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace steelyard::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
/// No vectors: everything is left to the scalar loop.
std::size_t blocks(std::uint64_t, std::uint32_t, std::uint32_t, const std::uint32_t*,
                   const std::uint32_t*, const std::uint32_t*, std::size_t, std::uint32_t*,
                   std::size_t) {
  return 0;
}
std::size_t counting(std::uint64_t, const PhiloxBlock&, std::size_t, std::size_t, std::uint32_t*,
                     std::size_t) {
  return 0;
}
#else
/// Low and high halves of 32-bit lanes times a constant.
template <class D, class V>
HWY_INLINE void multiply(D d, V a, V constant, V& low, V& high) {
  const hn::Repartition<std::uint64_t, D> d64;
  const auto even = hn::MulEven(a, constant);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, a))), constant);
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
}

/// Philox of counters c0 ... c3, in place.
template <class D, class V>
HWY_INLINE void ten_rounds(D d, std::uint64_t seed, V& c0, V& c1, V& c2, V& c3) {
  const auto m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    auto low0 = c0, high0 = c0, low1 = c2, high1 = c2;
    multiply(d, c0, m0, low0, high0);
    multiply(d, c2, m1, low1, high1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, k0));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, k1));
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

std::size_t blocks(std::uint64_t seed, std::uint32_t purpose, std::uint32_t draw,
                   const std::uint32_t* replicate, const std::uint32_t* unit_low,
                   const std::uint32_t* unit_high, std::size_t n, std::uint32_t* words,
                   std::size_t stride) {
  const hn::ScalableTag<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto c0 = hn::Or(hn::Set(d, draw), hn::ShiftLeft<24>(hn::LoadU(d, unit_high + i)));
    auto c1 = hn::LoadU(d, unit_low + i);
    auto c2 = hn::LoadU(d, replicate + i), c3 = hn::Set(d, purpose);
    ten_rounds(d, seed, c0, c1, c2, c3);
    hn::StoreU(c0, d, words + i);
    hn::StoreU(c1, d, words + stride + i);
    hn::StoreU(c2, d, words + 2 * stride + i);
    hn::StoreU(c3, d, words + 3 * stride + i);
  }
  return i;
}

/// The same for counters of which one word (`counted`: 0 or 1) counts up from the first block's.
std::size_t counting(std::uint64_t seed, const PhiloxBlock& first, std::size_t counted,
                     std::size_t n, std::uint32_t* words, std::size_t stride) {
  const hn::ScalableTag<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto c0 = hn::Set(d, first[0]), c1 = hn::Set(d, first[1]);
    auto& count = counted == 0 ? c0 : c1;
    count = hn::Iota(d, first[counted] + static_cast<std::uint32_t>(i));
    auto c2 = hn::Set(d, first[2]), c3 = hn::Set(d, first[3]);
    ten_rounds(d, seed, c0, c1, c2, c3);
    hn::StoreU(c0, d, words + i);
    hn::StoreU(c1, d, words + stride + i);
    hn::StoreU(c2, d, words + 2 * stride + i);
    hn::StoreU(c3, d, words + 3 * stride + i);
  }
  return i;
}
#endif

}  // namespace steelyard::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace steelyard {

HWY_EXPORT(blocks);
HWY_EXPORT(counting);

void stream_blocks(Seed seed, Purpose purpose, std::uint32_t draw,
                   std::span<const std::uint32_t> replicate,
                   std::span<const std::uint32_t> unit_low,
                   std::span<const std::uint32_t> unit_high, std::uint32_t* words,
                   std::size_t stride) {
  const std::size_t n = unit_low.size();
  std::size_t i = HWY_DYNAMIC_DISPATCH(blocks)(
      static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(purpose), draw, replicate.data(),
      unit_low.data(), unit_high.data(), n, words, stride);
  for (; i < n; ++i) {
    const std::uint64_t unit = unit_low[i] | (std::uint64_t{unit_high[i]} << 32);
    const PhiloxBlock block =
        stream_block({seed, purpose, Replicate{replicate[i]}, Unit{unit}}, draw);
    for (std::size_t k = 0; k < 4; ++k) words[k * stride + i] = block[k];
  }
}

namespace {

/// Blocks whose counters count up in one word, the first being block `draw` of the stream.
void counted_blocks(const StreamId& id, std::uint32_t draw, std::size_t counted, std::size_t n,
                    std::uint32_t* words, std::size_t stride) {
  const auto unit = static_cast<std::uint64_t>(id.unit);
  // Draws count in the low 24 bits of the first word; the unit's high byte lies above them.
  PhiloxBlock counter{draw | (static_cast<std::uint32_t>(unit >> 32) << 24),
                      static_cast<std::uint32_t>(unit), static_cast<std::uint32_t>(id.replicate),
                      static_cast<std::uint32_t>(id.purpose)};
  const auto seed = static_cast<std::uint64_t>(id.seed);
  std::size_t i = HWY_DYNAMIC_DISPATCH(counting)(seed, counter, counted, n, words, stride);
  counter[counted] += static_cast<std::uint32_t>(i);
  for (; i < n; ++i, ++counter[counted]) {
    const PhiloxBlock block = philox4x32(counter, static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32));
    for (std::size_t k = 0; k < 4; ++k) words[k * stride + i] = block[k];
  }
}

}  // namespace

void stream_blocks(const StreamId& id, std::uint32_t first, std::size_t count, std::uint32_t* words,
                   std::size_t stride) {
  counted_blocks(id, first, 0, count, words, stride);
}

void unit_blocks(const StreamId& first, std::uint32_t draw, std::size_t n, std::uint32_t* words,
                 std::size_t stride) {
  counted_blocks(first, draw, 1, n, words, stride);
}

}  // namespace steelyard
#endif
