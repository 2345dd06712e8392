#include "estimators/weighting/penalised_participation.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

double log1p_exp(double eta) { return std::max(eta, 0.0) + std::log1p(std::exp(-std::abs(eta))); }

/// Column range of a block.
std::pair<std::size_t, std::size_t> range_of(const Auxiliary::Block& block) {
  return {block.offset, block.offset + block.size()};
}

}  // namespace

/// The log-likelihood's second-order expansion in φ about some φ: columns (x - mean) / root.
struct PenalisedParticipation::Quadratic {
  Eigen::MatrixXd hessian;
  Eigen::VectorXd phi, gradient;  ///< gradient of the expansion at the φ that is there now
  std::vector<double> curvature;  ///< by block: the largest eigenvalue of its part

  void move(Eigen::Index first, const Eigen::VectorXd& step) {
    phi.segment(first, step.size()) += step;
    gradient.noalias() -= hessian.middleCols(first, step.size()) * step;
  }
};

PenalisedParticipation::PenalisedParticipation(const TwoSamples& samples,
                                               std::span<const double> weight_a,
                                               std::span<const double> weight_b)
    : samples_(samples),
      weight_a_(weight_a),
      weight_b_(weight_b),
      score_a_(samples.columns()),
      root_(samples.columns()),
      mean_(samples.columns()) {
  samples.a.transpose_multiply(weight_a, score_a_);
  const std::vector<double>& d = samples.reference_index.weight;
  const double population = total(d);
  samples.b.transpose_multiply(d, mean_);
  for (double& m : mean_) m /= population;
  for (const Auxiliary::Block& block : samples.b.blocks) {
    if (block.number.empty()) {
      for (std::size_t j = block.offset; j < block.offset + block.size(); ++j)
        root_[j] = std::sqrt(mean_[j]);
      continue;
    }
    Sum squares;
    for (std::size_t c = 0; c < block.number.size(); ++c) {
      const double off = block.number[c] - mean_[block.offset];
      squares.add(d[c] * off * off);
    }
    root_[block.offset] = std::sqrt(squares.value() / population);
  }
  root_[0] = 1;
  mean_[0] = 0;
}

double PenalisedParticipation::free_columns(std::size_t term) const {
  const auto [first, last] = range_of(samples_.b.blocks[term + 1]);
  const auto levels = std::count_if(root_.begin() + static_cast<std::ptrdiff_t>(first),
                                    root_.begin() + static_cast<std::ptrdiff_t>(last),
                                    [](double r) { return r > 0; });
  return std::max<double>(1, static_cast<double>(levels) - 1);
}

std::vector<double> PenalisedParticipation::null_model() const {
  const double share = std::min(0.999, total(weight_a_) / total(weight_b_));
  std::vector<double> theta(samples_.columns(), 0.0);
  theta[0] = std::log(share / (1 - share));
  return theta;
}

std::vector<double> PenalisedParticipation::sizes(std::span<const double> theta) const {
  std::vector<double> out;
  for (std::size_t g = 1; g < samples_.a.blocks.size(); ++g) {
    const Auxiliary::Block& block = samples_.a.blocks[g];
    const auto [first, last] = range_of(block);
    double mean = 0, squares = 0;
    if (block.number.empty())
      for (std::size_t j = first; j < last; ++j) mean += root_[j] * root_[j] * theta[j];
    for (std::size_t j = first; j < last; ++j)
      squares += root_[j] * root_[j] * (theta[j] - mean) * (theta[j] - mean);
    out.push_back(std::sqrt(squares));
  }
  return out;
}

double PenalisedParticipation::deviance(std::span<const double> theta) const {
  double sum = 0;
  for (std::size_t j = 0; j < theta.size(); ++j) sum += score_a_[j] * theta[j];
  std::vector<double> b(samples_.b.cells);
  samples_.b.multiply(theta, b);
  for (std::size_t c = 0; c < b.size(); ++c)
    if (weight_b_[c] > 0) sum -= weight_b_[c] * log1p_exp(b[c]);
  return -2 * sum;
}

double PenalisedParticipation::penalised(std::span<const double> theta, double lambda,
                                         std::span<const double> term_weight) const {
  double value = deviance(theta) / 2;
  const std::vector<double> size = sizes(theta);
  for (std::size_t g = 0; g < size.size(); ++g) value += lambda * term_weight[g] * size[g];
  return value;
}

/// One pass of majorised block coordinate descent: the intercept, then each term by a soft
/// threshold on its whole vector. Yang & Zou (2015), Statistics and Computing 25, 1129-1141.
void PenalisedParticipation::sweep(Quadratic& q, double lambda,
                                   std::span<const double> term_weight) const {
  q.move(0, q.gradient.segment(0, 1) / q.hessian(0, 0));
  for (std::size_t g = 1; g < samples_.a.blocks.size(); ++g) {
    const auto [first, last] = range_of(samples_.a.blocks[g]);
    const auto begin = static_cast<Eigen::Index>(first);
    const auto count = static_cast<Eigen::Index>(last - first);
    if (!(q.curvature[g] > 0)) continue;
    const Eigen::VectorXd old = q.phi.segment(begin, count);
    Eigen::VectorXd next = old + q.gradient.segment(begin, count) / q.curvature[g];
    const double norm = next.norm(), cut = lambda * term_weight[g - 1] / q.curvature[g];
    if (norm <= cut)
      next.setZero();
    else
      next *= 1 - cut / norm;
    if (next != old) q.move(begin, next - old);
  }
}

std::vector<double> PenalisedParticipation::maximise(std::vector<double> theta, double lambda,
                                                     std::span<const double> term_weight) const {
  constexpr int kNewton = 40, kSweeps = 1000;
  const std::size_t p = samples_.columns();
  const auto size = static_cast<Eigen::Index>(p);
  std::vector<double> b(samples_.b.cells), other(p), trial(p);
  double value = penalised(theta, lambda, term_weight);
  for (int iteration = 0; iteration < kNewton; ++iteration) {
    samples_.b.multiply(theta, b);
    std::vector<double> v(b.size()), information(b.size());
    for (std::size_t c = 0; c < b.size(); ++c) {
      const double e = std::exp(-std::abs(b[c])), small = e / (1 + e), large = 1 / (1 + e);
      v[c] = weight_b_[c] * (b[c] >= 0 ? large : small);
      information[c] = weight_b_[c] * small * large;
    }
    samples_.b.transpose_multiply(v, other);
    Quadratic q;
    samples_.b.gram(information, q.hessian);
    q.hessian.triangularView<Eigen::StrictlyUpper>() = q.hessian.transpose();
    q.gradient.resize(size);
    q.phi.resize(size);
    for (Eigen::Index j = 0; j < size; ++j) {
      const auto k = static_cast<std::size_t>(j);
      q.gradient[j] = score_a_[k] - other[k];
      q.phi[j] = theta[k] * root_[k];
    }
    q.phi[0] = theta[0];
    for (std::size_t k = 1; k < p; ++k) q.phi[0] += mean_[k] * theta[k];
    for (Eigen::Index j = 1; j < size; ++j) {  // (x - mean) / root
      const auto k = static_cast<std::size_t>(j);
      const double inverse = root_[k] > 0 ? 1 / root_[k] : 0;
      q.gradient[j] = (q.gradient[j] - mean_[k] * q.gradient[0]) * inverse;
      q.hessian.row(j) = (q.hessian.row(j) - mean_[k] * q.hessian.row(0)).eval() * inverse;
    }
    for (Eigen::Index j = 1; j < size; ++j) {
      const auto k = static_cast<std::size_t>(j);
      const double inverse = root_[k] > 0 ? 1 / root_[k] : 0;
      q.hessian.col(j) = (q.hessian.col(j) - mean_[k] * q.hessian.col(0)).eval() * inverse;
    }
    q.curvature.push_back(0);
    for (std::size_t g = 1; g < samples_.a.blocks.size(); ++g) {
      const auto [first, last] = range_of(samples_.a.blocks[g]);
      const auto begin = static_cast<Eigen::Index>(first);
      const auto count = static_cast<Eigen::Index>(last - first);
      q.curvature.push_back(Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(
                                q.hessian.block(begin, begin, count, count), Eigen::EigenvaluesOnly)
                                .eigenvalues()
                                .maxCoeff());
    }
    const Eigen::VectorXd start = q.phi;
    for (int pass = 0; pass < kSweeps; ++pass) {
      const Eigen::VectorXd before = q.phi;
      sweep(q, lambda, term_weight);
      if ((q.phi - before).lpNorm<Eigen::Infinity>() < 1e-10) break;
    }
    if (!q.phi.allFinite()) break;
    const Eigen::VectorXd step = q.phi - start;
    bool lower = false;
    double next = value;
    for (double length = 1; length > 1e-6 && !lower; length /= 2) {
      trial[0] = start[0] + length * step[0];
      for (std::size_t k = 1; k < p; ++k) {
        const auto j = static_cast<Eigen::Index>(k);
        trial[k] = root_[k] > 0 ? (start[j] + length * step[j]) / root_[k] : 0;
        trial[0] -= mean_[k] * trial[k];
      }
      next = penalised(trial, lambda, term_weight);
      lower = next < value;
    }
    if (!lower) break;
    const double gained = value - next;
    theta = trial;
    value = next;
    // The error after a Newton step is of the order of its square.
    if (step.lpNorm<Eigen::Infinity>() < 1e-5 || gained < 1e-13 * std::abs(value)) break;
  }
  return theta;
}

double PenalisedParticipation::largest_lambda(std::span<const double> term_weight) const {
  const std::vector<double> theta = null_model();
  const double pi = 1 / (1 + std::exp(-theta[0]));
  std::vector<double> other(samples_.columns());
  samples_.b.transpose_multiply(weight_b_, other);
  double largest = 0;
  for (std::size_t g = 1; g < samples_.a.blocks.size(); ++g) {
    const auto [first, last] = range_of(samples_.a.blocks[g]);
    double squares = 0;
    for (std::size_t j = first; j < last; ++j)
      if (root_[j] > 0) {
        const double gradient =
            (score_a_[j] - pi * other[j] - mean_[j] * (score_a_[0] - pi * other[0])) / root_[j];
        squares += gradient * gradient;
      }
    if (term_weight[g - 1] > 0)
      largest = std::max(largest, std::sqrt(squares) / term_weight[g - 1]);
  }
  return largest;
}

}  // namespace steelyard
