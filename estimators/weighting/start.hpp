#pragma once

// What calibrations share: the weights that they start from, and bounds on g.

#include <optional>
#include <span>
#include <vector>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// Starting weight of each cell. Without base weights everybody starts from population / n, so
/// that bounds and distances speak of the same g as with them.
struct Start {
  std::vector<double> weight;
  double scale = 1;  ///< weight = scale × index.weight
};
Start starting_weights(const CellIndex& index, const Auxiliary& x);

/// Bounds of g = weight / base weight.
struct Bounds {
  double lower = 0, upper = 0;
};

/// Key `bounds`, two numbers L < 1 < U, L >= 0. Nothing if absent.
std::optional<Bounds> read_bounds(ConfigReader& config, std::string_view help);

/// Cells with weight whose factor is on a bound.
std::size_t count_at_bounds(std::span<const double> factor, std::span<const double> weight,
                            const Bounds& bounds);

}  // namespace steelyard
