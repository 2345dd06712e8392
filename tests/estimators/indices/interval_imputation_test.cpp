// Multiple imputation inside buckets: moments, known truth, Rubin's rules by hand.

#include "estimators/buckets/interval_imputation.hpp"

#include "core/random.hpp"
#include "core/sums.hpp"
#include "tests/estimators/indices/micro.hpp"

namespace steelyard {
namespace {

using testing::Micro;
using testing::micro_model;

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(IntervalImputation, AmountsAreInTheirBucketsAndHaveTheConditionalMoments) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  const auto fit = fit_interval_regression(model, micro.data.w).value();
  const std::vector<double> known(25, 0.0);  // parameters without error: the conditional law itself
  const ConditionalMoments moments = conditional_moments(model, fit);
  const std::size_t many = 4000;
  const auto drawn = impute_in_buckets(model, fit, known, {many, Seed{5}, {}});
  // Persons of every bucket, the open one among them.
  for (const std::size_t i : {std::size_t{0}, std::size_t{6}, std::size_t{8}, std::size_t{40},
                              std::size_t{120}, std::size_t{349}}) {
    Moments over;
    for (const auto& column : drawn) {
      ASSERT_GE(column[i], model.lower[i]);
      ASSERT_LE(column[i], model.upper[i]);
      over.add(column[i]);
    }
    EXPECT_LT(std::abs(over.mean() - moments.mean[i]), 4.5 * over.mean_se()) << i;
    EXPECT_NEAR(over.variance() / moments.variance[i], 1, 0.15) << i;
  }
}

TEST(IntervalImputation, AListBeginsWithTheShorterOne) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  const auto fit = fit_interval_regression(model, micro.data.w).value();
  const auto few = impute_in_buckets(model, fit, fit.model_covariance, {2, Seed{5}, {}}),
             more = impute_in_buckets(model, fit, fit.model_covariance, {4, Seed{5}, {}});
  EXPECT_EQ(few[0], more[0]);
  EXPECT_EQ(few[1], more[1]);
  EXPECT_NE(more[1], more[2]);
}

TEST(IntervalImputation, PooledMeanIsTheConditionalOneAndItsErrorHoldsTheBuckets) {
  const Micro micro;
  const IntervalModel model = micro_model(micro);
  const auto fit = fit_interval_regression(model, micro.data.w).value();
  const auto covariance = regression_covariance(micro.data, model, fit, {}).value();
  const auto drawn = impute_in_buckets(model, fit, covariance, {200, Seed{7}, {}});
  std::vector<std::vector<EstimateRow>> rows;
  for (const auto& column : drawn) {
    SurveyData data = micro.data;
    data.columns = {column};
    const EstimateRequest request{.statistic = SurveyStatistic::mean};
    rows.push_back(estimate_all(data, {&request, 1}, {}));
  }
  const auto pooled = pool_rows(rows, 0.95)[0];
  ASSERT_TRUE(pooled);
  // The mean of conditional means, up to Jensen's difference of drawn parameters.
  EXPECT_NEAR(pooled.value().estimate, 6835.1075500095, 60);
  // Noise of one imputation at known parameters is 11054; drawn ones add to it.
  EXPECT_GT(pooled.value().between, 11054.47 * 0.8);
  EXPECT_GT(pooled.value().se * pooled.value().se, pooled.value().within);
  EXPECT_LT(pooled.value().df, 18);
}

TEST(IntervalImputation, PooledVarianceIsThatOfTheEstimateOverSamples) {
  // Samples of 200 from a lognormal (8.6, .6) in three buckets, the top one open. The variance of
  // the pooled mean over 600 samples, against the mean of T: the Monte Carlo error of the ratio is
  // sqrt(2/599) = 5.8 %, so that 4.5 of them see an error of 26 %.
  const double edges[] = {0, 4000, 8000, kInf};
  Moments estimates, pooled_variance, naive_variance;
  for (std::uint32_t r = 0; r < 600; ++r) {
    Stream stream({Seed{21}, purpose("imputation_test"), Replicate{r}, {}});
    IntervalModel model;
    for (int i = 0; i < 200; ++i) {
      double normal = -6;  // twelve uniforms less six: kurtosis 2.9
      for (int k = 0; k < 12; ++k) normal += stream.uniform();
      const double y = std::exp(8.6 + 0.6 * normal);
      const std::size_t b = y < 4000 ? 0 : y < 8000 ? 1 : 2;
      model.lower.push_back(edges[b]);
      model.upper.push_back(edges[b + 1]);
      model.x.push_back(1);
    }
    SurveyData data;
    data.n = 200;
    data.w = data.d = std::vector<double>(200, 1.0);
    const SurveyDesign design = SurveyDesign::rows(200);
    data.design = &design;
    const auto fit = fit_interval_regression(model, data.w).value();
    const auto covariance = regression_covariance(data, model, fit, {}).value();
    std::vector<std::vector<EstimateRow>> rows;
    for (auto& column : impute_in_buckets(model, fit, covariance, {10, Seed{22}, Replicate{r}})) {
      data.columns = {std::move(column)};
      const EstimateRequest request{.statistic = SurveyStatistic::mean};
      rows.push_back(estimate_all(data, {&request, 1}, {}));
    }
    const PooledEstimate pooled = pool_rows(rows, 0.95)[0].value();
    estimates.add(pooled.estimate);
    pooled_variance.add(pooled.se * pooled.se);
    naive_variance.add(pooled.within);
  }
  const double bound = 4.5 * std::sqrt(2.0 / 599);
  EXPECT_LT(std::abs(pooled_variance.mean() / estimates.variance() - 1), bound);
  // Imputed amounts taken as answers: the same bound sees it.
  EXPECT_LT(naive_variance.mean() / estimates.variance() - 1, -bound);
  // E y = exp(8.6 + .18), up to the law's departure from the normal.
  EXPECT_NEAR(estimates.mean() / std::exp(8.78), 1, 0.02);
}

TEST(IntervalImputation, RubinsRulesByHand) {
  // W = 2, B = 1, M = 3: T = 2 + 4/3, λ = .4; old df 2/.16 = 12.5; observed df of ν = 18:
  // 19/21 · 18 · .6 = 9.7714...
  const std::vector<double> estimates{1, 2, 3}, variances{1, 2, 3};
  const PooledEstimate pooled = pool_imputations(estimates, variances, 18, 0.95);
  EXPECT_DOUBLE_EQ(pooled.estimate, 2);
  EXPECT_DOUBLE_EQ(pooled.se, std::sqrt(2 + 4.0 / 3));
  EXPECT_DOUBLE_EQ(pooled.missing_share, 0.4);
  // (r + 2/(df + 3))/(r + 1) with r = (4/3)/2 (Rubin 1987, equation 3.1.10).
  EXPECT_NEAR(pooled.missing_information(), (2.0 / 3 + 2 / (pooled.df + 3)) / (5.0 / 3), 1e-15);
  EXPECT_NEAR(pooled.df, 1 / (1 / 12.5 + 1 / (19.0 / 21 * 18 * 0.6)), 1e-12);
  EXPECT_NEAR(pool_imputations(estimates, variances, kInf, 0.95).df, 12.5, 1e-12);
  const std::vector<double> equal{2, 2, 2};
  EXPECT_NEAR(pool_imputations(equal, variances, 18, 0.95).df, 19.0 / 21 * 18, 1e-12);
}

}  // namespace
}  // namespace steelyard
