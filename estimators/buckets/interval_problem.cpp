#include "estimators/buckets/interval_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "estimators/buckets/censored_normal.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard::detail {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kSteps = 200;
constexpr double kGain = 1e-16;  ///< of log-likelihood a person that the last step may promise
/// Share of what exact answers would tell of a parameter, below which the data are silent on it.
constexpr double kSilent = 1e-7;
/// A spread below this share of the distance between two boundaries is on its way to zero: all that
/// the likelihood sees is on which side of a boundary a mean is. One above the inverse, in spans of
/// all boundaries, goes to infinity: nobody is between them.
constexpr double kRunaway = 1e-3;

/// Log-likelihood of one row and its derivatives by x'β and ln σ.
struct RowTerms {
  double value = 0, d_mean = 0, d_scale = 0, mean_mean = 0, mean_scale = 0, scale_scale = 0;
};

RowTerms row_terms(double lower, double upper, double mean, double sigma) {
  const double a = (lower - mean) / sigma, b = (upper - mean) / sigma;
  const CensoredNormal in = censored_normal(a, b);
  const auto moment = [&](int power) {
    double at_a = in.at_lower, at_b = in.at_upper;
    for (int k = 0; k < power; ++k) {
      at_a = edge_term(a, at_a);
      at_b = edge_term(b, at_b);
    }
    return at_a - at_b;
  };
  const double m0 = moment(0), m1 = moment(1), m2 = moment(2), m3 = moment(3);
  return {in.log_prob,
          m0 / sigma,
          m1,
          (m1 - m0 * m0) / (sigma * sigma),
          (m2 - m0 * m1 - m0) / sigma,
          m3 - m1 - m1 * m1};
}

/// The parameter that the data are most silent on, if on any: by the combinations of parameters
/// whose information is next to nothing of what exact answers would give. A spread goes first: with
/// it goes what is known of the means.
std::optional<Index> silent_parameter(const MatrixXd& information, const MatrixXd& complete,
                                      Index means) {
  const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> eigen(information, complete);
  VectorXd weight = VectorXd::Zero(information.rows());
  for (Index j = 0; j < weight.size() && eigen.eigenvalues()[j] <= kSilent; ++j)
    weight += eigen.eigenvectors().col(j).cwiseAbs2().cwiseProduct(complete.diagonal());
  if (weight.isZero(0)) return std::nullopt;
  Index at = 0;
  const double most = weight.tail(weight.size() - means).maxCoeff(&at);
  if (most > 0.1) return means + at;
  weight.head(means).maxCoeff(&at);
  return at;
}

/// Newton step; where the information is not positive definite, towards steepest ascent.
VectorXd newton_step(const MatrixXd& information, const VectorXd& gradient) {
  MatrixXd matrix = information;
  const VectorXd diagonal = information.diagonal().cwiseAbs().cwiseMax(1e-12);
  for (double damping = 0;; damping = std::max(1e-4, 10 * damping)) {
    matrix.diagonal() = information.diagonal() + damping * diagonal;
    const Eigen::LLT<MatrixXd> cholesky(matrix);
    if (cholesky.info() == Eigen::Success) return cholesky.solve(gradient);
  }
}

}  // namespace

IntervalProblem::IntervalProblem(const IntervalModel& model, std::span<const double> w)
    : model_(model) {
  for (std::size_t i = 0; i < model.n(); ++i)
    if (w[i] > 0 && model.uses(i)) rows_.push_back(i);
  const auto n = static_cast<Index>(rows_.size());
  x_.resize(n, static_cast<Index>(model.columns));
  z_ = RowMatrix::Ones(n, static_cast<Index>(model.scale_columns));
  w_.resize(n);
  lower_.resize(n);
  upper_.resize(n);
  for (Index r = 0; r < n; ++r) {
    const std::size_t i = rows_[static_cast<std::size_t>(r)];
    for (Index j = 0; j < x_.cols(); ++j)
      x_(r, j) = model.x[i * model.columns + static_cast<std::size_t>(j)];
    if (!model.z.empty())
      for (Index j = 0; j < z_.cols(); ++j)
        z_(r, j) = model.z[i * model.scale_columns + static_cast<std::size_t>(j)];
    w_[r] = w[i];
    lower_[r] = model.lower_edge(i);
    upper_[r] = model.upper_edge(i);
  }
  if (n > 0) w_ *= static_cast<double>(n) / w_.sum();
  std::set<double> edges;
  for (const VectorXd* side : {&lower_, &upper_})
    for (const double edge : *side)
      if (std::isfinite(edge)) edges.insert(edge);
  boundaries_ = edges.size();
  if (boundaries_ > 0) span_ = *edges.rbegin() - *edges.begin();
  for (auto at = edges.begin(); at != edges.end() && std::next(at) != edges.end(); ++at)
    narrowest_ = std::min(narrowest_, *std::next(at) - *at);
}

/// Information if the answers were exact.
MatrixXd IntervalProblem::complete(const VectorXd& theta) const {
  const VectorXd weight = w_.array() * (-2 * (z_ * theta.tail(k() - p())).array()).exp();
  MatrixXd out = MatrixXd::Zero(k(), k());
  out.topLeftCorner(p(), p()) = x_.transpose() * weight.asDiagonal() * x_;
  out.bottomRightCorner(k() - p(), k() - p()) = 2 * z_.transpose() * w_.asDiagonal() * z_;
  return out;
}

std::string IntervalProblem::name(Index j) const {
  const auto at = static_cast<std::size_t>(j);
  if (!model_.names.empty()) return '"' + model_.names[at] + '"';
  return j < p() ? fmt::format("of column {}", j + 1)
                 : fmt::format("of scale column {}", j - p() + 1);
}

double IntervalProblem::derivatives(const VectorXd& theta, RowMatrix& scores,
                                    MatrixXd& information) const {
  const Index q = k() - p();
  const VectorXd mean = x_ * theta.head(p()), log_sigma = z_ * theta.tail(q);
  VectorXd mm(n()), ms(n()), ss(n());
  scores.resize(n(), k());
  double sum = 0;
  for (Index r = 0; r < n(); ++r) {
    const RowTerms t = row_terms(lower_[r], upper_[r], mean[r], std::exp(log_sigma[r]));
    sum += w_[r] * t.value;
    scores.row(r).head(p()) = t.d_mean * x_.row(r);
    scores.row(r).tail(q) = t.d_scale * z_.row(r);
    mm[r] = -w_[r] * t.mean_mean;
    ms[r] = -w_[r] * t.mean_scale;
    ss[r] = -w_[r] * t.scale_scale;
  }
  information.resize(k(), k());
  information.topLeftCorner(p(), p()) = x_.transpose() * mm.asDiagonal() * x_;
  information.topRightCorner(p(), q) = x_.transpose() * ms.asDiagonal() * z_;
  information.bottomLeftCorner(q, p()) = information.topRightCorner(p(), q).transpose();
  information.bottomRightCorner(q, q) = z_.transpose() * ss.asDiagonal() * z_;
  return sum;
}

std::optional<Failure> IntervalProblem::objection() const {
  if (n() == 0) return Failure{FailureKind::empty_domain, "no row has an answer and a weight"};
  for (Index r = 0; r < n(); ++r)
    if (std::isnan(lower_[r]) || !(lower_[r] < upper_[r]))
      return Failure{FailureKind::unsupported,
                     fmt::format("row {} has the bucket [{:g}, {:g}), which is empty or has no "
                                 "logarithm; give buckets of amounts above zero",
                                 rows_[static_cast<std::size_t>(r)] + 1,
                                 model_.lower[rows_[static_cast<std::size_t>(r)]],
                                 model_.upper[rows_[static_cast<std::size_t>(r)]])};
  if ((lower_.array() == lower_[0]).all() && (upper_.array() == upper_[0]).all())
    return Failure{FailureKind::infeasible,
                   fmt::format("everybody is in the one bucket [{:g}, {:g}), which tells neither "
                               "mean nor spread",
                               model_.lower[rows_[0]], model_.upper[rows_[0]])};
  if (boundaries_ < 2)
    return Failure{FailureKind::infeasible,
                   "the buckets have a single boundary, which leaves the spread open; use three "
                   "buckets or more"};
  for (const auto* columns : {&x_, &z_}) {
    const auto kept = independent_columns(columns->transpose() * w_.asDiagonal() * *columns);
    for (std::size_t j = 0; j < static_cast<std::size_t>(columns->cols()); ++j)
      if (std::find(kept.begin(), kept.end(), j) == kept.end())
        return Failure{FailureKind::singular_matrix,
                       fmt::format("the coefficient {} is not determined: its column is a "
                                   "combination of others; leave it out",
                                   name(static_cast<Index>(j) + (columns == &z_ ? p() : 0)))};
  }
  return std::nullopt;
}

VectorXd IntervalProblem::start() const {
  double width = 0, closed = 0;
  for (Index r = 0; r < n(); ++r)
    if (std::isfinite(upper_[r] - lower_[r])) {
      width += w_[r] * (upper_[r] - lower_[r]);
      closed += w_[r];
    }
  width = closed > 0 ? width / closed : 1.0;
  VectorXd y(n());
  for (Index r = 0; r < n(); ++r)
    y[r] = std::isfinite(lower_[r])
               ? (std::isfinite(upper_[r]) ? (lower_[r] + upper_[r]) / 2 : lower_[r] + width / 2)
           : std::isfinite(upper_[r]) ? upper_[r] - width / 2
                                      : 0.0;
  VectorXd theta(k());
  const auto fit = [&](const RowMatrix& columns, const VectorXd& target) -> VectorXd {
    const MatrixXd gram = columns.transpose() * w_.asDiagonal() * columns;
    return gram.ldlt().solve(columns.transpose() * w_.asDiagonal() * target);
  };
  theta.head(p()) = fit(x_, y);
  const VectorXd residual = y - x_ * theta.head(p());
  const double variance = w_.dot(residual.cwiseAbs2()) / static_cast<double>(n());
  theta.tail(k() - p()) =
      fit(z_, VectorXd::Constant(n(), std::log(variance + width * width / 12) / 2));
  return theta;
}

std::optional<Index> IntervalProblem::runaway_spread(const VectorXd& theta) const {
  const VectorXd log_sigma = z_ * theta.tail(k() - p());
  Index row = 0, at = 0;
  double sign = 1;
  if (!(log_sigma.minCoeff(&row) < std::log(kRunaway * narrowest_))) {
    sign = -1;
    if (!(log_sigma.maxCoeff(&row) > std::log(span_ / kRunaway))) return std::nullopt;
  }
  (sign * z_.row(row).transpose()).cwiseProduct(theta.tail(k() - p())).minCoeff(&at);
  return p() + at;
}

std::optional<Failure> IntervalProblem::separated(const MatrixXd& information,
                                                  const VectorXd& theta, double value) const {
  if (value > -1e-6 * static_cast<double>(n()))
    return Failure{FailureKind::infeasible,
                   "the covariates tell the bucket of everybody, so the spread shrinks to nothing; "
                   "use fewer columns"};
  auto silent = runaway_spread(theta);
  if (!silent) silent = silent_parameter(information, complete(theta), p());
  if (!silent) return std::nullopt;
  if (*silent >= p())
    return Failure{FailureKind::infeasible,
                   fmt::format("the likelihood rises without end in the spread (coefficient {}): "
                               "the answers it is for lie in one or two buckets; use a common "
                               "spread or fewer columns",
                               name(*silent))};
  return Failure{FailureKind::infeasible,
                 fmt::format("the likelihood rises without end in the coefficient {}: those whom "
                             "it sets apart are all in an open bucket (separation); merge levels "
                             "or leave the column out",
                             name(*silent))};
}

Result<IntervalMaximum> maximise(const IntervalProblem& problem, const VectorXd& start) {
  IntervalMaximum at, next;
  at.theta = start;
  at.value = problem.derivatives(at.theta, at.scores, at.information);
  const auto n = static_cast<double>(problem.n());
  bool last = false;
  int steps = 0;
  for (; steps < kSteps && !last && !problem.runaway_spread(at.theta); ++steps) {
    const VectorXd gradient = at.scores.transpose() * problem.w();
    VectorXd step = newton_step(at.information, gradient);
    last = gradient.dot(step) <= kGain * n;
    // Rounding of the sum may hide the last step's gain.
    for (int half = 0; half < 60; ++half, step /= 2) {
      next.theta = at.theta + step;
      next.value = problem.derivatives(next.theta, next.scores, next.information);
      if (next.value >= at.value - 1e-13 * n) break;
    }
    std::swap(at, next);
  }
  at.iterations = steps;
  if (auto failure = problem.separated(at.information, at.theta, at.value)) return *failure;
  if (!last)
    return Failure{FailureKind::no_convergence,
                   fmt::format("interval regression did not converge in {} steps", kSteps)};
  return at;
}

}  // namespace steelyard::detail
