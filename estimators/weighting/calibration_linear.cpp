#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/weighting/margins.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// g = 1 + x'λ with X'D g = totals, x the indicators of the margins' groups. Without base weights,
/// everybody starts from population / n. Cost O(cells × margins² + p³).
class CalibrationLinear final : public Weighting {
 public:
  CalibrationLinear(ConfigReader& config, const Schema& schema)
      : margins_(read_margins(config, "margins", schema,
                              "variables, or lists of variables to be crossed")),
        tolerance_(config.real("tolerance",
                               {.min = 1e-15,
                                .max = 0.1,
                                .fallback = 1e-8,
                                .help = "largest margin error, relative to the population"})) {}

  std::vector<VariableId> variables() const override { return variables_of(margins_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return margins_; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = make_margins(margins_, index, benchmarks);
    if (!made) return made.failure();
    std::vector<Margin>& margins = made.value();
    Weights weights;
    const double scale = index.unit_weights ? total(margins[0].totals) / total(index.weight) : 1.0;
    weights.factor.assign(index.cells, scale);
    std::vector<Eigen::Index> offset{0};
    for (const Margin& margin : margins)
      offset.push_back(offset.back() + static_cast<Eigen::Index>(margin.groups.groups));
    const auto column = [&](std::size_t m, std::size_t c) {
      return offset[m] + static_cast<Eigen::Index>(margins[m].groups.group_of[c]);
    };
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(offset.back(), offset.back());
    for (std::size_t c = 0; c < index.cells; ++c)
      for (std::size_t a = 0; a < margins.size(); ++a)
        for (std::size_t b = 0; b < margins.size(); ++b)
          normal(column(a, c), column(b, c)) += scale * index.weight[c];
    Eigen::VectorXd gap(offset.back());
    for (std::size_t m = 0; m < margins.size(); ++m) {
      const auto present = group_totals(index, margins[m].groups, weights.factor);
      for (std::size_t g = 0; g < present.size(); ++g)
        gap[offset[m] + static_cast<Eigen::Index>(g)] = margins[m].totals[g] - present[g];
    }
    // Indicators of several margins are dependent; the minimum-norm solution gives the same
    // weights.
    const Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver(normal);
    Eigen::VectorXd lambda = solver.solve(gap);
    lambda += solver.solve(gap - normal * lambda);  // one refinement
    std::size_t negative = 0;
    for (std::size_t c = 0; c < index.cells; ++c) {
      double g = 1;
      for (std::size_t m = 0; m < margins.size(); ++m) g += lambda[column(m, c)];
      weights.factor[c] = scale * g;
      negative += g < 0;
    }
    weights.iterations = 1;
    weights.largest_margin_error = largest_error(index, margins, weights.factor);
    if (!(weights.largest_margin_error <= tolerance_))
      return Failure{
          FailureKind::singular_matrix,
          fmt::format(
              "the sample's cells cannot carry these margins: {:.2g} of the population is left",
              weights.largest_margin_error)};
    if (negative > 0)
      weights.notes.push_back(
          fmt::format("{} of {} cells have a negative weight", negative, index.cells));
    for (Margin& margin : margins) weights.calibrated_on.push_back(std::move(margin.groups));
    return weights;
  }

 private:
  MarginVariables margins_;
  double tolerance_;
};

}  // namespace

WeightingInfo calibration_linear_info() {
  return {"calibration_linear",
          "linear (chi-square distance) calibration to margins: the weights of the GREG estimator",
          "Deville & Särndal (1992), JASA 87, 376-382, equation 2.3",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<CalibrationLinear>(config, schema);
          }};
}

}  // namespace steelyard
