#include "sim/designs/conditional_poisson.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace steelyard {

ConditionalPoisson::ConditionalPoisson(std::vector<double> p, std::vector<double> v, double a,
                                       std::size_t n)
    : p_(std::move(p)), v_(std::move(v)), a_(a), n_(n), backward_(backward(p_.size())) {}

void ConditionalPoisson::extend(Table& t, std::size_t from, std::size_t to, std::size_t k,
                                bool skip) const {
  const std::size_t width = n_ + 1;
  const double *f = &t.plain[from * width], *fv = v_.empty() ? nullptr : &t.with_v[from * width];
  double *g = &t.plain[to * width], *gv = v_.empty() ? nullptr : &t.with_v[to * width];
  if (skip) {
    std::copy(f, f + width, g);
    if (fv) std::copy(fv, fv + width, gv);
    return;
  }
  const double p = p_[k], q = 1 - p;
  g[0] = q * f[0];
  for (std::size_t j = 1; j < width; ++j) g[j] = q * f[j] + p * f[j - 1];
  if (!fv) return;
  gv[0] = q * fv[0];
  for (std::size_t j = 1; j < width; ++j) gv[j] = q * fv[j] + p * (fv[j - 1] + v_[k] * f[j - 1]);
}

ConditionalPoisson::Table ConditionalPoisson::forward(std::size_t without) const {
  Table t;
  t.plain.assign((units() + 1) * (n_ + 1), 0.0);
  if (!v_.empty()) t.with_v = t.plain;
  t.plain[0] = 1;
  for (std::size_t k = 0; k < units(); ++k) extend(t, k, k + 1, k, k == without);
  return t;
}

ConditionalPoisson::Table ConditionalPoisson::backward(std::size_t without) const {
  Table t;
  t.plain.assign((units() + 1) * (n_ + 1), 0.0);
  if (!v_.empty()) t.with_v = t.plain;
  t.plain[units() * (n_ + 1)] = 1;
  for (std::size_t k = units(); k-- > 0;) extend(t, k + 1, k, k, k == without);
  return t;
}

std::vector<double> ConditionalPoisson::first_order_given(std::size_t given) const {
  const bool whole = given == units();
  const std::size_t n = whole ? n_ : n_ - 1;
  const double a = a_ + (whole || v_.empty() ? 0.0 : v_[given]);
  std::vector<double> out(units(), 0.0);
  if (n == 0) return out;
  Table own;
  if (!whole) own = backward(given);
  const Table f = forward(given), &b = whole ? backward_ : own;
  double total = a * at(b.plain, 0, n);
  if (!v_.empty()) total += at(b.with_v, 0, n);
  for (std::size_t l = 0; l < units(); ++l) {
    if (l == given) continue;
    const double a_l = a + (v_.empty() ? 0.0 : v_[l]);
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const double left = at(f.plain, l, j), right = at(b.plain, l + 1, n - 1 - j);
      sum += a_l * left * right;
      if (!v_.empty()) sum += at(f.with_v, l, j) * right + left * at(b.with_v, l + 1, n - 1 - j);
    }
    out[l] = p_[l] * sum / total;
  }
  return out;
}

JointProbabilities ConditionalPoisson::joint() const {
  JointProbabilities joint(units());
  const std::vector<double> first = first_order();
  for (std::size_t k = 0; k < units(); ++k) {
    joint.set(k, k, first[k]);
    const std::vector<double> given = first_order_given(k);
    for (std::size_t l = 0; l < k; ++l) joint.set(k, l, first[k] * given[l]);
  }
  return joint;
}

void ConditionalPoisson::draw(Stream& stream, std::vector<std::uint32_t>& chosen) const {
  chosen.clear();
  double a = a_;
  for (std::size_t k = 0; k < units() && chosen.size() < n_; ++k) {
    const std::size_t left = n_ - chosen.size();
    const double v = v_.empty() ? 0.0 : v_[k];
    double take = (a + v) * at(backward_.plain, k + 1, left - 1);
    double leave = a * at(backward_.plain, k + 1, left);
    if (!v_.empty()) {
      take += at(backward_.with_v, k + 1, left - 1);
      leave += at(backward_.with_v, k + 1, left);
    }
    take *= p_[k];
    leave *= 1 - p_[k];
    if (leave > 0 && stream.uniform() * (take + leave) >= take) continue;
    chosen.push_back(static_cast<std::uint32_t>(k));
    a += v;
  }
}

double ConditionalPoisson::log_constant() const {
  double sum =
      std::log(a_ * at(backward_.plain, 0, n_) + (v_.empty() ? 0.0 : at(backward_.with_v, 0, n_)));
  for (double p : p_) sum -= std::log1p(-p);
  return sum;
}

namespace {

/// 1/(1 + exp(-λ_k - c)), c chosen so that they sum to n: a shift of λ leaves the design as it is.
std::vector<double> centred(std::span<const double> lambda, std::size_t n) {
  double c = 0;
  std::vector<double> p(lambda.size());
  for (int step = 0; step < 100; ++step) {
    double sum = -static_cast<double>(n), slope = 0;
    for (std::size_t k = 0; k < p.size(); ++k) {
      p[k] = 1 / (1 + std::exp(-lambda[k] - c));
      sum += p[k];
      slope += p[k] * (1 - p[k]);
    }
    if (std::abs(sum) < 1e-9 * static_cast<double>(n)) break;  // near n is enough for the tables
    c -= std::clamp(sum / slope, -1.0, 1.0);
  }
  return p;
}

}  // namespace

Result<std::vector<double>> maximum_entropy_parameters(std::span<const double> probability,
                                                       std::size_t n) {
  const std::size_t units = probability.size();
  std::vector<double> lambda(units), trial(units), step(units);
  for (std::size_t k = 0; k < units; ++k)
    lambda[k] = std::log(probability[k]) - std::log1p(-probability[k]);
  const auto value = [&](const ConditionalPoisson& design, std::span<const double> p) {
    double sum = -design.log_constant();
    for (std::size_t k = 0; k < units; ++k)
      sum += probability[k] * (std::log(p[k]) - std::log1p(-p[k]));
    return sum;
  };
  // The Hessian is near the diagonal of π(1-π) M/(M-1), exactly so for equal probabilities.
  const double scale = static_cast<double>(units - 1) / static_cast<double>(units);
  std::vector<double> p = centred(lambda, n);
  double worst = 1;
  for (int iteration = 0; iteration < 500; ++iteration) {
    const ConditionalPoisson design(p, {}, 1.0, n);
    const std::vector<double> reached = design.first_order();
    worst = 0;
    double gain = 0;
    for (std::size_t k = 0; k < units; ++k) {
      const double gap = probability[k] - reached[k];
      worst = std::max(worst, std::abs(gap));
      step[k] = scale * gap / (reached[k] * (1 - reached[k]));
      gain += step[k] * gap;
    }
    if (worst <= 1e-12) return p;
    const double before = value(design, p);
    for (double length = 1; length > 1e-3; length /= 2) {
      for (std::size_t k = 0; k < units; ++k) trial[k] = lambda[k] + length * step[k];
      p = centred(trial, n);
      const double after = value(ConditionalPoisson(p, {}, 1.0, n), p);
      // The last steps gain less than the value's rounding.
      if (after >= before + 1e-4 * length * gain || gain < 1e-10 * std::abs(before)) break;
    }
    lambda = trial;
  }
  return Failure{FailureKind::no_convergence,
                 fmt::format("the design of maximum entropy still misses an inclusion probability "
                             "by {:.2g} after 500 steps; use sampford",
                             worst)};
}

}  // namespace steelyard
