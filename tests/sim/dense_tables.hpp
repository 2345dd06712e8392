#pragma once

// Margins of small dense tables, by definition.

#include <cstddef>
#include <vector>

namespace steelyard {

/// Sums of `cells` (row-major over `dims`, last fastest) over the cross of `axes`.
template <typename Number>
std::vector<Number> margin_of(const std::vector<Number>& cells,
                              const std::vector<std::size_t>& dims,
                              const std::vector<std::size_t>& axes) {
  std::size_t size = 1;
  for (std::size_t a : axes) size *= dims[a];
  std::vector<Number> sums(size, 0);
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::size_t rest = c, at = 0;
    std::vector<std::size_t> code(dims.size());
    for (std::size_t k = dims.size(); k-- > 0;) {
      code[k] = rest % dims[k];
      rest /= dims[k];
    }
    for (std::size_t a : axes) at = at * dims[a] + code[a];
    sums[at] += cells[c];
  }
  return sums;
}

}  // namespace steelyard
