// Maximum likelihood rules of bucket tables against reference maxima in 65 digits
// (tests/golden/binned/README.md).

#include <gtest/gtest.h>

#include <set>

#include "estimators/buckets/parametric.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

using Stats = std::map<std::string, std::string>;

std::map<std::pair<std::string, std::string>, Stats> golden_fits(const std::string& name) {
  const CsvFile file = CsvFile::read(testing::golden_binned(name));
  std::map<std::pair<std::string, std::string>, Stats> cases;
  for (std::size_t r = 0; r < file.rows(); ++r)
    cases[{file.field(r, 0), file.field(r, 1)}][file.field(r, 2)] = file.field(r, 3);
  return cases;
}

Result<BucketFit> fit(const std::string& rule, const BucketTable& table) {
  const BucketRuleInfo* info = find_bucket_rule(rule);
  if (info == nullptr) return Failure{FailureKind::unsupported, "no rule " + rule};
  return info->make()->fit(table);
}

double found(const BucketFit& fit, const std::string& name) {
  for (const auto& [key, value] : fit.found)
    if (key == name) return value;
  return std::numeric_limits<double>::quiet_NaN();
}

/// Every number of a golden row; how many were compared.
int compare(const BucketFit& fit, const Stats& stats, double n, const std::string& what) {
  int compared = 0;
  for (const auto& [name, text] : stats) {
    const auto number = parse_number(text);
    if (!number) continue;  // "status", "members", "family"
    const double wanted = *number;
    const bool is_statistic =
        std::set<std::string>{"mean", "var", "gini", "theil", "mld"}.contains(name) ||
        name[0] == 'q';
    const double got = is_statistic ? testing::statistic(*fit.law, name) : found(fit, name);
    double tolerance = 1e-7 * std::abs(wanted);
    if (name == "loglik" || name == "aic" || name == "bic") tolerance = 1e-11 * std::abs(wanted);
    // Twice a difference of two log-likelihoods of relative accuracy 1e-11.
    if (name == "G2") tolerance = 4e-11 * std::abs(found(fit, "loglik")) + 1e-9 * n * 1e-6;
    // Printed with twelve digits.
    if (name.starts_with("se")) tolerance = 1e-6 * std::abs(wanted);
    // exp of half a difference of criteria.
    if (name.starts_with("w:")) tolerance = 1e-7 * wanted + 1e-15;
    ++compared;
    if (std::isinf(wanted)) {
      EXPECT_EQ(got, wanted) << what << " " << name;
    } else {
      EXPECT_NEAR(got, wanted, tolerance) << what << " " << name;
    }
  }
  return compared;
}

TEST(MaximumLikelihood, EveryReferenceMaximumIsReproduced) {
  const auto tables = testing::golden_tables();
  int compared = 0, fits = 0, boundaries = 0, refused = 0, averages = 0, bests = 0;
  for (const auto& [key, stats] : golden_fits("ml.csv")) {
    const auto& [name, rule] = key;
    const BucketTable& table = tables.at(name);
    const std::string what = name + " " + rule;
    const Result<BucketFit> got = fit(rule, table);
    const auto status = stats.find("status");
    if (status != stats.end() && status->second != "ok") {
      // At a boundary there is a law, marked as such; without a maximum there is none.
      if (got) {
        EXPECT_EQ(found(got.value(), "boundary"), 1) << what;
      }
      (status->second == "boundary" ? boundaries : refused) += 1;
      continue;
    }
    ASSERT_TRUE(got.ok()) << what << ": " << got.failure().detail;
    if (rule.starts_with("BEST")) {
      EXPECT_EQ(found(got.value(), "w:" + stats.at("family")), 1) << what;
      ++bests;
      continue;
    }
    EXPECT_TRUE(std::isnan(found(got.value(), "boundary"))) << what;
    compared += compare(got.value(), stats, table.n, what);
    ++(stats.contains("members") ? averages : fits);
    if (stats.contains("members")) {
      std::set<std::string> members;
      for (const auto& [other, value] : got.value().found)
        if (other.starts_with("w:")) members.insert(other.substr(2));
      const std::vector<std::string> wanted = split(stats.at("members"), " ");
      EXPECT_EQ(members, std::set<std::string>(wanted.begin(), wanted.end())) << what;
    }
  }
  EXPECT_EQ(fits, 386);
  EXPECT_EQ(boundaries, 81);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(averages, 54);
  EXPECT_EQ(bests, 54);
  EXPECT_GT(compared, 7000);
}

TEST(MaximumLikelihood, WithAKnownMeanEveryReferenceMaximumIsReproduced) {
  const auto tables = testing::golden_tables();
  int compared = 0, fits = 0;
  for (const auto& [key, stats] : golden_fits("ml_known_mean.csv")) {
    const auto& [name, family] = key;
    const std::string what = name + " " + family;
    const Result<BucketFit> got = fit(family + "_mean", tables.at(name));
    ASSERT_EQ(stats.at("status"), "ok");
    ASSERT_TRUE(got.ok()) << what << ": " << got.failure().detail;
    compared += compare(got.value(), stats, tables.at(name).n, what);
    EXPECT_NEAR(got.value().law->mean(), *tables.at(name).known_mean,
                1e-12 * *tables.at(name).known_mean);
    ++fits;
  }
  EXPECT_EQ(fits, 36);
  EXPECT_GT(compared, 450);
}

TEST(MaximumLikelihood, TablesThatSayTooLittleAreRefusedWithTheReason) {
  const BucketTable one_populated{{0, 10, 20, 30, 40}, {0, 7, 0, 0}, 7, {}};
  const Result<BucketFit> lognormal = fit("LN", one_populated);
  ASSERT_FALSE(lognormal.ok());
  EXPECT_EQ(lognormal.failure().kind, FailureKind::unsupported);
  EXPECT_NE(lognormal.failure().detail.find("3 populated buckets, the table has 1"),
            std::string::npos);
  const BucketTable two{{0, 5000, std::numeric_limits<double>::infinity()}, {70, 30}, 100, {}};
  EXPECT_TRUE(fit("EXP", two).ok());
  EXPECT_NE(fit("LN", two).failure().detail.find("need 3 buckets, the table has 2"),
            std::string::npos);
  EXPECT_EQ(fit("LN_mean", two).failure().detail, "no mean");
  const Result<BucketFit> average = fit("AVG_aic", two);
  ASSERT_FALSE(average.ok());
  EXPECT_NE(average.failure().detail.find("no family enters the average"), std::string::npos);
  const BucketTable negative{{-10, 0, 10, 20, 30}, {5, 10, 10, 5}, 30, {}};
  EXPECT_NE(fit("LN", negative).failure().detail.find("positive amounts"), std::string::npos);
  EXPECT_TRUE(fit("NORM", negative).ok());
}

TEST(ParametricLaw, GiniByQuadratureIsTheClosedFormOfTheNestedFamily) {
  const auto gini = [](Family family, std::array<double, 4> at) {
    return ParametricLaw({family, at}).gini();
  };
  for (double a : {0.6, 1.3, 2.5, 9.0})
    for (double p : {0.3, 1.0, 4.0}) {
      EXPECT_NEAR(
          gini(Family::gb2, {a, 5, p, 2 / a + 1}) - gini(Family::gb2, {a, 5e6, p, 2 / a + 1}), 0,
          1e-12);
      if (a > 1) {
        EXPECT_NEAR(gini(Family::gb2, {a, 5, p, 1}), gini(Family::dagum, {a, 5, p, 1}), 1e-11);
      }
      EXPECT_NEAR(gini(Family::gb2, {a, 5, 1, 1.2 / a}),
                  gini(Family::singh_maddala, {a, 5, 1, 1.2 / a}), 1e-11);
      EXPECT_NEAR(gini(Family::generalized_gamma, {a, 5, 1, 1}),
                  gini(Family::weibull, {a, 5, 1, 1}), 1e-12);
    }
  for (double p : {0.2, 1.0, 6.0}) {
    EXPECT_NEAR(gini(Family::gb2, {1, 5, p, 3}), gini(Family::beta2, {1, 5, p, 3}), 1e-11);
    EXPECT_NEAR(gini(Family::generalized_gamma, {1, 5, p, 1}), gini(Family::gamma, {1, 5, p, 1}),
                1e-12);
  }
}

TEST(ParametricLaw, MomentsThatDoNotExistAreNoNumbers) {
  const ParametricLaw no_variance({Family::fisk, {1.5, 10, 1, 1}});
  EXPECT_NEAR(no_variance.gini(), 1 / 1.5, 1e-15);
  EXPECT_TRUE(std::isinf(no_variance.variance()));
  const ParametricLaw no_mean({Family::fisk, {0.9, 10, 1, 1}});
  EXPECT_TRUE(std::isinf(no_mean.mean()));
  EXPECT_TRUE(std::isnan(no_mean.gini()));
  EXPECT_TRUE(std::isnan(no_mean.theil()));
  EXPECT_NEAR(no_mean.quantile(0.5), 10, 1e-13);
}

}  // namespace
}  // namespace steelyard
