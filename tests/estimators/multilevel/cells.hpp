#pragma once

// Cells made by hand, for tests of multilevel models.

#include <algorithm>
#include <string>
#include <vector>

#include "estimators/multilevel/fit.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {

/// "1" ... "size".
inline Variable numbered(const std::string& name, std::size_t size) {
  std::vector<std::string> levels;
  for (std::size_t k = 1; k <= size; ++k) levels.push_back(std::to_string(k));
  return categorical(name, levels);
}

/// Cells over all variables of the schema. @param codes  cells × variables
inline CellIndex cells_of(const Schema& schema, std::vector<std::uint32_t> codes) {
  CellIndex index;
  for (std::size_t v = 0; v < schema.size(); ++v) index.variables.push_back(schema.id(v));
  index.cells = codes.size() / schema.size();
  index.codes = std::move(codes);
  index.weight.assign(index.cells, 1.0);
  return index;
}

/// One term of groups, `cells` a group, over variables "group" and "cell".
struct OneTerm {
  Schema schema;
  CellIndex index;
  MultilevelTerms terms;

  OneTerm(std::size_t groups, std::size_t cells_each) {
    schema.add(numbered("group", groups));
    schema.add(numbered("cell", std::max<std::size_t>(cells_each, 2)));
    std::vector<std::uint32_t> codes;
    for (std::uint32_t g = 0; g < groups; ++g)
      for (std::uint32_t c = 0; c < cells_each; ++c) codes.insert(codes.end(), {g, c});
    index = cells_of(schema, codes);
    terms.groups = {{schema.id(0)}};
  }
};

}  // namespace steelyard::testing
