#pragma once

// A standard normal known to lie in (A, B]: its log-probability and the ratios that the score and
// the information of interval regression are made of, without underflow in the tails.

#include <cmath>
#include <limits>
#include <numbers>

namespace steelyard::detail {

/// Mills ratio (1 - Φ(x))/φ(x), x >= 0. From 5 on Laplace's continued fraction, whose 24 terms
/// leave less than rounding there.
inline double mills_ratio(double x) {
  if (x < 5)
    return std::sqrt(std::numbers::pi / 2) * std::exp(x * x / 2) *
           std::erfc(x / std::numbers::sqrt2);
  double tail = x;
  for (int k = 24; k >= 1; --k) tail = x + k / tail;
  return 1 / tail;
}

inline double normal_density(double x) {
  return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
}

struct CensoredNormal {
  double log_prob = 0;                ///< ln P, P = Φ(B) - Φ(A)
  double at_lower = 0, at_upper = 0;  ///< φ(A)/P and φ(B)/P
};

/// @pre A < B; either may be infinite. Relative accuracy about 1e-16 / (B - A) for narrow ones.
inline CensoredNormal censored_normal(double lower, double upper) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (upper < 0) {
    const CensoredNormal mirrored = censored_normal(-upper, -lower);
    return {mirrored.log_prob, mirrored.at_upper, mirrored.at_lower};
  }
  if (lower <= 0) {
    const double p =
        (std::erf(upper / std::numbers::sqrt2) - std::erf(lower / std::numbers::sqrt2)) / 2;
    return {std::log(p), normal_density(lower) / p, normal_density(upper) / p};
  }
  // P = φ(A) (R(A) - φ(B)/φ(A) R(B)) with Mills ratios R.
  const double ratio = upper < kInf ? std::exp(-(upper - lower) * (upper + lower) / 2) : 0.0;
  const double rest = mills_ratio(lower) - (ratio > 0 ? ratio * mills_ratio(upper) : 0.0);
  return {-lower * lower / 2 - std::log(2 * std::numbers::pi) / 2 + std::log(rest), 1 / rest,
          ratio / rest};
}

/// x^k times a ratio that vanishes faster than any power: 0 at an infinite x.
inline double edge_term(double x, double ratio) { return std::isinf(x) ? 0.0 : x * ratio; }

}  // namespace steelyard::detail
