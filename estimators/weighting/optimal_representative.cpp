#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/weighting/feasibility.hpp"
#include "estimators/weighting/start.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Maximum-entropy weights whose margins lie within bands around the benchmarks: cyclic exact
/// minimisation of the dual in one multiplier after the other (it is zero where the band does not
/// bind). The population total is met exactly. Cost O(cells × margins) a sweep.
class OptimalRepresentative final : public Weighting {
 public:
  OptimalRepresentative(ConfigReader& config, const Schema& schema)
      : margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed")),
        band_(config.real("band", {.min = 0,
                                   .max = 1,
                                   .fallback = 0.005,
                                   .help = "how far a share may be from its benchmark, as a "
                                           "proportion of the population"})),
        tolerance_(config.real("tolerance", {.min = 1e-15,
                                             .max = 0.1,
                                             .fallback = 1e-10,
                                             .help = "how far outside its band a share may end"})),
        max_iterations_(static_cast<int>(config.integer(
            "max_iterations",
            {.min = 1, .max = 10'000'000, .fallback = 20000, .help = "sweeps over all margins"}))) {
    for (const auto& margin : margins_)
      if (schema[margin[0]].kind == VariableKind::continuous)
        config.fail("margins", "names \"" + schema[margin[0]].name + "\", which is a number",
                    "bands are about shares; use calibration with ridge for numbers");
  }

  std::vector<VariableId> variables() const override { return variables_of(margins_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }

  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    return explain_bands(margins_, index, benchmarks, band_);
  }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = make_auxiliary(margins_, index, benchmarks);
    if (!made) return made.failure();
    const Auxiliary& x = made.value();
    const Start start = starting_weights(index, x);
    const double population = x.scale[0];
    std::vector<double> w = start.weight, multiplier(x.columns(), 1.0), ratio;
    for (double& v : w) v *= population / sum(start.weight);
    Weights weights;
    MarginError worst;
    while (weights.iterations < max_iterations_) {
      ++weights.iterations;
      worst = {};
      for (const auto& block : x.blocks) {
        const std::uint32_t* group = block.groups.group_of.data();
        ratio.assign(block.size(), 0.0);
        for (std::size_t c = 0; c < x.cells; ++c) ratio[group[c]] += w[c];
        for (std::size_t g = 0; g < ratio.size(); ++g) {
          const std::size_t j = block.offset + g;
          const double slack = band_ * population, target = x.targets[j];
          const double excess = (std::abs(ratio[g] - target) - slack) / population;
          if (!std::isfinite(excess)) return diverged(x, j, weights.iterations);
          if (excess > worst.error) worst = {excess, j};
          if (!(ratio[g] > 0)) continue;
          const double free = ratio[g] / multiplier[j];  // its total without its own multiplier
          const double total = std::clamp(free, std::max(0.0, target - slack), target + slack);
          const double next = total / free;
          ratio[g] = next / multiplier[j];
          multiplier[j] = next;
          if (next == 0) multiplier[j] = 1;  // stays at zero weight
        }
        for (std::size_t c = 0; c < x.cells; ++c) w[c] *= ratio[group[c]];
        const double scale = population / sum(w);
        if (!std::isfinite(scale)) return diverged(x, worst.column, weights.iterations);
        if (std::abs(scale - 1) > worst.error) worst.error = std::abs(scale - 1);
        for (double& v : w) v *= scale;
      }
      if (worst.error <= tolerance_) break;
    }
    if (!(worst.error <= tolerance_))
      return Failure{FailureKind::no_convergence,
                     fmt::format("after {} iterations {} is still outside its band by {:.2g} of "
                                 "the population",
                                 weights.iterations, x.describe(worst.column), worst.error)};
    weights.factor.resize(x.cells);
    for (std::size_t c = 0; c < x.cells; ++c)
      weights.factor[c] = index.weight[c] > 0 ? w[c] / index.weight[c] : 0.0;
    weights.largest_margin_error = 0;
    std::vector<double> present(x.columns());
    x.transpose_multiply(w, present);
    double miss = 0;
    for (std::size_t j = 0; j < x.columns(); ++j) {
      miss = std::max(miss, std::abs(present[j] - x.targets[j]) / population);
      weights.largest_margin_error = std::max(
          weights.largest_margin_error, std::abs(present[j] - x.targets[j]) / population - band_);
    }
    // The population total and the shares whose bands bind are what the weights are calibrated on.
    auto& binding = weights.stages.emplace_back().blocks;
    binding.push_back({{}, std::vector<double>(x.cells, 1.0)});
    for (const auto& block : x.blocks)
      for (std::size_t g = 0; g < block.size(); ++g) {
        if (multiplier[block.offset + g] == 1) continue;
        std::vector<double> column(x.cells);
        for (std::size_t c = 0; c < x.cells; ++c) column[c] = block.groups.group_of[c] == g;
        binding.push_back({{}, std::move(column)});
      }
    weights.notes.push_back(fmt::format(
        "{} of {} shares are at the edge of their band of ±{:g}; the largest error is {:.3g}",
        binding.size() - 1, x.columns(), band_, miss));
    return weights;
  }

 private:
  /// Multipliers grow without limit when no weights are inside all bands.
  static Failure diverged(const Auxiliary& x, std::size_t column, int iterations) {
    return {FailureKind::no_convergence,
            fmt::format("after {} iterations the weights diverge at {}: no weights put all shares "
                        "inside their bands",
                        iterations, x.describe(column))};
  }

  static double sum(const std::vector<double>& values) {
    double s = 0;
    for (double v : values) s += v;
    return s;
  }

  MarginVariables margins_;
  double band_, tolerance_;
  int max_iterations_;
};

}  // namespace

WeightingInfo optimal_representative_info() {
  return {"optimal_representative",
          "maximum-entropy weights whose margins lie within a band around the benchmarks",
          "Barratt, Angeris & Boyd (2021), Optimization and Engineering 22, 1435-1470",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<OptimalRepresentative>(config, schema);
          }};
}

}  // namespace steelyard
