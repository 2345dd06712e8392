#include "estimators/weighting/outcome_weights.hpp"

#include <Eigen/Dense>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/weighting/stages.hpp"

namespace steelyard {
namespace {

ReferenceEquation equation_on(const TwoSamples& samples, double reference_score) {
  ReferenceEquation equation;
  equation.blocks = samples.blocks_b();
  equation.cell_of = samples.reference_index.cell_of;
  equation.reference_score.assign(equation.cell_of.size(), reference_score);
  return equation;
}

/// -dU/dθ of least squares: -Σ a x x'.
void set_jacobian(ReferenceEquation& equation, const Eigen::MatrixXd& gram,
                  std::span<const std::size_t> columns) {
  const auto p = static_cast<std::size_t>(gram.rows());
  equation.jacobian.assign(p * p, 0.0);
  for (const std::size_t a : columns)
    for (const std::size_t b : columns)
      equation.jacobian[a * p + b] = -gram(static_cast<Eigen::Index>(std::max(a, b)),
                                           static_cast<Eigen::Index>(std::min(a, b)));
}

/// Weights before the stage, by cell.
std::vector<double> present_weights(const Weights& weights, const CellIndex& index) {
  std::vector<double> w = index.weight;
  if (!weights.factor.empty())
    for (std::size_t c = 0; c < w.size(); ++c) w[c] *= weights.factor[c];
  return w;
}

void add_stage(Weights& weights, std::vector<double> factor, WeightStage stage,
               const TwoSamples& samples) {
  Weights next;
  next.factor = std::move(factor);
  if (stage.factor.empty()) stage.factor = next.factor;
  next.stages.push_back(std::move(stage));
  next.reference = samples.reference;
  if (weights.factor.empty())
    weights = std::move(next);
  else
    compose(weights, std::move(next));
}

}  // namespace

Result<Weights> add_linear_outcome(Weights weights, const TwoSamples& samples,
                                   const CellIndex& index, std::span<const double> q,
                                   StageResiduals residuals, double reference_scale) {
  const bool first = weights.factor.empty();
  const std::vector<double> before = present_weights(weights, index);
  const std::size_t p = samples.columns(), cells = samples.a.cells;
  std::vector<double> regression(cells), present(p), missing(p);
  for (std::size_t c = 0; c < cells; ++c) regression[c] = before[c] * q[c];
  Eigen::MatrixXd gram;
  samples.a.gram(regression, gram);
  const std::vector<std::size_t> columns = independent_columns(gram);
  samples.b.transpose_multiply(samples.reference_index.weight, missing);
  if (!first) {
    samples.a.transpose_multiply(before, present);
    for (std::size_t j = 0; j < p; ++j) missing[j] -= present[j];
  }
  Eigen::MatrixXd kept;
  lower_part(gram, columns, kept);
  Eigen::VectorXd right(kept.rows());
  for (std::size_t j = 0; j < columns.size(); ++j)
    right[static_cast<Eigen::Index>(j)] = missing[columns[j]];
  const Eigen::LLT<Eigen::MatrixXd> cholesky(kept);
  if (cholesky.info() != Eigen::Success)
    return Failure{FailureKind::singular_matrix,
                   "the covariates of the outcome model depend linearly on each other"};
  const Eigen::VectorXd solved = cholesky.solve(right);
  std::vector<double> lambda(p, 0.0), eta(cells);
  for (std::size_t j = 0; j < columns.size(); ++j)
    lambda[columns[j]] = solved[static_cast<Eigen::Index>(j)];
  samples.a.multiply(lambda, eta);
  ReferenceEquation equation = equation_on(samples, reference_scale);
  equation.slope.assign(q.begin(), q.end());
  set_jacobian(equation, gram, columns);
  std::vector<double> factor(cells);
  for (std::size_t c = 0; c < cells; ++c) factor[c] = (first ? 0.0 : 1.0) + q[c] * eta[c];
  WeightStage stage;
  stage.blocks = samples.blocks_a();
  if (residuals == StageResiduals::weighted_before) {
    stage.factor.assign(cells, 1.0);
    equation.score.assign(cells, 1.0);
  } else {
    equation.score = factor;
  }
  stage.equation = std::move(equation);
  add_stage(weights, std::move(factor), std::move(stage), samples);
  return weights;
}

WeightStage covariate_stage(const TwoSamples& samples, std::span<const double> g) {
  WeightStage stage;
  ReferenceEquation equation = equation_on(samples, 1);
  std::vector<double> size;
  for (std::size_t c = 0; c < g.size(); ++c) {
    equation.slope.push_back(std::abs(g[c]));
    size.push_back(samples.weight_a[c] * std::abs(g[c]));
  }
  equation.score.assign(g.begin(), g.end());
  Eigen::MatrixXd gram;
  samples.a.gram(size, gram);
  set_jacobian(equation, gram, independent_columns(gram));
  stage.blocks = samples.blocks_a();
  stage.equation = std::move(equation);
  return stage;
}

Weights add_reference_size(Weights weights, const TwoSamples& samples, const CellIndex& index,
                           double& scale) {
  const std::vector<double> before = present_weights(weights, index);
  const double present = total(before);
  scale = total(samples.reference_index.weight) / present;
  ReferenceEquation equation = equation_on(samples, scale);
  equation.blocks.resize(1);  // the column of ones
  equation.slope.assign(samples.a.cells, 1.0);
  equation.score.assign(samples.a.cells, scale);
  equation.jacobian = {-present};
  WeightStage stage;
  stage.blocks = samples.blocks_a();
  stage.blocks.resize(1);
  stage.equation = std::move(equation);
  add_stage(weights, std::vector<double>(samples.a.cells, scale), std::move(stage), samples);
  return weights;
}

}  // namespace steelyard
