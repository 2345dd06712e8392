#include "sim/population/cell_draw.hpp"

#include <algorithm>
#include <bit>

namespace steelyard {
namespace {

/// A variable's levels in groups of `width`, inside the groups of the digit before.
struct Digit {
  std::size_t position, width;
  std::size_t of(const Clique& clique, std::size_t cell) const {
    return clique.code(cell, position) / width;
  }
};

/// Those that tell cells apart which the ones before do not, whatever their weights.
std::vector<Digit> telling(const Clique& clique, const std::vector<Digit>& digits) {
  std::vector<bool> begins(clique.cells, false);
  std::vector<Digit> kept;
  for (const Digit& digit : digits) {
    bool tells = false;
    for (std::size_t c = 1; c < clique.cells; ++c)
      if (!begins[c] && digit.of(clique, c) != digit.of(clique, c - 1)) begins[c] = tells = true;
    if (tells) kept.push_back(digit);
  }
  return kept;
}

std::vector<Digit> digits_of(const Schema& schema, const Clique& clique) {
  constexpr std::size_t kLevels = 8;  // of a variable that is drawn in one step
  std::vector<Digit> digits;
  for (std::size_t k = 0; k < clique.variables.size(); ++k) {
    for (std::size_t width = std::bit_ceil(schema[clique.variables[k]].states()) / 2;
         width >= kLevels; width /= 2)
      digits.push_back({k, width});
    digits.push_back({k, 1});
  }
  return telling(clique, digits);
}

}  // namespace

CellDraw::CellDraw(const Schema& schema, const Clique& clique, std::span<const double> weights) {
  EXPECTS(weights.size() == clique.cells);
  // Cells stand in the order of their codes, so those that begin alike are a range.
  struct Range {
    std::size_t begin, end;
  };
  std::vector<Range> states{{0, clique.cells}};
  for (const Digit& digit : digits_of(schema, clique)) {
    std::vector<Range> groups;
    std::vector<double> sums;
    std::vector<std::size_t> begin{0};
    for (const Range& state : states) {
      std::size_t before = 0;
      for (std::size_t c = state.begin; c < state.end; ++c) {
        const std::size_t group = digit.of(clique, c);
        if (c == state.begin || group != before) {
          groups.push_back({c, c});
          sums.push_back(0);
        }
        before = group;
        groups.back().end = c + 1;
        sums.back() += weights[c];
      }
      begin.push_back(groups.size());
    }
    steps_.emplace_back(begin, sums);
    states.clear();
    for (std::uint32_t k : steps_.back().positions()) states.push_back(groups[k]);
  }
  for (const Range& state : states) cell_of_.push_back(static_cast<std::uint32_t>(state.begin));
}

void CellDraw::draw(const std::uint32_t* words, std::size_t stride,
                    std::span<std::uint32_t> cells) const {
  std::fill(cells.begin(), cells.end(), 0u);
  for (std::size_t k = 0; k < steps_.size(); ++k)
    steps_[k].draw(cells.data(), words + k * stride, cells.size(), cells.data());
  for (std::uint32_t& cell : cells) cell = cell_of_[cell];
}

std::uint32_t CellDraw::draw(Stream& stream) const {
  std::uint32_t state = 0;
  for (const InverseCdf& step : steps_) state = step.draw(state, stream());
  return cell_of_[state];
}

}  // namespace steelyard
