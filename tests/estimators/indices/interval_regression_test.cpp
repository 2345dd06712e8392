// Interval regression and imputation inside buckets: R's survreg and survey, hand algebra, known
// truth.

#include "estimators/buckets/interval_regression.hpp"

#include <fmt/format.h>

#include "core/random.hpp"
#include "core/sums.hpp"
#include "estimators/buckets/censored_normal.hpp"
#include "estimators/buckets/interval_imputation.hpp"
#include "tests/estimators/indices/micro.hpp"

namespace steelyard {
namespace {

using testing::expect_block;
using testing::Micro;
using testing::micro_model;
using testing::Numbers;

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(IntervalRegression, CoefficientsAndErrorsAreThoseOfR) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  const auto made = fit_interval_regression(model, micro.data.w);
  ASSERT_TRUE(made) << made.failure().detail;
  const IntervalRegression& fit = made.value();
  const auto design = regression_covariance(micro.data, model, fit, {});
  ASSERT_TRUE(design);
  Numbers got{{"(Intercept)", fit.beta[0]},      {"factor(group)1", fit.beta[1]},
              {"factor(group)2", fit.beta[2]},   {"x", fit.beta[3]},
              {"sigma", std::exp(fit.gamma[0])}, {"loglik", fit.log_likelihood}};
  for (std::size_t j = 0; j < 5; ++j) {
    got[fmt::format("model_se{}", j + 1)] = std::sqrt(fit.model_covariance[6 * j]);
    got[fmt::format("design_se{}", j + 1)] = std::sqrt(design.value()[6 * j]);
  }
  const ConditionalMoments moments = conditional_moments(model, fit);
  const auto predicted = predicted_means(model, fit);
  Sum weight, inside, outside;
  for (std::size_t i = 0; i < micro.data.n; ++i) {
    weight.add(micro.data.w[i]);
    inside.add(micro.data.w[i] * moments.mean[i]);
    outside.add(micro.data.w[i] * predicted[i]);
  }
  got["mean_of_condmeans"] = inside.value() / weight.value();
  got["mean_model"] = outside.value() / weight.value();
  got["within_imputation_noise_var"] = imputation_noise(micro.data.w, moments.variance);
  expect_block("intreg", got);
  Numbers means, variances;
  for (std::size_t i = 0; i < 10; ++i) {
    means[fmt::format("id{}", i + 1)] = moments.mean[i];
    variances[fmt::format("id{}", i + 1)] = moments.variance[i];
  }
  expect_block("condmean", means);
  expect_block("condvar", variances);
}

TEST(IntervalRegression, TheJackknifeOfRefitsIsNearTheSandwich) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  const auto fit = fit_interval_regression(model, micro.data.w).value();
  const auto sandwich = regression_covariance(micro.data, model, fit, {}).value();
  const auto jkn =
      make_replicates(*micro.design, {.method = ReplicateMethod::jkn, .mse = true}).value();
  EstimationOptions options;
  options.replicates = &jkn;
  const auto refits = regression_covariance(micro.data, model, fit, options).value();
  for (std::size_t j = 0; j < 5; ++j)
    EXPECT_NEAR(std::sqrt(refits[6 * j] / sandwich[6 * j]), 1, 0.1) << j;
  EXPECT_NEAR(refits[3], sandwich[3], 0.2 * std::sqrt(sandwich[0] * sandwich[18]));
  EXPECT_EQ(refits[3], refits[15]);
}

TEST(IntervalRegression, TwoBoundariesGiveTheNormalQuantiles) {
  // Shares .2, .5, .3 below -1, between, above 2: a saturated model, so μ and σ solve
  // (-1 - μ)/σ = z(.2), (2 - μ)/σ = z(.7).
  IntervalModel model;
  model.scale = IntervalScale::identity;
  model.lower = {-kInf, -1, 2};
  model.upper = {-1, 2, kInf};
  model.x = {1, 1, 1};
  const std::vector<double> w{0.2, 0.5, 0.3};
  const auto fit = fit_interval_regression(model, w).value();
  const double low = -0.8416212335729142, high = 0.5244005127080407, sigma = 3 / (high - low);
  EXPECT_NEAR(std::exp(fit.gamma[0]), sigma, 1e-10);
  EXPECT_NEAR(fit.beta[0], -1 - sigma * low, 1e-10);
  EXPECT_NEAR(fit.log_likelihood,
              3 * (0.2 * std::log(0.2) + 0.5 * std::log(0.5) + 0.3 * std::log(0.3)), 1e-12);
}

TEST(IntervalRegression, GroupsWithTheirOwnSpreadAreFittedApart) {
  const Micro micro;
  IntervalModel both;
  both.columns = both.scale_columns = 2;
  IntervalModel apart[2];
  std::vector<double> w[2];
  const IntervalModel all = micro_model(micro);
  for (std::size_t i = 0; i < micro.data.n; ++i) {
    const bool first = all.x[4 * i + 1] == 1;
    both.lower.push_back(all.lower[i]);
    both.upper.push_back(all.upper[i]);
    for (auto* columns : {&both.x, &both.z}) {
      columns->push_back(1);
      columns->push_back(first);
    }
    apart[first].lower.push_back(all.lower[i]);
    apart[first].upper.push_back(all.upper[i]);
    apart[first].x.push_back(1);
    w[first].push_back(micro.data.w[i]);
  }
  const auto together = fit_interval_regression(both, micro.data.w).value();
  const auto zero = fit_interval_regression(apart[0], w[0]).value(),
             one = fit_interval_regression(apart[1], w[1]).value();
  EXPECT_NEAR(together.beta[0], zero.beta[0], 1e-9);
  EXPECT_NEAR(together.gamma[0], zero.gamma[0], 1e-8);
  EXPECT_NEAR(together.beta[0] + together.beta[1], one.beta[0], 1e-9);
  EXPECT_NEAR(together.gamma[0] + together.gamma[1], one.gamma[0], 1e-8);
  EXPECT_GT(std::abs(together.gamma[1]), 1e-3);
}

TEST(IntervalRegression, InfluencesSumToZeroAndAreTheDerivativesByWeights) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  std::vector<double> w = micro.data.w;
  const auto fit = fit_interval_regression(model, w).value();
  const auto influences = regression_influences(model, fit, w);
  for (const auto& column : influences) {
    Sum sum, size;
    for (std::size_t i = 0; i < w.size(); ++i) {
      sum.add(w[i] * column[i]);
      size.add(std::abs(w[i] * column[i]));
    }
    EXPECT_LT(std::abs(sum.value()), 1e-7 * size.value());
  }
  const double step = 1e-3 * w[6];
  w[6] += step;
  const auto up = fit_interval_regression(model, w).value();
  w[6] -= 2 * step;
  const auto down = fit_interval_regression(model, w).value();
  for (std::size_t j = 0; j < 4; ++j)
    EXPECT_NEAR((up.beta[j] - down.beta[j]) / (2 * step), influences[j][6],
                1e-5 * std::abs(influences[j][6]));
}

TEST(IntervalRegression, WeightsCountOnlyByTheirRatios) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  std::vector<double> w = micro.data.w;
  const auto fit = fit_interval_regression(model, w).value();
  for (double& weight : w) weight *= 1000;
  const auto scaled = fit_interval_regression(model, w).value();
  for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(scaled.beta[j], fit.beta[j], 1e-10);
  EXPECT_NEAR(scaled.log_likelihood, fit.log_likelihood, 1e-9);
}

TEST(CensoredNormal, HoldsItsDigitsInBothTails) {
  // 40-digit values: bounds, ln P, φ(a)/P, φ(b)/P.
  const double values[][5] = {
      {40, 41, -804.608442013753788, 40.0249688472072638, 1.03134623020747959e-16},
      {4.9, 5.1, -14.9887713874228946, 7.8839800135156858, 2.90035416157898108},
      {10, kInf, -53.2312851505124706, 10.098093233962512, 0},
      {-0.5, -0.25, -2.3777814277570427, 3.79560149332181366, 4.16865271864554144},
      {-3, 7, -0.00135080996602973629, 0.00443783904213135107, 9.14706801748829391e-12}};
  for (const auto& [a, b, log_prob, at_lower, at_upper] : values) {
    const auto right = detail::censored_normal(a, b), left = detail::censored_normal(-b, -a);
    EXPECT_NEAR(right.log_prob, log_prob, 2e-13 * std::max(1.0, std::abs(log_prob))) << a;
    EXPECT_NEAR(right.at_lower, at_lower, 2e-13 * at_lower) << a;
    EXPECT_NEAR(right.at_upper, at_upper, 2e-13 * at_upper) << a;
    EXPECT_EQ(left.at_upper, right.at_lower);
    EXPECT_EQ(left.log_prob, right.log_prob);
  }
}

TEST(IntervalRegression, AnyDataAreFittedToAZeroScoreOrRefused) {
  // 400 random surveys of 12 to 60 persons, 3 to 7 buckets, up to three columns, a spread that may
  // depend on one: many are separated.
  int fitted = 0, refused = 0;
  for (std::uint32_t r = 0; r < 400; ++r) {
    Stream stream({Seed{31}, purpose("interval_fuzz"), Replicate{r}, {}});
    IntervalModel model;
    const std::size_t n = 12 + stream.below(49), buckets = 3 + stream.below(5);
    model.columns = 1 + stream.below(3);
    model.scale_columns = 1 + stream.below(2);
    const double far = 4 * (stream.uniform() - 0.5);
    std::vector<double> w;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = 2 * stream.uniform() - 1, group = static_cast<double>(stream.below(2));
      const double row[] = {1, x, group}, z[] = {1, group};
      model.x.insert(model.x.end(), row, row + model.columns);
      if (model.scale_columns == 2) model.z.insert(model.z.end(), z, z + 2);
      const double e = std::log(1 / stream.uniform() - 1);
      const double y = std::exp(far + x + group + (0.2 + 0.3 * group) * e);
      std::size_t b = 0;  // buckets [0, 1), [1, 2), [2, 4), ..., open
      double edge = 1;
      for (; b + 1 < buckets && y >= edge; ++b) edge *= 2;
      model.lower.push_back(b == 0 ? 0 : edge / 2);
      model.upper.push_back(b + 1 == buckets ? kInf : edge);
      w.push_back(0.5 + stream.uniform());
    }
    const auto fit = fit_interval_regression(model, w);
    if (!fit) {
      EXPECT_EQ(fit.failure().kind, FailureKind::infeasible) << r << fit.failure().detail;
      ++refused;
      continue;
    }
    ++fitted;
    for (const auto& column : regression_influences(model, fit.value(), w)) {
      Sum sum;  // the step that Newton's method would still take
      for (std::size_t i = 0; i < n; ++i) sum.add(w[i] * column[i]);
      EXPECT_LT(std::abs(sum.value()), 1e-6) << r;
    }
  }
  EXPECT_GT(fitted, 200);
  EXPECT_GT(refused, 20);
}

TEST(IntervalRegression, OneSidedAnswersSuffice) {
  // Everybody says only "below" or "above" one of two boundaries (dichotomous choice): 30 of 100
  // below -1, 60 of 100 below 1: (-1 - μ)/σ = z(.3), (1 - μ)/σ = z(.6).
  IntervalModel model;
  model.scale = IntervalScale::identity;
  model.lower = {-kInf, -1, -kInf, 1};
  model.upper = {-1, kInf, 1, kInf};
  model.x = {1, 1, 1, 1};
  const std::vector<double> w{30, 70, 60, 40};
  const auto fit = fit_interval_regression(model, w);
  ASSERT_TRUE(fit) << fit.failure().detail;
  const double low = -0.5244005127080407, high = 0.2533471031357997, sigma = 2 / (high - low);
  EXPECT_NEAR(std::exp(fit.value().gamma[0]), sigma, 1e-9);
  EXPECT_NEAR(fit.value().beta[0], -1 - sigma * low, 1e-9);
}

std::string reason(const IntervalModel& model, FailureKind kind) {
  const std::vector<double> w(model.n(), 1.0);
  const auto made = fit_interval_regression(model, w);
  if (made) return "fitted";
  EXPECT_EQ(made.failure().kind, kind);
  return made.failure().detail;
}

TEST(IntervalRegression, WhatCannotBeFittedIsRefusedWithItsReason) {
  IntervalModel model;
  model.lower = {1000, 1000, 1000};
  model.upper = {2000, 2000, 2000};
  model.x = {1, 1, 1};
  EXPECT_EQ(reason(model, FailureKind::infeasible),
            "everybody is in the one bucket [1000, 2000), which tells neither mean nor spread");
  model.lower = {0, 1000, 1000};
  model.upper = {1000, kInf, kInf};
  EXPECT_EQ(
      reason(model, FailureKind::infeasible),
      "the buckets have a single boundary, which leaves the spread open; use three buckets or "
      "more");
  model.lower = {-5, 1000, 1000};
  EXPECT_EQ(reason(model, FailureKind::unsupported),
            "row 1 has the bucket [-5, 1000), which is empty or has no logarithm; give buckets of "
            "amounts above zero");
  // Group 1 is in the open bucket only.
  model.columns = 2;
  model.lower = {0, 1000, 2000, 1000, 2000, 2000};
  model.upper = {1000, 2000, kInf, 2000, kInf, kInf};
  model.x = {1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1};
  model.names = {"constant", "group", "spread"};
  EXPECT_EQ(reason(model, FailureKind::infeasible),
            "the likelihood rises without end in the coefficient \"group\": those whom it sets "
            "apart are all in an open bucket (separation); merge levels or leave the column out");
  // Every bucket is told by the covariate.
  model.lower = {1000, 1000, 2000, 2000};
  model.upper = {2000, 2000, 4000, 4000};
  model.x = {1, 0, 1, 0, 1, 1, 1, 1};
  EXPECT_EQ(reason(model, FailureKind::infeasible),
            "the covariates tell the bucket of everybody, so the spread shrinks to nothing; use "
            "fewer columns");
  // Group 1 on both sides of one boundary: its mean there, and a spread of nothing.
  model.lower = {1000, 1000, 1000, 2000};
  model.upper = {2000, 2000, 2000, 4000};
  EXPECT_EQ(reason(model, FailureKind::infeasible),
            "the likelihood rises without end in the spread (coefficient \"spread\"): the answers "
            "it is for lie in one or two buckets; use a common spread or fewer columns");
  // Nobody between the boundaries 1000 and 2000: a probit, whose spread is open.
  model.lower = {0, 2000, 0, 2000};
  model.upper = {1000, kInf, 1000, kInf};
  model.x = {1, 0, 1, 0, 1, 1, 1, 1};
  EXPECT_EQ(reason(model, FailureKind::infeasible),
            "the likelihood rises without end in the spread (coefficient \"spread\"): the answers "
            "it is for lie in one or two buckets; use a common spread or fewer columns");
  model.x = {1, 2, 1, 2, 1, 2, 1, 2};
  EXPECT_EQ(reason(model, FailureKind::singular_matrix),
            "the coefficient \"group\" is not determined: its column is a combination of others; "
            "leave it out");
  model.lower.assign(4, std::nan(""));
  EXPECT_EQ(reason(model, FailureKind::empty_domain), "no row has an answer and a weight");
}

}  // namespace
}  // namespace steelyard
