// Binary and ordered multilevel models by Laplace's approximation.

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "estimators/multilevel/effects_system.hpp"
#include "estimators/multilevel/fit.hpp"
#include "estimators/multilevel/maximizer.hpp"

namespace steelyard::detail {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// g(ψ) = max_u { ℓ(Xβ + ZΛu, τ) - |u|²/2 } - log|A|/2, A = ΛZ'WZΛ + 1, ψ = (β, τ, σ), Λ = diag σ.
/// g is even in each σ, so that σ is free and 0 an ordinary point. Its gradient is exact: the modes
/// and W move with ψ.
class MarginalLikelihood final : public SmoothFunction {
 public:
  MarginalLikelihood(const MultilevelDesign& design, const CellAnswers& answers,
                     const MultilevelOptions& options)
      : design_(design),
        answers_(answers),
        options_(options),
        columns_(design.kept),
        system_(design) {
    if (answers.model == OutcomeModel::ordered && !columns_.empty() && columns_[0] == 0)
      columns_.erase(columns_.begin());  // the thresholds are its intercepts
    p_ = static_cast<Index>(columns_.size());
    t_ = static_cast<Index>(answers.thresholds());
    k_ = static_cast<Index>(design.groups());
    q_ = static_cast<Index>(design.effects());
    term_ = term_of_effects(design);
    u_ = VectorXd::Zero(q_);
  }

  Index fixed() const { return p_ + t_; }
  Index groups() const { return k_; }
  const std::vector<std::size_t>& columns() const { return columns_; }

  bool evaluate(const VectorXd& psi, double& value, VectorXd& gradient) override {
    unpack(psi);
    if (!find_modes()) return false;
    value = derivatives_.value - u_.squaredNorm() / 2 - system_.log_determinant() / 2;
    gradient.resize(psi.size());
    differentiate(gradient);
    for (Index k = 0; k < k_; ++k) {
      const PriorTerms prior = prior_terms(options_.prior, sigma_[k]);
      value += prior.value;
      gradient[fixed() + k] += prior.derivative;
    }
    return true;
  }

  /// Penalised likelihood with σ from its expected sum of squares: a start, with a first inverse
  /// Hessian.
  Result<VectorXd> start(MatrixXd& metric) {
    const std::vector<double> sizes = answers_.sizes();
    VectorXd psi = VectorXd::Zero(fixed() + k_);
    std::vector<double> total(answers_.levels, 0.0);
    for (std::size_t c = 0; c < answers_.cells(); ++c)
      for (std::size_t k = 0; k < answers_.levels; ++k)
        total[k] += answers_.counts[c * answers_.levels + k];
    double all = 0;
    for (double v : total) {
      if (!(v > 0))
        return Failure{FailureKind::no_convergence, "a level of the answer has no respondent"};
      all += v;
    }
    if (answers_.model == OutcomeModel::ordered) {
      double below = 0;
      for (Index j = 0; j < t_; ++j) {
        below += total[static_cast<std::size_t>(j)];
        psi[p_ + j] = std::log(below / (all - below));
      }
    } else if (p_ > 0) {
      psi[0] = std::log(total[1] / total[0]) * (answers_.model == OutcomeModel::probit ? 0.6 : 1.0);
    }
    psi.tail(k_).setConstant(answers_.model == OutcomeModel::probit ? 0.3 : 0.5);
    for (int round = 0; round < 5; ++round) {
      unpack(psi);
      if (!penalised_steps(round == 0 ? 4 : 2)) break;
      const VectorXd variance = variances(joint());
      VectorXd squares = VectorXd::Zero(k_), count = VectorXd::Zero(k_);
      for (Index j = 0; j < q_; ++j) {
        const Index k = term_[static_cast<std::size_t>(j)];
        squares[k] += u_[j] * u_[j] + variance[j];
        count[k] += 1;
      }
      psi << beta_, tau_, sigma_;
      for (Index k = 0; k < k_; ++k) {
        // Twice as far as the EM step, which is known to be short.
        const double ratio = squares[k] / std::max(count[k], 1.0);
        psi[fixed() + k] *= std::clamp(ratio, 0.25, 4.0);
        psi[fixed() + k] = std::max(psi[fixed() + k], 0.02);
      }
      u_.setZero();
      for (std::size_t j = 0; j < columns_.size(); ++j)
        if (std::abs(beta_[static_cast<Index>(j)]) > kSeparated) return separated(j);
    }
    unpack(psi);
    if (!find_modes())
      return Failure{FailureKind::no_convergence, "the group effects did not converge"};
    metric = MatrixXd::Zero(psi.size(), psi.size());
    metric.topLeftCorner(fixed(), fixed()) = joint().inverse;
    system_.invert(shared_);
    const VectorXd diagonal = system_.diagonal(shared_);
    VectorXd information = VectorXd::Zero(k_);
    for (Index j = 0; j < q_; ++j)
      information[term_[static_cast<std::size_t>(j)]] += 2 * std::pow(1 - diagonal[j], 2);
    for (Index k = 0; k < k_; ++k)
      metric(fixed() + k, fixed() + k) =
          std::pow(psi[fixed() + k], 2) / std::max(information[k], 0.5);
    return psi;
  }

  /// At the ψ of the last evaluation. @param covariance  of ψ
  void describe(const MatrixXd& covariance, MultilevelFit& fit) const {
    fit.beta = beta_;
    fit.thresholds = tau_;
    fit.effects = lambda_.cwiseProduct(u_);
    fit.deviations = sigma_.cwiseAbs();
    fit.columns = columns_;
    const Joint at = joint();
    const MatrixXd given = lambda_.asDiagonal() * system_.inverse() * lambda_.asDiagonal();
    const Index r = fixed();
    // dξ/dψ, ξ = (β, τ, b).
    MatrixXd moves = MatrixXd::Zero(r + q_, r + k_);
    moves.topLeftCorner(r, r).setIdentity();
    moves.bottomLeftCorner(q_, r) = -(lambda_.asDiagonal() * at.moves);
    const auto by_fixed = moves.leftCols(r);
    fit.conditional = by_fixed * at.inverse * by_fixed.transpose();
    fit.conditional.bottomRightCorner(q_, q_) += given;
    if (!options_.deviation_error) {
      fit.covariance = fit.conditional;
      return;
    }
    const VectorXd v = random_product(design_, derivatives_.score);
    std::vector<double> moved(design_.cells());
    for (Index k = 0; k < k_; ++k) {
      const VectorXd own = only(u_, k);
      std::fill(moved.begin(), moved.end(), 0.0);
      add_effects(design_, own, moved);
      for (std::size_t c = 0; c < moved.size(); ++c) moved[c] *= derivatives_.weight[c];
      VectorXd du = only(v, k) - lambda_.cwiseProduct(random_product(design_, moved));
      system_.solve(du);
      moves.col(r + k).tail(q_) = lambda_.cwiseProduct(du) + own;
    }
    fit.covariance = moves * covariance * moves.transpose();
    fit.covariance.bottomRightCorner(q_, q_) += given;
  }

  Failure separated(std::size_t j) const {
    return {FailureKind::no_convergence, "the answers are separated at " +
                                             design_.fixed.describe(columns_[j]) +
                                             ": all of them say the same; make the term a group"};
  }
  /// The first coefficient that ran off.
  std::optional<Failure> separation(const VectorXd& psi) const {
    for (std::size_t j = 0; j < columns_.size(); ++j)
      if (std::abs(psi[static_cast<Index>(j)]) > kSeparated) return separated(j);
    return std::nullopt;
  }

 private:
  void unpack(const VectorXd& psi) {
    beta_ = psi.head(p_);
    tau_ = psi.segment(p_, t_);
    sigma_ = psi.tail(k_);
    lambda_.resize(q_);
    for (Index j = 0; j < q_; ++j) lambda_[j] = sigma_[term_[static_cast<std::size_t>(j)]];
    fixed_predictor(design_, columns_, beta_, offset_);
  }

  double objective() {
    eta_ = offset_;
    add_effects(design_, lambda_.cwiseProduct(u_), eta_);
    steelyard::differentiate(answers_, eta_, tau_, derivatives_);
    return derivatives_.value - u_.squaredNorm() / 2;
  }

  bool factorise() {
    system_.weigh(derivatives_.weight);
    return factorised_ = system_.factorise(lambda_);
  }

  /// Newton's method in u, with an A from before as long as that brings u nearer fast; η and W
  /// cost less than A. Leaves derivatives and A at the mode.
  bool find_modes() {
    double value = objective(), last = std::numeric_limits<double>::infinity();
    if (!std::isfinite(value)) return false;
    bool fresh = false;  // A is that of this u
    for (int step = 0; step < 200; ++step) {
      const VectorXd g = lambda_.cwiseProduct(random_product(design_, derivatives_.score)) - u_;
      VectorXd move = g;
      if (factorised_) system_.solve(move);
      const double decrement = factorised_ ? g.dot(move) : last;
      // Squared distances to the mode in its standard errors; rounding may leave a larger one.
      const double scale = 1 + std::abs(value);
      if (factorised_ && decrement <= 1e-22 * scale) return fresh || factorise();
      if (fresh && decrement >= last && decrement <= 1e-18 * scale) return true;
      if (!fresh && !(decrement < kFast * last)) {
        if (!factorise()) return false;
        fresh = true;
        continue;
      }
      if (!std::isfinite(decrement)) return false;
      const VectorXd before = u_;
      double reached = 0;
      for (int halving = 0; halving < 40; ++halving, move /= 2) {
        u_ = before + move;
        reached = objective();
        if (reached >= value - 1e-12 * scale) break;
        if (fresh) continue;
        u_ = before;  // the old A leads elsewhere
        reached = objective();
        break;
      }
      last = fresh || u_ != before ? decrement : 0;
      fresh = false;
      value = reached;
    }
    return false;
  }

  /// Newton steps in (β, τ, u) together, σ fixed.
  bool penalised_steps(int steps) {
    double value = objective();
    if (!std::isfinite(value)) return false;
    for (int step = 0; step < steps; ++step) {
      if (!factorise()) return false;
      const Joint at = joint();
      VectorXd du = lambda_.cwiseProduct(random_product(design_, derivatives_.score)) - u_;
      VectorXd dfixed(fixed());
      dfixed << fixed_product(design_, columns_, derivatives_.score), threshold_score();
      dfixed = at.inverse * (dfixed - at.moves.transpose() * du);
      system_.solve(du);
      du -= at.moves * dfixed;
      if (!dfixed.allFinite() || !du.allFinite()) return false;
      const VectorXd beta = beta_, tau = tau_, u = u_;
      for (int halving = 0;; ++halving, dfixed /= 2, du /= 2) {
        if (halving == 30) return false;
        beta_ = beta + dfixed.head(p_);
        tau_ = tau + dfixed.tail(t_);
        u_ = u + du;
        fixed_predictor(design_, columns_, beta_, offset_);
        const double reached = objective();
        if (!(reached >= value)) continue;
        value = reached;
        break;
      }
    }
    return factorise();
  }

  VectorXd threshold_score() const { return t_ > 0 ? derivatives_.threshold_score : VectorXd(0); }

  /// Of the negative Hessian of ℓ - |u|²/2 in (β, τ, u): its inverse's part of (β, τ), and
  /// -∂u/∂(β, τ) = A⁻¹C, C the part of u by (β, τ).
  struct Joint {
    MatrixXd inverse, moves;
  };
  Joint joint() const {
    const Index r = fixed();
    MatrixXd own(r, r);
    own.topLeftCorner(p_, p_) = fixed_gram(design_, columns_, derivatives_.weight);
    MatrixXd across(q_, r);
    across.leftCols(p_) = cross_gram(design_, columns_, derivatives_.weight);
    if (t_ > 0) own.bottomRightCorner(t_, t_) = derivatives_.threshold_weight;
    for (Index j = 0; j < t_; ++j) {
      own.block(p_ + j, 0, 1, p_) = -fixed_product(design_, columns_, mixed(j)).transpose();
      across.col(p_ + j) = -random_product(design_, mixed(j));
    }
    own.triangularView<Eigen::StrictlyUpper>() = own.transpose();
    across = (lambda_.asDiagonal() * across).eval();
    Joint out;
    out.moves = across;
    system_.solve(out.moves);
    own -= across.transpose() * out.moves;
    out.inverse = own.llt().solve(MatrixXd::Identity(r, r));
    return out;
  }
  /// Of u, with the errors of (β, τ).
  VectorXd variances(const Joint& at) {
    system_.invert(shared_);
    return system_.diagonal(shared_) +
           (at.moves * at.inverse).cwiseProduct(at.moves).rowwise().sum();
  }
  std::span<const double> mixed(Index j) const {
    return {derivatives_.mixed.col(j).data(), design_.cells()};
  }
  /// v where term k has its effects, else 0.
  VectorXd only(const VectorXd& v, Index k) const {
    VectorXd out = v;
    for (Index j = 0; j < q_; ++j)
      if (term_[static_cast<std::size_t>(j)] != k) out[j] = 0;
    return out;
  }

  /// With h_c the leverage, t = h dW/dη, a = A⁻¹ΛZ't and s = t - W ZΛa:
  /// tr(A⁻¹ dA) = Σ s dη + Σ a (change of the modes' equation) + 2 tr(A⁻¹ΛZ'WZ dΛ).
  void differentiate(VectorXd& gradient) {
    system_.invert(shared_);
    system_.leverage(shared_, leverage_);
    const std::vector<double>& h = leverage_;
    std::vector<double> t(h.size()), s(h.size(), 0.0);
    for (std::size_t c = 0; c < h.size(); ++c) t[c] = h[c] * derivatives_.slope[c];
    VectorXd a = lambda_.cwiseProduct(random_product(design_, t));
    system_.solve(a);
    add_effects(design_, lambda_.cwiseProduct(a), s);
    std::vector<double> total(h.size());
    for (std::size_t c = 0; c < h.size(); ++c) {
      s[c] = t[c] - derivatives_.weight[c] * s[c];
      total[c] = derivatives_.score[c] - s[c] / 2;
    }
    gradient.head(p_) = fixed_product(design_, columns_, total);
    for (Index j = 0; j < t_; ++j) {
      double moved = 0;
      for (std::size_t c = 0; c < h.size(); ++c)
        moved += h[c] * derivatives_.mixed_slope(static_cast<Index>(c), j);
      moved += a.dot(lambda_.cwiseProduct(random_product(design_, mixed(j))));
      gradient[p_ + j] = derivatives_.threshold_score[j] - moved / 2;
    }
    const VectorXd v = random_product(design_, derivatives_.score), zs = random_product(design_, s);
    const VectorXd direct = system_.derivative(shared_);
    gradient.tail(k_).setZero();
    for (Index j = 0; j < q_; ++j)
      gradient[fixed() + term_[static_cast<std::size_t>(j)]] +=
          v[j] * u_[j] - direct[j] - (zs[j] * u_[j] + a[j] * v[j]) / 2;
  }

  static constexpr double kSeparated = 25;  ///< a log odds that data do not give
  static constexpr double kFast = 0.04;     ///< a fifth of the distance is left

  const MultilevelDesign& design_;
  const CellAnswers& answers_;
  const MultilevelOptions& options_;
  std::vector<std::size_t> columns_;
  Index p_ = 0, t_ = 0, k_ = 0, q_ = 0;
  std::vector<Index> term_;
  VectorXd beta_, tau_, sigma_, lambda_, u_;
  std::vector<double> offset_, eta_;
  CellDerivatives derivatives_;
  EffectsSystem system_;
  EffectsSystem::SharedInverse shared_;
  std::vector<double> leverage_;
  bool factorised_ = false;
};

}  // namespace

Result<MultilevelFit> fit_laplace(const MultilevelDesign& design, const CellAnswers& answers,
                                  const MultilevelOptions& options) {
  MarginalLikelihood likelihood(design, answers, options);
  MatrixXd metric;
  const auto start = likelihood.start(metric);
  if (!start) return start.failure();
  const auto maximum = maximise(likelihood, start.value(), metric);
  if (!maximum) return maximum.failure();
  if (auto failed = likelihood.separation(maximum.value().x)) return *failed;
  MultilevelFit fit;
  fit.model = answers.model;
  fit.log_likelihood = maximum.value().value;
  fit.evaluations = maximum.value().evaluations;
  likelihood.describe(maximum.value().covariance, fit);
  return fit;
}

}  // namespace steelyard::detail
