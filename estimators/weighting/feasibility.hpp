#pragma once

// When margins and bounds cannot both be met: what stands in the way. A linear program says so.

#include <string>

#include "estimators/weighting/auxiliary.hpp"
#include "estimators/weighting/start.hpp"

namespace steelyard {

/// What is wrong with X'(d g) = targets, L <= g <= U.
struct Infeasibility {
  bool infeasible = false;
  struct Miss {
    std::size_t column = 0;
    double relative = 0;  ///< smallest total miss puts this much here: (reached - target) / scale
  };
  std::vector<Miss> misses;  ///< the smallest total relaxation, largest first
  double lowest_upper = 0;   ///< smallest U that works with the given L; 0: none
  double highest_lower = 0;  ///< largest L that works with the given U; < 0: none
  std::string cure;          ///< "merge region=a with region=b", or empty
};

/// @param d  starting weight of each cell. Cost: several linear programs over the cells.
Infeasibility diagnose(const Auxiliary& x, std::span<const double> d, const Bounds& bounds);

/// The diagnosis in words; empty if the margins and bounds can be met.
std::string explain_infeasible(const MarginVariables& margins, const CellIndex& index,
                               const Benchmarks& benchmarks, const Bounds& bounds);

/// The same for shares that must lie within `band` of theirs, with the population total met: the
/// least that must be given up and the smallest band that works.
std::string explain_bands(const MarginVariables& margins, const CellIndex& index,
                          const Benchmarks& benchmarks, double band);

}  // namespace steelyard
