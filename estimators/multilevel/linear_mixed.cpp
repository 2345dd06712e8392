// The linear multilevel model by restricted maximum likelihood.

#include <cmath>
#include <numbers>

#include "estimators/multilevel/fit.hpp"
#include "estimators/multilevel/maximizer.hpp"

namespace steelyard::detail {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// -[log|H| + (n - p)(1 + log(2π Q/(n - p)))]/2 as a function of the σ relative to the residual's,
/// H = [X ZΛ]'N[X ZΛ] + diag(0, 1), Q the penalised sum of squares at its least.
class RestrictedLikelihood final : public SmoothFunction {
 public:
  RestrictedLikelihood(const MultilevelDesign& design, const CellAnswers& answers,
                       const MultilevelOptions& options)
      : design_(design), answers_(answers), options_(options) {
    p_ = static_cast<Index>(design.kept.size());
    q_ = static_cast<Index>(design.effects());
    k_ = static_cast<Index>(design.groups());
    term_ = term_of_effects(design);
    gram_ = joint_gram(design, design.kept, answers.n);
    std::vector<double> ny(design.cells());
    for (std::size_t c = 0; c < ny.size(); ++c) {
      n_ += answers.n[c];
      ny[c] = answers.n[c] * answers.mean[c];
    }
    right_.resize(p_ + q_);
    right_ << fixed_product(design, design.kept, ny), random_product(design, ny);
  }

  bool enough() const { return n_ > static_cast<double>(p_); }

  bool evaluate(const VectorXd& sigma, double& value, VectorXd& gradient) override {
    sigma_ = sigma;
    scale_ = VectorXd::Ones(p_ + q_);
    for (Index j = 0; j < q_; ++j) scale_[p_ + j] = sigma[term_[static_cast<std::size_t>(j)]];
    MatrixXd h = scale_.asDiagonal() * gram_ * scale_.asDiagonal();
    h.diagonal().tail(q_).array() += 1;
    llt_.compute(h);
    if (llt_.info() != Eigen::Success) return false;
    zeta_ = llt_.solve(scale_.cwiseProduct(right_));
    const VectorXd u = zeta_.tail(q_);
    fixed_predictor(design_, design_.kept, zeta_.head(p_), eta_);
    add_effects(design_, scale_.tail(q_).cwiseProduct(u), eta_);
    std::vector<double> nr(eta_.size());
    squares_ = answers_.within + u.squaredNorm();
    for (std::size_t c = 0; c < eta_.size(); ++c) {
      const double r = answers_.mean[c] - eta_[c];
      nr[c] = answers_.n[c] * r;
      squares_ += nr[c] * r;
    }
    if (!(squares_ > 0)) return false;
    const double free = n_ - static_cast<double>(p_);
    value = -(2 * llt_.matrixLLT().diagonal().array().log().sum() +
              free * (1 + std::log(2 * std::numbers::pi * squares_ / free))) /
            2;
    const MatrixXd inverse = llt_.solve(MatrixXd::Identity(p_ + q_, p_ + q_));
    score_ = random_product(design_, nr);
    gradient.setZero(k_);
    for (Index j = 0; j < q_; ++j) {
      const double direct = gram_.col(p_ + j).cwiseProduct(scale_).dot(inverse.col(p_ + j));
      gradient[term_[static_cast<std::size_t>(j)]] += free * score_[j] * u[j] / squares_ - direct;
    }
    for (Index k = 0; k < k_; ++k) {
      const PriorTerms prior = prior_terms(options_.prior, sigma[k]);
      value += prior.value;
      gradient[k] += prior.derivative;
    }
    return true;
  }

  /// σ from EM-like steps, and a first inverse of the negative Hessian.
  bool start(VectorXd& sigma, MatrixXd& metric) {
    sigma = VectorXd::Constant(k_, 0.3);
    metric = MatrixXd::Zero(k_, k_);
    double value = 0;
    VectorXd gradient;
    for (int round = 0; round < 6; ++round) {
      if (!evaluate(sigma, value, gradient)) return false;
      const MatrixXd inverse = llt_.solve(MatrixXd::Identity(p_ + q_, p_ + q_));
      VectorXd squares = VectorXd::Zero(k_), count = squares, information = squares;
      const double s2 = squares_ / (n_ - static_cast<double>(p_));
      for (Index j = 0; j < q_; ++j) {
        const Index k = term_[static_cast<std::size_t>(j)];
        const double remains = inverse(p_ + j, p_ + j);
        squares[k] += zeta_[p_ + j] * zeta_[p_ + j] / s2 + remains;
        information[k] += 2 * std::pow(1 - std::min(remains, 1.0), 2);
        count[k] += 1;
      }
      for (Index k = 0; k < k_; ++k) {
        metric(k, k) = sigma[k] * sigma[k] / std::max(information[k], 0.5);
        if (round < 5)
          sigma[k] = std::max(
              1e-3, sigma[k] * std::clamp(squares[k] / std::max(count[k], 1.0), 0.25, 4.0));
      }
    }
    return true;
  }

  void describe(const MatrixXd& covariance, MultilevelFit& fit) const {
    const double s2 = squares_ / (n_ - static_cast<double>(p_));
    fit.residual_deviation = std::sqrt(s2);
    fit.beta = zeta_.head(p_);
    fit.effects = scale_.tail(q_).cwiseProduct(zeta_.tail(q_));
    fit.deviations = sigma_.cwiseAbs() * fit.residual_deviation;
    fit.columns = design_.kept;
    const MatrixXd inverse = llt_.solve(MatrixXd::Identity(p_ + q_, p_ + q_));
    fit.conditional = s2 * scale_.asDiagonal() * inverse * scale_.asDiagonal();
    fit.covariance = fit.conditional;
    if (!options_.deviation_error) return;
    MatrixXd moves(p_ + q_, k_);
    for (Index k = 0; k < k_; ++k) {
      VectorXd e = VectorXd::Zero(p_ + q_), v = e;
      for (Index j = 0; j < q_; ++j)
        if (term_[static_cast<std::size_t>(j)] == k) {
          e[p_ + j] = zeta_[p_ + j];
          v[p_ + j] = score_[j];
        }
      moves.col(k) = e + scale_.cwiseProduct(inverse * (v - scale_.cwiseProduct(gram_ * e)));
    }
    fit.covariance += moves * covariance * moves.transpose();
  }

 private:
  const MultilevelDesign& design_;
  const CellAnswers& answers_;
  const MultilevelOptions& options_;
  Index p_ = 0, q_ = 0, k_ = 0;
  std::vector<Index> term_;
  MatrixXd gram_;  ///< [X Z]'N[X Z]
  VectorXd right_, sigma_, scale_, zeta_, score_;
  std::vector<double> eta_;
  double n_ = 0, squares_ = 0;
  Eigen::LLT<MatrixXd> llt_;
};

}  // namespace

Result<MultilevelFit> fit_linear(const MultilevelDesign& design, const CellAnswers& answers,
                                 const MultilevelOptions& options) {
  RestrictedLikelihood likelihood(design, answers, options);
  if (!likelihood.enough())
    return Failure{FailureKind::singular_matrix, "fewer answers than fixed coefficients"};
  VectorXd sigma;
  MatrixXd metric;
  if (!likelihood.start(sigma, metric))
    return Failure{FailureKind::singular_matrix, "the answers do not vary around the model"};
  const auto maximum = maximise(likelihood, sigma, metric);
  if (!maximum) return maximum.failure();
  MultilevelFit fit;
  fit.model = OutcomeModel::linear;
  fit.thresholds.resize(0);
  fit.log_likelihood = maximum.value().value;
  fit.evaluations = maximum.value().evaluations;
  likelihood.describe(maximum.value().covariance, fit);
  return fit;
}

}  // namespace steelyard::detail
