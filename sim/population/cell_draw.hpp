#pragma once

// Cells of a table, drawn variable by variable.

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.hpp"
#include "sim/population/inverse_cdf.hpp"
#include "sim/population/junction_tree.hpp"

namespace steelyard {

/// Draws cells of a clique with given weights: each variable given those before it, by inverse CDF
/// from a word of its own; more than eight levels are halved first, each time with a word of its
/// own. So a law that changes a little changes few draws, and those mostly in one variable. (One
/// inverse CDF over all cells would move most of them: a shift in an early variable carries all
/// cells behind it along.)
class CellDraw {
 public:
  CellDraw() = default;
  /// @param weights  one a cell, not negative, not all zero
  CellDraw(const Schema& schema, const Clique& clique, std::span<const double> weights);

  /// Counter blocks that a draw takes: as the clique's variables have it, whatever the weights.
  std::size_t blocks() const { return (steps_.size() + 3) / 4; }

  /// @param words  word k of draw i at words[k * stride + i]
  /// @param cells  n of them, to fill
  /// Cost O(n) a word.
  void draw(const std::uint32_t* words, std::size_t stride, std::span<std::uint32_t> cells) const;
  /// One cell, from the stream's next words.
  std::uint32_t draw(Stream& stream) const;

 private:
  std::vector<InverseCdf> steps_;       ///< entries of one are the states of the next
  std::vector<std::uint32_t> cell_of_;  ///< by entry of the last
};

}  // namespace steelyard
