#include "core/shape_integrals.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <utility>

namespace steelyard::detail {
namespace {

namespace bm = boost::math;
using Rule = bm::quadrature::gauss<double, 14>;
constexpr double kNegligible = 1e-19;  // of an integral: what a far panel may leave out
constexpr int kMostPanels = 400, kMostTerms = 300;

}  // namespace

ShapeDensity::ShapeDensity(FamilyKind kind, double p, double q)
    : beta_(kind == FamilyKind::beta), p_(p), q_(beta_ ? q : 1) {
  norm_ = bm::lgamma(p);
  centre_p_ = bm::digamma(p);
  norm_pp_ = bm::trigamma(p);
  centre_q_ = norm_pq_ = norm_qq_ = 0;
  if (!beta_) return;
  const double both = bm::digamma(p + q), curvature = bm::trigamma(p + q);
  norm_ += bm::lgamma(q) - bm::lgamma(p + q);
  centre_q_ = bm::digamma(q) - both;
  centre_p_ -= both;
  norm_qq_ = bm::trigamma(q) - curvature;
  norm_pp_ -= curvature;
  norm_pq_ = -curvature;
}

ShapeDensity::Point ShapeDensity::point(double v) const {
  if (!beta_) return {v, -std::exp(v)};
  const double small = std::log1p(std::exp(-std::abs(v)));
  return v > 0 ? Point{-small, -v - small} : Point{v - small, -small};
}

double ShapeDensity::density(double v) const { return std::exp(log_density(point(v))); }

ShapeDensity::Scores ShapeDensity::scores(double v) const {
  const Point at = point(v);
  if (!beta_) return {p_ + at.log_rest, at.log_z - centre_p_, 0};
  return {p_ * std::exp(at.log_rest) - q_ * std::exp(at.log_z), at.log_z - centre_p_,
          at.log_rest - centre_q_};
}

double ShapeDensity::panel(double v) const {
  double slope, curvature, reach = 2;
  if (beta_) {
    const double z = 1 / (1 + std::exp(-v));
    slope = p_ * (1 - z) - q_ * z;
    curvature = (p_ + q_) * z * (1 - z);
  } else {
    curvature = std::exp(v);
    slope = p_ - curvature;
    reach = 1.5;
  }
  return std::min({reach, 4 / std::abs(slope), 3 / std::sqrt(curvature)});
}

void ShapeDensity::add_panel(double from, double to, Integrals& sum) const {
  const double centre = (from + to) / 2, half = (to - from) / 2;
  const auto add = [&](double node, double weight) {
    const Point at = point(centre + half * node);
    const double f = half * weight * std::exp(log_density(at));
    const double p = at.log_z - centre_p_;
    sum.one += f;
    sum.p += f * p;
    sum.pp += f * (p * p - norm_pp_);
    if (!beta_) return;
    const double q = at.log_rest - centre_q_;
    sum.q += f * q;
    sum.pq += f * (p * q - norm_pq_);
    sum.qq += f * (q * q - norm_qq_);
  };
  for (std::size_t i = 0; i < Rule::abscissa().size(); ++i) {
    add(Rule::abscissa()[i], Rule::weights()[i]);
    add(-Rule::abscissa()[i], Rule::weights()[i]);
  }
}

bool ShapeDensity::series_converges(double v) const {
  // The terms grow like (q z)^k / k! (gamma: t^k / k!) with alternating signs: no digits are lost.
  return v < -1.6 && (q_ + 1) * std::exp(v) < 1;
}

/// Termwise derivatives of sum_k A_k y^(p+k) / (p+k), with y = z and A_k = (1-q)_k / k! (beta), or
/// y = t and A_k = (-1)^k / k! (gamma).
ShapeDensity::Integrals ShapeDensity::lower_tail(double v) const {
  const double log_y = point(v).log_z, y = std::exp(log_y);
  double a = 1, aq = 0, aqq = 0;  // A_k y^k and its derivatives in q
  double one = 0, p = 0, pp = 0, q = 0, pq = 0, qq = 0;
  for (int k = 0; k < kMostTerms; ++k) {
    const double r = 1 / (p_ + k);
    const double d1 = (log_y - r) * r, d2 = ((log_y - 2 * r) * log_y + 2 * r * r) * r;
    one += a * r;
    p += a * d1;
    pp += a * d2;
    q += aq * r;
    pq += aq * d1;
    qq += aqq * r;
    if (k > 0 && std::abs(a) + std::abs(aq) + std::abs(aqq) < 1e-17 * (1 + log_y * log_y)) break;
    if (beta_) {
      const double ratio = (k + 1 - q_) / (k + 1) * y, step = y / (k + 1);
      aqq = aqq * ratio - 2 * aq * step;
      aq = aq * ratio - a * step;
      a *= ratio;
    } else {
      a *= -y / (k + 1);
    }
  }
  const double scale = std::exp(p_ * log_y - norm_);
  const double cp = centre_p_, cq = centre_q_;
  Integrals sum;
  sum.one = scale * one;
  sum.p = scale * (p - cp * one);
  sum.q = scale * (q - cq * one);
  sum.pp = scale * (pp - 2 * cp * p + (cp * cp - norm_pp_) * one);
  sum.pq = scale * (pq - cq * p - cp * q + (cp * cq - norm_pq_) * one);
  sum.qq = scale * (qq - 2 * cq * q + (cq * cq - norm_qq_) * one);
  return sum;
}

ShapeDensity ShapeDensity::mirrored() const {
  ShapeDensity other = *this;
  std::swap(other.p_, other.q_);
  std::swap(other.centre_p_, other.centre_q_);
  std::swap(other.norm_pp_, other.norm_qq_);
  return other;
}

ShapeDensity::Integrals ShapeDensity::left_of_mode(double from, double to) const {
  Integrals sum;
  const auto add = [&](const Integrals& more, double sign) {
    sum = {sum.one + sign * more.one, sum.p + sign * more.p,   sum.q + sign * more.q,
           sum.pp + sign * more.pp,   sum.pq + sign * more.pq, sum.qq + sign * more.qq};
  };
  double v = to;
  for (int i = 0; i < kMostPanels && v > from; ++i) {
    if (v - from > 4 && series_converges(v)) {
      add(lower_tail(v), 1);
      if (!std::isinf(from)) add(lower_tail(from), -1);
      break;
    }
    const double width = panel(v), before = sum.one;
    const double next = v - width < from + 0.1 * width ? from : v - width;
    add_panel(next, v, sum);
    if (sum.one - before < kNegligible * sum.one) break;
    v = next;
  }
  return sum;
}

ShapeDensity::Integrals ShapeDensity::right_of_mode(double from, double to) const {
  if (beta_) {
    const Integrals other = mirrored().left_of_mode(-to, -from);
    return {other.one, other.q, other.p, other.qq, other.pq, other.pp};
  }
  Integrals sum;
  double v = from;
  for (int i = 0; i < kMostPanels && v < to; ++i) {
    const double width = panel(v), before = sum.one;
    const double next = v + width > to - 0.1 * width ? to : v + width;
    add_panel(v, next, sum);
    if (sum.one - before < kNegligible * sum.one) break;
    v = next;
  }
  return sum;
}

ShapeDensity::Integrals ShapeDensity::over(double from, double to) const {
  if (std::isinf(from) && std::isinf(to)) return {1, 0, 0, 0, 0, 0};
  const double mode = std::log(p_ / q_);
  if (to <= mode) return left_of_mode(from, to);
  if (from >= mode) return right_of_mode(from, to);
  const Integrals a = left_of_mode(from, mode), b = right_of_mode(mode, to);
  return {a.one + b.one, a.p + b.p, a.q + b.q, a.pp + b.pp, a.pq + b.pq, a.qq + b.qq};
}

}  // namespace steelyard::detail
