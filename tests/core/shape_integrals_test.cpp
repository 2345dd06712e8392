#include "core/shape_integrals.hpp"

#include <gtest/gtest.h>

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

namespace steelyard::detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double beta_below(double p, double q, double v) {
  const double z = 1 / (1 + std::exp(-v)), rest = 1 / (1 + std::exp(v));
  return z < 0.5 ? boost::math::ibeta(p, q, z) : boost::math::ibetac(q, p, rest);
}
double beta_above(double p, double q, double v) { return beta_below(q, p, -v); }

const double kShapes[] = {0.004, 0.1, 0.7, 1, 3.5, 20, 110, 480};

TEST(ShapeIntegrals, BothTailsOfTheBetaKindHaveAllTheirDigits) {
  int checked = 0;
  for (double p : kShapes)
    for (double q : kShapes) {
      const ShapeDensity density(FamilyKind::beta, p, q);
      const double mode = std::log(p / q), sd = std::sqrt(1 / p + 1 / q);
      for (double at : {-6., -3., -1., 0., 0.5, 2., 5.}) {
        const double v = mode + sd * at;
        if (std::abs(v) > 600) continue;
        const double below = beta_below(p, q, v), above = beta_above(p, q, v);
        // Of an argument z the tail has a relative condition of about p v.
        if (below > 1e-250 && below < 1) {
          EXPECT_NEAR(density.over(-kInfinity, v).one / below, 1, 1e-11)
              << p << " " << q << " " << v;
          ++checked;
        }
        if (above > 1e-250 && above < 1) {
          EXPECT_NEAR(density.over(v, kInfinity).one / above, 1, 1e-11)
              << p << " " << q << " " << v;
          ++checked;
        }
      }
    }
  EXPECT_GT(checked, 700);
}

TEST(ShapeIntegrals, BothTailsOfTheGammaKindHaveAllTheirDigits) {
  for (double p : kShapes) {
    const ShapeDensity density(FamilyKind::gamma, p, 1);
    for (double at : {-6., -3., -1., 0., 0.5, 2., 3.}) {
      const double v = std::log(p) + at * std::sqrt(1 / p);
      if (v < -600 || v > 5) continue;
      const double t = std::exp(v);
      EXPECT_NEAR(density.over(-kInfinity, v).one / boost::math::gamma_p(p, t), 1, 1e-11)
          << p << " " << v;
      EXPECT_NEAR(density.over(v, kInfinity).one / boost::math::gamma_q(p, t), 1, 1e-11)
          << p << " " << v;
    }
  }
}

// Over a partition of the line probabilities add to one and their derivatives to nothing; in each
// part the second derivatives are differences of the first, and the first of the probability.
TEST(ShapeIntegrals, DerivativesAreThoseOfTheProbabilities) {
  for (FamilyKind kind : {FamilyKind::gamma, FamilyKind::beta})
    for (double p : kShapes)
      for (double q : kShapes) {
        if (kind == FamilyKind::gamma && q != 1) continue;
        const bool beta = kind == FamilyKind::beta;
        const double mode = std::log(p / q), sd = std::sqrt(1 / p + (beta ? 1 / q : 0));
        const std::vector<double> cuts{-kInfinity,      mode - 4 * sd,   mode - sd,
                                       mode + 0.2 * sd, mode + 1.5 * sd, kInfinity};
        ShapeDensity::Integrals sum;
        const ShapeDensity density(kind, p, q);
        // Scores are of the order of the reciprocal information.
        const double unit_p = std::sqrt(p) * std::min(1.0, std::sqrt(p)),
                     unit_q = std::sqrt(q) * std::min(1.0, std::sqrt(q));
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
          const auto here = density.over(cuts[i], cuts[i + 1]);
          sum.one += here.one;
          sum.p += here.p;
          sum.q += here.q;
          sum.pp += here.pp;
          sum.pq += here.pq;
          sum.qq += here.qq;
          const double h = 1e-4 * p;
          const auto up = ShapeDensity(kind, p + h, q).over(cuts[i], cuts[i + 1]);
          const auto down = ShapeDensity(kind, p - h, q).over(cuts[i], cuts[i + 1]);
          EXPECT_NEAR(here.p * unit_p, (up.one - down.one) / (2 * h) * unit_p, 2e-6)
              << p << " " << q;
          EXPECT_NEAR(here.pp * unit_p * unit_p, (up.p - down.p) / (2 * h) * unit_p * unit_p, 2e-5)
              << p << " " << q;
          if (beta) {
            EXPECT_NEAR(here.pq * unit_p * unit_q, (up.q - down.q) / (2 * h) * unit_p * unit_q,
                        2e-5)
                << p << " " << q;
          }
        }
        EXPECT_NEAR(sum.one, 1, 1e-12) << p << " " << q;
        EXPECT_NEAR(sum.p * unit_p, 0, 1e-11) << p << " " << q;
        EXPECT_NEAR(sum.q * unit_q, 0, 1e-11) << p << " " << q;
        EXPECT_NEAR(sum.pp * unit_p * unit_p, 0, 1e-10) << p << " " << q;
        EXPECT_NEAR(sum.pq * unit_p * unit_q, 0, 1e-10) << p << " " << q;
        EXPECT_NEAR(sum.qq * unit_q * unit_q, 0, 1e-10) << p << " " << q;
      }
}

}  // namespace
}  // namespace steelyard::detail
