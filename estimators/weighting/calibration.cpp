#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "estimators/weighting/benchmark_error.hpp"
#include "estimators/weighting/feasibility.hpp"
#include "estimators/weighting/reference_margins.hpp"
#include "estimators/weighting/solver.hpp"
#include "estimators/weighting/start.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Weights nearest to the base weights in a distance whose totals are the benchmarks'.
class Calibration final : public Weighting {
 public:
  Calibration(ConfigReader& config, const Schema& schema)
      : margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed; numbers alone")) {
    const std::string distance =
        config.text("distance", {.fallback = "linear",
                                 .choices = {"linear", "raking", "logit"},
                                 .help = "linear: g = 1 + x'λ, negative weights are possible; "
                                         "raking: exp x'λ; logit: between bounds"});
    const auto bounds = read_bounds(
        config,
        "smallest and largest weight / base weight: of the logit; linear and raking are "
        "cut to them");
    if (bounds) bounds_ = *bounds;
    options_.distance = distance == "logit" ? DistanceKind::logit
                        : distance == "linear"
                            ? bounds ? DistanceKind::truncated_linear : DistanceKind::linear
                        : bounds ? DistanceKind::truncated_raking
                                 : DistanceKind::raking;
    if (distance == "logit" && !bounds && !config.is_documenting())
      config.fail("distance", "= \"logit\" needs bounds", "for instance bounds = [0.3, 3]");
    options_.lower = bounds_.lower;
    options_.upper = bounds_.upper;
    ridge_ = config.real("ridge",
                         {.min = 0,
                          .max = 1e12,
                          .fallback = 0,
                          .help = "let margins be missed at a price: penalty as a multiple of each "
                                  "column's own weighted sum of squares; 0: met exactly"});
    margin_cvs_ = config.reals(
        "margin_cvs", {.required = false,
                       .help = "coefficient of variation of each margin's totals: margins may be "
                               "missed as far as their error allows, and it is part of the "
                               "variance; 0: known exactly"});
    if (!margin_cvs_.empty() && margin_cvs_.size() != margins_.size())
      config.fail("margin_cvs", "has not one number a margin", "give one a margin, 0 if exact");
    for (double cv : margin_cvs_)
      if (!(cv >= 0)) config.fail("margin_cvs", "holds a negative number", "give 0 or more");
    reference_margins_ = read_reference_margins(config, schema);
    all_ = margins_;
    all_.insert(all_.end(), reference_margins_.begin(), reference_margins_.end());
    if (!reference_margins_.empty() && !margin_cvs_.empty())
      config.fail("margin_cvs", "stands beside reference_margins",
                  "margin_cvs lets margins be missed; give reference_margins alone");
    errors_ = read_benchmark_errors(config, schema, margins_);
    errors_.extend(all_.size());
    if (!margin_cvs_.empty() && errors_.any())
      config.fail("margin_cvs", "stands beside benchmark_cvs or benchmark_sizes",
                  "margin_cvs lets margins be missed, the others meet them; choose one");
    cosmetic_ = config.flag("cosmetic", false,
                            "distance (w - d)² / (d - 1): the estimate is also the best linear "
                            "predictor (needs base weights above 1)");
    equal_within_clusters_ =
        config.flag("equal_within_clusters", false,
                    "one g for all members of a cluster (needs clusters in the design)");
    options_.tolerance = config.real(
        "tolerance", {.min = 1e-15,
                      .max = 0.1,
                      .fallback = 1e-10,
                      .help = "largest margin error at the end, relative to the population"});
    options_.max_iterations = static_cast<int>(config.integer(
        "max_iterations",
        {.min = 1, .max = 1'000'000, .fallback = 100, .help = "steps of Newton's method"}));
  }

  std::vector<VariableId> variables() const override { return variables_of(all_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }
  std::vector<std::vector<VariableId>> margins() const override { return all_; }
  bool needs_reference() const override { return !reference_margins_.empty(); }
  bool by_respondent() const override { return cosmetic_; }

  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    if (!reference_margins_.empty()) return {};
    return explain_infeasible(margins_, index, benchmarks, feasible_bounds());
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
    if (options_.distance == DistanceKind::raking) leave_out_empty_groups(x, start.weight);
    // By column, before the blocks are averaged.
    std::vector<double> sd(x.columns(), 0.0), covariance = target_covariance(errors_, x);
    add_reference_covariance(x, benchmarks, reference_margins_, covariance);
    for (std::size_t j = 0; j < x.columns() && !margin_cvs_.empty(); ++j)
      sd[j] = margin_cvs_[x.block_of(j)] * x.targets[j];
    if (equal_within_clusters_) {
      if (index.cluster_of.empty())
        return Failure{FailureKind::unsupported,
                       "equal_within_clusters needs clusters in the design"};
      x = averaged(x, index.cluster_of, start.weight);
    }
    CalibrationOptions options = options_;
    if (cosmetic_) {
      for (std::size_t c = 0; c < index.cells; ++c) {
        const double d = start.weight[c] / index.respondents[c];
        if (!(d > 1) && start.weight[c] > 0)
          return Failure{FailureKind::unsupported,
                         "cosmetic calibration needs base weights above 1"};
        options.q.push_back(start.weight[c] > 0 ? (d - 1) / d : 1.0);
      }
    }
    options.penalty = penalties(x, sd, index, start);
    const bool exact = options.penalty.empty();
    auto solved = calibrate(x, start.weight, options);
    if (!solved) return solved.failure();
    Weights weights;
    weights.factor = std::move(solved.value().factor);
    weights.iterations = solved.value().iterations;
    weights.largest_margin_error = largest_error(x, start.weight, weights.factor).error;
    if (std::string note = describe_redundant(x, solved.value().redundant); exact && !note.empty())
      weights.notes.push_back(std::move(note));
    if (!exact)
      weights.notes.push_back(
          fmt::format("margins are met up to their penalty: the largest error, {:.3g} of the "
                      "population, is at {}",
                      weights.largest_margin_error,
                      x.describe(largest_error(x, start.weight, weights.factor).column)));
    if (bounds_.upper > 0)
      weights.at_bounds = count_at_bounds(weights.factor, start.weight, bounds_);
    std::size_t negative = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weights.factor[c] < 0) negative += index.respondents[c];
    if (negative > 0)
      weights.notes.push_back(
          fmt::format("{} of {} respondents have a negative weight", negative, index.n));
    for (double& g : weights.factor) g *= start.scale;
    WeightStage stage = calibration_stage(std::move(x));
    // Residuals start from the weights before scaling, so their penalty is on that scale.
    for (double& p : options.penalty) p /= start.scale;
    stage.penalty = std::move(options.penalty);
    stage.q = std::move(options.q);
    if (!margin_cvs_.empty()) {
      covariance.assign(sd.size() * sd.size(), 0.0);
      for (std::size_t j = 0; j < sd.size(); ++j) covariance[j * sd.size() + j] = sd[j] * sd[j];
    }
    stage.target_covariance = std::move(covariance);
    weights.stages.push_back(std::move(stage));
    return weights;
  }

  Bounds feasible_bounds() const {
    if (bounds_.upper > 0) return bounds_;
    const double infinity = std::numeric_limits<double>::infinity();
    return {options_.distance == DistanceKind::linear ? -infinity : 0.0, infinity};
  }

  /// Exponential weights cannot be zero, but a group whose total is zero wants them to be.
  static void leave_out_empty_groups(const Auxiliary& x, std::vector<double>& weight) {
    for (const auto& block : x.blocks)
      if (block.number.empty())
        for (std::size_t c = 0; c < x.cells; ++c)
          if (x.targets[block.offset + block.groups.group_of[c]] == 0) weight[c] = 0;
  }

  /// X with each row replaced by its cluster's mean, so that x'λ is the same for all members.
  static Auxiliary averaged(const Auxiliary& x, const std::vector<std::uint32_t>& cluster,
                            const std::vector<double>& weight) {
    Auxiliary mean;
    mean.cells = x.cells;
    mean.schema = x.schema;
    const std::size_t clusters = *std::max_element(cluster.begin(), cluster.end()) + std::size_t{1};
    std::vector<double> size(clusters, 0.0);
    for (std::size_t c = 0; c < x.cells; ++c) size[cluster[c]] += weight[c];
    for (std::size_t j = 0; j < x.columns(); ++j) {
      const auto& block = x.blocks[x.block_of(j)];
      const auto value = [&](std::size_t c) {
        return block.number.empty() ? double(block.groups.group_of[c] == j - block.offset)
                                    : block.number[c];
      };
      std::vector<double> sum(clusters, 0.0), column(x.cells);
      for (std::size_t c = 0; c < x.cells; ++c) sum[cluster[c]] += weight[c] * value(c);
      for (std::size_t c = 0; c < x.cells; ++c)
        column[c] = size[cluster[c]] > 0 ? sum[cluster[c]] / size[cluster[c]] : 0.0;
      mean.add_number(std::move(column), x.targets[j]);
      mean.scale.back() = x.scale[j];
    }
    return mean;
  }

  /// Benchmarks with error: the generalised least-squares compromise between the targets (variance
  /// V) and the sample's own totals, whose variance is Σ d² xx', taken as (Σd²/Σd) X'DX; so the
  /// penalty is V Σd/Σd² (Fuller 2002, section 4).
  std::vector<double> penalties(const Auxiliary& x, const std::vector<double>& sd,
                                const CellIndex& index, const Start& start) const {
    if (ridge_ == 0 &&
        std::all_of(margin_cvs_.begin(), margin_cvs_.end(), [](double cv) { return cv == 0; }))
      return {};
    std::vector<double> penalty(x.columns(), 0.0);
    if (ridge_ > 0) {
      Eigen::MatrixXd gram;
      x.gram(start.weight, gram);
      for (std::size_t j = 0; j < x.columns(); ++j)
        penalty[j] = ridge_ * gram(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j));
    }
    if (!margin_cvs_.empty()) {
      double sum = 0, squares = 0;
      for (std::size_t c = 0; c < index.cells; ++c) {
        sum += index.weight[c] * start.scale;
        squares += index.weight_squared[c] * start.scale * start.scale;
      }
      for (std::size_t j = 0; j < x.columns(); ++j) penalty[j] += sd[j] * sd[j] * sum / squares;
    }
    return penalty;
  }

  MarginVariables margins_, reference_margins_;
  MarginVariables all_;  ///< both, in that order
  CalibrationOptions options_;
  Bounds bounds_{};
  double ridge_ = 0;
  std::vector<double> margin_cvs_;
  BenchmarkErrors errors_;
  bool cosmetic_ = false, equal_within_clusters_ = false;
};

}  // namespace

WeightingInfo calibration_info() {
  return {"calibration",
          "weights nearest to the base weights whose totals are the benchmarks' (linear: the GREG "
          "estimator), in several distances, bounded or penalised",
          "Deville & Särndal (1992), JASA 87, 376-382; ridge: Rao & Singh (1997), Beaumont & Bocci "
          "(2008), Metron 66, 5-20; benchmarks with error: Fuller (2002), Survey Methodology 28, "
          "5-23; cosmetic: Brewer (1999), Int. Stat. Rev. 67, 35-47",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<Calibration>(config, schema);
          }};
}

}  // namespace steelyard
