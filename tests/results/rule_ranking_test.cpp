#include "results/rule_ranking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

RuleEffectRecord effect(std::uint32_t estimand, const char* rule, double truth, double bias,
                        double mcse, double rmse) {
  return {.estimand = estimand,
          .value_rule = rule,
          .of_study = std::string(rule) == "own",
          .truth = truth,
          .value = truth + bias,
          .bias = bias,
          .bias_mcse = mcse,
          .rmse = rmse,
          .rmse_mcse = mcse,
          .failures = 0,
          .samples = 10,
          .status = "ok"};
}

TEST(RuleRanking, AveragesOverDomainsInPerCentAndPutsTheBestFirst) {
  StudyResults results;
  for (const char* name : {"income", "income", "hours"}) {
    EstimandRecord e;
    e.estimand = name;
    results.estimands.push_back(e);
  }
  results.rule_effects = {
      effect(0, "own", 100, 5, 1, 6),     effect(0, "other", 100, -1, 1, 2),
      effect(0, "half", 100, 0.1, 1, 1),  effect(1, "own", 50, -4, 2, 5),
      effect(1, "other", 50, 1, 1, 1.5),  effect(1, "half", 50, kNone, kNone, kNone),
      effect(2, "own", 40, 0.4, 0.2, 0.4)};
  const auto ranks = rank_rules(results);
  ASSERT_EQ(ranks.size(), 4u);
  EXPECT_EQ(ranks[0].value_rule, "other");
  EXPECT_DOUBLE_EQ(ranks[0].mean_bias_pct, (1 + 2) / 2.);
  EXPECT_DOUBLE_EQ(ranks[0].mean_bias_pct_mcse, std::sqrt(1. + 4) / 2);
  EXPECT_DOUBLE_EQ(ranks[0].median_rmse_pct, (2 + 3) / 2.);
  EXPECT_EQ(ranks[0].samples, 20u);
  EXPECT_DOUBLE_EQ(ranks[0].worst_pct, 2);
  EXPECT_EQ(ranks[0].worst, 4u);
  EXPECT_EQ(ranks[1].value_rule, "own");
  EXPECT_TRUE(ranks[1].of_study);
  EXPECT_DOUBLE_EQ(ranks[1].worst_pct, -8);
  // Without an answer in every domain it is not compared with those that have one.
  EXPECT_EQ(ranks[2].value_rule, "half");
  EXPECT_EQ(ranks[2].domains, 1u);
  EXPECT_EQ(ranks[3].estimand, "hours");
}

TEST(RuleRanking, IsEmptyWithoutRules) { EXPECT_TRUE(rank_rules({}).empty()); }

}  // namespace
}  // namespace steelyard
