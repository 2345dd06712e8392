// The smoothing EM and the penalised composite link model against a converged numpy computation
// (tests/golden/binned/README.md), and what their defaults choose.

#include <gtest/gtest.h>

#include <set>

#include "estimators/buckets/smooth.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

using testing::golden_tables;

/// The number after `key=` in "ems(top=None,cell=0.5,h=2.5)"; 0 for None.
double option(const std::string& method, const std::string& key) {
  const auto from = method.find(key + "=") + key.size() + 1;
  const std::string text = method.substr(from, method.find_first_of(",)", from) - from);
  return text == "None" ? 0 : testing::golden_number(text);
}

Result<BucketFit> fit(const BucketTable& table, const std::string& method) {
  const SmoothGrid grid{option(method, "top"), option(method, "cell")};
  if (method.starts_with("ems(")) return smoothing_em(table, grid, option(method, "h"));
  return composite_link(table, grid, option(method, "lambda"));
}

TEST(GoldenSmooth, EveryStatisticIsTheConvergedOne) {
  const CsvFile file = testing::golden_buckets("smooth.csv");
  std::map<std::string, Result<BucketFit>> fits;
  int numbers = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &method = file.field(row, 1),
                      &stat = file.field(row, 2), &value = file.field(row, 3);
    auto at = fits.find(name + method);
    if (at == fits.end())
      at = fits.emplace(name + method, fit(golden_tables().at(name), method)).first;
    ASSERT_TRUE(at->second.ok()) << name << " " << method << at->second.failure().detail;
    ++numbers;
    EXPECT_TRUE(testing::agrees(testing::statistic(at->second.value(), stat),
                                testing::golden_number(value), 1e-8))
        << name << " " << method << " " << stat << " "
        << shortest(testing::statistic(at->second.value(), stat)) << " instead of " << value;
  }
  EXPECT_EQ(fits.size(), 8u);
  EXPECT_EQ(numbers, 115);
}

TEST(SmoothRules, DefaultsFitEveryTable) {
  for (const char* name : {"ems", "pclm"}) {
    const auto rule = find_bucket_rule(name)->make();
    for (const auto& [at, table] : golden_tables()) {
      const auto found = rule->fit(table);
      if (at == "edge_all_top" && std::string(name) == "pclm") {
        // All counts at one end: the likelihood rises for ever with the slope of ln γ.
        ASSERT_FALSE(found.ok());
        EXPECT_EQ(found.failure().kind, FailureKind::no_convergence);
        continue;
      }
      ASSERT_TRUE(found.ok()) << name << " on " << at << ": " << found.failure().detail;
      if (table.open_top() && table.weights.back() > 0) {
        EXPECT_EQ(testing::statistic(found.value(), "par:top"), 3 * table.edges[table.size() - 1]);
      }
    }
  }
}

TEST(SmoothRules, DefaultsComeNearKnownPopulations) {
  // A gamma and a Weibull law, whose tails three times the last edge holds whole: closer than
  // arithmetic midpoints with an assumed top.
  const CsvFile meta = testing::golden_buckets("tables_meta.csv");
  int compared = 0;
  for (std::size_t row = 0; row < meta.rows(); ++row) {
    const std::string& name = meta.field(row, meta.column("case"));
    if (name != "pop_gam1_B5" && name != "pop_wei1_B8" && name != "pop_gg1_B16") continue;
    const BucketTable& table = golden_tables().at(name);
    const double gini = testing::golden_number(meta.field(row, meta.column("true_gini")));
    const double median = testing::golden_number(meta.field(row, meta.column("true_q50")));
    for (const char* rule : {"ems", "pclm"}) {
      const auto found = find_bucket_rule(rule)->make()->fit(table);
      ASSERT_TRUE(found.ok()) << rule;
      EXPECT_NEAR(found.value().law->gini() / gini, 1, 0.05) << rule << " " << name;
      EXPECT_NEAR(found.value().law->quantile(0.5) / median, 1, 0.03) << rule << " " << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 6);
}

TEST(SmoothRules, GridsThatDoNotFitAreRefused) {
  const BucketTable& table = golden_tables().at("pop_ln1_B5");
  EXPECT_EQ(smoothing_em(table, {15000, 100}, 600).failure().detail,
            "the grid does not reach beyond the open bucket's lower edge");
  EXPECT_EQ(composite_link(table, {40000, 40000}, 1).failure().detail,
            "the grid has fewer than 2 or more than 5000 cells");
  EXPECT_EQ(smoothing_em(table, {40000, 100}, 0).failure().detail, "the bandwidth must be above 0");
  EXPECT_EQ(composite_link(table, {40000, 100}, -1).failure().detail, "lambda must be above 0");
}

TEST(SmoothRules, CellsNeedNotEndAtEdges) {
  // 40,000 in 137 cells: no edge of the table is one of the grid, shares are kept all the same.
  const BucketTable& table = golden_tables().at("pop_ln1_B5");
  const auto odd = smoothing_em(table, {40000, 40000.0 / 137}, 600);
  const auto even = smoothing_em(table, {40000, 250}, 600);
  ASSERT_TRUE(odd.ok() && even.ok());
  double sum = 0;
  const auto share = table.shares();
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    sum += share[i];
    EXPECT_NEAR(odd.value().law->cdf(table.edges[i + 1]), sum, 1e-12);
  }
  EXPECT_NEAR(odd.value().law->gini() / even.value().law->gini(), 1, 2e-3);
  EXPECT_NEAR(odd.value().law->mean() / even.value().law->mean(), 1, 1e-3);
}

}  // namespace
}  // namespace steelyard
