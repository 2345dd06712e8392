#pragma once

// Elementary functions of the segments, without loss of digits where they are nearly singular.

#include <array>

namespace steelyard::detail {

/// (e^z - 1) / z, 1 at 0.
double exp_ratio(double z);

/// ∫ t e^(zt) dt over [0, 1].
double exp_moment(double z);

/// The law on [0, 1] of density proportional to e^(-ρt).
struct TiltedUniform {
  double mean;      ///< 1/ρ - 1/(e^ρ - 1)
  double pull;      ///< (1/2 - mean) / ρ, 1/12 at ρ = 0; ∫ S² dt = mean² + pull
  double variance;  ///< 1/ρ² - e^ρ / (e^ρ - 1)²
};
TiltedUniform tilted_uniform(double rho);

/// E ln T and E[T ln T] of that law.
struct LogMoments {
  double log, x_log;
};
LogMoments tilted_log_moments(double rho);

/// e^z E1(z), z > 0: the scaled exponential integral.
double scaled_e1(double z);

/// ∫ t^k ln(1 + zt) dt over [0, 1], k = 0 to 3; z > 0.
std::array<double, 4> log_powers(double z);

}  // namespace steelyard::detail
