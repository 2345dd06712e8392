#include "estimators/survey/reference_design.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

SurveyDesign drawn_design(const ReferenceSample& reference) {
  DesignColumns columns;
  columns.n = reference.sample.n;
  columns.strata = reference.stratum;
  if (!reference.unit.empty()) columns.clusters = {reference.unit};
  columns.lonely = LonelyPsu::adjust;
  if (!reference.unit_prob.empty()) {
    columns.pps = PpsColumns{.method = PpsMethod::brewer, .probability = reference.unit_prob};
    if (!reference.within_share.empty()) {
      EXPECTS(!reference.unit.empty());
      columns.clusters.emplace_back(columns.n);
      std::iota(columns.clusters.back().begin(), columns.clusters.back().end(), 0u);
      columns.fpc = {{}, reference.within_share};
    }
  }
  auto made = SurveyDesign::make(columns);
  EXPECTS(made.ok());
  return std::move(made.value());
}

MarginVariables margins_of(const ReferenceSample& reference) {
  MarginVariables out;
  for (const MarginTotals& margin : reference.calibrated_to) out.push_back(margin.variables);
  return out;
}

/// Σ of a column by cell.
std::vector<double> by_cell(std::span<const std::uint32_t> cell_of, std::span<const double> u,
                            std::size_t cells) {
  std::vector<double> out(cells, 0.0);
  for (std::size_t j = 0; j < u.size(); ++j) out[cell_of[j]] += u[j];
  return out;
}

Result<Auxiliary> margin_matrix(const ReferenceSample& reference, const CellIndex& index) {
  Benchmarks benchmarks(*reference.sample.schema);
  for (const MarginTotals& margin : reference.calibrated_to) benchmarks.add(margin);
  return make_auxiliary(margins_of(reference), index, benchmarks);
}

}  // namespace

ReferenceDesign::ReferenceDesign(const ReferenceSample& reference)
    : design_(drawn_design(reference)) {
  if (reference.calibrated_to.empty()) return;
  CellIndex index = make_cell_index(reference.sample, variables_of(margins_of(reference)));
  auto x = margin_matrix(reference, index);
  EXPECTS(x.ok());
  squares_ = std::make_shared<const LeastSquares>(std::move(x.value()), index.weight,
                                                  std::span<const double>());
  cell_of_ = std::move(index.cell_of);
  weights_ = reference.sample.base_weights;
}

std::vector<double> ReferenceDesign::residuals(std::span<const double> u) const {
  const Auxiliary& x = squares_->x();
  std::vector<double> beta(x.columns()), fitted(x.cells);
  x.transpose_multiply(by_cell(cell_of_, u, x.cells), beta);
  squares_->solve(beta);
  x.multiply(beta, fitted);
  std::vector<double> out(u.begin(), u.end());
  for (std::size_t j = 0; j < out.size(); ++j) out[j] -= weights_[j] * fitted[cell_of_[j]];
  return out;
}

Result<double> ReferenceDesign::variance(std::span<const double> u) const {
  return squares_ ? design_.variance(residuals(u)) : design_.variance(u);
}

Result<std::vector<double>> ReferenceDesign::deviations(std::span<const double> u) const {
  if (squares_) return deviations_of_draw(residuals(u));
  return deviations_of_draw(u);
}

Result<std::vector<double>> ReferenceDesign::deviations_of_draw(std::span<const double> u) const {
  if (!design_.pps()) return design_.deviations(u);
  const std::span<const double> pi = design_.pps()->probability();
  const std::vector<double> totals = design_.psu_totals(u);
  std::vector<double> out(totals.size(), 0.0), n(design_.strata(), 0.0), mean(design_.strata(), 0.0);
  const std::vector<std::uint32_t>& stratum = design_.stages()[0].parent_of_unit;
  double grand = 0, units = 0;
  for (std::size_t k = 0; k < totals.size(); ++k) {
    if (pi[k] >= 1) continue;  // certain: no part of the draw
    n[stratum[k]] += 1;
    mean[stratum[k]] += totals[k];
    grand += totals[k];
    units += 1;
  }
  for (std::size_t k = 0; k < totals.size(); ++k) {
    if (pi[k] >= 1) continue;
    const double m = n[stratum[k]];
    out[k] = m > 1 ? std::sqrt((1 - pi[k]) * m / (m - 1)) * (totals[k] - mean[stratum[k]] / m)
                   : std::sqrt(1 - pi[k]) * (totals[k] - grand / units);
  }
  if (design_.stages().size() < 2) return out;
  // Rows within their units: π_i times the variance of a simple random draw.
  const DesignStage& rows = design_.stages()[1];
  std::vector<double> within(rows.parents, 0.0);
  for (std::size_t j = 0; j < u.size(); ++j) within[design_.psu(j)] += u[j];
  for (std::size_t j = 0; j < u.size(); ++j) {
    const std::uint32_t k = design_.psu(j);
    const double m = rows.units_in_parent[k], open = pi[k] * (1 - rows.fraction[k]);
    out.push_back(m > 1 ? std::sqrt(std::max(0.0, open) * m / (m - 1)) * (u[j] - within[k] / m)
                        : std::sqrt(std::max(0.0, open)) * u[j]);
  }
  return out;
}

ReferenceDesign design_of(const ReferenceSample& reference) { return ReferenceDesign(reference); }

std::optional<Failure> calibrate_reference(ReferenceSample& reference) {
  EXPECTS(reference.design_weights.size() == reference.sample.n);
  const auto wrong = [](const Failure& failure) {
    return Failure{failure.kind, "the reference sample cannot be calibrated: " + failure.detail};
  };
  std::vector<double>& w = reference.sample.base_weights;
  w = reference.design_weights;
  const CellIndex index = make_cell_index(reference.sample, variables_of(margins_of(reference)));
  auto made = margin_matrix(reference, index);
  if (!made) return wrong(made.failure());
  const LeastSquares squares(std::move(made.value()), index.weight, {});
  const Auxiliary& x = squares.x();
  std::vector<double> lambda(x.columns()), g(x.cells);
  x.transpose_multiply(index.weight, lambda);
  for (std::size_t k = 0; k < lambda.size(); ++k) lambda[k] = x.targets[k] - lambda[k];
  squares.solve(lambda);
  x.multiply(lambda, g);
  for (double& factor : g) factor += 1;
  for (std::size_t c = 0; c < x.cells; ++c)
    if (!(g[c] > 0))
      return wrong(
          {FailureKind::infeasible,
           fmt::format("a weight of linear calibration would be {:.3g} times the design's", g[c])});
  if (const MarginError error = largest_error(x, index.weight, g); !(error.error < 1e-8))
    return wrong(
        {FailureKind::infeasible,
         fmt::format("the total of {} cannot be met beside the others", x.describe(error.column))});
  for (std::size_t j = 0; j < w.size(); ++j) w[j] *= g[index.cell_of[j]];
  return std::nullopt;
}

}  // namespace steelyard
