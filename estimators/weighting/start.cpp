#include "estimators/weighting/start.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {

Start starting_weights(const CellIndex& index, const Auxiliary& x) {
  Start start{index.weight, 1.0};
  if (!index.unit_weights) return start;
  for (const auto& block : x.blocks)
    if (block.number.empty()) {
      const std::span<const double> totals(x.targets.data() + block.offset, block.size());
      start.scale = total(totals) / static_cast<double>(index.n);
      break;
    }
  if (!(start.scale > 0)) start.scale = 1;
  for (double& w : start.weight) w *= start.scale;
  return start;
}

std::optional<Bounds> read_bounds(ConfigReader& config, std::string_view help) {
  const std::vector<double> given = config.reals("bounds", {.required = false, .help = help});
  if (given.empty()) return std::nullopt;
  if (given.size() != 2 || !(given[0] >= 0 && given[0] < 1) || !(given[1] > 1))
    config.fail("bounds", "must be two numbers L, U with 0 <= L < 1 < U",
                "for instance bounds = [0.3, 3]");
  return Bounds{given[0], given[1]};
}

std::size_t count_at_bounds(std::span<const double> factor, std::span<const double> weight,
                            const Bounds& bounds) {
  std::size_t count = 0;
  for (std::size_t c = 0; c < factor.size(); ++c)
    count += weight[c] > 0 && (std::abs(factor[c] - bounds.lower) <= 1e-12 * bounds.lower ||
                               std::abs(factor[c] - bounds.upper) <= 1e-12 * bounds.upper);
  return count;
}

}  // namespace steelyard
