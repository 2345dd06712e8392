// Masses from overlapping brackets: the reference optimum, the first-order conditions, and what
// becomes of them.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "core/random.hpp"
#include "core/sums.hpp"
#include "estimators/buckets/law.hpp"
#include "estimators/buckets/turnbull.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Turnbull, MassesAreTheReferenceOptimum) {
  const CsvFile rows = testing::golden_buckets("design/overlap.csv");
  std::vector<IntervalCount> answers;
  double total = 0;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    answers.push_back({testing::golden_number(rows.field(row, 0)),
                       testing::golden_number(rows.field(row, 1)),
                       testing::golden_number(rows.field(row, 2))});
    total += answers.back().weight;
  }
  ASSERT_EQ(answers.size(), 16u);
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_LE(fit.value().gradient, 1e-10);
  const CsvFile expected = testing::golden_buckets("design/turnbull.csv");
  ASSERT_EQ(expected.rows(), 12u);
  ASSERT_EQ(fit.value().mass.size(), 11u);
  for (std::size_t row = 0; row < 11; ++row) {
    EXPECT_EQ(fit.value().lower[row], testing::golden_number(expected.field(row, 0)));
    EXPECT_EQ(fit.value().upper[row], testing::golden_number(expected.field(row, 1)));
    const double mass = testing::golden_number(expected.field(row, 2));
    EXPECT_NEAR(fit.value().mass[row], mass, 1e-9 * mass) << row;
  }
  ASSERT_EQ(expected.field(11, 0), "loglik");
  const double log_likelihood = testing::golden_number(expected.field(11, 2));
  EXPECT_NEAR(fit.value().log_likelihood, log_likelihood, 1e-9 * std::abs(log_likelihood));

  const BucketTable table = bucket_table(fit.value(), total, total);
  EXPECT_FALSE(objection(table).has_value());
  EXPECT_EQ(table.size(), 11u);
  EXPECT_NEAR(table.total(), total, 1e-9 * total);
  const auto law = find_bucket_rule("mcib_pareto2")->make()->fit(table);
  ASSERT_TRUE(law.ok());
  EXPECT_NEAR(law.value().law->cdf(8000),
              1 - (0.04908008477 + 0.09124360553 + 0.06968455369 + 0.01050041220), 1e-9);
}

TEST(Turnbull, DisjointBucketsGetTheirShares) {
  const std::vector<IntervalCount> answers{{0, 10, 3}, {10, 20, 5}, {20, kInfinity, 2}};
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  ASSERT_EQ(fit.value().mass.size(), 3u);
  EXPECT_NEAR(fit.value().mass[0], 0.3, 1e-14);
  EXPECT_NEAR(fit.value().mass[1], 0.5, 1e-14);
  EXPECT_NEAR(fit.value().mass[2], 0.2, 1e-14);
}

TEST(Turnbull, TwoOverlappingAnswersMeetInTheirCommonPart) {
  // All mass in [5, 10): both answers then have probability 1.
  const std::vector<IntervalCount> answers{{0, 10, 3}, {5, 20, 5}};
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  ASSERT_EQ(fit.value().mass.size(), 1u);
  EXPECT_EQ(fit.value().lower[0], 5);
  EXPECT_EQ(fit.value().upper[0], 10);
  EXPECT_EQ(fit.value().log_likelihood, 0);
}

TEST(Turnbull, GapsBecomeEmptyBuckets) {
  const std::vector<IntervalCount> answers{{0, 10, 3}, {20, 30, 1}};
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  const BucketTable table = bucket_table(fit.value(), 4, 4);
  EXPECT_EQ(table.edges, (std::vector<double>{0, 10, 20, 30}));
  ASSERT_EQ(table.weights.size(), 3u);
  EXPECT_NEAR(table.weights[0], 3, 1e-12);
  EXPECT_EQ(table.weights[1], 0);
  EXPECT_NEAR(table.weights[2], 1, 1e-12);
}

TEST(Turnbull, RandomBracketsMeetTheFirstOrderConditions) {
  Stream stream({Seed{20260101}, purpose("turnbull-test"), {}, {}});
  int vanishing = 0;
  for (int world = 0; world < 50; ++world) {
    std::vector<IntervalCount> answers;
    double total = 0;
    for (int i = 0; i < 40; ++i) {
      const double lower = static_cast<double>(stream.below(20));
      const double upper = lower + 1 + static_cast<double>(stream.below(8));
      answers.push_back({lower, upper > 24 ? kInfinity : upper, 1.0 + 4 * stream.uniform()});
      total += answers.back().weight;
    }
    const auto fit = innermost_masses(answers);
    ASSERT_TRUE(fit.ok()) << world << " " << fit.failure().detail;
    const InnermostMasses& found = fit.value();
    EXPECT_NEAR(std::accumulate(found.mass.begin(), found.mass.end(), 0.0), 1, 1e-12);
    for (std::size_t j = 0; j < found.mass.size(); ++j) {
      double slope = 0;
      for (const IntervalCount& answer : answers) {
        double sum = 0;
        bool holds = false;
        for (std::size_t k = 0; k < found.mass.size(); ++k)
          if (answer.lower <= found.lower[k] && found.upper[k] <= answer.upper) {
            sum += found.mass[k];
            holds |= k == j;
          }
        if (holds) slope += answer.weight / total / sum;
      }
      EXPECT_LE(slope, 1 + 1e-10) << world << " " << j;
      if (found.mass[j] > 1e-3) {
        EXPECT_NEAR(slope, 1, 1e-10) << world << " " << j;
      }
      vanishing += found.mass[j] < 1e-8;
    }
  }
  EXPECT_GT(vanishing, 0);  // some optima are on the boundary
}

TEST(Turnbull, WithoutOverlapsErrorsAreMultinomial) {
  const std::vector<IntervalCount> answers{{0, 10, 3}, {10, 20, 5}, {30, kInfinity, 2}};
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  const auto covariance = mass_covariance(answers, fit.value(), 40);
  ASSERT_TRUE(covariance.ok());
  const std::vector<double> p{0.3, 0.5, 0.2};
  std::vector<double> expected;
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) expected.push_back(p[i] * ((i == j) - p[j]) / 40);
  for (std::size_t j = 0; j < 9; ++j) EXPECT_NEAR(covariance.value()[j], expected[j], 1e-14) << j;
  // The gap's bucket has no share and no error.
  const auto shares = share_covariance(fit.value(), covariance.value());
  ASSERT_EQ(shares.size(), 16u);
  for (std::size_t j = 0; j < 4; ++j) EXPECT_EQ(shares[2 * 4 + j], 0) << j;
  EXPECT_NEAR(shares[15], expected[8], 1e-14);
}

TEST(Turnbull, ErrorsOfTwoBracketsWorkedByHand) {
  // 12 and 8 of 50 say which half, 30 do not: s = 12/20 with variance s (1 - s)/20.
  const std::vector<IntervalCount> answers{{0, 20, 30}, {0, 10, 12}, {10, 20, 8}};
  const auto fit = innermost_masses(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(fit.value().mass[0], 0.6, 1e-10);
  const auto covariance = mass_covariance(answers, fit.value(), 50);
  ASSERT_TRUE(covariance.ok());
  EXPECT_NEAR(covariance.value()[0], 0.6 * 0.4 / 20, 1e-12);
  EXPECT_NEAR(covariance.value()[1], -0.6 * 0.4 / 20, 1e-12);
}

TEST(Turnbull, ErrorsAreTheSpreadOverSamples) {
  // Masses of four ranges; each person is asked one of three sets of brackets.
  const std::vector<double> mass{0.2, 0.3, 0.1, 0.4};
  const std::vector<std::vector<std::pair<double, double>>> sets{
      {{0, 10}, {10, 40}}, {{0, 20}, {20, 30}, {30, 40}}, {{0, 30}, {30, 40}}};
  constexpr int kSamples = 1500, kPersons = 600;
  std::vector<std::vector<double>> found(4), variances(4);
  Stream stream({Seed{20260102}, purpose("turnbull-test"), {}, {}});
  for (int sample = 0; sample < kSamples; ++sample) {
    std::map<std::pair<double, double>, double> counts;
    for (int i = 0; i < kPersons; ++i) {
      const double u = stream.uniform();
      const double value = u < 0.2 ? 5 : u < 0.5 ? 15 : u < 0.6 ? 25 : 35;
      for (const auto& bracket : sets[stream.below(3)])
        if (bracket.first <= value && value < bracket.second) counts[bracket] += 1;
    }
    std::vector<IntervalCount> answers;
    for (const auto& [bracket, count] : counts)
      answers.push_back({bracket.first, bracket.second, count});
    const auto fit = innermost_masses(answers);
    ASSERT_TRUE(fit.ok());
    ASSERT_EQ(fit.value().mass.size(), 4u);
    const auto covariance = mass_covariance(answers, fit.value(), kPersons);
    ASSERT_TRUE(covariance.ok());
    for (std::size_t j = 0; j < 4; ++j) {
      found[j].push_back(fit.value().mass[j]);
      variances[j].push_back(covariance.value()[j * 4 + j]);
    }
  }
  for (std::size_t j = 0; j < 4; ++j) {
    Moments over;
    for (const double value : found[j]) over.add(value);
    const double sd = std::sqrt(over.variance());
    const double se =
        std::sqrt(std::accumulate(variances[j].begin(), variances[j].end(), 0.0) / kSamples);
    // A standard deviation over 1,500 samples is known to 1.8 %: 4.5 times that. Errors as if all
    // had told their range would fail.
    EXPECT_NEAR(sd / se, 1, 0.082) << j;
    EXPECT_GT(sd / std::sqrt(mass[j] * (1 - mass[j]) / kPersons), 1.082) << j;
  }
}

TEST(Turnbull, RefusesWhatIsNoInterval) {
  const std::vector<IntervalCount> reversed{{10, 0, 3}}, nothing{{0, 1, 0}}, negative{{0, 1, -1}};
  EXPECT_EQ(innermost_masses(reversed).failure().detail, "[10, 0) is no interval");
  EXPECT_EQ(innermost_masses(nothing).failure().detail, "no answer has any weight");
  EXPECT_EQ(innermost_masses(negative).failure().detail, "-1 is no weight");
}

}  // namespace
}  // namespace steelyard
