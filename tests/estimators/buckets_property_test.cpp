// What every bucket rule keeps on every table: masses, means, bounds, units; awkward tables; tables
// that are none.

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "estimators/buckets/bounds.hpp"
#include "estimators/buckets/piecewise.hpp"
#include "estimators/buckets/points.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

using testing::golden_tables;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool smooths_shares(std::string_view rule) { return rule == "pclm"; }
/// Subdivision keeps bucket masses but moves the mean (docs of the rule).
bool loses_mean(std::string_view rule) { return rule == "rsub_mean"; }

/// Calls check(rule, table's name, table, fit) for every feasible pair; returns their number.
template <typename Check>
int for_all_fits(Check&& check) {
  int fits = 0;
  for (const BucketRuleInfo& info : bucket_rules()) {
    if (info.kind == RuleKind::fitted) continue;  // bucket_fits_test has theirs
    const auto rule = info.make();
    for (const auto& [name, table] : golden_tables()) {
      const auto fit = rule->fit(table);
      if (!fit) continue;
      check(info, std::string(info.name) + " on " + name, table, fit.value());
      ++fits;
    }
  }
  return fits;
}

TEST(BucketRules, AreListedOnceUnderTheirNames) {
  std::set<std::string_view> names;
  for (const BucketRuleInfo& info : bucket_rules()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(find_bucket_rule(info.name)->summary, info.summary);
    EXPECT_FALSE(info.summary.empty() || info.source.empty()) << info.name;
  }
  EXPECT_GE(names.size(), 31u);
  EXPECT_EQ(find_bucket_rule("midpoint"), nullptr);
}

TEST(BucketRules, KeepTheSharesOfBuckets) {
  const int fits = for_all_fits([](const BucketRuleInfo& info, const std::string& what,
                                   const BucketTable& table, const BucketFit& fit) {
    if (smooths_shares(info.name)) return;
    const auto share = table.shares();
    double sum = 0;
    for (std::size_t i = 0; i + 1 < table.size(); ++i) {
      sum += share[i];
      EXPECT_NEAR(fit.law->cdf(table.edges[i + 1]), sum, 1e-12) << what << " at edge " << i + 1;
    }
    EXPECT_EQ(fit.law->cdf(table.edges[0] - 1), 0) << what;
    EXPECT_EQ(fit.law->cdf(kInfinity), 1) << what;
  });
  EXPECT_GT(fits, 1200);
}

TEST(BucketRules, ReproduceTheKnownMeanIfTheyUseIt) {
  int matched = 0;
  for_all_fits([&](const BucketRuleInfo& info, const std::string& what, const BucketTable& table,
                   const BucketFit& fit) {
    const Law& law = *fit.law;
    EXPECT_NEAR(law.partial_mean(kInfinity) / law.mean(), 1, 1e-13) << what;
    if (!info.needs_mean || loses_mean(info.name)) return;
    EXPECT_NEAR(law.mean() / *table.known_mean, 1, 1e-9) << what;
    ++matched;
  });
  EXPECT_GT(matched, 300);
}

TEST(BucketRules, RefuseATableWithoutTheMeanTheyNeed) {
  BucketTable table = golden_tables().at("us_1001");
  table.known_mean.reset();
  int refused = 0;
  for (const BucketRuleInfo& info : bucket_rules()) {
    const auto fit = info.make()->fit(table);
    if (!info.needs_mean) continue;
    ++refused;
    ASSERT_FALSE(fit.ok()) << info.name;
    EXPECT_EQ(fit.failure().kind, FailureKind::infeasible);
    EXPECT_EQ(fit.failure().detail, "no mean") << info.name;
  }
  EXPECT_GE(refused, 12);
}

TEST(BucketRules, QuantilesInvertTheCdf) {
  for_all_fits(
      [](const BucketRuleInfo&, const std::string& what, const BucketTable&, const BucketFit& fit) {
        const bool points = dynamic_cast<const PointLaw*>(fit.law.get()) != nullptr;
        double last = -kInfinity;
        for (const double u : {1e-6, 0.013, 0.17, 0.33, 0.5, 0.61, 0.83, 0.957, 0.9991, 1 - 1e-6}) {
          const double x = fit.law->quantile(u);
          EXPECT_GE(x, last) << what << " " << u;
          last = x;
          const double reached = fit.law->cdf(x);
          EXPECT_GE(reached, u - (points ? 1e-12 : 1e-11)) << what << " " << u;
          if (!points) {
            EXPECT_LE(reached, u + 1e-11) << what << " " << u;
          }
        }
      });
}

TEST(BucketRules, StayWithinTheSharpBounds) {
  int inside = 0;
  for_all_fits([&](const BucketRuleInfo& info, const std::string& what, const BucketTable& table,
                   const BucketFit& fit) {
    if (smooths_shares(info.name)) return;
    const Law& law = *fit.law;
    const auto within = [&](double value, Range range, const char* name) {
      EXPECT_GE(value, range.lower - 1e-12 * std::abs(range.lower)) << what << " " << name;
      EXPECT_LE(value, range.upper + 1e-12 * std::abs(range.upper)) << what << " " << name;
      ++inside;
    };
    within(law.mean(), mean_bounds(table), "mean");
    within(law.gini(), gini_bounds(table), "Gini");
    const auto given = gini_bounds_given_mean(table, law.mean());
    ASSERT_TRUE(given.ok()) << what;
    within(law.gini(), given.value(), "Gini given the mean");
    // A tie of a discrete law lies between two buckets' points, above the lower one's bucket.
    if (dynamic_cast<const PointLaw*>(&law) == nullptr)
      for (const double u : {0.1, 0.25, 0.5, 0.75, 0.9})
        within(law.quantile(u), quantile_bounds(table, u), "quantile");
  });
  EXPECT_GT(inside, 7000);
}

TEST(BucketRules, DoNotDependOnUnitsOrTheScaleOfWeights) {
  for_all_fits([](const BucketRuleInfo& info, const std::string& what, const BucketTable& table,
                  const BucketFit& fit) {
    BucketTable other = table;
    for (double& edge : other.edges) edge *= 0.001;
    for (double& weight : other.weights) weight *= 7;
    if (other.known_mean) *other.known_mean *= 0.001;
    const auto again = info.make()->fit(other);
    ASSERT_TRUE(again.ok()) << what << ": " << again.failure().detail;
    const Law &a = *fit.law, &b = *again.value().law;
    // where a search for lambda stops depends on rounding
    const double tolerance = info.name == "pclm" ? 1e-4 : 1e-9;
    EXPECT_NEAR(b.mean() * 1000 / a.mean(), 1, tolerance) << what;
    EXPECT_NEAR(b.gini(), a.gini(), tolerance) << what;
    EXPECT_NEAR(b.theil(), a.theil(), tolerance) << what;
    EXPECT_NEAR(b.mld(), a.mld(), tolerance) << what;
    EXPECT_NEAR(b.quantile(0.61) * 1000 / a.quantile(0.61), 1, tolerance) << what;
  });
}

TEST(BucketRules, AnEmptyBucketAboveChangesNothing) {
  // Closed rules on a closed table, and the same with an empty open bucket on top.
  for (const char* name : {"pop_unif_C10", "pop_age_C6", "pop_beta_C12"}) {
    const BucketTable& table = golden_tables().at(name);
    BucketTable more = table;
    more.edges.push_back(kInfinity);
    more.weights.push_back(0);
    for (const char* rule : {"mid_arith", "mid_report", "step_top2", "step_pareto2", "maxent_mean",
                             "loguni_pareto2", "parloc_pareto2", "pchip_top2"}) {
      const auto a = find_bucket_rule(rule)->make()->fit(table);
      const auto b = find_bucket_rule(rule)->make()->fit(more);
      ASSERT_TRUE(a.ok() && b.ok()) << rule << " " << name;
      EXPECT_NEAR(a.value().law->gini(), b.value().law->gini(), 1e-13) << rule << " " << name;
    }
  }
}

TEST(BucketRules, AwkwardTablesGiveLawsOrReasons) {
  const std::vector<std::pair<std::string, BucketTable>> tables{
      {"below zero", {{-1000, 0, 1000, 5000}, {5, 60, 35}, 100, 700}},
      {"open from zero", {{-10, 0, kInfinity}, {30, 70}, 100, 40}},
      {"all in the first bucket", {{0, 10, 20, kInfinity}, {50, 0, 0}, 50, 4}},
      {"all in one middle bucket", {{0, 10, 20, kInfinity}, {0, 50, 0}, 50, 14}},
      {"tiny and huge", {{0, 1e-9, 1, 1e12, kInfinity}, {1, 1e9, 1e-9, 1e-9}, 10, 0.5}},
      {"narrow", {{1e6, 1e6 + 1e-3, 1e6 + 2e-3}, {1, 1}, 2, 1e6 + 1e-3}},
      {"two closed", {{0, 5, 9}, {1, 2}, 3, 5}},
  };
  int laws = 0, reasons = 0;
  for (const auto& [name, table] : tables) {
    ASSERT_FALSE(objection(table).has_value()) << name;
    for (const BucketRuleInfo& info : bucket_rules()) {
      if (info.kind == RuleKind::fitted) continue;  // their support is not the table's
      const auto fit = info.make()->fit(table);
      const std::string what = std::string(info.name) + " on " + name;
      if (!fit) {
        EXPECT_FALSE(fit.failure().detail.empty()) << what;
        ++reasons;
        continue;
      }
      ++laws;
      const Law& law = *fit.value().law;
      EXPECT_FALSE(std::isnan(law.mean())) << what;
      EXPECT_FALSE(std::isnan(law.variance())) << what;
      EXPECT_GE(law.variance(), 0) << what;
      for (const double u : {0.001, 0.5, 0.999}) {
        EXPECT_GE(law.quantile(u), table.edges[0]) << what;
        EXPECT_LT(law.quantile(u), kInfinity) << what;
      }
      if (table.edges[0] >= 0) {
        EXPECT_GE(law.gini(), -1e-12) << what;
        EXPECT_LE(law.gini(), 1) << what;
        EXPECT_GE(law.theil(), -1e-12) << what;
        EXPECT_GE(law.mld(), -1e-12) << what;
      } else if (law.quantile(0.001) < 0) {
        EXPECT_TRUE(std::isnan(law.theil())) << what;
      }
    }
  }
  EXPECT_GT(laws, 120);
  EXPECT_GT(reasons, 20);
}

TEST(PlainMidpoints, RefuseAPopulatedOpenBucketOnly) {
  const auto rule = find_bucket_rule("mid_arith")->make();
  const auto open = rule->fit({{0, 10, kInfinity}, {1, 1}, 2, {}});
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.failure().kind, FailureKind::unbounded_tail);
  const auto closed = rule->fit({{0, 10, 30, kInfinity}, {1, 3, 0}, 4, {}});
  ASSERT_TRUE(closed.ok());
  EXPECT_EQ(closed.value().law->mean(), 0.25 * 5 + 0.75 * 20);
}

TEST(PointLaw, TiesAreTheMiddleOfBothPoints) {
  const PointLaw law({{1, 0.25}, {3, 0.25}, {8, 0.5}});
  EXPECT_EQ(law.quantile(0.25), 2);
  EXPECT_EQ(law.quantile(0.3), 3);
  EXPECT_EQ(law.quantile(0.5), 5.5);
  EXPECT_EQ(law.quantile(0.51), 8);
  EXPECT_EQ(law.cdf(3), 0.5);
  EXPECT_EQ(law.partial_mean(3), 1);
  EXPECT_EQ(law.mean(), 5);
  // E|X - X'| = 2 (1/16 2 + 1/8 7 + 1/8 5) = 3.25, by hand
  EXPECT_NEAR(law.gini(), 3.25 / 10, 1e-15);
  EXPECT_TRUE(std::isnan(law.density(3)));
}

TEST(BucketTables, ThatAreNoneSayWhy) {
  const auto why = [](BucketTable table) { return objection(table).value_or("sound"); };
  EXPECT_EQ(why({{0, 1, 2}, {1, 1}, 2, {}}), "sound");
  EXPECT_EQ(why({{0}, {}, 2, {}}), "has no bucket");
  EXPECT_EQ(why({{0, 1}, {1}, 2, {}}),
            "has a single bucket, which says nothing of the distribution; give two or more");
  EXPECT_EQ(why({{-kInfinity, 1, 2}, {1, 1}, 2, {}}),
            "has an open bottom bucket; give its lower edge (0 for amounts)");
  EXPECT_EQ(why({{0, 2, 2}, {1, 1}, 2, {}}), "has edges that do not increase: 2 is followed by 2");
  EXPECT_EQ(why({{0, kInfinity, kInfinity}, {1, 1}, 2, {}}),
            "has an open bucket, number 1, below others");
  EXPECT_EQ(why({{0, 1, 2}, {1, -1}, 2, {}}), "has -1 in bucket 2; counts are 0 or more");
  EXPECT_EQ(why({{0, 1, 2}, {0, 0}, 2, {}}), "is empty: all its buckets hold nothing");
}

}  // namespace
}  // namespace steelyard
