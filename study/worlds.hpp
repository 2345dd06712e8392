#pragma once

// A study in every world of a family: the same samples, the same published tables, other truths.

#include <functional>
#include <vector>

#include "results/worlds.hpp"
#include "sim/population/world.hpp"
#include "study/engine.hpp"

namespace steelyard {

struct WorldsPlan {
  std::vector<World> worlds;  ///< without the neutral one
  std::uint32_t replicates = 100;
};

/// Reads [worlds] of scenario.toml.
/// @throws UserError if it is missing, or names what is not there
WorldsPlan plan_worlds(const Scenario& scenario);

/// The neutral world's study once; a selection, tilt or tail changes only the truth, since the
/// sample's law stays (this is computed and reported, world by world); an association is fitted
/// and run anew with every published number held at its neutral expectation. Then the bounds.
WorldsResults run_worlds(const Scenario& scenario, const WorldsPlan& plan,
                         const StudyOptions& options,
                         const std::function<void(const std::string&)>& progress = {});

/// Smallest and largest value of each estimand (over its first domain) under all joint laws of the
/// weighted view that meet every published number: two linear programs each, four with edges.
std::vector<BoundsRecord> estimand_bounds(const Study& study);

}  // namespace steelyard
