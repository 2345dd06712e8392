#include "sim/population/latent.hpp"

#include <gtest/gtest.h>

#include <boost/math/distributions/lognormal.hpp>

#include "core/random.hpp"
#include "core/sums.hpp"
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
  const LatentLaw law(spec_, *tree_);
  EXPECT_NEAR(law.parameters(0).location, 8.5, 1e-3);
  EXPECT_NEAR(law.parameters(0).scale, 0.8, 1e-3);
}

TEST_F(LatentTest, BucketMeansAreTheFamilysToTheStatedError) {
  const LatentLaw law(spec_, *tree_);
  for (std::size_t b = 0; b < 5; ++b)
    EXPECT_NEAR(law.mean(0, b), true_mean(b), 5e-4 * true_mean(b)) << b;
}

TEST_F(LatentTest, DrawsStayInTheirBucketAndHaveTheStatedMean) {
  const LatentLaw law(spec_, *tree_);
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

TEST_F(LatentTest, ADensityIsDrawnAsGiven) {
  spec_.family = "density";
  spec_.segments = {{{}, 0, 1000, 1},    {{}, 1000, 2000, 3},  {{}, 2000, 5000, 1},
                    {{}, 5000, 8000, 1}, {{}, 8000, 20000, 1}, {{}, 20000, 50000, 1}};
  const LatentLaw law(spec_, *tree_);
  EXPECT_NEAR(law.mean(0, 0), 0.25 * 500 + 0.75 * 1500, 2);
  EXPECT_NEAR(law.mean(0, 4), 35000, 1);
  spec_.segments.pop_back();
  EXPECT_THROW(LatentLaw(spec_, *tree_), UserError);
}

}  // namespace
}  // namespace steelyard
