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
  if (!group_weight_.empty()) {
    for (std::size_t g = 0; g < right.size(); ++g)
      right[g] = group_weight_[g] > 0 ? right[g] / group_weight_[g] : 0.0;
    return;
  }
  Eigen::VectorXd v(static_cast<Eigen::Index>(columns_.size()));
  for (std::size_t j = 0; j < columns_.size(); ++j)
    v[static_cast<Eigen::Index>(j)] = right[columns_[j]];
  cholesky_.solveInPlace(v);
  right.assign(right.size(), 0.0);
  for (std::size_t j = 0; j < columns_.size(); ++j)
    right[columns_[j]] = v[static_cast<Eigen::Index>(j)];
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
    steps_.push_back(
        {Projection(weights.stages[s], before.empty() ? d : product(before, d), factor),
         factor,
         before,
         {}});
    if (s > k) later_ = steps_.back().since = product(later_, factor);
    if (s + 1 < weights.stages.size() || k > 0) before = product(before, factor);
    if (s == k) product_ = before;
  }
  first_ = product_.empty() ? factor_of(k) : std::span<const double>(product_);
}

double Residuals::fit(std::span<const double> s, std::vector<double>& fitted) const {
  if (steps_.size() == 1 && steps_[0].before.empty()) return steps_[0].projection.fit(s, fitted);
  // m_c = Σ_{i in c} d_i z_i, z as the stage sees it.
  std::vector<double> m(s.begin(), s.end()), weighted, part;
  fitted.assign(s.size(), 0.0);
  double error = 0;
  for (std::size_t k = steps_.size(); k-- > 0;) {
    const Step& step = steps_[k];
    part.assign(s.size(), 0.0);
    if (!step.projection.none()) {
      weighted = product(step.before, m);
      error += step.projection.fit(weighted, part);
      for (std::size_t c = 0; c < s.size(); ++c)
        fitted[c] += step.since.empty() ? part[c] : step.since[c] * part[c];
    }
    if (k > 0)
      for (std::size_t c = 0; c < s.size(); ++c) m[c] = step.factor[c] * (m[c] - part[c] * d_[c]);
  }
  return error;
}

}  // namespace steelyard
