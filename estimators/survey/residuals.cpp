#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

/// a × b by cell; an empty one stands for ones.
std::vector<double> product(std::span<const double> a, std::span<const double> b) {
  std::vector<double> out(b.begin(), b.end());
  for (std::size_t c = 0; c < a.size(); ++c) out[c] *= a[c];
  return out;
}

}  // namespace

LeastSquares::LeastSquares(Auxiliary x, std::span<const double> d, std::span<const double> penalty)
    : x_(std::move(x)) {
  if (x_.blocks.size() == 1 && x_.blocks[0].number.empty() && penalty.empty()) {
    group_weight_.assign(x_.columns(), 0.0);
    x_.transpose_multiply(d, group_weight_);
    return;
  }
  Eigen::MatrixXd gram;
  x_.gram(d, gram);
  for (std::size_t j = 0; j < penalty.size(); ++j)
    gram(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) += penalty[j];
  columns_ = independent_columns(gram);
  Eigen::MatrixXd kept;
  lower_part(gram, columns_, kept);
  cholesky_.compute(kept);
}

void LeastSquares::solve(std::vector<double>& right) const {
  solve(Eigen::Map<Rows>(right.data(), static_cast<Eigen::Index>(right.size()), 1));
}

void LeastSquares::solve(Eigen::Ref<Rows> right) const {
  if (one_margin()) {
    for (Eigen::Index g = 0; g < right.rows(); ++g) {
      const double weight = group_weight_[static_cast<std::size_t>(g)];
      right.row(g) *= weight > 0 ? 1 / weight : 0.0;
    }
    return;
  }
  Eigen::MatrixXd kept = right(columns_, Eigen::all);
  cholesky_.solveInPlace(kept);
  right.setZero();
  right(columns_, Eigen::all) = kept;
}

Projection::Projection(const WeightStage& stage, std::span<const double> d,
                       std::span<const double> g)
    : q_(stage.q), covariance_(stage.target_covariance), g_(g) {
  if (stage.blocks.empty()) return;
  squares_.emplace(calibrated_matrix(stage.blocks, d.size()), q_.empty() ? d : product(q_, d),
                   stage.penalty);
  const std::size_t columns = squares_->x().columns();
  EXPECTS(covariance_.empty() || covariance_.size() == columns * columns);
  if (!stage.model) return;
  EXPECTS(q_.empty() && stage.penalty.empty());
  model_ = &*stage.model;
  d_.assign(d.begin(), d.end());
  std::vector<double> information = product(model_->slope, d);
  for (std::size_t c = 0; c < d.size(); ++c)
    if (!model_->answered[c]) information[c] = 0;
  model_squares_.emplace(calibrated_matrix(model_->terms, d.size()), information,
                         std::span<const double>());
}

double Projection::fit(std::span<const double> s, std::vector<double>& fitted) const {
  const Auxiliary& x = squares_->x();
  std::vector<double> beta(x.columns());
  if (q_.empty())
    x.transpose_multiply(s, beta);
  else
    x.transpose_multiply(product(q_, s), beta);
  squares_->solve(beta);
  fitted.resize(x.cells);
  x.multiply(beta, fitted);
  if (model_ != nullptr) add_model_error(s, beta, fitted);
  double error = 0;
  if (!covariance_.empty())
    for (std::size_t j = 0; j < beta.size(); ++j)
      for (std::size_t k = 0; k < beta.size(); ++k)
        error += beta[j] * covariance_[j * beta.size() + k] * beta[k];
  return error;
}

void Projection::add_model_error(std::span<const double> s, const std::vector<double>& beta,
                                 std::vector<double>& fitted) const {
  const Auxiliary& p = model_squares_->x();
  std::vector<double> left(p.cells), c(p.columns());
  for (std::size_t k = 0; k < p.cells; ++k)
    left[k] = model_->multiplier * model_->slope[k] * (s[k] - d_[k] * fitted[k]);
  p.transpose_multiply(left, c);
  for (std::size_t j = 0; j < c.size(); ++j) c[j] += beta[model_->column] * model_->shift[j];
  model_squares_->solve(c);
  p.multiply(c, left);
  for (std::size_t k = 0; k < p.cells; ++k)
    if (g_[k] != 0) fitted[k] -= model_->residual[k] * left[k] / g_[k];
}

EquationProjection::EquationProjection(const WeightStage& stage, std::size_t cells,
                                       std::span<const double> g)
    : x_(calibrated_matrix(stage.blocks, cells)), equation_(&*stage.equation), g_(g) {
  std::size_t reference_cells = 0;
  for (const std::uint32_t cell : equation_->cell_of)
    reference_cells = std::max<std::size_t>(reference_cells, cell + 1);
  reference_x_ = calibrated_matrix(equation_->blocks, reference_cells);
  const std::size_t p = x_.columns();
  EXPECTS(reference_x_.columns() == p && equation_->jacobian.size() == p * p);
  for (std::size_t j = 0; j < p; ++j)
    if (equation_->jacobian[j * p + j] != 0) columns_.push_back(j);
  const auto k = static_cast<Eigen::Index>(columns_.size());
  Eigen::MatrixXd kept(k, k);
  for (Eigen::Index a = 0; a < k; ++a)
    for (Eigen::Index b = 0; b < k; ++b)
      kept(a, b) = equation_->jacobian[columns_[static_cast<std::size_t>(b)] * p +
                                       columns_[static_cast<std::size_t>(a)]];
  transposed_.compute(kept);
}

void EquationProjection::fit(std::span<const double> s, std::vector<double>& fitted,
                             std::vector<double>& reference) const {
  std::vector<double> right(x_.columns());
  x_.transpose_multiply(product(equation_->slope, s), right);
  Eigen::VectorXd kept(static_cast<Eigen::Index>(columns_.size()));
  for (std::size_t j = 0; j < columns_.size(); ++j)
    kept[static_cast<Eigen::Index>(j)] = right[columns_[j]];
  const Eigen::VectorXd solved = transposed_.solve(kept);
  std::vector<double> b(x_.columns(), 0.0);
  for (std::size_t j = 0; j < columns_.size(); ++j)
    b[columns_[j]] = solved[static_cast<Eigen::Index>(j)];
  fitted.assign(x_.cells, 0.0);
  if (equation_->combination.empty())
    return add_moment(b, equation_->score, equation_->reference_score, fitted, reference);
  std::vector<double> own(b.size());
  for (std::size_t m = 0; m < equation_->combination.size(); ++m) {
    const std::vector<double>& k = equation_->combination[m];
    std::fill(own.begin(), own.end(), 0.0);
    for (std::size_t i = 0; i < b.size(); ++i)
      for (std::size_t j = 0; j < b.size(); ++j) own[j] += b[i] * k[i * b.size() + j];
    if (m == 0)
      add_moment(own, equation_->score, equation_->reference_score, fitted, reference);
    else
      add_moment(own, equation_->others[m - 1].score, equation_->others[m - 1].reference_score,
                 fitted, reference);
  }
}

void EquationProjection::add_moment(std::span<const double> b, std::span<const double> score,
                                    std::span<const double> reference_score,
                                    std::vector<double>& fitted,
                                    std::vector<double>& reference) const {
  std::vector<double> by_cell(x_.cells);
  x_.multiply(b, by_cell);
  for (std::size_t c = 0; c < fitted.size(); ++c)
    if (g_[c] != 0) fitted[c] -= score[c] * by_cell[c] / g_[c];
  by_cell.resize(reference_x_.cells);
  reference_x_.multiply(b, by_cell);
  for (std::size_t j = 0; j < reference.size(); ++j)
    reference[j] -= reference_score[j] * by_cell[equation_->cell_of[j]];
}

namespace {

/// V_B = Σ e² and what its degrees of freedom are.
void add_reference(const SurveyDesign& design, std::span<const double> e, TargetErrors& errors) {
  double variance = 0, fourth = 0;
  for (const double x : e) {
    variance += x * x;
    fourth += x * x * x * x;
  }
  const auto n = static_cast<double>(design.psus());
  const double df = design.df(), square = variance * variance;
  errors.variance += variance;
  errors.reference_spread =
      df > 0 ? std::max(square / df, (fourth - square / n) / 2 * n / df) : square;
}

}  // namespace

double degrees_of_freedom(double sampling, double df, const TargetErrors& targets) {
  const double whole = sampling + targets.variance;
  if (!targets.reference_spread || !(whole > 0)) return df;
  return whole * whole / (sampling * sampling / df + *targets.reference_spread);
}

Residuals::Residuals(const Weights& weights, std::span<const double> d) {
  const auto factor_of = [&](std::size_t s) -> std::span<const double> {
    const std::vector<double>& own = weights.stages[s].factor;
    EXPECTS(!own.empty() || weights.stages.size() == 1);
    return own.empty() ? weights.factor : own;
  };
  std::size_t k = 0;
  std::vector<double> before;  // product of the factors before stage s
  for (; k < weights.stages.size() && weights.stages[k].blocks.empty(); ++k)
    before = product(before, factor_of(k));
  if (k == weights.stages.size()) return;
  if (k + 1 < weights.stages.size()) d_.assign(d.begin(), d.end());
  for (std::size_t s = k; s < weights.stages.size(); ++s) {
    const std::span<const double> factor = factor_of(s);
    const WeightStage& stage = weights.stages[s];
    const WeightStage none;
    steps_.push_back(
        {Projection(stage.equation ? none : stage, before.empty() ? d : product(before, d), factor),
         {},
         factor,
         before,
         {}});
    if (stage.equation) {
      EXPECTS(weights.reference != nullptr);
      steps_.back().equation.emplace(stage, d.size(), factor);
      reference_ = weights.reference;
    }
    if (s > k) later_ = steps_.back().since = product(later_, factor);
    if (s + 1 < weights.stages.size() || k > 0) before = product(before, factor);
    if (s == k) product_ = before;
  }
  if (reference_) reference_design_ = design_of(*reference_);
  first_ = product_.empty() ? factor_of(k) : std::span<const double>(product_);
}

const Projection* Residuals::only() const {
  const bool alone = steps_.size() == 1 && steps_[0].before.empty() && !reference_;
  return alone && steps_[0].projection.plain() ? &steps_[0].projection : nullptr;
}

TargetErrors Residuals::fit(std::span<const double> s, std::vector<double>& fitted,
                            std::span<const double> beside) const {
  if (steps_.size() == 1 && steps_[0].before.empty() && !reference_)
    return {steps_[0].projection.fit(s, fitted), std::nullopt};
  std::vector<double> reference(beside.begin(), beside.end());
  if (reference_ && beside.empty()) reference.assign(reference_->sample.n, 0.0);
  // m_c = Σ_{i in c} d_i z_i, z as the stage sees it.
  std::vector<double> m(s.begin(), s.end()), weighted, part;
  fitted.assign(s.size(), 0.0);
  TargetErrors errors;
  for (std::size_t k = steps_.size(); k-- > 0;) {
    const Step& step = steps_[k];
    part.assign(s.size(), 0.0);
    if (!step.projection.none() || step.equation) {
      weighted = product(step.before, m);
      if (step.equation)
        step.equation->fit(weighted, part, reference);
      else
        errors.variance += step.projection.fit(weighted, part);
      for (std::size_t c = 0; c < s.size(); ++c)
        fitted[c] += step.since.empty() ? part[c] : step.since[c] * part[c];
    }
    if (k > 0)
      for (std::size_t c = 0; c < s.size(); ++c) m[c] = step.factor[c] * (m[c] - part[c] * d_[c]);
  }
  if (reference_) {
    const std::vector<double>& design_weights = reference_->sample.base_weights;
    for (std::size_t j = 0; j < reference.size(); ++j) reference[j] *= design_weights[j];
    const auto e = reference_design_->deviations(reference);
    EXPECTS(e.ok());
    add_reference(reference_design_->drawn(), e.value(), errors);
  }
  return errors;
}

}  // namespace steelyard
