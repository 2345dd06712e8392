// Laws nearby and shared fits of the fitted rules.

#include <gtest/gtest.h>

#include "estimators/buckets/family_fits.hpp"
#include "estimators/buckets/table_errors.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

/// A rule that fits again at every table nearby.
class Refitting final : public BucketRule {
 public:
  explicit Refitting(const BucketRule& rule) : rule_(rule) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    auto made = rule_.fit(table);
    if (made) made.value().nearby = nullptr;
    return made;
  }

 private:
  const BucketRule& rule_;
};

const std::vector<LawStatistic>& statistics() {
  static const std::vector<LawStatistic> list{
      {"mean", [](const Law& law) { return law.mean(); }, {}},
      {"median", [](const Law& law) { return law.quantile(0.5); }, {}},
      {"gini", [](const Law& law) { return law.gini(); }, {}}};
  return list;
}

BucketTable a_county() {
  BucketTable table{
      {0, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 100, 125, 150, 200,
       std::numeric_limits<double>::infinity()},
      {1316, 996, 835, 889, 1197, 873, 1002, 1111, 946, 1924, 2196, 2943, 1617, 940, 632, 301},
      0,
      64.733};
  table.n = table.total();
  return table;
}

TEST(FittedRules, StatisticsMoveWithTheSharesAsThoseOfFitsThere) {
  const BucketTable table = a_county();
  int compared = 0;
  for (const BucketRuleInfo& info : bucket_rules()) {
    if (info.kind != RuleKind::fitted) continue;
    const auto rule = info.make();
    const auto fit = rule->fit(table);
    ASSERT_TRUE(fit.ok()) << info.name << ": " << fit.failure().detail;
    // At a boundary the likelihood is flat: what a fit there finds is no function of the shares.
    if (!fit.value().nearby || !fit.value().notes.empty()) continue;
    const auto near = table_slopes(*rule, table, statistics());
    const auto again = table_slopes(Refitting(*rule), table, statistics());
    ASSERT_TRUE(near.ok() && again.ok()) << info.name;
    for (std::size_t s = 0; s < statistics().size(); ++s) {
      const auto& got = near.value().statistics[s];
      const auto& wanted = again.value().statistics[s];
      if (wanted.failure || got.failure) continue;
      double largest = 0;
      for (double slope : wanted.by_share) largest = std::max(largest, std::abs(slope));
      for (std::size_t k = 0; k < table.size(); ++k)
        EXPECT_NEAR(got.by_share[k], wanted.by_share[k], 1e-5 * largest + 1e-9 * wanted.value)
            << info.name << " " << statistics()[s].name << " " << k;
      ++compared;
    }
  }
  EXPECT_GE(compared, 60);
}

TEST(FittedRules, SharedFitsAreThoseThatARuleMakesForItself) {
  const BucketTable table = a_county();
  FamilyFits shared(table);
  int compared = 0;
  for (const BucketRuleInfo& info : bucket_rules()) {
    const auto rule = info.make();
    const auto own = rule->fit(table), with = rule->fit_with(table, shared);
    ASSERT_EQ(own.ok(), with.ok()) << info.name;
    if (!own) continue;
    EXPECT_EQ(own.value().found, with.value().found) << info.name;
    for (const LawStatistic& statistic : statistics()) {
      const double wanted = statistic.of(*own.value().law);
      if (std::isnan(wanted)) continue;
      EXPECT_EQ(statistic.of(*with.value().law), wanted) << info.name << " " << statistic.name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 150);
}

TEST(FamilyFits, AreMadeOnce) {
  BucketTable table = a_county();
  FamilyFits fits(table);
  const auto* plain = &fits.fit(ml_family("LN"), table, MeanUse::ignored);
  const auto* of_mean = &fits.fit(ml_family("LN"), table, MeanUse::matched);
  table.known_mean = 60;
  const auto* of_other = &fits.fit(ml_family("LN"), table, MeanUse::matched);
  EXPECT_EQ(&fits.fit(ml_family("LN"), table, MeanUse::ignored), plain);
  EXPECT_EQ(&fits.fit(ml_family("LN"), table, MeanUse::matched), of_other);
  EXPECT_NE(of_other, of_mean);
  EXPECT_NEAR(of_other->value().law.mean(), 60, 1e-12);
  EXPECT_NEAR(of_mean->value().law.mean(), 64.733, 1e-12);
}

}  // namespace
}  // namespace steelyard
