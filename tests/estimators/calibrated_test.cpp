// Families calibrated to bucket masses, and tilted to a mean: the algebra they must obey.

#include "estimators/buckets/calibrated.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>

#include "estimators/buckets/parametric.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void expect_masses(const Law& law, const BucketTable& table, const std::string& what) {
  const std::vector<double> shares = table.shares();
  double below = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    below += shares[i];
    EXPECT_NEAR(law.cdf(table.edges[i + 1]), below, 1e-12) << what << " bucket " << i + 1;
  }
}

TEST(Calibrated, OfAFamilysOwnProbabilitiesIsTheFamily) {
  const SizeDistribution laws[] = {
      {Family::lognormal, {8.5, 0.7, 1, 1}},      {Family::gamma, {1, 1500, 4, 1}},
      {Family::weibull, {1.7, 6000, 1, 1}},       {Family::generalized_gamma, {1.5, 4000, 2, 1}},
      {Family::gb2, {2.5, 5000, 0.8, 1.4}},       {Family::dagum, {3, 6000, 0.3, 1}},
      {Family::singh_maddala, {2, 7000, 1, 1.8}}, {Family::lomax, {1, 9000, 1, 2.5}},
      {Family::gb2, {11.3, 130000, 0.07, 0.25}}};
  for (const SizeDistribution& law : laws) {
    const ParametricLaw exact(law);
    BucketTable table;
    table.edges = {0};
    for (double u : {0.1, 0.25, 0.6, 0.85, 0.97}) table.edges.push_back(law.quantile(u));
    table.edges.push_back(kInfinity);
    for (std::size_t i = 0; i < 6; ++i)
      table.weights.push_back(law.probability(table.edges[i], table.edges[i + 1]));
    table.n = 100;
    const Shape shape{law, 1};
    const auto got = calibrated_law({&shape, 1}, table, {});
    ASSERT_TRUE(got.ok());
    const Law& calibrated = *got.value();
    const std::string what = to_string(law.family());
    EXPECT_NEAR(calibrated.mean() / exact.mean(), 1, 1e-11) << what;
    EXPECT_NEAR(calibrated.variance() / exact.variance(), 1, 1e-9) << what;
    EXPECT_NEAR(calibrated.gini(), exact.gini(), 1e-11) << what;
    EXPECT_NEAR(calibrated.theil(), exact.theil(), 1e-10) << what;
    EXPECT_NEAR(calibrated.mld(), exact.mld(), 1e-10) << what;
    for (double u : {0.001, 0.05, 0.3, 0.5, 0.9, 0.99, 0.9999}) {
      EXPECT_NEAR(calibrated.quantile(u) / exact.quantile(u), 1, 1e-9) << what << " " << u;
      const double x = exact.quantile(u);
      EXPECT_NEAR(calibrated.cdf(x), u, 1e-11) << what << " " << u;
      EXPECT_NEAR(calibrated.partial_mean(x), exact.partial_mean(x), 1e-11 * exact.mean())
          << what << " " << u;
      EXPECT_NEAR(calibrated.density(x) / exact.density(x), 1, 1e-8) << what << " " << u;
    }
  }
}

TEST(Calibrated, KeepsBucketMassesAndMeetsTheMeanOnEveryTable) {
  int plain = 0, tilted = 0, refused = 0;
  for (const auto& [name, table] : testing::golden_tables()) {
    if (objection(table)) continue;
    for (const BucketRuleInfo& info : bucket_rules()) {
      if (info.name.find("calibrated") == std::string_view::npos) continue;
      const std::string what = name + " " + std::string(info.name);
      const Result<BucketFit> fit = info.make()->fit(table);
      if (!fit) {
        EXPECT_FALSE(fit.failure().detail.empty()) << what;
        ++refused;
        continue;
      }
      const Law& law = *fit.value().law;
      expect_masses(law, table, what);
      EXPECT_TRUE(law.gini() > 0 && law.gini() < 1) << what << " " << law.gini();
      EXPECT_GT(law.mld(), 0) << what;
      EXPECT_GT(law.variance(), 0) << what;
      if (info.needs_mean) {
        EXPECT_NEAR(law.mean() / *table.known_mean, 1, 1e-10) << what;
        ++tilted;
      } else {
        ++plain;
      }
      for (double u : {0.1, 0.5, 0.9})
        EXPECT_NEAR(law.cdf(law.quantile(u)), u, 1e-12) << what << " " << u;
    }
  }
  EXPECT_GT(plain, 450);
  EXPECT_GT(tilted, 420);
  EXPECT_GT(refused, 0);
}

TEST(Calibrated, TheTiltIsExponentialInEveryBucket) {
  const SizeDistribution law(Family::lognormal, {8.5, 0.7, 1, 1});
  const BucketTable table{{0, 2000, 5000, 8000, 20000, kInfinity}, {12, 30, 33, 20, 5}, 100, {}};
  const Shape shape{law, 1};
  const auto plain = calibrated_law({&shape, 1}, table, {});
  ASSERT_TRUE(plain.ok());
  const double mean = plain.value()->mean() * 0.95;
  const auto tilted = calibrated_law({&shape, 1}, table, mean);
  ASSERT_TRUE(tilted.ok());
  EXPECT_NEAR(tilted.value()->mean(), mean, 1e-10 * mean);
  const auto slope = [&](double x, double y) {
    const auto ratio = [&](double at) {
      return std::log(tilted.value()->density(at) / plain.value()->density(at));
    };
    return (ratio(y) - ratio(x)) / (y - x);
  };
  const double rate = slope(2500, 4500);
  EXPECT_LT(rate, 0);
  for (const auto& [x, y] :
       {std::pair{100., 1900.}, {5100., 7900.}, {9000., 19000.}, {21000., 60000.}})
    EXPECT_NEAR(slope(x, y) / rate, 1, 1e-7) << x;
}

TEST(Calibrated, ALargerMeanStretchesTheOpenBucketAlone) {
  const SizeDistribution law(Family::dagum, {3, 6000, 0.6, 1});
  const BucketTable table{{0, 2000, 5000, 8000, 20000, kInfinity}, {12, 30, 33, 20, 5}, 100, {}};
  const Shape shape{law, 1};
  const auto plain = calibrated_law({&shape, 1}, table, {});
  ASSERT_TRUE(plain.ok());
  const double mean = plain.value()->mean() * 1.1;
  const auto larger = calibrated_law({&shape, 1}, table, mean);
  ASSERT_TRUE(larger.ok());
  EXPECT_NEAR(larger.value()->mean(), mean, 1e-10 * mean);
  const double excess = plain.value()->mean() - plain.value()->partial_mean(20000) - 0.05 * 20000;
  const double stretch = (excess + mean - plain.value()->mean()) / excess;
  for (double x : {500., 3000., 12000., 19000.})
    EXPECT_NEAR(larger.value()->cdf(x), plain.value()->cdf(x), 1e-13);
  for (double x : {21000., 40000., 200000.})
    EXPECT_NEAR(1 - larger.value()->cdf(20000 + stretch * (x - 20000)), 1 - plain.value()->cdf(x),
                1e-12);
}

TEST(Calibrated, MeansThatBucketsExcludeAndTailsWithoutAMeanAreRefused) {
  const BucketTable table{{0, 2000, 5000, 8000, 20000, kInfinity}, {12, 30, 33, 20, 5}, 100, {}};
  const Shape heavy{{Family::fisk, {0.9, 5000, 1, 1}}, 1};
  const auto no_mean = calibrated_law({&heavy, 1}, table, {});
  ASSERT_FALSE(no_mean.ok());
  EXPECT_EQ(no_mean.failure().kind, FailureKind::unbounded_tail);
  // A known mean tames the tail.
  const auto tamed = calibrated_law({&heavy, 1}, table, 7000);
  ASSERT_TRUE(tamed.ok()) << tamed.failure().detail;
  EXPECT_NEAR(tamed.value()->mean(), 7000, 1e-7);
  const auto low = calibrated_law({&heavy, 1}, table, 3000);
  ASSERT_FALSE(low.ok());
  EXPECT_EQ(low.failure().kind, FailureKind::infeasible);
  EXPECT_NE(low.failure().detail.find("outside what the buckets allow"), std::string::npos);
  // Nothing in the open bucket: bounded on both sides, and tilted upwards too.
  BucketTable closed = table;
  closed.weights.back() = 0;
  const Shape shape{{Family::lognormal, {8.5, 0.7, 1, 1}}, 1};
  for (double mean : {4100., 5000., 6500., 7200., 8800.}) {
    const auto law = calibrated_law({&shape, 1}, closed, mean);
    ASSERT_TRUE(law.ok()) << mean << " " << law.failure().detail;
    EXPECT_NEAR(law.value()->mean(), mean, 1e-10 * mean);
    expect_masses(*law.value(), closed, "closed");
  }
  EXPECT_EQ(calibrated_law({&shape, 1}, closed, 12000).failure().kind, FailureKind::infeasible);
}

}  // namespace
}  // namespace steelyard
