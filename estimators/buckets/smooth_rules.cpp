#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <optional>

#include "estimators/buckets/piecewise.hpp"
#include "estimators/buckets/rule.hpp"
#include "estimators/buckets/smooth.hpp"

namespace steelyard {
namespace {

/// The part of a cell that lies in a populated or empty bucket.
struct Piece {
  std::size_t bucket, cell;
  double lower, upper;
  double part;  ///< of the cell
};

struct Cells {
  double start, top, width;
  std::size_t n, buckets;
  std::vector<Piece> pieces;  ///< in order
};

Result<Cells> make_cells(const BucketTable& table, SmoothGrid grid) {
  Cells cells{};
  std::size_t m = table.size();
  if (table.open_top() && !detail::has_tail(table)) --m;  // nothing to close
  cells.start = table.edges[0];
  cells.top = std::isinf(table.edges[m]) ? grid.top : table.edges[m];
  const double last = table.edges[m - 1];
  if (!(cells.top > last) || std::isinf(cells.top))
    return detail::infeasible("the grid does not reach beyond the open bucket's lower edge");
  const double count = std::round((cells.top - cells.start) / grid.cell);
  if (!(count >= 2 && count <= 5000))
    return detail::infeasible("the grid has fewer than 2 or more than 5000 cells");
  cells.n = static_cast<std::size_t>(count);
  cells.width = (cells.top - cells.start) / count;
  cells.buckets = m;
  for (std::size_t i = 0, j = 0; i < m; ++i) {
    double at = table.edges[i];
    const double end = i + 1 == m ? cells.top : table.edges[i + 1];
    while (j < cells.n) {
      double edge = cells.start + static_cast<double>(j + 1) * cells.width;
      const bool aligned = std::abs(edge - end) <= 1e-9 * cells.width;
      if (aligned || j + 1 == cells.n) edge = std::fmax(edge, end);
      const double upper = aligned ? end : std::fmin(edge, end);
      cells.pieces.push_back({i, j, at, upper, (upper - at) / cells.width});
      at = upper;
      if (edge <= end || aligned) ++j;
      if (at >= end) break;
    }
  }
  return cells;
}

/// Uniform within pieces of these masses.
std::shared_ptr<const Law> grid_law(const Cells& cells, std::span<const double> mass) {
  std::vector<Segment> list;
  list.reserve(cells.pieces.size());
  for (std::size_t k = 0; k < cells.pieces.size(); ++k)
    if (mass[k] > 0)
      list.push_back(Segment::uniform(cells.pieces[k].lower, cells.pieces[k].upper, mass[k]));
  return std::make_shared<PiecewiseLaw>(std::move(list));
}

/// Gaussian smoothing that keeps the total: columns normalised over the grid.
class Smoother {
 public:
  Smoother(std::size_t n, double bandwidth_cells) : scaled_(n), column_(n, 0.0) {
    // Beyond 9 bandwidths the kernel is below 3e-18 of its top.
    const std::size_t reach =
        std::min(n, static_cast<std::size_t>(std::ceil(9 * bandwidth_cells)) + 1);
    for (std::size_t d = 0; d < reach; ++d) {
      const double z = static_cast<double>(d) / bandwidth_cells;
      kernel_.push_back(std::exp(-0.5 * z * z));
    }
    std::vector<double> ones(n, 1.0);
    convolve(ones, column_);
  }

  void smooth(const std::vector<double>& mass, std::vector<double>& result) {
    for (std::size_t j = 0; j < mass.size(); ++j) scaled_[j] = mass[j] / column_[j];
    convolve(scaled_, result);
  }

 private:
  void convolve(const std::vector<double>& from, std::vector<double>& to) const {
    const std::size_t n = from.size();
    to.assign(n, 0.0);
    for (std::size_t j = 0; j < n; ++j) to[j] = kernel_[0] * from[j];
    for (std::size_t d = 1; d < kernel_.size() && d < n; ++d) {
      const double weight = kernel_[d];
      for (std::size_t j = d; j < n; ++j) to[j] += weight * from[j - d];
      for (std::size_t j = d; j < n; ++j) to[j - d] += weight * from[j];
    }
  }

  std::vector<double> kernel_, scaled_, column_;
};

/// Each bucket's share over its pieces in proportion to the cells' mass.
void spread(const Cells& cells, std::span<const double> share, const std::vector<double>& cell,
            std::vector<double>& piece) {
  piece.resize(cells.pieces.size());
  for (std::size_t k = 0; k < piece.size();) {
    const std::size_t first = k, bucket = cells.pieces[k].bucket;
    double sum = 0;
    for (; k < piece.size() && cells.pieces[k].bucket == bucket; ++k)
      sum += piece[k] = cell[cells.pieces[k].cell] * cells.pieces[k].part;
    const double scale = share[bucket] > 0 ? share[bucket] / sum : 0;
    for (std::size_t i = first; i < k; ++i) piece[i] *= scale;
  }
}

/// The default end of an open bucket, three times its lower edge, as in R's smicd; what it lacks
/// in long tails is a matter of the chosen top, which is reported.
Result<double> default_top(const BucketTable& table) {
  if (!detail::has_tail(table)) return table.edges.back();
  const double lower = table.edges[table.size() - 1];
  if (!(lower > 0))
    return Failure{FailureKind::unsupported, "closing the open bucket needs a lower edge above 0"};
  return 3 * lower;
}

/// Width of one of at least `least` cells, two or more in the narrowest populated bucket, 1000 at
/// most.
double default_cell(const BucketTable& table, double top, double least) {
  const std::size_t m = table.size();
  double end = top, narrowest = top - table.edges[0];
  if (table.open_top() && !detail::has_tail(table)) end = table.edges[m - 1];
  for (std::size_t i = 0; i < m; ++i)
    if (table.weights[i] > 0 && std::isfinite(table.edges[i + 1]))
      narrowest = std::fmin(narrowest, table.edges[i + 1] - table.edges[i]);
  const double range = end - table.edges[0];
  return range / std::clamp(std::ceil(2 * range / narrowest), least, 1000.0);
}

/// Silverman's rule of thumb on the table's law uniform inside buckets.
double default_bandwidth(const BucketTable& table, double top) {
  const double total = table.total();
  std::vector<Segment> list;
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table.weights[i] > 0)
      list.push_back(Segment::uniform(table.edges[i], std::fmin(table.edges[i + 1], top),
                                      table.weights[i] / total));
  const PiecewiseLaw law(std::move(list));
  const double range = (law.quantile(0.75) - law.quantile(0.25)) / 1.34;
  return 0.9 * std::fmin(std::sqrt(law.variance()), range) * std::pow(table.n, -0.2);
}

/// The model's matrices on one grid, and its fits at several lambdas, each from the last.
class CompositeLink {
 public:
  CompositeLink(const BucketTable& table, Cells cells) : cells_(std::move(cells)) {
    const auto n = static_cast<Eigen::Index>(cells_.n);
    const auto m = static_cast<Eigen::Index>(cells_.buckets);
    const double total = table.total();
    count_.resize(m);
    for (Eigen::Index i = 0; i < m; ++i)
      count_[i] = table.n * table.weights[static_cast<std::size_t>(i)] / total;
    part_ = Eigen::MatrixXd::Zero(m, n);
    for (const Piece& piece : cells_.pieces)
      part_(static_cast<Eigen::Index>(piece.bucket), static_cast<Eigen::Index>(piece.cell)) +=
          piece.part;
    penalty_ = Eigen::MatrixXd::Zero(n, n);
    for (Eigen::Index j = 0; j + 2 < n; ++j) {
      const Eigen::Vector3d d(1, -2, 1);
      penalty_.block<3, 3>(j, j) += d * d.transpose();
    }
    log_mean_ = Eigen::VectorXd::Constant(n, std::log(table.n / static_cast<double>(n)));
  }

  /// Scoring steps with halving until the gradient vanishes. False: no convergence.
  bool fit(double lambda) {
    lambda_ = lambda;
    double value = objective(log_mean_);
    for (int i = 0; i < 500; ++i) {
      const Eigen::VectorXd mean = log_mean_.array().exp();
      const Eigen::VectorXd fitted = part_ * mean;
      const Eigen::MatrixXd x = part_ * mean.asDiagonal();
      const Eigen::VectorXd gradient =
          x.transpose() * (count_.array() / fitted.array() - 1).matrix() -
          lambda * (penalty_ * log_mean_);
      Eigen::MatrixXd information = lambda * penalty_;
      information.noalias() += x.transpose() * fitted.cwiseInverse().asDiagonal() * x;
      const Eigen::VectorXd step = Eigen::LLT<Eigen::MatrixXd>(information).solve(gradient);
      if (!step.allFinite()) return false;
      if (step.cwiseAbs().maxCoeff() <= 1e-11) return true;
      double length = 1;
      Eigen::VectorXd next = log_mean_ + step;
      double reached = objective(next);
      // Below rounding of the objective the full step is the better judge.
      const double slack = 1e-13 * std::abs(value);
      while (!(reached >= value - slack) && length > 1e-6) {
        length *= 0.5;
        next = log_mean_ + length * step;
        reached = objective(next);
      }
      if (!(reached >= value - slack)) return false;
      log_mean_ = next;
      value = reached;
    }
    return false;
  }

  double penalised_log_likelihood() const { return objective(log_mean_); }
  Eigen::VectorXd mean() const { return log_mean_.array().exp(); }
  Eigen::VectorXd fitted() const { return part_ * mean(); }

  double deviance() const {
    const Eigen::VectorXd mu = fitted();
    double sum = 0;
    for (Eigen::Index i = 0; i < mu.size(); ++i)
      sum += (count_[i] > 0 ? count_[i] * std::log(count_[i] / mu[i]) : 0) - (count_[i] - mu[i]);
    return 2 * sum;
  }

  /// tr (X'WX + lambda P)^-1 X'WX.
  double effective_dimension() const {
    const Eigen::VectorXd mu = fitted();
    const Eigen::MatrixXd x =
        mu.cwiseSqrt().cwiseInverse().asDiagonal() * part_ * mean().asDiagonal();
    const Eigen::MatrixXd information = x.transpose() * x + lambda_ * penalty_;
    return (x * Eigen::LLT<Eigen::MatrixXd>(information).solve(x.transpose())).trace();
  }

  double bic() const {
    return deviance() + std::log(static_cast<double>(count_.size())) * effective_dimension();
  }

  BucketFit result() const {
    const Eigen::VectorXd gamma = mean(), mu = fitted();
    std::vector<double> mass;
    mass.reserve(cells_.pieces.size());
    for (const Piece& piece : cells_.pieces)
      mass.push_back(gamma[static_cast<Eigen::Index>(piece.cell)] * piece.part / gamma.sum());
    BucketFit fit{grid_law(cells_, mass),
                  {{"par:top", cells_.top},
                   {"par:cell", cells_.width},
                   {"par:lambda", lambda_},
                   {"effective_dimension", effective_dimension()},
                   {"penalised_loglik", penalised_log_likelihood()},
                   {"deviance", deviance()},
                   {"bic", bic()}},
                  {}};
    for (Eigen::Index i = 0; i < mu.size(); ++i)
      fit.found.emplace_back("fitted:" + std::to_string(i + 1), mu[i]);
    return fit;
  }

 private:
  double objective(const Eigen::VectorXd& log_mean) const {
    const Eigen::VectorXd mu = part_ * log_mean.array().exp().matrix();
    double sum = 0;
    for (Eigen::Index i = 0; i < mu.size(); ++i)
      sum += (count_[i] > 0 ? count_[i] * std::log(mu[i]) : 0) - mu[i];
    return sum - 0.5 * lambda_ * log_mean.dot(penalty_ * log_mean);
  }

  Cells cells_;
  double lambda_ = 0;
  Eigen::VectorXd count_, log_mean_;
  Eigen::MatrixXd part_, penalty_;
};

Failure no_link_fit() {
  return {FailureKind::no_convergence, "the composite link model did not converge"};
}

Result<BucketFit> fit_ems(const BucketTable& table) {
  const auto top = default_top(table);
  if (!top) return top.failure();
  return smoothing_em(table, {top.value(), default_cell(table, top.value(), 200)},
                      default_bandwidth(table, top.value()));
}

Result<BucketFit> fit_pclm(const BucketTable& table) {
  const auto top = default_top(table);
  if (!top) return top.failure();
  auto cells = make_cells(table, {top.value(), default_cell(table, top.value(), 100)});
  if (!cells) return cells.failure();
  CompositeLink model(table, std::move(cells.value()));
  bool converged = true;
  const auto criterion = [&](double log10_lambda) {
    converged &= model.fit(std::pow(10, log10_lambda));
    return model.bic();
  };
  std::uintmax_t steps = 30;
  const auto best = boost::math::tools::brent_find_minima(criterion, -1.0, 5.0, 8, steps);
  if (!converged || !model.fit(std::pow(10, best.first))) return no_link_fit();
  return model.result();
}

}  // namespace

Result<BucketFit> smoothing_em(const BucketTable& table, SmoothGrid grid, double bandwidth) {
  const auto made = make_cells(table, grid);
  if (!made) return made.failure();
  const Cells& cells = made.value();
  if (!(bandwidth > 0)) return detail::infeasible("the bandwidth must be above 0");
  const auto share = table.shares();
  Smoother smoother(cells.n, bandwidth / cells.width);
  std::vector<double> cell(cells.n, 1.0 / static_cast<double>(cells.n)), before, piece,
      spread_cells(cells.n);
  for (int step = 1; step <= 20000; ++step) {
    spread(cells, share, cell, piece);
    std::fill(spread_cells.begin(), spread_cells.end(), 0.0);
    for (std::size_t k = 0; k < piece.size(); ++k) spread_cells[cells.pieces[k].cell] += piece[k];
    before.swap(cell);
    smoother.smooth(spread_cells, cell);
    double change = 0, most = 0;
    for (std::size_t j = 0; j < cells.n; ++j) {
      change = std::fmax(change, std::abs(cell[j] - before[j]));
      most = std::fmax(most, cell[j]);
    }
    if (change > 1e-13 * most) continue;
    spread(cells, share, cell, piece);
    return BucketFit{grid_law(cells, piece),
                     {{"par:top", cells.top},
                      {"par:cell", cells.width},
                      {"par:h", bandwidth},
                      {"iterations", step}},
                     {}};
  }
  return Failure{FailureKind::no_convergence, "the smoothing EM still moves after 20000 steps"};
}

Result<BucketFit> composite_link(const BucketTable& table, SmoothGrid grid, double lambda) {
  auto cells = make_cells(table, grid);
  if (!cells) return cells.failure();
  if (!(lambda > 0)) return detail::infeasible("lambda must be above 0");
  CompositeLink model(table, std::move(cells.value()));
  if (!model.fit(lambda)) return no_link_fit();
  return model.result();
}

std::vector<BucketRuleInfo> smooth_rules() {
  return {
      {"ems",
       "smoothing EM on 200 cells or more (two or more a bucket), open bucket closed at 3l, "
       "bandwidth 0.9 min(sd, IQR/1.34) n^-1/5 of the law uniform inside buckets",
       "Silverman, Jones, Wilson & Nychka (1990), JRSS B 52, 271-324; bandwidth: Silverman (1986), "
       "Density Estimation, equation 3.31; top: R package smicd",
       false, &detail::make_rule<&fit_ems>},
      {"pclm",
       "penalised composite link model on 100 cells or more (two or more a bucket), open bucket "
       "closed at 3l, lambda in [0.1, 100000] of the smallest BIC",
       "Rizzi, Gampe & Eilers (2015), Am. J. Epidemiology 182, 138-147; range of lambda: R package "
       "ungroup",
       false, &detail::make_rule<&fit_pclm>},
  };
}

}  // namespace steelyard
