#include "sim/population/inverse_cdf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kListed = 7;  // bounds that are looked through without a guide

}  // namespace

InverseCdf::InverseCdf(std::span<const std::size_t> begin, std::span<const double> weights) {
  const std::size_t states = begin.size() - 1;
  std::vector<std::uint32_t> first{0};
  for (std::size_t s = 0; s < states; ++s) {
    double sum = 0, cumulated = 0;
    for (std::size_t k = begin[s]; k < begin[s + 1]; ++k) sum += weights[k];
    std::uint64_t before = 0;  // words of the entries so far
    for (std::size_t k = begin[s]; k < begin[s + 1] && sum > 0; ++k) {
      cumulated += weights[k];  // in the end the same sum, so that the last entry ends at 2^32
      const auto end = static_cast<std::uint64_t>(std::round(cumulated / sum * 0x1p32));
      if (end == before) continue;
      last_.push_back(static_cast<std::uint32_t>(end - 1));
      positions_.push_back(static_cast<std::uint32_t>(k));
      before = end;
    }
    first.push_back(static_cast<std::uint32_t>(last_.size()));
    if (first[s + 1] > first[s])
      bounds_ = std::max<std::size_t>(bounds_, first[s + 1] - first[s] - 1);
  }
  ENSURES(last_.size() < kMore);
  if (bounds_ > kListed) {
    for (std::size_t s = 0; s < states; ++s) guide(first[s], first[s + 1] - first[s]);
    return;
  }
  listed_.assign(states * (bounds_ + 1), std::numeric_limits<std::uint32_t>::max());
  for (std::size_t s = 0; s < states; ++s) {
    std::uint32_t* row = &listed_[s * (bounds_ + 1)];
    row[0] = first[s];
    for (std::uint32_t e = first[s]; e + 1 < first[s + 1]; ++e) row[1 + e - first[s]] = last_[e];
  }
}

/// The fewest buckets of which hardly any has more than two entries; at most four an entry.
void InverseCdf::guide(std::uint32_t first, std::size_t entries) {
  Row row{static_cast<std::uint32_t>(buckets_.size()), 32};
  for (std::size_t buckets = 1;; buckets *= 2, --row.shift) {
    buckets_.resize(row.first);
    std::size_t more = 0;
    auto entry = first;
    for (std::size_t b = 0; b < buckets && entries > 0; ++b) {
      const auto low = static_cast<std::uint32_t>(b << row.shift);
      const auto high = static_cast<std::uint32_t>(((b + 1) << row.shift) - 1);
      while (last_[entry] < low) ++entry;
      const bool several = high > last_[entry] && high > last_[entry + 1];
      more += several;
      buckets_.push_back({last_[entry], entry | (several ? kMore : 0)});
    }
    if (32 * more <= buckets || buckets > 2 * entries) break;
  }
  rows_.push_back(row);
}

template <std::size_t kBounds>
void InverseCdf::draw_listed(const std::uint32_t* states, const std::uint32_t* words, std::size_t n,
                             std::uint32_t* entries) const {
  const std::uint32_t* const listed = listed_.data();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t* row = listed + std::size_t{states[i]} * (kBounds + 1);
    const std::uint32_t word = words[i];
    std::uint32_t entry = row[0];
    for (std::size_t k = 1; k <= kBounds; ++k) entry += static_cast<std::uint32_t>(word > row[k]);
    entries[i] = entry;
  }
}

void InverseCdf::draw(const std::uint32_t* states, const std::uint32_t* words, std::size_t n,
                      std::uint32_t* entries) const {
  if (!rows_.empty()) {
    for (std::size_t i = 0; i < n; ++i) entries[i] = draw_guided(states[i], words[i]);
    return;
  }
  using Draw = void (InverseCdf::*)(const std::uint32_t*, const std::uint32_t*, std::size_t,
                                    std::uint32_t*) const;
  static constexpr Draw kDraws[kListed + 1] = {
      &InverseCdf::draw_listed<0>, &InverseCdf::draw_listed<1>, &InverseCdf::draw_listed<2>,
      &InverseCdf::draw_listed<3>, &InverseCdf::draw_listed<4>, &InverseCdf::draw_listed<5>,
      &InverseCdf::draw_listed<6>, &InverseCdf::draw_listed<7>};
  (this->*kDraws[bounds_])(states, words, n, entries);
}

std::uint32_t InverseCdf::draw(std::uint32_t state, std::uint32_t word) const {
  std::uint32_t entry = 0;
  draw(&state, &word, 1, &entry);
  return entry;
}

}  // namespace steelyard
