#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/errors.hpp"
#include "core/interval_likelihood.hpp"
#include "core/size_distribution.hpp"

namespace steelyard {
namespace {

constexpr double kBound = 9;               // of the logarithm of a shape
constexpr double kAsGoodAsInfinite = 6.5;  // a shape of 665, or 1/665, is reported as a boundary
constexpr double kOnItsWay = 4.6;          // a shape of 100 that still grows when the steps end
constexpr double kAccepted = 1e-8;         // gradient a person of a maximum
using detail::Accuracy;
using detail::Likelihood;
using detail::Matrix;
using detail::Vector;

/// Solves m x = r by Cholesky's method; nothing if m is not positive definite.
std::optional<Vector> solve(Matrix m, Vector r, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j) {
    for (std::size_t i = 0; i < j; ++i) m[j][j] -= m[j][i] * m[j][i];
    if (!(m[j][j] > 0)) return {};
    m[j][j] = std::sqrt(m[j][j]);
    for (std::size_t i = j + 1; i < k; ++i) {
      for (std::size_t l = 0; l < j; ++l) m[i][j] -= m[i][l] * m[j][l];
      m[i][j] /= m[j][j];
    }
  }
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t l = 0; l < i; ++l) r[i] -= m[i][l] * r[l];
    r[i] /= m[i][i];
  }
  for (std::size_t i = k; i-- > 0;) {
    for (std::size_t l = i + 1; l < k; ++l) r[i] -= m[l][i] * r[l];
    r[i] /= m[i][i];
  }
  return r;
}

struct Ascent {
  Vector x{};
  double value = -std::numeric_limits<double>::infinity();
  int iterations = 0;
  double gradient = std::numeric_limits<double>::infinity();
};

double largest(const Vector& g, std::size_t k) {
  double most = 0;
  for (std::size_t j = 0; j < k; ++j) most = std::max(most, std::abs(g[j]));
  return most;
}

/// Whether a climb from there is bound for the same summit.
bool same_place(const Vector& a, const Vector& b, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j)
    if (std::abs(a[j] - b[j]) > 0.05) return false;
  return true;
}

Ascent climb(const Likelihood& f, Vector x, int limit, double wanted) {
  const std::size_t k = f.k();
  Ascent out;
  out.x = x;
  out.value = f.value(x);
  double damping = 1e-3;
  int stalled = 0;
  for (; out.iterations < limit; ++out.iterations) {
    Matrix information;
    Vector g = f.gradient(out.x, &information);
    // A shape that stands at its bound and wants beyond it is held there.
    std::array<bool, detail::kMostParameters> held{};
    for (std::size_t j = 0; j < k; ++j)
      held[j] =
          f.is_shape(j) && ((out.x[j] >= kBound && g[j] > 0) || (out.x[j] <= -kBound && g[j] < 0));
    const auto hold = [&](Matrix& m) {
      for (std::size_t j = 0; j < k; ++j)
        if (held[j]) {
          for (std::size_t l = 0; l < k; ++l) m[j][l] = m[l][j] = 0;
          m[j][j] = 1;
          g[j] = 0;
        }
    };
    hold(information);
    const double before = out.gradient;
    out.gradient = largest(g, k);
    stalled = out.gradient > before / 2 ? stalled + 1 : 0;
    if (out.gradient < 1e-10 && stalled == 4) break;
    const bool at_bound = std::find(held.begin(), held.end(), true) != held.end();
    if (out.gradient < (at_bound ? kAccepted : wanted)) break;
    // Near the top Newton's own matrix converges quadratically; elsewhere it may point downhill.
    if (out.gradient < 0.1) {
      Matrix exact = f.curvature(out.x, Accuracy::steering);
      hold(exact);
      if (solve(exact, g, k)) information = exact;
    }
    bool moved = false;
    for (int attempt = 0; attempt < 30 && !moved; ++attempt) {
      Matrix damped = information;
      for (std::size_t j = 0; j < k; ++j) damped[j][j] += damping * (information[j][j] + 1e-12);
      const auto step = solve(damped, g, k);
      if (step) {
        Vector next = out.x;
        double most = 0;
        for (std::size_t j = 0; j < k; ++j)
          if (f.is_shape(j)) most = std::max(most, std::abs((*step)[j]));
        for (std::size_t j = 0; j < k; ++j) {
          next[j] += (*step)[j] * std::min(1.0, 2 / most);
          if (f.is_shape(j)) next[j] = std::clamp(next[j], -kBound, kBound);
        }
        const double value = f.value(next);
        // Near the top the value no longer tells two points apart, but the gradient does.
        const double slack = (out.gradient < 1e-5 ? 1e-13 : 1e-15) * std::abs(out.value);
        if (value >= out.value - slack && next != out.x) {
          out.x = next;
          out.value = value;
          moved = true;
          damping = std::max(damping / 5, 1e-12);
          break;
        }
      }
      damping = std::min(damping * 5, 1e12);
    }
    if (!moved) break;
  }
  return out;
}

}  // namespace

const char* to_string(FitStatus status) {
  switch (status) {
    case FitStatus::ok:
      return "ok";
    case FitStatus::boundary:
      return "boundary";
    default:
      return "not converged";
  }
}

IntervalFit fit_intervals(Family family, std::span<const double> edges,
                          std::span<const double> shares, double n) {
  EXPECTS(edges.size() == shares.size() + 1 && n > 0);
  Likelihood f(family, edges, shares);
  const std::size_t k = f.k();
  EXPECTS(k < shares.size());
  std::vector<Vector> starts = f.starts();
  f.set_centre(starts.front());
  // A few steps from the likeliest starts, then the best two to the end.
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < starts.size(); ++i) order.emplace_back(-f.value(starts[i]), i);
  std::sort(order.begin(), order.end());
  std::vector<Ascent> ascents;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, order.size()); ++i)
    ascents.push_back(climb(f, starts[order[i].second], 8, 1e-6));
  std::stable_sort(ascents.begin(), ascents.end(),
                   [](const Ascent& a, const Ascent& b) { return a.value > b.value; });
  Ascent best;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, ascents.size()); ++i) {
    if (i > 0 && same_place(ascents[i].x, best.x, k)) continue;
    Ascent end = climb(f, ascents[i].x, 200, 1e-13);
    end.iterations += ascents[i].iterations;
    if (end.value > best.value) best = end;
  }
  IntervalFit fit{f.law(best.x), FitStatus::not_converged, 0, 0, 0,
                  best.gradient, best.iterations,          {}};
  const Matrix curvature = f.curvature(best.x);
  fit.standard_error.assign(k, std::numeric_limits<double>::quiet_NaN());
  const bool concave = solve(curvature, {}, k).has_value();
  if (concave)
    for (std::size_t j = 0; j < k; ++j) {
      Vector unit{};
      unit[j] = 1;
      fit.standard_error[j] = std::sqrt((*solve(curvature, unit, k))[j] / n);
    }
  double extreme = 0;  // the largest shape, by its logarithm
  for (std::size_t j = 0; j < k; ++j)
    if (f.is_shape(j)) extreme = std::max(extreme, std::abs(best.x[j]));
  const bool at_top = best.gradient < kAccepted && concave;
  if (f.has_prior() || extreme > (at_top ? kAsGoodAsInfinite : kOnItsWay))
    fit.status = FitStatus::boundary;
  else if (at_top)
    fit.status = FitStatus::ok;
  double saturated = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) {
      fit.log_likelihood +=
          n * shares[i] * std::log(std::max(fit.law.probability(edges[i], edges[i + 1]), 1e-300));
      saturated += n * shares[i] * std::log(shares[i]);
    }
  fit.aic = 2 * static_cast<double>(k) - 2 * fit.log_likelihood;
  fit.deviance = 2 * (saturated - fit.log_likelihood);
  return fit;
}

}  // namespace steelyard
