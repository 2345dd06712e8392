#pragma once

// A population whose census margins are met to the person.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/population/population.hpp"

namespace steelyard {

struct ExactCounts {
  std::vector<std::uint64_t> persons;  ///< by cell of the root clique
  std::size_t tables = 0, cells = 0;   ///< published tables, and their cells, that were asked for
  std::size_t moves = 0;
  std::int64_t left = 0;           ///< persons by which margins are still missed
  std::vector<std::string> unmet;  ///< those margins
  double seconds = 0;
};

/// Whole persons in every root cell such that each population table is met to the person (a cell
/// that is no whole number at this size: to the next whole number below or above), and likewise
/// every one- and two-way margin of the root variables. Deterministic.
ExactCounts exact_counts(const Population& population, std::uint64_t size);

}  // namespace steelyard
