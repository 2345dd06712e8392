#pragma once

// Which points of its dials a sweep visits.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/random.hpp"

namespace steelyard {

enum class SweepDesign { grid, latin_hypercube, sobol, saltelli, one_at_a_time };

const char* to_string(SweepDesign design);
std::vector<std::string> sweep_design_names();

/// Points in the unit cube, points × dials, row-major.
struct DesignPoints {
  std::size_t dials = 0;
  std::vector<double> unit;

  std::size_t size() const { return dials == 0 ? 0 : unit.size() / dials; }
  double at(std::size_t point, std::size_t dial) const { return unit[point * dials + dial]; }
};

/// The full cross of equally spaced levels, both ends among them; the last dial runs fastest.
/// @param levels  by dial, each >= 2
DesignPoints grid_points(std::span<const std::size_t> levels);

/// n points of which each of the n equal slices of each dial holds one. Source: McKay, Beckman &
/// Conover (1979), Technometrics 21, 239-245.
DesignPoints latin_hypercube_points(std::size_t dials, std::size_t n, Seed seed);

/// Points p, ..., p + n - 1 of the Sobol' sequence, p the smallest power of two >= n: with n a
/// power of two each of the n equal slices of each dial holds one. Source: Sobol' (1967); direction
/// numbers of Joe & Kuo (2008), SIAM J. Sci. Comput. 30, 2635-2654 (Boost.Random).
DesignPoints sobol_points(std::size_t dials, std::size_t n);

/// A and B from one Sobol' sequence of 2 × dials dimensions, then for each dial A with that column
/// of B: base × (dials + 2) points, in this order. Source: Saltelli et al. (2010), Computer Physics
/// Communications 181, 259-270, table 2.
DesignPoints saltelli_points(std::size_t dials, std::size_t base);

}  // namespace steelyard
