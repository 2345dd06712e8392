#include "estimators/buckets/segment.hpp"

#include <boost/math/quadrature/gauss.hpp>
#include <cmath>

#include "core/errors.hpp"
#include "estimators/buckets/constants.hpp"
#include "estimators/buckets/special.hpp"

namespace steelyard {
namespace {

using detail::exp_ratio;

using detail::kInfinity;
using detail::kNone;

double cubic_value(const std::array<double, 3>& f, double t) {
  return t * (f[0] + t * (f[1] + t * f[2]));
}

/// The t in [0, 1] with bt + ct² + dt³ = target: Newton inside a bracket.
double cubic_root(const std::array<double, 3>& f, double target) {
  if (f[2] == 0) {  // a root that loses nothing for small c
    const double root = std::sqrt(std::fmax(f[0] * f[0] + 4 * f[1] * target, 0.0));
    return target == 0 ? 0 : std::fmin(2 * target / (f[0] + root), 1.0);
  }
  double low = 0, high = 1, t = std::fmin(target / (f[0] + f[1] + f[2]), 1.0);
  for (int i = 0; i < 100; ++i) {
    const double gap = cubic_value(f, t) - target;
    (gap < 0 ? low : high) = t;
    const double slope = f[0] + t * (2 * f[1] + 3 * t * f[2]);
    double next = t - gap / slope;
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - t) <= 1e-16 + 2e-16 * t) return next;
    t = next;
  }
  return t;
}

/// ln(1 - share (1 - e^-a)) / -a: the t below which `share` of a density ∝ e^(-at) lies.
double tilted_quantile(double a, double share) {
  if (std::abs(a) < 1e-8) return share * (1 - 0.5 * a * (1 - share));
  return -std::log1p(share * std::expm1(-a)) / a;
}

/// ln E e^(2rT) - 2 ln E e^(rT) for T in [0, 1] of density ∝ e^(-ρt): a second difference of the
/// cumulant function, as the integral of T's variance under the tilts between.
double log_square_ratio(double rho, double r) {
  return boost::math::quadrature::gauss<double, 7>::integrate(
      [&](double x) {
        return (r - x) * (detail::tilted_uniform(rho - r - x).variance +
                          detail::tilted_uniform(rho - r + x).variance);
      },
      0.0, r);
}

}  // namespace

Segment Segment::uniform(double lower, double upper, double mass) {
  return {SegmentKind::uniform, lower, upper, mass};
}

Segment Segment::linear(double lower, double upper, double mass, double steepness) {
  EXPECTS(std::abs(steepness) <= 2);
  const double half = 0.5 * steepness;
  return {SegmentKind::cubic, lower, upper, mass, {mass * (1 - half), mass * half, 0}};
}

Segment Segment::hermite(double lower, double upper, double mass, double density_lower,
                         double density_upper) {
  const double a = density_lower * (upper - lower), b = density_upper * (upper - lower);
  return {SegmentKind::cubic, lower, upper, mass, {a, 3 * mass - 2 * a - b, a + b - 2 * mass}};
}

Segment Segment::log_uniform(double lower, double upper, double mass) {
  EXPECTS(lower > 0);
  return {SegmentKind::log_uniform, lower, upper, mass};
}

Segment Segment::local_pareto(double lower, double upper, double mass, double exponent) {
  EXPECTS(lower > 0);
  return {SegmentKind::local_pareto, lower, upper, mass, {exponent}};
}

Segment Segment::truncated_exponential(double lower, double upper, double mass, double rate) {
  if (rate == 0) return uniform(lower, upper, mass);
  return {SegmentKind::truncated_exponential, lower, upper, mass, {rate}};
}

Segment Segment::pareto_tail(double lower, double mass, double exponent) {
  EXPECTS(lower > 0 && exponent > 0);
  return {SegmentKind::pareto_tail, lower, kInfinity, mass, {exponent}};
}

Segment Segment::exponential_tail(double lower, double mass, double rate) {
  EXPECTS(rate > 0);
  return {SegmentKind::exponential_tail, lower, kInfinity, mass, {rate}};
}

double Segment::log_width() const { return std::log1p((upper - lower) / lower); }

std::array<double, 3> Segment::mirrored_shape() const {
  return {shape[0] + 2 * shape[1] + 3 * shape[2], -(shape[1] + 3 * shape[2]), shape[2]};
}

double Segment::mean() const {
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform:
      return 0.5 * (lower + upper);
    case SegmentKind::cubic:
      return lower + w * (shape[0] / 2 + shape[1] * 2 / 3 + shape[2] * 3 / 4) / mass;
    case SegmentKind::log_uniform:
      return w / log_width();
    case SegmentKind::local_pareto: {
      const double r = log_width();
      return lower * exp_ratio(r * (1 - a)) / exp_ratio(-a * r);
    }
    case SegmentKind::truncated_exponential:
      return lower + w * detail::tilted_uniform(a * w).mean;
    case SegmentKind::pareto_tail:
      return a > 1 ? lower * a / (a - 1) : kInfinity;
    case SegmentKind::exponential_tail:
      return lower + 1 / a;
  }
  return kNone;
}

double Segment::variance() const {
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform:
      return w * w / 12;
    case SegmentKind::cubic: {
      const double m = (shape[0] / 2 + shape[1] * 2 / 3 + shape[2] * 3 / 4) / mass;
      const double square = (shape[0] / 3 + shape[1] / 2 + shape[2] * 3 / 5) / mass;
      return w * w * (square - m * m);
    }
    case SegmentKind::log_uniform: {
      const double r = log_width();
      // m (c - m), c the middle: both are near each other in a narrow bucket
      const double m = w / r;
      if (r > 1) return m * (0.5 * (lower + upper) - m);
      const double h = 0.5 * r;
      double sum = 0, term = 1;  // cosh h - sinh h / h = Σ 2k h^2k / (2k + 1)!
      for (int k = 1; k < 10; ++k) {
        term *= h * h / ((2 * k) * (2 * k + 1));
        sum += 2 * k * term;
      }
      return m * lower * std::exp(h) * sum;
    }
    case SegmentKind::local_pareto: {
      const double r = log_width(), m = mean();
      if (r < 0.5) return m * m * std::expm1(log_square_ratio(a * r, r));
      return lower * lower * exp_ratio(r * (2 - a)) / exp_ratio(-a * r) - m * m;
    }
    case SegmentKind::truncated_exponential:
      return w * w * detail::tilted_uniform(a * w).variance;
    case SegmentKind::pareto_tail:
      return a > 2 ? lower * lower * a / ((a - 1) * (a - 1) * (a - 2)) : kInfinity;
    case SegmentKind::exponential_tail:
      return 1 / (a * a);
  }
  return kNone;
}

double Segment::quantile(double share) const {
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform:
      return lower + share * w;
    case SegmentKind::cubic:
      return lower + w * cubic_root(shape, share * mass);
    case SegmentKind::log_uniform:
      return lower * std::exp(share * log_width());
    case SegmentKind::local_pareto: {
      const double r = log_width();
      return lower * std::exp(r * tilted_quantile(a * r, share));
    }
    case SegmentKind::truncated_exponential:
      return lower + w * tilted_quantile(a * w, share);
    case SegmentKind::pareto_tail:
      return lower * std::exp(-std::log1p(-share) / a);
    case SegmentKind::exponential_tail:
      return lower - std::log1p(-share) / a;
  }
  return kNone;
}

double Segment::upper_quantile(double share) const {
  switch (kind) {
    case SegmentKind::cubic:
      return upper - (upper - lower) * cubic_root(mirrored_shape(), share * mass);
    case SegmentKind::pareto_tail:
      return lower * std::exp(-std::log(share) / shape[0]);
    case SegmentKind::exponential_tail:
      return lower - std::log(share) / shape[0];
    default:
      return quantile(1 - share);
  }
}

double Segment::density(double x) const {
  const double w = upper - lower, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform:
      return mass / w;
    case SegmentKind::cubic: {
      const double t = (x - lower) / w;
      return (shape[0] + t * (2 * shape[1] + 3 * t * shape[2])) / w;
    }
    case SegmentKind::log_uniform:
      return mass / (x * log_width());
    case SegmentKind::local_pareto: {
      const double r = log_width();
      return mass * std::exp(-a * std::log(x / lower)) / (x * r * exp_ratio(-a * r));
    }
    case SegmentKind::truncated_exponential:
      return mass * std::exp(-a * (x - lower)) / (w * exp_ratio(-a * w));
    case SegmentKind::pareto_tail:
      return mass * a / x * std::pow(x / lower, -a);
    case SegmentKind::exponential_tail:
      return mass * a * std::exp(-a * (x - lower));
  }
  return kNone;
}

Segment Segment::below(double x) const {
  const double w = upper - lower, part = x - lower, t = part / w, a = shape[0];
  switch (kind) {
    case SegmentKind::uniform:
      return uniform(lower, x, mass * t);
    case SegmentKind::cubic:
      return {SegmentKind::cubic,
              lower,
              x,
              cubic_value(shape, t),
              {shape[0] * t, shape[1] * t * t, shape[2] * t * t * t}};
    case SegmentKind::log_uniform:
      return log_uniform(lower, x, mass * std::log1p(part / lower) / log_width());
    case SegmentKind::local_pareto: {
      const double r = log_width(), y = std::log1p(part / lower);
      return local_pareto(lower, x, mass * (y / r) * exp_ratio(-a * y) / exp_ratio(-a * r), a);
    }
    case SegmentKind::truncated_exponential:
      return truncated_exponential(lower, x, mass * t * exp_ratio(-a * part) / exp_ratio(-a * w),
                                   a);
    case SegmentKind::pareto_tail:
      return local_pareto(lower, x, -mass * std::expm1(-a * std::log1p(part / lower)), a);
    case SegmentKind::exponential_tail:
      return truncated_exponential(lower, x, -mass * std::expm1(-a * part), a);
  }
  return *this;
}

Segment Segment::scaled(double unit) const {
  Segment s = *this;
  s.lower /= unit;
  s.upper /= unit;
  if (kind == SegmentKind::truncated_exponential || kind == SegmentKind::exponential_tail)
    s.shape[0] *= unit;
  return s;
}

}  // namespace steelyard
