#include "estimators/bias_indices/proxy.hpp"

#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

constexpr double kRoot2 = boost::math::constants::root_two<double>();

/// log Φ's derivative φ/Φ at z, and minus its own derivative.
struct Hazard {
  double value = 0, slope = 0;
};
Hazard hazard(double z) {
  const double density =
      std::exp(-z * z / 2) * boost::math::constants::one_div_root_two_pi<double>();
  const double tail = std::erfc(-z / kRoot2) / 2;
  const double h = tail > 0 ? density / tail : -z;  // φ/Φ ~ -z in the far tail
  return {h, h * (h + z)};
}

}  // namespace

void add_scaled(Linearized& to, const Linearized& from, double factor) {
  const auto add = [factor](std::vector<double>& sum, const std::vector<double>& part) {
    if (sum.size() < part.size()) sum.resize(part.size(), 0.0);
    for (std::size_t i = 0; i < part.size(); ++i) sum[i] += factor * part[i];
  };
  add(to.a, from.a);
  add(to.b, from.b);
}

LinearizedVariance::LinearizedVariance(const ProxyData& data) {
  if (data.samples != nullptr) reference_ = design_of(*data.samples->reference);
}

double LinearizedVariance::operator()(const Linearized& x) const {
  const auto n = static_cast<double>(x.a.size());
  const double mean = total(x.a) / n;
  Sum squares;
  for (const double a : x.a) squares.add((a - mean) * (a - mean));
  double v = n / (n - 1) * squares.value();
  if (x.b.empty()) return v;
  const auto design = reference_->variance(x.b);
  EXPECTS(design.ok());
  return v + design.value();
}

ProxyFit::ProxyFit(const ProxyData& data) : data_(&data), cell_share_(data.x->cells, 0.0) {
  const double everybody = total(data.weight);
  for (std::size_t i = 0; i < data.y.size(); ++i) {
    share_.push_back(data.weight[i] / everybody);
    cell_share_[data.cell_of[i]] += share_.back();
  }
  proxy_.beta.assign(data.x->columns(), 0.0);
  proxy_.of_cell.resize(data.x->cells);
  residual_.resize(data.y.size());
}

Result<ProxyFit> ProxyFit::linear(const ProxyData& data) {
  ProxyFit fit(data);
  if (auto failed = fit.solve_linear()) return *failed;
  fit.describe();
  return fit;
}

Result<ProxyFit> ProxyFit::probit(const ProxyData& data) {
  ProxyFit fit(data);
  if (auto failed = fit.solve_probit()) return *failed;
  fit.describe();
  return fit;
}

std::optional<Failure> ProxyFit::solve_linear() {
  const Auxiliary& x = *data_->x;
  Eigen::MatrixXd gram, kept;
  x.gram(cell_share_, gram);
  columns_ = independent_columns(gram);
  lower_part(gram, columns_, kept);
  information_.compute(kept.selfadjointView<Eigen::Lower>());
  if (information_.info() != Eigen::Success)
    return Failure{FailureKind::singular_matrix, "the covariates depend linearly on each other"};
  std::vector<double> sum(x.cells, 0.0), right(x.columns());
  for (std::size_t i = 0; i < residual_.size(); ++i)
    sum[data_->cell_of[i]] += share_[i] * data_->y[i];
  x.transpose_multiply(sum, right);
  Eigen::VectorXd r(static_cast<Eigen::Index>(columns_.size()));
  for (std::size_t k = 0; k < columns_.size(); ++k)
    r[static_cast<Eigen::Index>(k)] = right[columns_[k]];
  const Eigen::VectorXd solved = information_.solve(r);
  for (std::size_t k = 0; k < columns_.size(); ++k)
    proxy_.beta[columns_[k]] = solved[static_cast<Eigen::Index>(k)];
  x.multiply(proxy_.beta, proxy_.of_cell);
  for (std::size_t i = 0; i < residual_.size(); ++i)
    residual_[i] = share_[i] * (data_->y[i] - proxy_.of_cell[data_->cell_of[i]]);
  return std::nullopt;
}

std::optional<Failure> ProxyFit::solve_probit() {
  constexpr int kMaxIterations = 50;
  const Auxiliary& x = *data_->x;
  Eigen::MatrixXd gram, kept;
  x.gram(cell_share_, gram);
  columns_ = independent_columns(gram);
  std::vector<double> yes(x.cells, 0.0), score(x.cells), weight(x.cells), right(x.columns());
  for (std::size_t i = 0; i < residual_.size(); ++i)
    yes[data_->cell_of[i]] += share_[i] * data_->y[i];
  const double mean = total(yes);
  if (!(mean > 0 && mean < 1))
    return Failure{FailureKind::unsupported, "all respondents give the same answer"};
  proxy_.beta[0] = -kRoot2 * boost::math::erfc_inv(2 * mean);
  bool settled = false;
  for (int iteration = 0; iteration < kMaxIterations && !settled; ++iteration) {
    x.multiply(proxy_.beta, proxy_.of_cell);
    for (std::size_t c = 0; c < x.cells; ++c) {
      const Hazard one = hazard(proxy_.of_cell[c]), zero = hazard(-proxy_.of_cell[c]);
      const double no = cell_share_[c] - yes[c];
      score[c] = yes[c] * one.value - no * zero.value;
      weight[c] = yes[c] * one.slope + no * zero.slope;
    }
    x.gram(weight, gram);
    lower_part(gram, columns_, kept);
    information_.compute(kept.selfadjointView<Eigen::Lower>());
    x.transpose_multiply(score, right);
    Eigen::VectorXd r(static_cast<Eigen::Index>(columns_.size()));
    for (std::size_t k = 0; k < columns_.size(); ++k)
      r[static_cast<Eigen::Index>(k)] = right[columns_[k]];
    const Eigen::VectorXd step = information_.solve(r);
    if (information_.info() != Eigen::Success || !step.allFinite()) break;
    for (std::size_t k = 0; k < columns_.size(); ++k)
      proxy_.beta[columns_[k]] += step[static_cast<Eigen::Index>(k)];
    settled = r.dot(step) < 1e-20;
  }
  if (!settled)
    return Failure{FailureKind::no_convergence,
                   "the covariates separate the answers, or nearly so: leave some out"};
  for (std::size_t i = 0; i < residual_.size(); ++i) {
    const double eta = proxy_.of_cell[data_->cell_of[i]];
    residual_[i] =
        share_[i] * (data_->y[i] * hazard(eta).value - (1 - data_->y[i]) * hazard(-eta).value);
  }
  return std::nullopt;
}

void ProxyFit::add_beta(Linearized& to, std::span<const double> derivative, double factor) const {
  Eigen::VectorXd r(static_cast<Eigen::Index>(columns_.size()));
  for (std::size_t k = 0; k < columns_.size(); ++k)
    r[static_cast<Eigen::Index>(k)] = derivative[columns_[k]];
  const Eigen::VectorXd solved = information_.solve(r);
  std::vector<double> direction(data_->x->columns(), 0.0), cell(data_->x->cells);
  for (std::size_t k = 0; k < columns_.size(); ++k)
    direction[columns_[k]] = solved[static_cast<Eigen::Index>(k)];
  data_->x->multiply(direction, cell);
  to.a.resize(residual_.size(), 0.0);
  for (std::size_t i = 0; i < residual_.size(); ++i)
    to.a[i] += factor * residual_[i] * cell[data_->cell_of[i]];
}

void ProxyFit::describe() {
  const Auxiliary& x = *data_->x;
  const std::size_t p = x.columns(), n = residual_.size();
  std::vector<double> derivative(p), by_cell(x.cells);
  Proxy& out = proxy_;
  for (std::size_t i = 0; i < n; ++i) {
    out.mean_y.value += share_[i] * data_->y[i];
    out.mean.value += share_[i] * out.of_cell[data_->cell_of[i]];
  }
  out.mean_y.a.resize(n);
  out.var_y.a.resize(n);
  out.mean.a.resize(n);
  out.var.a.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double y = data_->y[i] - out.mean_y.value;
    const double z = out.of_cell[data_->cell_of[i]] - out.mean.value;
    out.mean_y.a[i] = share_[i] * y;
    out.var_y.a[i] = share_[i] * y * y;
    out.mean.a[i] = share_[i] * z;
    out.var.a[i] = share_[i] * z * z;
    out.var_y.value += out.var_y.a[i];
    out.var.value += out.var.a[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    out.var_y.a[i] -= share_[i] * out.var_y.value;
    out.var.a[i] -= share_[i] * out.var.value;
  }
  x.transpose_multiply(cell_share_, derivative);
  add_beta(out.mean, derivative);
  for (std::size_t c = 0; c < x.cells; ++c)
    by_cell[c] = 2 * cell_share_[c] * (out.of_cell[c] - out.mean.value);
  x.transpose_multiply(by_cell, derivative);
  add_beta(out.var, derivative);

  if (data_->samples == nullptr) {
    for (std::size_t j = 0; j < p; ++j) out.population_mean.value += data_->means[j] * out.beta[j];
    add_beta(out.population_mean, data_->means);
    return;
  }
  const Auxiliary& b = data_->samples->b;
  const CellIndex& index = data_->samples->reference_index;
  const std::vector<double>& d = data_->samples->reference->sample.base_weights;
  const double size = total(index.weight);
  out.reference.resize(b.cells);
  b.multiply(out.beta, out.reference);
  for (std::size_t c = 0; c < b.cells; ++c)
    out.population_mean.value += index.weight[c] / size * out.reference[c];
  for (std::size_t c = 0; c < b.cells; ++c) {
    const double z = out.reference[c] - out.population_mean.value;
    out.population_var.value += index.weight[c] / size * z * z;
  }
  for (std::size_t j = 0; j < d.size(); ++j) {
    const double z = out.reference[index.cell_of[j]] - out.population_mean.value;
    out.population_mean.b.push_back(d[j] / size * z);
    out.population_var.b.push_back(d[j] / size * (z * z - out.population_var.value));
  }
  by_cell.resize(b.cells);
  for (std::size_t c = 0; c < b.cells; ++c) by_cell[c] = index.weight[c] / size;
  b.transpose_multiply(by_cell, derivative);
  add_beta(out.population_mean, derivative);
  for (std::size_t c = 0; c < b.cells; ++c)
    by_cell[c] = 2 * index.weight[c] / size * (out.reference[c] - out.population_mean.value);
  b.transpose_multiply(by_cell, derivative);
  add_beta(out.population_var, derivative);
}

}  // namespace steelyard
