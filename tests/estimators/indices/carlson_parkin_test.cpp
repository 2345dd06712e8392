// Rates from qualitative answers: the golden series, hand algebra, simulated shares.

#include "estimators/indices/carlson_parkin.hpp"

#include <fmt/format.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "estimators/indices/diffusion.hpp"
#include "estimators/indices/realisations.hpp"
#include "tests/estimators/indices/micro.hpp"

namespace steelyard {
namespace {

using testing::expect_block;
using testing::Numbers;
using Kind = PerceptionLaw::Kind;

struct Series {
  CsvFile file = CsvFile::read(testing::kDesignFolder + "expectations.csv");
  std::vector<double> up = testing::numbers(file, "up"), down = testing::numbers(file, "down"),
                      actual = testing::numbers(file, "actual");
};

TEST(CarlsonParkin, TheSeriesIsTheClosedForm) {
  const Series series;
  for (const auto& [block, kind] : {std::pair{"carlson_parkin_normal", Kind::normal},
                                    std::pair{"carlson_parkin_logistic", Kind::logistic}}) {
    const PerceptionLaw law{kind};
    const double delta = unbiased_threshold(series.up, series.down, series.actual, law).value();
    Numbers got{{"delta", delta}};
    for (std::size_t t = 0; t < series.up.size(); ++t) {
      const auto made = carlson_parkin(series.up[t], series.down[t], delta, law).value();
      got[fmt::format("mean{}", t + 1)] = made.mean;
      got[fmt::format("sd{}", t + 1)] = made.scale;
      EXPECT_DOUBLE_EQ(made.sd / made.scale, law.sd());
    }
    expect_block(block, got);
  }
}

TEST(Balances, TheSeriesIsTheClosedForm) {
  const Series series;
  Numbers balances, spreads;
  for (std::size_t t = 0; t < series.up.size(); ++t) {
    const std::string name = fmt::format("q{}", t + 1);
    balances[name] = 100 * (series.up[t] - series.down[t]);
    spreads[name] = disagreement(series.up[t], series.down[t]);
  }
  expect_block("balance", balances);
  expect_block("balance_disagreement", spreads);
}

TEST(Realisations, AndersonsCoefficientsAreThoseOfR) {
  const Series series;
  const auto fit = anderson_regression(series.up, series.down, series.actual).value();
  expect_block("anderson", {{"alpha_up", fit.coefficient[0]}, {"beta_down", fit.coefficient[1]}});
  EXPECT_EQ(fit.df, 10);
  EXPECT_DOUBLE_EQ(quantified(fit, 0.5, 0.25),
                   0.5 * fit.coefficient[0] + 0.25 * fit.coefficient[1]);
}

TEST(CarlsonParkin, EveryLawGivesItsParametersBack) {
  // Shares of a law with mean .4, scale 1.3 and threshold .5.
  for (const Kind kind : {Kind::normal, Kind::logistic, Kind::uniform, Kind::student_t}) {
    const PerceptionLaw law{kind, 7};
    const auto cdf = [&](double z) {
      switch (kind) {
        case Kind::normal:
          return boost::math::cdf(boost::math::normal(), z);
        case Kind::logistic:
          return 1 / (1 + std::exp(-z));
        case Kind::uniform:
          return (z + 1) / 2;
        case Kind::student_t:
          return boost::math::cdf(boost::math::students_t(7), z);
      }
      return 0.0;
    };
    const double down = cdf((-0.5 - 0.4) / 1.3), up = 1 - cdf((0.5 - 0.4) / 1.3);
    const auto made = carlson_parkin(up, down, 0.5, law).value();
    EXPECT_NEAR(made.mean, 0.4, 1e-13);
    EXPECT_NEAR(made.scale, 1.3, 1e-13);
    EXPECT_NEAR(law.density(0.3), (cdf(0.3001) - cdf(0.2999)) / 2e-4, 1e-8);
  }
  EXPECT_TRUE(std::isinf(PerceptionLaw({Kind::student_t, 2}).sd()));
}

TEST(CarlsonParkin, TheUniformMeanIsTheBalanceOverThoseWhoSayTheSame) {
  const auto made = carlson_parkin(0.5, 0.2, 2, {Kind::uniform}).value();
  EXPECT_NEAR(made.mean, 2 * (0.5 - 0.2) / 0.3, 1e-14);
}

TEST(CarlsonParkin, DeltaErrorsAreThoseOfTheShares) {
  const double up = 0.45, down = 0.2, n = 900, h = 1e-5;
  const AnswerCovariance v = multinomial_answers(up, down, n);
  EXPECT_NEAR(v.cross, -up * down / n, 1e-18);
  for (const Kind kind : {Kind::normal, Kind::logistic, Kind::uniform, Kind::student_t}) {
    const PerceptionLaw law{kind};
    const auto made = carlson_parkin(up, down, 1.5, law, v).value();
    EXPECT_TRUE(std::isnan(carlson_parkin(up, down, 1.5, law).value().mean_se));
    const auto at = [&](double u, double d) { return carlson_parkin(u, d, 1.5, law).value(); };
    const double mean_u = (at(up + h, down).mean - at(up - h, down).mean) / (2 * h),
                 mean_d = (at(up, down + h).mean - at(up, down - h).mean) / (2 * h),
                 scale_u = (at(up + h, down).scale - at(up - h, down).scale) / (2 * h),
                 scale_d = (at(up, down + h).scale - at(up, down - h).scale) / (2 * h);
    EXPECT_NEAR(made.mean_se * made.mean_se,
                mean_u * mean_u * v.up + 2 * mean_u * mean_d * v.cross + mean_d * mean_d * v.down,
                1e-8 * made.mean_se * made.mean_se);
    EXPECT_NEAR(
        made.scale_se * made.scale_se,
        scale_u * scale_u * v.up + 2 * scale_u * scale_d * v.cross + scale_d * scale_d * v.down,
        1e-8 * made.scale_se * made.scale_se);
  }
}

TEST(FiveCategories, GiveTheirParametersBackWithErrors) {
  // m = 1.2, s = .8, π = 2, δ = .3, ε = .25.
  const boost::math::normal normal;
  const auto below = [&](double x) { return boost::math::cdf(normal, (x - 1.2) / 0.8); };
  const std::array<double, 5> shares{1 - below(2.25), below(2.25) - below(1.75),
                                     below(1.75) - below(0.3), below(0.3) - below(-0.3),
                                     below(-0.3)};
  std::vector<double> v(25);
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < 5; ++j) v[5 * i + j] = shares[i] * ((i == j) - shares[j]) / 500;
  const auto made = five_categories(shares, 2, {}, v).value();
  EXPECT_NEAR(made.mean, 1.2, 1e-12);
  EXPECT_NEAR(made.scale, 0.8, 1e-12);
  EXPECT_NEAR(made.same_threshold, 0.3, 1e-12);
  EXPECT_NEAR(made.perceived_threshold, 0.25, 1e-12);
  double mean[5], scale[5];
  const double h = 1e-6;
  for (std::size_t k = 0; k < 5; ++k) {
    auto up = shares, down = shares;
    up[k] += h / 10;
    down[k] -= h / 10;
    const auto a = five_categories(up, 2).value(), b = five_categories(down, 2).value();
    mean[k] = (a.mean - b.mean) / (h / 5);
    scale[k] = (a.scale - b.scale) / (h / 5);
  }
  double mean_variance = 0, scale_variance = 0;
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < 5; ++j) {
      mean_variance += mean[i] * v[5 * i + j] * mean[j];
      scale_variance += scale[i] * v[5 * i + j] * scale[j];
    }
  EXPECT_NEAR(made.mean_se, std::sqrt(mean_variance), 1e-6 * made.mean_se);
  EXPECT_NEAR(made.scale_se, std::sqrt(scale_variance), 1e-6 * made.scale_se);
}

TEST(Realisations, PesaransCoefficientsComeBack) {
  std::vector<double> up, down, actual;
  for (int t = 0; t < 14; ++t) {
    up.push_back(0.3 + 0.25 * std::sin(t));
    down.push_back(0.2 + 0.1 * std::cos(2.3 * t));
    actual.push_back((2.5 * up.back() - 3 * down.back()) / (1 - 0.6 * up.back()));
  }
  const auto exact = pesaran_regression(up, down, actual).value();
  EXPECT_NEAR(exact.coefficient[0], 2.5, 1e-9);
  EXPECT_NEAR(exact.coefficient[1], -3, 1e-9);
  EXPECT_NEAR(exact.coefficient[2], 0.6, 1e-9);
  EXPECT_NEAR(quantified(exact, up[3], down[3]), actual[3], 1e-9);
  // Under noise: no small move of a coefficient lowers the sum of squares.
  for (int t = 0; t < 14; ++t) actual[static_cast<std::size_t>(t)] += 0.1 * std::sin(7.7 * t);
  const auto noisy = pesaran_regression(up, down, actual).value();
  const auto squares = [&](const RealisationFit& fit) {
    double sum = 0;
    for (std::size_t t = 0; t < 14; ++t)
      sum += std::pow(actual[t] - quantified(fit, up[t], down[t]), 2);
    return sum;
  };
  for (std::size_t j = 0; j < 3; ++j)
    for (const double move : {-1e-4, 1e-4}) {
      RealisationFit other = noisy;
      other.coefficient[j] += move;
      EXPECT_GT(squares(other), squares(noisy)) << j;
    }
}

TEST(Realisations, ExpectationsAreReviewedByHand) {
  // actual = 1 + 2 expected exactly, then errors (+, -, -, +) orthogonal to both columns.
  const std::vector<double> expected{0, 1, 2, 3}, actual{1.5, 2.5, 4.5, 7.5};
  const auto review = review_expectations(expected, actual).value();
  EXPECT_NEAR(review.intercept, 1, 1e-13);
  EXPECT_NEAR(review.slope, 2, 1e-13);
  EXPECT_NEAR(review.mean_error, 2.5, 1e-14);
  EXPECT_NEAR(review.rmse, std::sqrt((1.5 * 1.5 * 2 + 2.5 * 2.5 + 4.5 * 4.5) / 4), 1e-13);
  EXPECT_NEAR(review.slope_se, std::sqrt(0.5 / 5), 1e-13);
  // F = (31 - 1)/2 / .5 = 30 on 2 and 2 df: p = 1/(1 + 30).
  EXPECT_NEAR(review.p_value, 1.0 / 31, 1e-12);
}

TEST(CarlsonParkin, WhatIsUndefinedIsRefusedWithItsReason) {
  const auto reason = [](double up, double down, double threshold = 1) {
    const auto made = carlson_parkin(up, down, threshold);
    return made ? "made" : made.failure().detail;
  };
  EXPECT_EQ(reason(0, 0.3),
            "nobody answers \"up\", which puts a threshold at infinity; use the balance, or pool "
            "quarters");
  EXPECT_EQ(reason(0.3, 0),
            "nobody answers \"down\", which puts a threshold at infinity; use the balance, or pool "
            "quarters");
  EXPECT_EQ(reason(0.7, 0.3),
            "nobody answers \"same\", which leaves the spread undefined; use the balance");
  EXPECT_EQ(reason(0.7, 0.4), "0.7 up and 0.4 down are not shares of one whole");
  EXPECT_EQ(reason(0.5, 0.3, 0), "a threshold of 0: it is above zero");
  const std::vector<double> up{0.4, 0}, down{0.3, 0.5}, actual{1, 1};
  EXPECT_EQ(
      unbiased_threshold(up, down, actual).failure().detail,
      "quarter 2: nobody answers \"up\", which puts a threshold at infinity; use the balance, "
      "or pool quarters");
  const std::vector<double> even{0.3, 0.2}, same{0.3, 0.2}, fall{-1, -1}, rise{0.5, 0.6};
  EXPECT_EQ(unbiased_threshold(even, same, actual).failure().detail,
            "expectations are zero on average, so no threshold fits them to what happened");
  EXPECT_EQ(unbiased_threshold(rise, same, fall).failure().kind, FailureKind::infeasible);
  EXPECT_EQ(
      five_categories({0, 0.3, 0.3, 0.2, 0.2}, 1).failure().detail,
      "nobody answers \"faster\", which puts a threshold at infinity; merge categories and use "
      "carlson_parkin");
  EXPECT_EQ(five_categories({0.2, 0.3, 0.3, 0.1, 0.2}, 1).failure().detail,
            "the shares add up to 1.1");
  EXPECT_EQ(five_categories({0.2, 0.3, 0.2, 0.1, 0.2}, 0).failure().detail,
            "a perceived rate of 0 gives the answers no unit");
  EXPECT_EQ(anderson_regression(even, same, actual).failure().detail,
            "2 quarters for 2 coefficients; give more");
  const std::vector<double> three{0.1, 0.2, 0.3}, double_three{0.2, 0.4, 0.6};
  EXPECT_EQ(anderson_regression(three, double_three, three).failure().kind,
            FailureKind::singular_matrix);
}

}  // namespace
}  // namespace steelyard
