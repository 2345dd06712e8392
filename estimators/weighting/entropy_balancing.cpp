#include <limits>

#include "estimators/weighting/benchmark_error.hpp"
#include "estimators/weighting/feasibility.hpp"
#include "estimators/weighting/solver.hpp"
#include "estimators/weighting/start.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Minimum Kullback-Leibler divergence from the base weights subject to the benchmarks, by Newton's
/// method on the dual: the same weights as raking, whatever the margins.
class EntropyBalancing final : public Weighting {
 public:
  EntropyBalancing(ConfigReader& config, const Schema& schema)
      : margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed; numbers alone")),
        errors_(read_benchmark_errors(config, schema, margins_)),
        tolerance_(config.real(
            "tolerance", {.min = 1e-15,
                          .max = 0.1,
                          .fallback = 1e-10,
                          .help = "largest margin error at the end, relative to the population"})) {
  }

  std::vector<VariableId> variables() const override { return variables_of(margins_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }

  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    return explain_infeasible(margins_, index, benchmarks,
                              {0, std::numeric_limits<double>::infinity()});
  }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = make_auxiliary(margins_, index, benchmarks);
    if (!made) return made.failure();
    Auxiliary& x = made.value();
    Start start = starting_weights(index, x);
    for (const auto& block : x.blocks)  // entropy is finite at zero: an empty group gets weight 0
      if (block.number.empty())
        for (std::size_t c = 0; c < x.cells; ++c)
          if (x.targets[block.offset + block.groups.group_of[c]] == 0) start.weight[c] = 0;
    auto solved = calibrate(
        x, start.weight,
        {.distance = DistanceKind::raking, .tolerance = tolerance_, .max_iterations = 200});
    if (!solved) return solved.failure();
    Weights weights;
    if (std::string note = describe_redundant(x, solved.value().redundant); !note.empty())
      weights.notes.push_back(std::move(note));
    weights.factor = std::move(solved.value().factor);
    weights.iterations = solved.value().iterations;
    weights.largest_margin_error = largest_error(x, start.weight, weights.factor).error;
    for (std::size_t c = 0; c < index.cells; ++c)
      weights.factor[c] *= start.weight[c] > 0 ? start.scale : 0.0;
    auto covariance = target_covariance(errors_, x);
    weights.stages.push_back(calibration_stage(std::move(x)));
    weights.stages.back().target_covariance = std::move(covariance);
    return weights;
  }

 private:
  MarginVariables margins_;
  BenchmarkErrors errors_;
  double tolerance_;
};

}  // namespace

WeightingInfo entropy_balancing_info() {
  return {"entropy_balancing",
          "least Kullback-Leibler divergence from the base weights subject to the benchmarks",
          "Hainmueller (2012), Political Analysis 20, 25-46, equations 4 to 8",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<EntropyBalancing>(config, schema);
          }};
}

}  // namespace steelyard
