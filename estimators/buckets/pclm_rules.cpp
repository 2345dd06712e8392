// The penalised composite link model (PCLM), solved in as many unknowns as there are buckets.

#include <Eigen/Dense>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

#include "estimators/buckets/rule.hpp"
#include "estimators/buckets/smooth_grid.hpp"

namespace steelyard {
namespace {

using detail::Cells;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kGain = 1e-18;       ///< of log-likelihood: 1e-9 standard errors
constexpr double kSearchGain = 1e-8;  ///< enough to compare values of BIC

/// Scoring in the dual. With X = C diag(γ), working counts z = y - μ + X ln γ and ln γ = N a + G e
/// (N: constant and line; G: second differences e summed twice), a step solves
///   (X G G'X' / λ + diag μ) v + X N a = z,  (X N)'v = 0,  e = G'X'v / λ,
/// the mixed-model form of the penalised least squares; its matrix is buckets × buckets.
/// Source: Green & Silverman (1994), Nonparametric Regression and Generalized Linear Models, 4.
class CompositeLink {
 public:
  CompositeLink(const BucketTable& table, Cells cells) : cells_(std::move(cells)) {
    const auto n = static_cast<Index>(cells_.n), m = static_cast<Index>(cells_.buckets);
    const double total = table.total();
    count_.resize(m);
    for (Index i = 0; i < m; ++i)
      count_[i] = table.n * table.weights[static_cast<std::size_t>(i)] / total;
    log_mean_ = VectorXd::Constant(n, std::log(table.n / static_cast<double>(n)));
    update();
  }

  /// Steps, halved where they lose, until one can gain no more than `gain`. False: no convergence.
  bool fit(double lambda, double gain) {
    lambda_ = lambda;
    double value = penalised_log_likelihood(), last = std::numeric_limits<double>::infinity();
    double longest = 1;
    for (int i = 0; i < 500; ++i) {
      const VectorXd from = log_mean_, step = scoring_target() - from;
      const double expected = step.dot(gradient());
      if (!std::isfinite(expected)) return false;
      // Below rounding of the objective the full step is the better judge.
      const double slack = 1e-13 * std::abs(value);
      // Scoring may swing about the maximum where counts are few: then shorter steps.
      if (expected > 0.9 * last && longest > 0.1) longest *= 0.5;
      last = expected;
      double length = longest, reached = 0;
      for (;; length *= 0.5) {
        log_mean_ = from + length * step;
        update();
        reached = penalised_log_likelihood();
        if (reached >= value - slack) break;
        if (length < 1e-6) return false;
      }
      value = reached;
      if (expected <= gain) return true;
    }
    return false;
  }

  double penalised_log_likelihood() const {
    double sum = 0;
    for (Index i = 0; i < fitted_.size(); ++i)
      sum += (count_[i] > 0 ? count_[i] * std::log(fitted_[i]) : 0) - fitted_[i];
    return sum - 0.5 * lambda_ * second_differences(log_mean_).squaredNorm();
  }

  double deviance() const {
    double sum = 0;
    for (Index i = 0; i < fitted_.size(); ++i)
      sum += (count_[i] > 0 ? count_[i] * std::log(count_[i] / fitted_[i]) : 0) -
             (count_[i] - fitted_[i]);
    return 2 * sum;
  }

  /// tr (X'WX + lambda P)^-1 X'WX = m - tr diag(μ) Q, v = Q z.
  double effective_dimension() const {
    const Dual dual(*this);
    const MatrixXd inverse = dual.kernel.solve(MatrixXd::Identity(fitted_.size(), fitted_.size()));
    const MatrixXd q =
        inverse - dual.solved_lines * dual.schur.solve(dual.solved_lines.transpose());
    return static_cast<double>(fitted_.size()) - fitted_.dot(q.diagonal());
  }

  double bic() const {
    return deviance() + std::log(static_cast<double>(count_.size())) * effective_dimension();
  }

  BucketFit result() const {
    std::vector<double> mass;
    mass.reserve(cells_.pieces.size());
    for (const detail::Piece& piece : cells_.pieces)
      mass.push_back(mean_[static_cast<Index>(piece.cell)] * piece.part / mean_.sum());
    BucketFit fit{detail::grid_law(cells_, mass),
                  {{"par:top", cells_.top},
                   {"par:cell", cells_.width},
                   {"par:lambda", lambda_},
                   {"effective_dimension", effective_dimension()},
                   {"penalised_loglik", penalised_log_likelihood()},
                   {"deviance", deviance()},
                   {"bic", bic()}},
                  {}};
    for (Index i = 0; i < fitted_.size(); ++i)
      fit.found.emplace_back("fitted:" + std::to_string(i + 1), fitted_[i]);
    return fit;
  }

 private:
  struct Dual {
    MatrixXd rough;  ///< X G
    MatrixXd lines;  ///< X N
    Eigen::LLT<MatrixXd> kernel;
    MatrixXd solved_lines;
    Eigen::LLT<MatrixXd> schur;

    explicit Dual(const CompositeLink& model) {
      const Index n = model.mean_.size(), m = model.fitted_.size();
      rough.setZero(m, n - 2);
      lines.setZero(m, 2);
      MatrixXd x = MatrixXd::Zero(m, n);
      for (const detail::Piece& piece : model.cells_.pieces) {
        const auto i = static_cast<Index>(piece.bucket), j = static_cast<Index>(piece.cell);
        x(i, j) = piece.part * model.mean_[j];
        lines(i, 0) += x(i, j);
        lines(i, 1) += x(i, j) * line(j, n);
      }
      // G'x: (Gᵀx)_k = Σ_{j >= k + 2} (j - k - 1) x_j, two sums from the end
      VectorXd once = VectorXd::Zero(m), twice = VectorXd::Zero(m);
      for (Index k = n - 2; k-- > 0;) {
        once += x.col(k + 2);
        twice += once;
        rough.col(k) = twice;
      }
      MatrixXd matrix = rough * rough.transpose() / model.lambda_;
      matrix.diagonal() += model.fitted_;
      kernel.compute(matrix);
      solved_lines = kernel.solve(lines);
      schur.compute(lines.transpose() * solved_lines);
    }
  };

  static double line(Index j, Index n) {
    return 2 * static_cast<double>(j) / static_cast<double>(n - 1) - 1;
  }

  static VectorXd second_differences(const VectorXd& x) {
    const Index n = x.size();
    return x.tail(n - 2) - 2 * x.segment(1, n - 2) + x.head(n - 2);
  }

  void update() {
    mean_ = log_mean_.array().exp();
    fitted_.setZero(count_.size());
    for (const detail::Piece& piece : cells_.pieces)
      fitted_[static_cast<Index>(piece.bucket)] +=
          piece.part * mean_[static_cast<Index>(piece.cell)];
  }

  VectorXd gradient() const {
    const VectorXd rough = second_differences(log_mean_);
    VectorXd sum = VectorXd::Zero(mean_.size());
    for (const detail::Piece& piece : cells_.pieces) {
      const auto i = static_cast<Index>(piece.bucket), j = static_cast<Index>(piece.cell);
      sum[j] += (count_[i] / fitted_[i] - 1) * piece.part * mean_[j];
    }
    const Index k = rough.size();
    sum.head(k) -= lambda_ * rough;
    sum.segment(1, k) += 2 * lambda_ * rough;
    sum.tail(k) -= lambda_ * rough;
    return sum;
  }

  /// ln γ after a full step.
  VectorXd scoring_target() const {
    const Dual dual(*this);
    VectorXd z = count_ - fitted_;
    for (const detail::Piece& piece : cells_.pieces) {
      const auto j = static_cast<Index>(piece.cell);
      z[static_cast<Index>(piece.bucket)] += piece.part * mean_[j] * log_mean_[j];
    }
    const VectorXd a = dual.schur.solve(dual.solved_lines.transpose() * z);
    const VectorXd v = dual.kernel.solve(z - dual.lines * a);
    const VectorXd e = dual.rough.transpose() * v / lambda_;
    const Index n = mean_.size();
    VectorXd target(n);
    double slope = 0, level = 0;
    for (Index j = 0; j < n; ++j) {
      if (j >= 2) level += slope += e[j - 2];
      target[j] = a[0] + a[1] * line(j, n) + level;
    }
    return target;
  }

  Cells cells_;
  double lambda_ = 1;
  VectorXd count_, log_mean_, mean_, fitted_;
};

Failure no_link_fit() {
  return {FailureKind::no_convergence,
          "the composite link model has no maximum (all counts at one end), or did not converge"};
}

Result<BucketFit> fit_pclm(const BucketTable& table) {
  const auto top = detail::default_top(table);
  if (!top) return top.failure();
  auto cells =
      detail::make_cells(table, {top.value(), detail::default_cell(table, top.value(), 100, 1)});
  if (!cells) return cells.failure();
  CompositeLink model(table, std::move(cells.value()));
  bool converged = true;
  const auto criterion = [&](double log10_lambda) {
    converged &= model.fit(std::pow(10, log10_lambda), kSearchGain);
    return model.bic();
  };
  std::uintmax_t steps = 30;
  const auto best = boost::math::tools::brent_find_minima(criterion, -1.0, 5.0, 8, steps);
  if (!converged || !model.fit(std::pow(10, best.first), kGain)) return no_link_fit();
  return model.result();
}

}  // namespace

Result<BucketFit> composite_link(const BucketTable& table, SmoothGrid grid, double lambda) {
  auto cells = detail::make_cells(table, grid);
  if (!cells) return cells.failure();
  if (cells.value().n < 3) return detail::infeasible("second differences need 3 cells or more");
  if (!(lambda > 0)) return detail::infeasible("lambda must be above 0");
  CompositeLink model(table, std::move(cells.value()));
  if (!model.fit(lambda, kGain)) return no_link_fit();
  return model.result();
}

std::vector<BucketRuleInfo> pclm_rules() {
  return {{"pclm",
           "penalised composite link model on 100 cells or more (one or more a bucket), open "
           "bucket closed at 3l, lambda in [0.1, 100000] of the smallest BIC",
           "Rizzi, Gampe & Eilers (2015), Am. J. Epidemiology 182, 138-147; range of lambda: R "
           "package ungroup",
           false, &detail::make_rule<&fit_pclm>}};
}

}  // namespace steelyard
