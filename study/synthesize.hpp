#pragma once

// Makes a population's persons in order, in parallel, in bounded memory.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sim/selection/selection.hpp"

namespace steelyard {

/// A run of consecutive persons: answers by variable id, latent values by position.
struct PersonBlock {
  std::uint64_t first = 0;
  std::size_t n = 0;
  std::vector<std::vector<LevelCode>> columns;
  std::vector<std::vector<double>> latent_values;
};

/// Persons first ... last - 1, numbered from 0 in the order of the population.
struct PersonRange {
  std::uint64_t first = 0, last = 0;
};

/// "a:b" as persons a ... b - 1; an empty text is everybody.
/// @throws UserError if it is not two whole numbers with a < b <= size
PersonRange parse_slice(const std::string& text, std::uint64_t size);

/// Hands every person of the range, in order, to `take` (called by one thread at a time). A person
/// is the same whatever range it is made in.
void synthesize_blocks(const Population& population, const PopulationFrame& frame,
                       PersonRange range, std::span<const VariableId> variables,
                       std::span<const VariableId> latents, Seed seed, int threads,
                       const std::function<void(const PersonBlock&)>& take);

/// Persons at each state of each variable, without keeping any person.
std::vector<std::vector<std::uint64_t>> tally_population(
    const Population& population, const PopulationFrame& frame, Seed seed, int threads,
    const std::function<void(double)>& progress);

}  // namespace steelyard
