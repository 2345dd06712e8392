#pragma once

// Discrete laws drawn by their inverse distribution functions. The larger the word, the later the
// entry; so if a law changes a little, a word mostly keeps its entry, and else gets one nearby.
// (An alias table sends words anywhere as soon as one probability changes.)

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace steelyard {

/// One law for each of several states. Entries, those with a positive probability, are numbered
/// through the states, in their order. Where every state has few, they are looked for one by one
/// without a branch; else through guide tables.
/// Source: Chen & Asau (1974), AIIE Transactions 6, 163-166; Devroye (1986), Non-Uniform Random
/// Variate Generation, III.2.
class InverseCdf {
 public:
  InverseCdf() = default;
  /// Probabilities are whole multiples of 2^-32, off by less than that.
  /// @param begin    states + 1: where the weights of each state begin
  /// @param weights  not negative; a state of zeros is one that is never drawn from
  InverseCdf(std::span<const std::size_t> begin, std::span<const double> weights);

  /// Positions in the weights, by entry.
  const std::vector<std::uint32_t>& positions() const { return positions_; }
  /// The last of the words that give an entry; the first follows the entry before, or is 0.
  std::uint32_t last_word(std::size_t entry) const { return last_[entry]; }

  /// The entry at a uniform word. Cost O(1).
  std::uint32_t draw(std::uint32_t state, std::uint32_t word) const;
  /// The same for n states and words; `entries` may be `states`.
  void draw(const std::uint32_t* states, const std::uint32_t* words, std::size_t n,
            std::uint32_t* entries) const;

 private:
  static constexpr std::uint32_t kMore = std::uint32_t{1} << 31;
  struct Row {
    std::uint32_t first = 0, shift = 32;
  };
  /// Words with the same high bits: the first one's entry, and the last word of that entry.
  struct Bucket {
    std::uint32_t last;
    std::uint32_t entry;  ///< with kMore: its words have more than two entries
  };
  void guide(std::uint32_t first, std::size_t entries);
  template <std::size_t kBounds>
  void draw_listed(const std::uint32_t* states, const std::uint32_t* words, std::size_t n,
                   std::uint32_t* entries) const;
  std::uint32_t draw_guided(std::uint32_t state, std::uint32_t word) const {
    const Row row = rows_[state];
    const Bucket bucket = buckets_[row.first + (std::uint64_t{word} >> row.shift)];
    std::uint32_t entry = (bucket.entry & ~kMore) + static_cast<std::uint32_t>(word > bucket.last);
    if (bucket.entry & kMore)
      while (word > last_[entry]) ++entry;
    return entry;
  }

  std::vector<std::uint32_t> positions_, last_;
  std::size_t bounds_ = 0;  ///< of a state, between its entries, where they are listed
  /// By state: its first entry, then the last words of all entries but the last.
  std::vector<std::uint32_t> listed_;
  std::vector<Row> rows_;
  std::vector<Bucket> buckets_;
};

}  // namespace steelyard
