// Segments: expectations of logarithms, and the squared survival.

#include <boost/math/constants/constants.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <utility>

#include "estimators/buckets/constants.hpp"
#include "estimators/buckets/segment.hpp"
#include "estimators/buckets/special.hpp"

namespace steelyard {
namespace {

using detail::exp_ratio;

using detail::kInfinity;
using detail::kNone;

/// Σ z^k / (k + 2)!, k >= 1: (e^z - 1 - z) / z² - 1/2.
double exp_remainder(double z) {
  double term = 0.5, sum = 0;
  for (int k = 1; k < 20; ++k) {
    term *= z / (k + 2);
    sum += term;
  }
  return sum;
}

/// E g of density ∝ e^(-rx) on [lower, upper], lower > 0, for g = ln x and x ln x: Gauss-Legendre
/// on panels where the integrand, in ln x, is nearly a polynomial.
std::pair<double, double> exponential_log_moments(const Segment& s) {
  const double rate = s.shape[0], rho = rate * (s.upper - s.lower);
  // Mass beyond 45 / |rate| from the dense end is below 1e-19.
  const double reach = 45 / std::abs(rate);
  const double from = rho < -45 ? s.upper - reach : s.lower;
  const double to = rho > 45 ? s.lower + reach : s.upper;
  using Rule = boost::math::quadrature::gauss<double, 20>;
  const auto& nodes = Rule::abscissa();
  double mass = 0, log = 0, x_log = 0;
  const double dense = rho < 0 ? to : from;
  for (double a = from; a < to;) {
    const double b = std::fmin(to, std::fmin(a + 6 / std::abs(rate), a * 20));
    const double log_a = std::log(a), half = 0.5 * std::log(b / a);
    for (std::size_t i = 0; i < 2 * nodes.size(); ++i) {
      const std::size_t j = i / 2;
      const double y = log_a + half * (1 + (i % 2 == 0 ? -nodes[j] : nodes[j]));
      const double x = std::exp(y);
      const double w = half * Rule::weights()[j] * x * std::exp(-rate * (x - dense));
      mass += w;
      log += w * y;
      x_log += w * x * y;
    }
    a = b;
  }
  return {log / mass, x_log / mass};
}

}  // namespace

double Segment::log_mean() const {
  if (lower < 0) return kNone;
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform: {
      if (lower == 0) return std::log(upper) - 1;
      const double z = w / lower;
      return std::log(lower) + ((1 + z) * std::log1p(z) - z) / z;
    }
    case SegmentKind::cubic: {
      if (lower == 0) return std::log(w) - (shape[0] + shape[1] / 2 + shape[2] / 3) / mass;
      const auto powers = detail::log_powers(w / lower);
      return std::log(lower) +
             (shape[0] * powers[0] + 2 * shape[1] * powers[1] + 3 * shape[2] * powers[2]) / mass;
    }
    case SegmentKind::log_uniform:
      return std::log(lower) + 0.5 * log_width();
    case SegmentKind::local_pareto: {
      const double r = log_width();
      return std::log(lower) + r * detail::tilted_uniform(a * r).mean;
    }
    case SegmentKind::truncated_exponential:
      if (lower == 0) return std::log(w) + detail::tilted_log_moments(a * w).log;
      return exponential_log_moments(*this).first;
    case SegmentKind::pareto_tail:
      return std::log(lower) + 1 / a;
    case SegmentKind::exponential_tail:
      if (lower == 0) return -boost::math::constants::euler<double>() - std::log(a);
      return std::log(lower) + detail::scaled_e1(a * lower);
  }
  return kNone;
}

double Segment::x_log_mean() const {
  if (lower < 0) return kNone;
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform: {
      if (lower == 0) return 0.5 * upper * (std::log(upper) - 0.5);
      const double z = w / lower, v = 1 + z;
      return mean() * std::log(lower) + lower * (0.5 * v * v * std::log1p(z) / z - 0.25 * (2 + z));
    }
    case SegmentKind::cubic: {
      const double d[] = {shape[0] / mass, 2 * shape[1] / mass, 3 * shape[2] / mass};
      if (lower == 0)  // ∫ t^k ln t dt = -1/(k + 1)²
        return mean() * std::log(w) - w * (d[0] / 4 + d[1] / 9 + d[2] / 16);
      const auto p = detail::log_powers(w / lower);
      return mean() * std::log(lower) + lower * (d[0] * p[0] + d[1] * p[1] + d[2] * p[2]) +
             w * (d[0] * p[1] + d[1] * p[2] + d[2] * p[3]);
    }
    case SegmentKind::log_uniform:
      return mean() * (std::log(lower) - 1) + upper;
    case SegmentKind::local_pareto: {
      const double r = log_width();
      return mean() * std::log(lower) +
             lower * r * detail::exp_moment(r * (1 - a)) / exp_ratio(-a * r);
    }
    case SegmentKind::truncated_exponential: {
      if (lower > 0) return exponential_log_moments(*this).second;
      return mean() * std::log(w) + w * detail::tilted_log_moments(a * w).x_log;
    }
    case SegmentKind::pareto_tail:
      return a > 1 ? mean() * (std::log(lower) + 1 / (a - 1)) : kInfinity;
    case SegmentKind::exponential_tail: {
      if (lower == 0) return (log_mean() + 1) / a;
      const double log = std::log(lower);
      return lower * log + (log + detail::scaled_e1(a * lower) + 1) / a;
    }
  }
  return kNone;
}

double Segment::squared_survival(double above) const {
  // S = above + mass g, g the survival within: ∫ S² = w above² + 2 above mass ∫ g + mass² ∫ g²
  const double w = upper - lower, a = shape[0];
  double squared = 0;  // ∫ g² dx
  switch (kind) {
    case SegmentKind::uniform:
      return w * (above * above + above * mass + mass * mass / 3);
    case SegmentKind::cubic: {
      const auto g = mirrored_shape();
      const double once = g[0] / 2 + g[1] / 3 + g[2] / 4;
      const double twice = g[0] * g[0] / 3 + g[1] * g[1] / 5 + g[2] * g[2] / 7 + g[0] * g[1] / 2 +
                           2 * (g[0] * g[2] / 5 + g[1] * g[2] / 6);
      return w * (above * above + 2 * above * once + twice);
    }
    case SegmentKind::log_uniform: {
      const double r = log_width();
      squared = lower * (r < 1 ? 2 * exp_remainder(r) : 2 * (w / lower - r) / (r * r) - 1);
      break;
    }
    case SegmentKind::local_pareto: {
      const double r = log_width(), start = above + mass;
      return start * start * lower * r * exp_ratio(r * (1 - 2 * a));
    }
    case SegmentKind::truncated_exponential: {
      const auto tilted = detail::tilted_uniform(a * w);
      return w * (above * (above + 2 * mass * tilted.mean) +
                  mass * mass * (tilted.mean * tilted.mean + tilted.pull));
    }
    case SegmentKind::pareto_tail:
      return a > 0.5 ? mass * mass * lower / (2 * a - 1) : kInfinity;
    case SegmentKind::exponential_tail:
      return mass * mass / (2 * a);
  }
  return w * above * above + 2 * above * mass * (mean() - lower) + mass * mass * squared;
}

}  // namespace steelyard
