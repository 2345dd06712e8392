#pragma once

// The persons of a population in groups by root variables, each with its draw.

#include <string_view>
#include <vector>

#include "sim/selection/reference_selection.hpp"

namespace steelyard {

struct ReferenceGroup {
  double persons = 0;  ///< > 0
  CellDraw cells;      ///< of its persons
};

/// The groups of the cross of `names` that have persons, in its order. Cost O(groups × root cells).
/// @param key  of the section, that names them
inline std::vector<ReferenceGroup> reference_groups(ConfigReader& section,
                                                    const ReferenceFrame& frame,
                                                    std::string_view key, const Texts& names) {
  const Schema& schema = frame.population.law().schema();
  const Clique& root = frame.population.law().root();
  const ReferenceFrame::Groups by = frame.groups(section, key, names);
  std::vector<double> persons_of(by.groups, 0.0), inside(root.cells);
  for (std::size_t c = 0; c < root.cells; ++c) persons_of[by.of_cell[c]] += frame.persons[c];
  std::vector<ReferenceGroup> out;
  for (std::size_t g = 0; g < by.groups; ++g) {
    if (!(persons_of[g] > 0)) continue;
    for (std::size_t c = 0; c < root.cells; ++c)
      inside[c] = by.of_cell[c] == g ? frame.persons[c] : 0;
    out.push_back({persons_of[g], CellDraw(schema, root, inside)});
  }
  return out;
}

}  // namespace steelyard
