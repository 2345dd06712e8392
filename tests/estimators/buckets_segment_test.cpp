// Segments' closed forms against quadrature of their densities, near-singular shapes included.

#include <gtest/gtest.h>

#include <boost/math/quadrature/exp_sinh.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/quadrature/tanh_sinh.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "estimators/buckets/piecewise.hpp"
#include "estimators/buckets/segment.hpp"
#include "estimators/buckets/special.hpp"

namespace steelyard {
namespace {

struct Named {
  std::string name;
  Segment segment;
};

std::vector<Named> segments() {
  std::vector<Named> list;
  const auto add = [&](const std::string& name, Segment s) { list.push_back({name, s}); };
  for (const auto& [l, u] : std::vector<std::pair<double, double>>{
           {0, 2000}, {16, 21}, {2000, 5000}, {1, 20000}, {9999, 10001}}) {
    const std::string at = " on " + std::to_string(l) + " to " + std::to_string(u);
    add("uniform" + at, Segment::uniform(l, u, 0.3));
    for (const double k : {-2.0, -0.7, 1e-9, 2.0})
      add("linear " + std::to_string(k) + at, Segment::linear(l, u, 0.3, k));
    const double mean_density = 0.3 / (u - l);
    for (const double a : {0.0, 0.4, 3.0})
      for (const double b : {0.0, 1.2, 3.0})
        add("hermite " + std::to_string(a) + " " + std::to_string(b) + at,
            Segment::hermite(l, u, 0.3, a * mean_density, b * mean_density));
    for (const double rho :
         {-700.0, -50.0, -1.0001, -0.9, -1e-9, 1e-9, 0.3, 1.0, 1.0001, 7.0, 44.0, 46.0, 700.0})
      add("truncated exponential " + std::to_string(rho) + at,
          Segment::truncated_exponential(l, u, 0.3, rho / (u - l)));
    if (l == 0) continue;
    add("log-uniform" + at, Segment::log_uniform(l, u, 0.3));
    for (const double a : {1e-9, 0.5, 1.0, 1 + 1e-9, 2.0, 3.7, 40.0})
      add("local Pareto " + std::to_string(a) + at, Segment::local_pareto(l, u, 0.3, a));
  }
  for (const double a : {2.0001, 2.5, 6.0, 30.0})
    add("Pareto tail " + std::to_string(a), Segment::pareto_tail(20000, 0.05, a));
  for (const double l : {0.0, 1.0, 20000.0})
    for (const double r : {1e-5, 1e-4, 1e-2})
      add("exponential tail " + std::to_string(r) + " from " + std::to_string(l),
          Segment::exponential_tail(l, 0.05, r));
  return list;
}

/// ∫ g f dx over the segment, or its part below `end`.
double integral(const Segment& s, const std::function<double(double)>& g,
                double end = std::numeric_limits<double>::infinity()) {
  const double upper = std::fmin(s.upper, end);
  if (s.kind == SegmentKind::pareto_tail)  // x = l e^y
    return boost::math::quadrature::exp_sinh<double>().integrate([&](double y) {
      const double x = s.lower * std::exp(y);
      return std::isinf(x) ? 0 : g(x) * s.density(x) * x;
    });
  if (std::isinf(upper))
    return boost::math::quadrature::exp_sinh<double>().integrate([&](double t) {
      const double x = s.lower + t, f = s.density(x);
      return f == 0 ? 0 : g(x) * f;
    });
  if (s.lower == 0 && s.kind != SegmentKind::truncated_exponential)  // ln x has its pole there
    return boost::math::quadrature::tanh_sinh<double>().integrate(
        [&](double x) { return g(x) * s.density(x); }, 0.0, upper);
  // Gauss-Legendre on panels as narrow as a steep exponential or a wide ratio needs.
  const double steep = s.kind == SegmentKind::truncated_exponential
                           ? std::abs(s.shape[0]) * (upper - s.lower)
                           : s.shape[0];
  const double panels = 20 + std::ceil(steep / 4);
  const bool wide = upper > 10 * s.lower && s.lower > 0;
  const auto from = [&](double t) {
    return wide ? s.lower * std::pow(upper / s.lower, t) : s.lower + t * (upper - s.lower);
  };
  double sum = 0;
  for (double k = 0; k < panels; ++k) {
    const double a = from(k / panels), b = k + 1 == panels ? upper : from((k + 1) / panels);
    const auto f = [&](double x) { return g(x) * s.density(x); };
    sum += a == 0 ? boost::math::quadrature::tanh_sinh<double>().integrate(f, a, b)
                  : boost::math::quadrature::gauss<double, 30>::integrate(f, a, b);
  }
  return sum;
}

void expect_close(double found, double expected, double tolerance, const std::string& what) {
  EXPECT_LE(std::abs(found - expected), tolerance) << what << " " << found << " " << expected;
}

TEST(Segments, ClosedFormsAreTheIntegralsOfTheDensity) {
  int checked = 0;
  for (const auto& [name, s] : segments()) {
    // The rounding of x itself moves a steep density; its mass then serves as the unit.
    const double steep =
        s.kind == SegmentKind::truncated_exponential ? std::abs(s.shape[0]) * s.upper : 0;
    const double mass = integral(s, [](double) { return 1.0; });
    expect_close(mass / s.mass, 1, 1e-11 + 2e-16 * steep, name + " mass");
    const double mean = integral(s, [](double x) { return x; }) / mass;
    expect_close(s.mean() / mean, 1, 1e-11, name + " mean");
    const double log = integral(s, [](double x) { return std::log(x); }) / mass;
    expect_close(s.log_mean(), log, 1e-11 * std::fmax(1, std::abs(log)), name + " log mean");
    const double x_log = integral(s, [](double x) { return x * std::log(x); }) / mass;
    expect_close(s.x_log_mean(), x_log, 1e-11 * std::fmax(s.mean(), std::abs(x_log)),
                 name + " x log mean");
    if (s.kind == SegmentKind::pareto_tail && s.shape[0] < 2.1) {
      EXPECT_GT(s.variance(), 0);
    } else {
      const double m = s.mean();
      const double variance = integral(s, [m](double x) { return (x - m) * (x - m); }) / mass;
      expect_close(s.variance() / variance, 1, 1e-8, name + " variance");
    }
    ++checked;
  }
  EXPECT_GT(checked, 150);
}

TEST(Segments, SquaredSurvivalIsItsIntegral) {
  for (const auto& [name, segment] : segments()) {
    Segment s = segment;
    double above = 0.2;
    if (std::isinf(s.upper)) above = 0;
    if (s.kind == SegmentKind::local_pareto)  // its exponent is that of the whole law
      above = s.mass / std::expm1(s.shape[0] * std::log(s.upper / s.lower));
    // ∫ S² = [x S²] + 2 ∫ x S f: by parts
    const auto survival = [&](double x) {
      if (x <= s.lower) return above + s.mass;
      if (x >= s.upper) return above;
      if (s.kind == SegmentKind::pareto_tail) return s.mass * std::pow(x / s.lower, -s.shape[0]);
      if (s.kind == SegmentKind::exponential_tail)
        return s.mass * std::exp(-s.shape[0] * (x - s.lower));
      return above + s.mass - s.below(x).mass;
    };
    const double start = above + s.mass;
    const double end = std::isinf(s.upper) ? 0 : (s.upper - s.lower) * above * above;
    const double expected =
        end + 2 * integral(s, [&](double x) { return (x - s.lower) * survival(x); });
    expect_close(s.squared_survival(above) / expected, 1, 1e-10, name + " squared survival");
    EXPECT_LE(s.squared_survival(above), start * start * (s.upper - s.lower)) << name;
  }
}

TEST(Segments, QuantilesInvertFromBothEnds) {
  for (const auto& [name, s] : segments())
    for (const double share : {1e-9, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6}) {
      const double x = s.quantile(share);
      ASSERT_GE(x, s.lower) << name;
      ASSERT_LE(x, s.upper) << name;
      // where the density is steep or 0 the nearest doubles differ in share
      const double rounding =
          s.density(x) * std::abs(x) * 1e-15 / s.mass + 1e-12 * std::fmax(share, 1e-3);
      if (x > s.lower && x < s.upper) {
        EXPECT_NEAR(s.below(x).mass / s.mass, share, rounding) << name << " " << share;
      }
      const double y = s.upper_quantile(share);
      if (y > s.lower && y < s.upper && std::isfinite(s.upper)) {
        EXPECT_NEAR(1 - s.below(y).mass / s.mass, share,
                    s.density(y) * std::abs(y) * 1e-15 / s.mass + 1e-12)
            << name << " " << share;
      }
    }
}

TEST(Segments, PartsBelowAddUp) {
  for (const auto& [name, s] : segments()) {
    const double x = s.quantile(0.37);
    const Segment part = s.below(x);
    if (std::isfinite(s.upper)) {
      const double sum = integral(
          s, [](double t) { return t; }, x);
      EXPECT_NEAR(part.mass * part.mean() / sum, 1, 1e-9) << name;
    }
    EXPECT_NEAR(part.mass / s.mass, 0.37, 1e-9) << name;
  }
}

TEST(Special, ScaledExponentialIntegralMeetsItsAsymptotics) {
  EXPECT_NEAR(detail::scaled_e1(1), 0.59634736232319407434, 1e-15);  // Gompertz's constant
  EXPECT_NEAR(detail::scaled_e1(2), 0.36132861688822258470, 1e-15);
  for (const double z : {1e3, 1e6, 1e12})
    EXPECT_NEAR(detail::scaled_e1(z) * z, 1 - 1 / z + 2 / z / z, 1e-8) << z;
}

TEST(PiecewiseLaw, TailQuantilesKeepTheirRelativeAccuracy) {
  const PiecewiseLaw law({Segment::uniform(0, 10, 0.999), Segment::pareto_tail(10, 1e-3, 2)});
  const double u = 1 - 0x1p-40;
  EXPECT_NEAR(law.survival(law.quantile(u)) / 0x1p-40, 1, 1e-12);
  EXPECT_NEAR(law.survival(1e9) / (1e-3 * 1e-16), 1, 1e-12);
  EXPECT_TRUE(std::isinf(law.variance()));
}

TEST(PiecewiseLaw, StatisticsThatDoNotExistAreNoNumbers) {
  const PiecewiseLaw heavy({Segment::uniform(0, 10, 0.9), Segment::pareto_tail(10, 0.1, 0.9)});
  EXPECT_TRUE(std::isinf(heavy.mean()));
  EXPECT_TRUE(std::isnan(heavy.variance()));
  EXPECT_TRUE(std::isnan(heavy.gini()));
  EXPECT_TRUE(std::isnan(heavy.theil()));
  EXPECT_TRUE(std::isinf(heavy.mld()));
  const PiecewiseLaw negative({Segment::uniform(-5, 10, 1.0)});
  EXPECT_NEAR(negative.mean(), 2.5, 1e-15);
  EXPECT_TRUE(std::isnan(negative.theil()));
  EXPECT_TRUE(std::isnan(negative.mld()));
}

TEST(PiecewiseLaw, GapsHoldNothing) {
  // Half on [0, 1], half on [3, 4]: E|X - X'|/2 = (1/3 + 3)/4, by hand.
  const PiecewiseLaw law({Segment::uniform(0, 1, 0.5), Segment::uniform(3, 4, 0.5)});
  EXPECT_EQ(law.cdf(2), 0.5);
  EXPECT_EQ(law.density(2), 0);
  EXPECT_EQ(law.quantile(0.5), 1);
  EXPECT_NEAR(law.gini(), (1.0 / 3 / 2 + 3.0 / 2) / 2 / 2.0, 1e-15);
  EXPECT_NEAR(law.partial_mean(2), 0.25, 1e-15);
  EXPECT_NEAR(law.partial_mean(3.5), 0.25 + 0.25 * 3.25, 1e-15);
}

}  // namespace
}  // namespace steelyard
