#include "estimators/weighting/participation_gmm.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"
#include "estimators/weighting/participation_moments.hpp"

namespace steelyard {
namespace {

using Eigen::Index;
constexpr auto kScore = ParticipationEquation::pseudo_likelihood;
constexpr auto kBalance = ParticipationEquation::calibrated;

/// The moments ḡ = (pseudo-likelihood score, balance) of both samples at some θ.
class ParticipationMoments {
 public:
  ParticipationMoments(const TwoSamples& samples, const CellIndex& index, Link link,
                       std::vector<std::size_t> columns)
      : samples_(samples), index_(index), link_(link), columns_(std::move(columns)) {}

  Index parameters() const { return static_cast<Index>(columns_.size()); }
  const Eigen::VectorXd& value() const { return value_; }

  /// False where θ is out of range.
  bool evaluate(std::span<const double> theta) {
    eta_a_.resize(samples_.a.cells);
    eta_b_.resize(samples_.b.cells);
    samples_.a.multiply(theta, eta_a_);
    samples_.b.multiply(theta, eta_b_);
    const std::size_t p = samples_.columns();
    std::vector<double> a(p), b(p), u(eta_a_.size()), v(eta_b_.size());
    value_.resize(2 * parameters());
    for (Index m = 0; m < 2; ++m) {
      for (std::size_t c = 0; c < u.size(); ++c)
        u[c] = samples_.weight_a[c] * terms(m, eta_a_[c]).u;
      for (std::size_t c = 0; c < v.size(); ++c)
        v[c] = samples_.reference_index.weight[c] * terms(m, eta_b_[c]).v;
      samples_.a.transpose_multiply(u, a);
      samples_.b.transpose_multiply(v, b);
      for (Index j = 0; j < parameters(); ++j)
        value_[m * parameters() + j] = a[column(j)] - b[column(j)];
    }
    return value_.allFinite();
  }

  /// dḡ/dθ', 2p × p.
  Eigen::MatrixXd derivative() const {
    const Index p = parameters();
    Eigen::MatrixXd out(2 * p, p), a, b;
    std::vector<double> du(eta_a_.size()), dv(eta_b_.size());
    for (Index m = 0; m < 2; ++m) {
      for (std::size_t c = 0; c < du.size(); ++c)
        du[c] = samples_.weight_a[c] * terms(m, eta_a_[c]).du;
      for (std::size_t c = 0; c < dv.size(); ++c)
        dv[c] = samples_.reference_index.weight[c] * terms(m, eta_b_[c]).dv;
      samples_.a.gram(du, a);
      samples_.b.gram(dv, b);
      for (Index i = 0; i < p; ++i)
        for (Index j = 0; j <= i; ++j) {
          const auto row = static_cast<Index>(column(i)), col = static_cast<Index>(column(j));
          out(m * p + i, j) = out(m * p + j, i) = a(row, col) - b(row, col);
        }
    }
    return out;
  }

  /// Ω, the covariance of ḡ over samples of both kinds.
  Eigen::MatrixXd covariance() const {
    std::vector<MomentScores> scores(2);
    std::vector<double> pi;
    for (const double eta : eta_a_) pi.push_back(terms(0, eta).pi);
    for (Index m = 0; m < 2; ++m) {
      MomentScores& s = scores[static_cast<std::size_t>(m)];
      for (const double eta : eta_a_) s.u.push_back(terms(m, eta).u);
      for (const double eta : eta_b_) s.v.push_back(terms(m, eta).v);
    }
    const Eigen::MatrixXd all = moment_covariance(samples_, scores, index_.weight_squared, pi);
    const Index p = parameters(), whole = static_cast<Index>(samples_.columns());
    Eigen::MatrixXd out(2 * p, 2 * p);
    for (Index r = 0; r < 2 * p; ++r)
      for (Index c = 0; c < 2 * p; ++c)
        out(r, c) = all(r / p * whole + static_cast<Index>(column(r % p)),
                        c / p * whole + static_cast<Index>(column(c % p)));
    return out;
  }

  /// Σ λ d²ḡ / dθ dθ', p × p.
  Eigen::MatrixXd curvature(const Eigen::VectorXd& lambda) const {
    constexpr double h = 1e-4;  // of η, for the second derivatives
    std::vector<double> a[2], b[2];
    multiply(lambda, a, b);
    for (std::size_t c = 0; c < eta_a_.size(); ++c) {
      double sum = 0;
      for (std::size_t m = 0; m < 2; ++m)
        sum += a[m][c] * (terms(static_cast<Index>(m), eta_a_[c] + h).du -
                          terms(static_cast<Index>(m), eta_a_[c] - h).du);
      a[0][c] = samples_.weight_a[c] * sum / (2 * h);
    }
    for (std::size_t c = 0; c < eta_b_.size(); ++c) {  // the balance's v is constant
      const double second = (terms(0, eta_b_[c] + h).dv - terms(0, eta_b_[c] - h).dv) / (2 * h);
      b[0][c] *= samples_.reference_index.weight[c] * second;
    }
    Eigen::MatrixXd gram_a, gram_b, out(parameters(), parameters());
    samples_.a.gram(a[0], gram_a);
    samples_.b.gram(b[0], gram_b);
    for (Index i = 0; i < parameters(); ++i)
      for (Index j = 0; j <= i; ++j) {
        const auto row = static_cast<Index>(column(i)), col = static_cast<Index>(column(j));
        out(i, j) = out(j, i) = gram_a(row, col) - gram_b(row, col);
      }
    return out;
  }

  /// d λ'Ωλ / dθ at fixed λ, where r = λ_1'x u_1 + λ_2'x u_2 in A and r = λ_1'x v_1 + λ_2'x v_2 in
  /// B: Σ_A (1 - π) a² r², and the design's variance of Σ_B d r.
  Eigen::VectorXd covariance_slope(const Eigen::VectorXd& lambda) const {
    std::vector<double> a[2], b[2];
    multiply(lambda, a, b);
    for (std::size_t c = 0; c < eta_a_.size(); ++c) {
      const ParticipationTerms s = terms(0, eta_a_[c]), t = terms(1, eta_a_[c]);
      const double r = a[0][c] * s.u + a[1][c] * t.u, dr = a[0][c] * s.du + a[1][c] * t.du;
      const double dpi = -t.dg * t.pi * t.pi;
      a[0][c] = index_.weight_squared[c] * (2 * (1 - t.pi) * r * dr - dpi * r * r);
    }
    const std::vector<std::uint32_t>& cell_of = samples_.reference_index.cell_of;
    const std::vector<double>& d = samples_.reference->sample.base_weights;
    std::vector<double> slope(eta_b_.size()), u(d.size());  // the balance's v is constant
    for (std::size_t c = 0; c < eta_b_.size(); ++c) {
      slope[c] = b[0][c] * terms(0, eta_b_[c]).dv;
      b[0][c] = b[0][c] * terms(0, eta_b_[c]).v + b[1][c];
    }
    for (std::size_t j = 0; j < u.size(); ++j) u[j] = d[j] * b[0][cell_of[j]];
    std::vector<double> whole_a(samples_.columns()), whole_b(samples_.columns());
    samples_.a.transpose_multiply(a[0], whole_a);
    const ReferenceDesign design = design_of(*samples_.reference);
    if (design.plain() && d.size() > 1) {
      const double n = static_cast<double>(d.size()), mean = total(u) / n;
      std::vector<double> by_cell(eta_b_.size(), 0.0);
      for (std::size_t j = 0; j < u.size(); ++j)
        by_cell[cell_of[j]] += 2 * n / (n - 1) * (u[j] - mean) * d[j] * slope[cell_of[j]];
      samples_.b.transpose_multiply(by_cell, whole_b);
    } else {
      const std::vector<double> e = design.deviations(u).value();
      std::vector<double> moved(u.size());
      for (const std::size_t k : columns_) {
        const Auxiliary::Block& block = samples_.b.blocks[samples_.b.block_of(k)];
        for (std::size_t j = 0; j < u.size(); ++j) {
          const std::uint32_t c = cell_of[j];
          moved[j] = d[j] * slope[c] *
                     (block.number.empty() ? block.offset + block.groups.group_of[c] == k
                                           : block.number[c]);
        }
        const std::vector<double> other = design.deviations(moved).value();
        for (std::size_t i = 0; i < e.size(); ++i) whole_b[k] += 2 * e[i] * other[i];
      }
    }
    Eigen::VectorXd out(parameters());
    for (Index k = 0; k < out.size(); ++k) out[k] = whole_a[column(k)] + whole_b[column(k)];
    return out;
  }

 private:
  /// λ_m'x by cell of both samples, for both moments.
  void multiply(const Eigen::VectorXd& lambda, std::vector<double> (&a)[2],
                std::vector<double> (&b)[2]) const {
    for (std::size_t m = 0; m < 2; ++m) {
      std::vector<double> full(samples_.columns(), 0.0);
      for (Index j = 0; j < parameters(); ++j)
        full[column(j)] = lambda[static_cast<Index>(m) * parameters() + j];
      a[m].resize(samples_.a.cells);
      b[m].resize(samples_.b.cells);
      samples_.a.multiply(full, a[m]);
      samples_.b.multiply(full, b[m]);
    }
  }
  std::size_t column(Index j) const { return columns_[static_cast<std::size_t>(j)]; }
  ParticipationTerms terms(Index moment, double eta) const {
    return participation_terms(moment == 0 ? kScore : kBalance, link_, eta);
  }

  const TwoSamples& samples_;
  const CellIndex& index_;
  Link link_;
  std::vector<std::size_t> columns_;
  std::vector<double> eta_a_, eta_b_;
  Eigen::VectorXd value_;
};

/// Ω⁻¹ on the moments that do not depend on those before them: with a saturated model, or a term
/// whose score and balance say the same, there are fewer than 2p.
class MomentWeight {
 public:
  explicit MomentWeight(const Eigen::MatrixXd& covariance)
      : MomentWeight(covariance, independent_columns(covariance, 1e-9)) {}
  /// The same moments again, so that J does not jump while Ω moves.
  MomentWeight(const Eigen::MatrixXd& covariance, std::vector<std::size_t> kept)
      : kept_(std::move(kept)) {
    const auto k = static_cast<Index>(kept_.size());
    Eigen::MatrixXd part(k, k);
    for (Index i = 0; i < k; ++i)
      for (Index j = 0; j < k; ++j) part(i, j) = covariance(row(i), row(j));
    cholesky_.compute(part);
  }
  const std::vector<std::size_t>& kept() const { return kept_; }
  Index rank() const { return static_cast<Index>(kept_.size()); }
  Eigen::MatrixXd solve(const Eigen::MatrixXd& right) const {
    Eigen::MatrixXd part(rank(), right.cols()),
        out = Eigen::MatrixXd::Zero(right.rows(), right.cols());
    for (Index i = 0; i < rank(); ++i) part.row(i) = right.row(row(i));
    cholesky_.solveInPlace(part);
    for (Index i = 0; i < rank(); ++i) out.row(row(i)) = part.row(i);
    return out;
  }
  double norm(const Eigen::VectorXd& g) const { return g.dot(solve(g).col(0)); }

 private:
  Index row(Index i) const { return static_cast<Index>(kept_[static_cast<std::size_t>(i)]); }
  std::vector<std::size_t> kept_;
  Eigen::LLT<Eigen::MatrixXd> cholesky_;
};

}  // namespace

Result<GmmFit> fit_gmm(const TwoSamples& samples, const CellIndex& index, Link link,
                       const ParticipationFit& start, GmmWeight weighting) {
  constexpr int kMaxIterations = 200;
  const bool continuous = weighting == GmmWeight::continuous;
  ParticipationMoments moments(samples, index, link, start.columns);
  const Index p = moments.parameters();
  GmmFit out;
  const auto finished = [&](const MomentWeight& weight) {
    moments.evaluate(out.theta);
    const Eigen::MatrixXd g = moments.derivative(), k = weight.solve(g).transpose();
    const auto whole = [&](const Eigen::MatrixXd& part) {
      const auto size = static_cast<Index>(samples.columns());
      Eigen::MatrixXd all = Eigen::MatrixXd::Zero(size, size);
      for (Index i = 0; i < p; ++i)
        for (Index j = 0; j < p; ++j)
          all(static_cast<Index>(start.columns[static_cast<std::size_t>(i)]),
              static_cast<Index>(start.columns[static_cast<std::size_t>(j)])) = part(i, j);
      return all;
    };
    out.score_part = whole(k.leftCols(p));
    out.balance_part = whole(k.rightCols(p));
    out.jacobian = whole(-k * g);
    return out;
  };
  out.theta = start.theta;
  moments.evaluate(out.theta);
  MomentWeight weight(moments.covariance());
  out.df = static_cast<std::size_t>(std::max<Index>(0, weight.rank() - p));
  if (out.df == 0) return finished(weight);  // one of the two is enough
  out.j = weight.norm(moments.value());
  const auto gradient_here = [&] {  // half of it
    Eigen::VectorXd gradient = weight.solve(moments.derivative()).transpose() * moments.value();
    if (continuous) gradient -= moments.covariance_slope(weight.solve(moments.value()).col(0)) / 2;
    return gradient;
  };
  // Half of J's Hessian at fixed Ω; without its second derivatives where they spoil it, and where
  // those of Ω, which are not there, would go with them.
  const auto inverse_hessian = [&] {
    const Eigen::MatrixXd g = moments.derivative(), first = g.transpose() * weight.solve(g);
    const Eigen::MatrixXd unit = Eigen::MatrixXd::Identity(p, p);
    if (continuous) return Eigen::MatrixXd(first.ldlt().solve(unit));
    const Eigen::LLT<Eigen::MatrixXd> whole(
        first + moments.curvature(weight.solve(moments.value()).col(0)));
    return whole.info() == Eigen::Success ? Eigen::MatrixXd(whole.solve(unit))
                                          : Eigen::MatrixXd(first.ldlt().solve(unit));
  };
  Eigen::MatrixXd inverse = inverse_hessian();
  if (!inverse.allFinite())
    return Failure{FailureKind::singular_matrix, "the moments do not identify the coefficients"};
  Eigen::VectorXd gradient = gradient_here();
  std::vector<double> theta;
  bool fresh = true;  // the Hessian is not one that BFGS has bent
  for (; out.iterations < kMaxIterations; ++out.iterations) {
    const Eigen::VectorXd step = -(inverse * gradient);
    const double gain = -gradient.dot(step);        // about what J has left to fall
    if (gain >= 0 && gain < 1e-13 * (1 + out.j)) {  // there, but for this step
      for (Index k = 0; k < p; ++k)
        out.theta[start.columns[static_cast<std::size_t>(k)]] += step[k];
      return finished(weight);
    }
    bool lower = false;
    double length = 1;
    for (; length > 1e-9; length /= 2) {
      theta = out.theta;
      for (Index k = 0; k < p; ++k)
        theta[start.columns[static_cast<std::size_t>(k)]] += length * step[k];
      if (!moments.evaluate(theta)) continue;
      MomentWeight next = continuous ? MomentWeight(moments.covariance(), weight.kept()) : weight;
      const double j = next.norm(moments.value());
      if (!(j < out.j)) continue;
      lower = true;
      out.j = j;
      if (continuous) weight = std::move(next);
      break;
    }
    if (!lower) {  // what is left to gain is rounding, of an Ω that may be nearly singular
      if (gain < 1e-8 * (1 + out.j)) return finished(weight);
      if (fresh) break;
      moments.evaluate(out.theta);
      inverse = inverse_hessian();
      fresh = true;
      continue;
    }
    out.theta = theta;
    fresh = false;
    const Eigen::VectorXd last = gradient, s = length * step;
    gradient = gradient_here();
    if (!continuous) {
      inverse = inverse_hessian();
      continue;
    }
    const Eigen::VectorXd y = gradient - last;
    if (const double sy = s.dot(y); sy > 0) {  // BFGS
      const Eigen::VectorXd hy = inverse * y;
      inverse += (1 + y.dot(hy) / sy) / sy * s * s.transpose() -
                 (hy * s.transpose() + s * hy.transpose()) / sy;
    }
  }
  return Failure{FailureKind::no_convergence,
                 "the generalized method of moments does not converge; take gmm = \"two_step\", "
                 "fewer covariates, or identification = \"just\""};
}

}  // namespace steelyard
