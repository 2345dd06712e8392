#include "sim/population/latent.hpp"

#include <gtest/gtest.h>

#include <boost/math/distributions/lognormal.hpp>
#include <cmath>

#include "core/random.hpp"
#include "core/sums.hpp"
#include "tests/message.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

/// One variable, bucketed by the given lognormal exactly.
class LatentTest : public ::testing::Test {
 protected:
  LatentTest() : lognormal_(8.5, 0.8) {
    Variable income;
    income.name = "income";
    income.kind = VariableKind::bucketed;
    income.levels = {"a", "b", "c", "d", "e"};
    income.edges = {0, 2000, 5000, 8000, 20000, std::numeric_limits<double>::infinity()};
    schema_.add(income);
    tree_ = std::make_unique<JunctionTree>(schema_, std::vector<VariableSet>{},
                                           VariableSet{schema_.id(0)});
    for (std::size_t b = 0; b < 5; ++b) tree_->root().p[b] = cdf(b + 1) - cdf(b);
    spec_.variable = schema_.id(0);
    spec_.family = "lognormal";
  }
  double cdf(std::size_t edge) const {
    const double x = schema_[schema_.id(0)].edges[edge];
    return x == 0 ? 0 : std::isinf(x) ? 1 : boost::math::cdf(lognormal_, x);
  }
  /// Mean of the lognormal between two edges (Aitchison & Brown 1957, section 2.5).
  double true_mean(std::size_t b) const {
    const auto part = [&](std::size_t e) {
      const double x = schema_[schema_.id(0)].edges[e];
      if (x == 0) return 0.0;
      if (std::isinf(x)) return 1.0;
      return boost::math::cdf(boost::math::normal(), (std::log(x) - 8.5) / 0.8 - 0.8);
    };
    return std::exp(8.5 + 0.32) * (part(b + 1) - part(b)) / (cdf(b + 1) - cdf(b));
  }
  boost::math::lognormal lognormal_;
  Schema schema_;
  std::unique_ptr<JunctionTree> tree_;
  LatentSpec spec_;
};

TEST_F(LatentTest, TheFitFindsTheLawThatMadeTheBuckets) {
  const LatentLaw law(spec_, *tree_, 1000);
  EXPECT_NEAR(law.fit(0).fit->law.parameters()[0], 8.5, 1e-8);
  EXPECT_NEAR(law.fit(0).fit->law.parameters()[1], 0.8, 1e-8);
}

TEST_F(LatentTest, BucketMeansAreTheFamilysToTheStatedError) {
  const LatentLaw law(spec_, *tree_, 1000);
  for (std::size_t b = 0; b < 5; ++b)
    EXPECT_NEAR(law.mean(0, b), true_mean(b), 5e-4 * true_mean(b)) << b;
}

TEST_F(LatentTest, DrawsStayInTheirBucketAndHaveTheStatedMean) {
  const LatentLaw law(spec_, *tree_, 1000);
  Stream stream({Seed{1}, purpose("test"), {}, {}});
  for (std::size_t b = 0; b < 5; ++b) {
    Moments moments;
    for (int i = 0; i < 100000; ++i) {
      const double x = law.draw(0, b, stream());
      ASSERT_GE(x, schema_[schema_.id(0)].edges[b] - 1e-9);
      ASSERT_LE(x, schema_[schema_.id(0)].edges[b + 1] + 1e-9);
      moments.add(x);
    }
    EXPECT_NEAR(moments.mean(), law.mean(0, b), 4.5 * moments.mean_se()) << b;
  }
  EXPECT_LE(law.draw(0, 4, 0xffffffffu), 1e9);  // the largest word is finite
}

TEST_F(LatentTest, TheShareBelowADrawIsItsWord) {
  const LatentLaw law(spec_, *tree_, 1000);
  Stream stream({Seed{2}, purpose("test"), {}, {}});
  for (std::size_t b = 0; b < 5; ++b) {
    EXPECT_EQ(law.share_below(0, b, law.smallest(0, b) - 1), 0);
    for (int i = 0; i < 10000; ++i) {
      const std::uint32_t word = stream();
      if (b == 4 && ~word < 32) continue;  // the rarest words stand at nodes of their own
      EXPECT_NEAR(law.share_below(0, b, law.draw(0, b, word)), (word + 0.5) * 0x1p-32, 1e-9) << b;
    }
  }
  EXPECT_NEAR(law.share_below(0, 4, 1e12), 1, 1e-8);
}

TEST_F(LatentTest, EveryFamilysBucketMeansAreWithinTheStatedError) {
  for (Family family : all_families()) {
    spec_.family = to_string(family);
    const LatentLaw law(spec_, *tree_, 1000);
    const SizeDistribution& fitted = law.fit(0).fit->law;
    EXPECT_LT(law.fit(0).table_error, 1e-3) << to_string(family);
    if (family == Family::normal) continue;
    for (std::size_t b = 0; b < 5; ++b) {
      const auto& edges = schema_[schema_.id(0)].edges;
      const double exact =
          fitted.partial_mean(edges[b], edges[b + 1]) / fitted.probability(edges[b], edges[b + 1]);
      EXPECT_NEAR(law.mean(0, b), exact, (b == 4 ? 2e-4 : 1e-3) * exact)
          << to_string(family) << " " << b;
    }
  }
}

TEST_F(LatentTest, HeavyParetoTailsAreNotCutOff) {
  for (double alpha : {1.1, 1.5, 2.5, 10.0}) {
    spec_.tail_index = alpha;
    const LatentLaw law(spec_, *tree_, 1000);
    const double exact = 20000 * alpha / (alpha - 1);
    EXPECT_NEAR(law.mean(0, 4), exact, 2e-4 * exact) << alpha;
    // The mean over a regular grid of words is the stated one.
    double sum = 0;
    constexpr std::uint32_t kStep = 1u << 12;
    for (std::uint32_t i = 0; i < 0xffffffffu / kStep; ++i)
      sum += law.draw(0, 4, i * kStep + kStep / 2);
    if (alpha > 2) {
      EXPECT_NEAR(sum * kStep * 0x1p-32, law.mean(0, 4), 1e-3 * exact) << alpha;
    }
    EXPECT_NEAR(law.draw(0, 4, 0x7fffffffu), 20000 * std::pow(0.5, -1 / alpha), 1e-6 * exact);
  }
}

TEST_F(LatentTest, ThePareToTailIsFittedToTheTwoTopBuckets) {
  spec_.pareto_tail = true;
  const LatentLaw law(spec_, *tree_, 1000);
  const double expected = std::log((1 - cdf(3)) / (1 - cdf(4))) / std::log(20000.0 / 8000.0);
  EXPECT_NEAR(*law.fit(0).tail_index, expected, 1e-12);
  tree_->root().p = {0.1, 0.2, 0.3, 0.1, 0.3};
  EXPECT_THROW(LatentLaw(spec_, *tree_, 1000), UserError);  // an index below 1
}

TEST_F(LatentTest, BestIsTheFamilyOfLowestAic) {
  spec_.family = "best";
  const LatentLaw law(spec_, *tree_, 1000);
  EXPECT_EQ(law.fit(0).fit->law.family(), Family::lognormal);
  const SizeDistribution dagum(Family::dagum, {4, 6000, 0.4, 1});
  const auto& edges = schema_[schema_.id(0)].edges;
  for (std::size_t b = 0; b < 5; ++b)
    tree_->root().p[b] = dagum.probability(edges[b], edges[b + 1]);
  const LatentLaw other(spec_, *tree_, 1e6);
  EXPECT_EQ(other.fit(0).fit->law.family(), Family::dagum);
  for (Family family : {Family::lognormal, Family::gamma, Family::weibull, Family::fisk}) {
    spec_.family = to_string(family);
    EXPECT_GT(LatentLaw(spec_, *tree_, 1e6).fit(0).fit->aic, other.fit(0).fit->aic);
  }
}

TEST_F(LatentTest, TiltMovesValuesInsideTheirBucketsOfEveryFamily) {
  for (const char* family : {"lognormal", "gb2", "density"}) {
    spec_.family = family;
    spec_.segments = {{{}, 0, 2000, 1},
                      {{}, 2000, 5000, 1},
                      {{}, 5000, 8000, 1},
                      {{}, 8000, 20000, 1},
                      {{}, 20000, 50000, 1}};
    spec_.tilt = 0;
    const LatentLaw plain(spec_, *tree_, 1000);
    spec_.tilt = 1;
    const LatentLaw up(spec_, *tree_, 1000);
    for (std::size_t b = 0; b < 4; ++b) EXPECT_GT(up.mean(0, b), plain.mean(0, b)) << family;
    EXPECT_DOUBLE_EQ(up.mean(0, 4), plain.mean(0, 4)) << family;
    EXPECT_LT(up.fit(0).table_error, 1e-3) << family;
  }
}

TEST_F(LatentTest, WhatCannotBeFittedIsRefusedByName) {
  spec_.family = "fisk";
  tree_->root().p = {0.4, 0.05, 0.05, 0.1, 0.4};
  EXPECT_NE(message([&] {
              LatentLaw(spec_, *tree_, 1000);
            }).find("has no mean in the open bucket (everybody)"),
            std::string::npos);
}

TEST_F(LatentTest, ADensityIsDrawnAsGiven) {
  spec_.family = "density";
  spec_.segments = {{{}, 0, 1000, 1},    {{}, 1000, 2000, 3},  {{}, 2000, 5000, 1},
                    {{}, 5000, 8000, 1}, {{}, 8000, 20000, 1}, {{}, 20000, 50000, 1}};
  const LatentLaw law(spec_, *tree_, 1000);
  EXPECT_NEAR(law.mean(0, 0), 0.25 * 500 + 0.75 * 1500, 2);
  EXPECT_NEAR(law.mean(0, 4), 35000, 1);
  spec_.segments.pop_back();
  EXPECT_THROW(LatentLaw(spec_, *tree_, 1000), UserError);
}

}  // namespace
}  // namespace steelyard
