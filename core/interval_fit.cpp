#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/errors.hpp"
#include "core/interval_likelihood.hpp"
#include "core/size_distribution.hpp"

namespace steelyard {
namespace {

constexpr double kBound = 6.2;             // of the logarithm of a shape
constexpr double kAsGoodAsInfinite = 5.7;  // a shape of 300, or 1/300, is reported as a boundary
constexpr double kOnItsWay = 4.6;          // a shape of 100 that still grows when the steps end
constexpr double kAccepted = 1e-8;         // gradient a person of a maximum
constexpr int kSteps = 100;
constexpr double kSteepest = 1e-14;  // no digits are left below it
using detail::Likelihood;
using detail::Matrix;
using detail::solve;
using detail::Vector;

struct Ascent {
  Vector x{};
  Likelihood::Local local;
  int iterations = 0;
  double gradient = std::numeric_limits<double>::infinity();
  bool at_bound = false;
  std::array<bool, detail::kMostParameters> held{};  ///< shapes that stand at their bound
};

/// Whether a climb from there is bound for the same summit.
bool same_place(const Vector& a, const Vector& b, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j)
    if (std::abs(a[j] - b[j]) > 0.05) return false;
  return true;
}

/// Newton's steps, damped after Levenberg and Marquardt, with Gauss and Newton's matrix where the
/// likelihood is not concave. Shapes stay within the box.
Ascent climb(const Likelihood& f, const Vector& start, int limit) {
  const std::size_t k = f.k();
  Ascent out;
  out.x = start;
  for (std::size_t j = 0; j < k; ++j)
    if (f.is_shape(j)) out.x[j] = std::clamp(out.x[j], -kBound, kBound);
  out.local = f.at(out.x);
  double damping = 1e-3;
  int stalled = 0;
  for (; out.iterations < limit; ++out.iterations) {
    // A shape that stands at its bound and wants beyond it is held there.
    Vector g = out.local.gradient;
    auto& held = out.held;
    double steepest = 0;
    out.at_bound = false;
    for (std::size_t j = 0; j < k; ++j) {
      held[j] =
          f.is_shape(j) && ((out.x[j] >= kBound && g[j] > 0) || (out.x[j] <= -kBound && g[j] < 0));
      if (held[j]) g[j] = 0;
      out.at_bound = out.at_bound || held[j];
      steepest = std::max(steepest, std::abs(g[j]));
    }
    stalled = steepest > out.gradient / 2 ? stalled + 1 : 0;
    out.gradient = steepest;
    if (steepest < (out.at_bound ? kAccepted : kSteepest)) break;
    if (steepest < 1e-10 && stalled == 3) break;
    const auto hold = [&](Matrix m) {
      for (std::size_t j = 0; j < k; ++j)
        if (held[j]) {
          for (std::size_t l = 0; l < k; ++l) m[j][l] = m[l][j] = 0;
          m[j][j] = 1;
        }
      return m;
    };
    const Matrix information = hold(out.local.information);
    Matrix used = hold(out.local.curvature);
    if (!solve(used, g, k)) used = information;
    bool moved = false;
    for (int attempt = 0; attempt < 30 && !moved; ++attempt) {
      Matrix damped = used;
      if (steepest > 1e-6)
        for (std::size_t j = 0; j < k; ++j) damped[j][j] += damping * (information[j][j] + 1e-12);
      if (const auto step = solve(damped, g, k)) {
        double share = 1;
        for (std::size_t j = 0; j < k; ++j)
          share = std::min(share, f.most_step(out.x, j) / std::abs((*step)[j]));
        if (attempt > 3 && steepest <= 1e-6) share *= std::pow(0.5, attempt);
        Vector next = out.x;
        for (std::size_t j = 0; j < k; ++j) {
          next[j] += (*step)[j] * share;
          if (f.is_shape(j)) next[j] = std::clamp(next[j], -kBound, kBound);
        }
        Likelihood::Local local = f.at(next);
        // Near the top the value no longer tells two points apart, but the gradient does.
        const double slack = (steepest < 1e-5 ? 1e-12 : 1e-15) * std::abs(out.local.value);
        if (local.value >= out.local.value - slack && next != out.x) {
          out.x = next;
          out.local = local;
          moved = true;
          damping = std::max(damping / 10, 1e-12);
          break;
        }
      }
      damping = std::min(damping * 8, 1e12);
    }
    if (!moved) break;
  }
  return out;
}

/// Families of fewer parameters whose maximum is a start for the wider one.
std::vector<Family> nested(Family family) {
  switch (family) {
    case Family::gb2:
      return {Family::dagum, Family::singh_maddala, Family::beta2};
    case Family::generalized_gamma:
      return {Family::weibull, Family::gamma};
    default:
      return {};
  }
}

/// The highest summit found from the family's starts.
Ascent highest(Likelihood& f, Family family, std::span<const double> edges,
               std::span<const double> shares, std::optional<double> mean) {
  const std::size_t k = f.k();
  std::vector<Vector> starts = f.starts();
  f.set_centre(starts.front());
  for (Family narrow : nested(family)) {
    Likelihood g(narrow, edges, shares, mean);
    const auto at = *g.parameters(highest(g, narrow, edges, shares, mean).x);
    Vector x = f.point(at);
    // Not from the edge of the box, where the likelihood is flat.
    bool far = false;
    for (std::size_t j = 0; j < k; ++j) far = far || (f.is_shape(j) && std::abs(x[j]) > 4);
    if (!far) starts.push_back(x);
  }
  std::vector<Ascent> ascents;
  const bool many = starts.size() > 1;
  for (const Vector& start : starts) ascents.push_back(climb(f, start, many ? 6 : kSteps));
  std::stable_sort(ascents.begin(), ascents.end(),
                   [](const Ascent& a, const Ascent& b) { return a.local.value > b.local.value; });
  if (!many) return ascents.front();
  Ascent best;
  best.local.value = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min<std::size_t>(2, ascents.size()); ++i) {
    if (i > 0 && same_place(ascents[i].x, best.x, k)) continue;
    Ascent end = climb(f, ascents[i].x, kSteps);
    end.iterations += ascents[i].iterations;
    if (end.local.value > best.local.value) best = end;
  }
  return best;
}

IntervalFit fit(Family family, std::span<const double> edges, std::span<const double> shares,
                double n, std::optional<double> mean) {
  EXPECTS(edges.size() == shares.size() + 1 && n > 0);
  Likelihood f(family, edges, shares, mean);
  const std::size_t k = f.k();
  EXPECTS(k < shares.size());
  const Ascent best = highest(f, family, edges, shares, mean);
  IntervalFit out{f.law(best.x), FitStatus::not_converged, 0,  0,  0,
                  best.gradient, best.iterations,          {}, {}, {}};
  const Matrix curvature = f.curvature_of_parameters(best.x);
  out.standard_error.assign(k, std::numeric_limits<double>::quiet_NaN());
  const bool concave = solve(curvature, {}, k).has_value();
  if (concave)
    for (std::size_t j = 0; j < k; ++j) {
      Vector unit{};
      unit[j] = 1;
      out.standard_error[j] = std::sqrt((*solve(curvature, unit, k))[j] / n);
    }
  double extreme = 0;  // the largest shape, by its logarithm
  for (std::size_t j = 0; j < k; ++j)
    if (f.is_shape(j)) extreme = std::max(extreme, std::abs(best.x[j]));
  const bool at_top = best.gradient < kAccepted && concave;
  if (f.has_prior() || extreme > (at_top ? kAsGoodAsInfinite : kOnItsWay))
    out.status = FitStatus::boundary;
  else if (at_top)
    out.status = FitStatus::ok;
  if (best.gradient < kAccepted) out.slopes = f.slopes(best.x, best.held);
  out.log_probability.assign(shares.size(), 0);
  double saturated = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) {
      out.log_probability[i] =
          std::log(std::max(out.law.probability(edges[i], edges[i + 1]), 1e-300));
      out.log_likelihood += n * shares[i] * out.log_probability[i];
      saturated += n * shares[i] * std::log(shares[i]);
    }
  out.aic = 2 * static_cast<double>(k) - 2 * out.log_likelihood;
  out.deviance = 2 * (saturated - out.log_likelihood);
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
  return fit(family, edges, shares, n, {});
}

IntervalFit fit_intervals_to_mean(Family family, std::span<const double> edges,
                                  std::span<const double> shares, double n, double mean) {
  EXPECTS(mean > 0 || family == Family::normal);
  return fit(family, edges, shares, n, mean);
}

}  // namespace steelyard
