#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "estimators/weighting/benchmark_error.hpp"
#include "estimators/weighting/feasibility.hpp"
#include "estimators/weighting/reference_margins.hpp"
#include "estimators/weighting/solver.hpp"
#include "estimators/weighting/start.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Sweeps before Newton's method takes over: it converges quadratically, they linearly.
constexpr int kSweeps = 6;

/// Iterative proportional fitting of the cells' factors to the margins in turn, finished by
/// Newton's method on the same dual. Cost O(cells × margins) a sweep.
class Raking final : public Weighting {
 public:
  Raking(ConfigReader& config, const Schema& schema)
      : margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed; numbers alone")),
        reference_margins_(read_reference_margins(config, schema)),
        errors_(read_benchmark_errors(config, schema, margins_)),
        bounds_(read_bounds(config,
                            "smallest and largest weight / base weight, for instance "
                            "[0.3, 3]; a weight beyond is cut and the others take over")),
        tolerance_(config.real(
            "tolerance", {.min = 1e-15,
                          .max = 0.1,
                          .fallback = 1e-10,
                          .help = "largest margin error at the end, relative to the population"})),
        max_iterations_(static_cast<int>(config.integer(
            "max_iterations",
            {.min = 1, .max = 1'000'000, .fallback = 500, .help = "sweeps over all margins"}))) {
    all_ = margins_;
    all_.insert(all_.end(), reference_margins_.begin(), reference_margins_.end());
    errors_.extend(all_.size());
  }

  std::vector<VariableId> variables() const override { return variables_of(all_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }
  std::vector<std::vector<VariableId>> margins() const override { return all_; }
  bool needs_reference() const override { return !reference_margins_.empty(); }

  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    if (!reference_margins_.empty()) return {};
    return explain_infeasible(
        margins_, index, benchmarks,
        bounds_ ? *bounds_ : Bounds{0, std::numeric_limits<double>::infinity()});
  }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    return with_reference_margins(benchmarks, margins_, reference_margins_,
                                  [&](const Benchmarks& all) { return solve(index, all); });
  }

 private:
  Result<Weights> solve(const CellIndex& index, const Benchmarks& benchmarks) const {
    auto made = make_auxiliary(all_, index, benchmarks);
    if (!made) return made.failure();
    Auxiliary& x = made.value();
    Start start = starting_weights(index, x);
    Weights weights;
    if (bounds_) {
      CalibrationOptions options{.distance = DistanceKind::truncated_raking,
                                 .lower = bounds_->lower,
                                 .upper = bounds_->upper,
                                 .tolerance = tolerance_,
                                 .max_iterations = max_iterations_};
      auto solved = calibrate(x, start.weight, options);
      if (!solved) return solved.failure();
      weights.iterations = solved.value().iterations;
      weights.factor = std::move(solved.value().factor);
      weights.at_bounds = count_at_bounds(weights.factor, start.weight, *bounds_);
    } else if (const auto failure = rake(x, start.weight, weights)) {
      return *failure;
    }
    weights.largest_margin_error = largest_error(x, start.weight, weights.factor).error;
    for (double& g : weights.factor) g *= start.scale;
    auto covariance = target_covariance(errors_, x);
    add_reference_covariance(x, benchmarks, reference_margins_, covariance);
    weights.stages.push_back(calibration_stage(std::move(x)));
    weights.stages.back().target_covariance = std::move(covariance);
    return weights;
  }

  /// Sets factor and iterations.
  std::optional<Failure> rake(const Auxiliary& x, const std::vector<double>& d,
                              Weights& weights) const {
    weights.factor.assign(x.cells, 1.0);
    const bool indicators = std::all_of(x.blocks.begin(), x.blocks.end(),
                                        [](const auto& block) { return block.number.empty(); });
    std::vector<double> w = d;
    MarginError error{std::numeric_limits<double>::infinity(), 0};
    const auto sweep_until = [&](int limit) {
      while (weights.iterations < limit && error.error > tolerance_) {
        ++weights.iterations;
        error = sweep(x, w);
      }
    };
    if (indicators) sweep_until(std::min(kSweeps, max_iterations_));
    if (error.error > tolerance_) {
      const auto solved = calibrate(
          x, w,
          {.distance = DistanceKind::raking,
           .tolerance = tolerance_,
           .max_iterations = std::max(1, std::min(60, max_iterations_ - weights.iterations))});
      if (solved) {
        weights.iterations += solved.value().iterations;
        for (std::size_t c = 0; c < x.cells; ++c) w[c] *= solved.value().factor[c];
      } else if (!indicators || solved.failure().kind == FailureKind::singular_matrix) {
        return solved.failure();
      } else {
        sweep_until(max_iterations_);
        if (!(error.error <= tolerance_))
          return Failure{
              FailureKind::no_convergence,
              fmt::format("after {} iterations {} is still off by {:.2g} of the population",
                          weights.iterations, x.describe(error.column), error.error)};
      }
    }
    for (std::size_t c = 0; c < x.cells; ++c) weights.factor[c] = d[c] > 0 ? w[c] / d[c] : 0.0;
    return std::nullopt;
  }

  /// One sweep over all margins; the largest error as each margin finds it.
  static MarginError sweep(const Auxiliary& x, std::vector<double>& w) {
    MarginError worst;
    std::vector<double> ratio;
    for (const auto& block : x.blocks) {
      const std::uint32_t* group = block.groups.group_of.data();
      ratio.assign(block.size(), 0.0);
      for (std::size_t c = 0; c < x.cells; ++c) ratio[group[c]] += w[c];
      for (std::size_t g = 0; g < ratio.size(); ++g) {
        const std::size_t column = block.offset + g;
        const double miss = std::abs(ratio[g] - x.targets[column]) / x.scale[column];
        if (miss > worst.error) worst = {miss, column};
        ratio[g] = ratio[g] > 0 ? x.targets[column] / ratio[g] : 0.0;
      }
      for (std::size_t c = 0; c < x.cells; ++c) w[c] *= ratio[group[c]];
    }
    return worst;
  }

  MarginVariables margins_, reference_margins_;
  MarginVariables all_;  ///< both, in that order
  BenchmarkErrors errors_;
  std::optional<Bounds> bounds_;
  double tolerance_;
  int max_iterations_;
};

}  // namespace

WeightingInfo raking_info() {
  return {"raking", "iterative proportional fitting to margins, on cells, within bounds if given",
          "Deming & Stephan (1940), Ann. Math. Stat. 11, 427-444; Deville, Särndal & Sautory "
          "(1993), JASA 88, 1013-1020",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<Raking>(config, schema);
          }};
}

}  // namespace steelyard
