#pragma once

// What the tests of variances under unequal probabilities share.

#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "estimators/survey/pps_variance.hpp"

namespace steelyard::testing {

inline void near(double value, double reference, double tolerance) {
  EXPECT_NEAR(value, reference, tolerance * std::abs(reference));
}

inline std::vector<double> over(std::span<const double> y, std::span<const double> p) {
  std::vector<double> u;
  for (std::size_t i = 0; i < y.size(); ++i) u.push_back(y[i] / p[i]);
  return u;
}

inline double variance(const PpsColumns& columns, std::span<const double> u) {
  const auto made = PpsVariance::make(columns, {}, 1, LonelyPsu::fail);
  EXPECT_TRUE(made.ok()) << made.failure().detail;
  return made.value().of(u).value();
}

/// Joint probabilities as the generating script makes them.
inline std::vector<double> hajek_joint(std::span<const double> p) {
  double open = 0;
  for (double x : p) open += 1 - x;
  std::vector<double> joint;
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t j = 0; j < p.size(); ++j)
      joint.push_back(i == j ? p[i] : p[i] * p[j] * (1 - (1 - p[i]) * (1 - p[j]) / open));
  return joint;
}

inline bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace steelyard::testing
