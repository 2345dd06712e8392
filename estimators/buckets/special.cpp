#include "estimators/buckets/special.hpp"

#include <boost/math/constants/constants.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/expint.hpp>
#include <cmath>

namespace steelyard::detail {

double exp_ratio(double z) { return z == 0 ? 1 : std::expm1(z) / z; }

double exp_moment(double z) {
  if (std::abs(z) > 1) return (1 + (z - 1) * std::exp(z)) / (z * z);
  double sum = 0, term = 1;  // sum of z^k / (k! (k + 2))
  for (int k = 0; k < 20; ++k) {
    sum += term / (k + 2);
    term *= z / (k + 1);
  }
  return sum;
}

TiltedUniform tilted_uniform(double rho) {
  if (std::abs(rho) > 1) {
    const double q = -1 / std::expm1(-rho);  // 1 / (1 - e^-ρ)
    const double mean = 1 / rho - (q - 1);
    const double half = 0.5 / std::sinh(0.5 * rho);
    return {mean, (0.5 - mean) / rho, 1 / (rho * rho) - half * half};
  }
  // B_2k / (2k)!, the Bernoulli numbers of 1 / (e^ρ - 1)
  static constexpr double kBernoulli[] = {1.0 / 12,
                                          -1.0 / 720,
                                          1.0 / 30240,
                                          -1.0 / 1209600,
                                          1.0 / 47900160,
                                          -691.0 / 1307674368000.0,
                                          1.0 / 74724249600.0,
                                          -3617.0 / 10670622842880000.0,
                                          43867.0 / 5109094217170944000.0,
                                          -174611.0 / 802857662698291200000.0};
  const double square = rho * rho;
  double pull = 0, variance = 0;
  for (int k = 9; k >= 0; --k) {
    pull = pull * square + kBernoulli[k];
    variance = variance * square + (2 * k + 1) * kBernoulli[k];
  }
  return {0.5 - rho * pull, pull, variance};
}

LogMoments tilted_log_moments(double rho) {
  if (std::abs(rho) <= 1) {
    double log = 0, x_log = 0, term = 1;  // ∫ t^k ln t = -1/(k+1)²
    for (int k = 0; k < 20; ++k) {
      log -= term / ((k + 1.0) * (k + 1.0));
      x_log -= term / ((k + 2.0) * (k + 2.0));
      term *= -rho / (k + 1);
    }
    const double scale = 1 / exp_ratio(-rho);
    return {log * scale, x_log * scale};
  }
  // ∫ -ln t e^(-ρt) dt = Ein(ρ)/ρ, Ein(ρ) = γ + ln|ρ| + E1(ρ) (or - Ei(-ρ)); by parts for T ln T.
  const double euler = boost::math::constants::euler<double>();
  if (rho > 0) {
    const double ein = euler + std::log(rho) + std::exp(-rho) * scaled_e1(rho);
    const double log = ein / std::expm1(-rho);
    return {log, (log + 1) / rho};
  }
  const double z = -rho;
  // Ei(z) overflows with e^z: beyond z = 600 its asymptotic series, e^z/z (1 + 1/z + 2/z² + ...)
  double log;
  if (z < 600) {
    log = -(boost::math::expint(z) - euler - std::log(z)) / std::expm1(z);
  } else {
    log = -(1 + (1 + (2 + (6 + 24 / z) / z) / z) / z) / z;
  }
  return {log, (log + 1) / rho};
}

double scaled_e1(double z) {
  if (z < 2) return std::exp(z) * boost::math::expint(1, z);
  // Continued fraction 1/(z+1-1/(z+3-4/(z+5-...))), modified Lentz. Source: Abramowitz & Stegun
  // (1964), 5.1.22; Press et al. (2007), Numerical Recipes, section 6.3.
  double b = z + 1, c = 1e300, d = 1 / b, h = d;
  for (int i = 1; i < 200; ++i) {
    const double a = -static_cast<double>(i) * i;
    b += 2;
    d = 1 / (a * d + b);
    c = b + a / c;
    const double factor = c * d;
    h *= factor;
    if (std::abs(factor - 1) < 1e-16) break;
  }
  return h;
}

std::array<double, 4> log_powers(double z) {
  std::array<double, 4> powers{};
  if (z < 0.5) {  // the recursion below would lose z^-4
    using Rule = boost::math::quadrature::gauss<double, 10>;
    for (std::size_t i = 0; i < Rule::abscissa().size(); ++i)
      for (const double side : {-1.0, 1.0}) {
        const double t = 0.5 + 0.5 * side * Rule::abscissa()[i];
        double value = 0.5 * Rule::weights()[i] * std::log1p(z * t);
        for (double& power : powers) {
          power += value;
          value *= t;
        }
      }
    return powers;
  }
  const double log = std::log1p(z);
  double j = log / z;  // J_k = ∫ t^k / (1 + zt) dt
  for (std::size_t k = 0; k < 4; ++k) {
    j = (1.0 / static_cast<double>(k + 1) - j) / z;
    powers[k] = (log - z * j) / static_cast<double>(k + 1);
  }
  return powers;
}

}  // namespace steelyard::detail
