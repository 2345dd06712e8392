#pragma once

// The density of a family inside a bucket, and how it is tilted or stretched there.

#include <algorithm>
#include <cmath>

#include "estimators/buckets/calibrated.hpp"

namespace steelyard::detail {

constexpr double kPower = 36;  // a log(x/b) beyond which a beta tail is a power of x

/// How the density of one bucket is changed: tilted by exp(-rate x); the excess over `lower`
/// stretched by a factor (of the open bucket).
struct Change {
  double rate = 0, lower = 0, stretch = 1;
  /// The unstretched log x, and the logarithm of the derivative of it.
  double origin(double u) const {
    return stretch == 1 ? u : std::log(lower + (std::exp(u) - lower) / stretch);
  }
  double log_jacobian(double u) const {
    return stretch == 1 ? 0 : u - std::log(stretch) - origin(u);
  }
  double log_factor(double u) const { return -rate * std::exp(u); }
};

/// The density of log x of a family, but for its norm.
class Kernel {
 public:
  explicit Kernel(const Shape& shape) : kind_(kind_of(shape.law.family())), weight_(shape.weight) {
    const auto [a, b, p, q] = shape.law.parameters();
    a_ = kind_ == FamilyKind::normal ? 1 / b : a;
    location_ = kind_ == FamilyKind::normal ? a : std::log(b);
    p_ = p;
    q_ = q;
  }
  double weight() const { return weight_; }
  double log_density(double u) const {
    const double v = a_ * (u - location_);
    switch (kind_) {
      case FamilyKind::normal:
        return -v * v / 2;
      case FamilyKind::gamma:
        return p_ * v - std::exp(v);
      default:
        return p_ * v - (p_ + q_) * (std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))));
    }
  }
  double slope(double u) const {
    const double v = a_ * (u - location_);
    switch (kind_) {
      case FamilyKind::normal:
        return -a_ * v;
      case FamilyKind::gamma:
        return a_ * (p_ - std::exp(v));
      default: {
        const double z = 1 / (1 + std::exp(-v));
        return a_ * (p_ * (1 - z) - q_ * z);
      }
    }
  }
  /// How far a panel from u may reach for a polynomial to follow the density times exp(-tilt).
  double reach(double u, double tilt) const {  ///< tilt: rate times x
    const double v = a_ * (u - location_), pull = std::abs(tilt);
    double curvature = a_ * a_;
    double most = 4;
    if (kind_ == FamilyKind::gamma) {
      curvature *= std::exp(v);
      if (v > -20) most = std::min(most, 1.5 / a_);
    } else if (kind_ == FamilyKind::beta) {
      const double z = 1 / (1 + std::exp(-v));
      curvature *= (p_ + q_) * z * (1 - z);
      if (std::abs(v) < 20) most = std::min(most, 2 / a_);
    }
    if (pull > 1e-3) most = std::min(most, 1.5);
    return std::min({most, 4 / std::abs(slope(u) - tilt), 3 / std::sqrt(curvature + pull)});
  }
  /// Whether beyond u the density of x is a power of x; and that power, P(X > x) ~ x^-alpha.
  bool is_power(double u) const {
    return kind_ == FamilyKind::beta && a_ * (u - location_) > kPower;
  }
  double alpha() const { return a_ * q_; }

 private:
  FamilyKind kind_;
  double weight_, a_, location_, p_, q_;
};

}  // namespace steelyard::detail
