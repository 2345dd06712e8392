#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/weighting/margins.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Iterative proportional fitting of the cells' factors to the margins in turn.
/// Cost O(cells × margins) a sweep.
class Raking final : public Weighting {
 public:
  Raking(ConfigReader& config, const Schema& schema)
      : schema_(&schema),
        margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed")),
        tolerance_(config.real(
            "tolerance", {.min = 1e-15,
                          .max = 0.1,
                          .fallback = 1e-10,
                          .help = "largest margin error at the end, relative to the population"})),
        max_iterations_(static_cast<int>(config.integer(
            "max_iterations",
            {.min = 1, .max = 1'000'000, .fallback = 500, .help = "sweeps over all margins"}))) {}

  std::vector<VariableId> variables() const override { return variables_of(margins_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = make_margins(margins_, index, benchmarks);
    if (!made) return made.failure();
    std::vector<Margin>& margins = made.value();
    Weights weights;
    weights.factor.assign(index.cells, 1.0);
    const double population = total(margins[0].totals);
    double error = 0;
    std::size_t worst_margin = 0, worst_group = 0;
    while (weights.iterations < max_iterations_) {
      ++weights.iterations;
      error = 0;  // of each margin as the sweep finds it; the last margin's own is zero after it
      for (std::size_t m = 0; m < margins.size(); ++m) {
        const Margin& margin = margins[m];
        std::vector<double> ratio = group_totals(index, margin.groups, weights.factor);
        for (std::size_t g = 0; g < ratio.size(); ++g) {
          const double miss = std::abs(ratio[g] - margin.totals[g]) / population;
          if (miss > error) {
            error = miss;
            worst_margin = m;
            worst_group = g;
          }
          ratio[g] = ratio[g] > 0 ? margin.totals[g] / ratio[g] : 0.0;
        }
        for (std::size_t c = 0; c < index.cells; ++c)
          weights.factor[c] *= ratio[margin.groups.group_of[c]];
      }
      if (error <= tolerance_) break;
    }
    if (!(error <= tolerance_))
      return Failure{
          FailureKind::no_convergence,
          fmt::format("after {} iterations {} is still off by {:.2g} of the population",
                      weights.iterations,
                      describe_group(*schema_, margins_[worst_margin], worst_group), error)};
    weights.largest_margin_error = largest_error(index, margins, weights.factor);
    for (Margin& margin : margins) weights.calibrated_on.push_back(std::move(margin.groups));
    return weights;
  }

 private:
  const Schema* schema_;
  MarginVariables margins_;
  double tolerance_;
  int max_iterations_;
};

}  // namespace

WeightingInfo raking_info() {
  return {"raking", "iterative proportional fitting to margins, on cells",
          "Deming & Stephan (1940), Ann. Math. Stat. 11, 427-444; Deville, Särndal & Sautory "
          "(1993), JASA 88, 1013-1020",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<Raking>(config, schema);
          }};
}

}  // namespace steelyard
