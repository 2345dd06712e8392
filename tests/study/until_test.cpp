// Stopping rules: what they mean, by hand, and where they cannot be read.

#include "study/until.hpp"

#include <gtest/gtest.h>

namespace steelyard {
namespace {

/// Two estimands, one of them with two value rules; truth 2 and 10.
StudyResults described() {
  StudyResults r;
  r.estimands = {{.estimand = "mean", .domain = "all", .truth = 2},
                 {.estimand = "mean", .domain = "sex=male", .truth = 10}};
  r.estimators = {{.estimand = 0, .weighting = "raking", .value_rule = "low", .interval = "lin"},
                  {.estimand = 0, .weighting = "raking", .value_rule = "high", .interval = "lin"},
                  {.estimand = 1, .weighting = "raking", .value_rule = "low", .interval = "lin"}};
  return r;
}

/// Four replicates: of the first estimator 1, 2, 3, 4, of the second 5, of the third 9 and 11.
ReplicateLedger ledger() {
  ReplicateLedger made({"a", "b", "c"}, 4);
  for (std::uint32_t r = 0; r < 4; ++r) {
    ReplicateResults results;
    results.estimate = {1.0 + r, 5, r % 2 ? 9.0 : 11.0};
    results.se = {1, 1, 1};
    results.lower = {0.5 + r, 4, 8};
    results.upper = {1.5 + r, 6, 12};
    results.seconds = results.weights_cv2 = {0, 0, 0};
    made.add(made.estimators(), r, results);
  }
  return made;
}

std::optional<std::string> met(const std::string& text, std::uint32_t replicates = 4) {
  UntilRule rule(text);
  const StudyResults r = described();
  rule.bind(r);
  return rule.met(ledger(), replicates, r);
}

std::string refusal(const std::string& text) {
  try {
    (void)met(text);
  } catch (const UserError& e) {
    return e.what();
  }
  return "can be read";
}

TEST(Until, MeasuresAreThoseOfTheReplicatesThatAreDone) {
  // 1, 2, 3, 4 against 2: bias 0.5, variance 5/3, MCSE of the bias sqrt(5/12) = 0.6455.
  EXPECT_EQ(met("bias[mean, raking, low] <= 0.5"), "bias[mean, raking, low] = 0.5 <= 0.5");
  EXPECT_FALSE(met("bias[mean, raking, low] < 0.5"));
  EXPECT_EQ(met("mcse(bias[mean,raking,low])<0.646"),
            "mcse(bias[mean,raking,low]) = 0.6455 < 0.646");
  EXPECT_FALSE(met("mcse(bias[mean, raking, low]) < 0.645"));
  EXPECT_TRUE(met("bias[mean, raking, low] < 0", 2));  // 1, 2
  // Of four intervals of width 1 around 1, 2, 3, 4 one holds 2.
  EXPECT_TRUE(
      met("coverage[mean, raking, low, lin] >= 0.25 and mean_width[mean, raking, low] > 0.9"));
  EXPECT_FALSE(met("coverage[mean, raking, low, lin] > 0.25"));
  EXPECT_TRUE(met("bias[mean@sex=male, raking] > -1e-9 and bias[mean@sex=male, raking] < 1e-9"));
  EXPECT_TRUE(met("rel_bias[mean, raking, low] > 24.9"));
  EXPECT_TRUE(met("failures[mean, raking, low] <= 0"));
}

TEST(Until, WithoutAValueRuleItMustHoldForEach) {
  EXPECT_TRUE(met("bias[mean, raking] < 4"));  // 0.5 and 3
  EXPECT_FALSE(met("bias[mean, raking] < 2"));
  EXPECT_EQ(met("bias[mean, raking] < 4"), "bias[mean, raking] = 3 < 4");
}

TEST(Until, WhatDoesNotExistMeetsNothing) {
  EXPECT_FALSE(met("sd[mean, raking, low] < 100", 0));
  EXPECT_FALSE(met("mcse(sd[mean, raking, low]) < 100", 1));
}

TEST(Until, TellsWhereItCannotBeRead) {
  const auto tells = [](const std::string& text, const std::string& part) {
    EXPECT_NE(refusal(text).find(part), std::string::npos) << refusal(text);
  };
  tells("", "character 1: a measure is wanted here");
  tells("mcse(bais[mean, raking]) < 1",
        "character 6: \"bais\" is no measure; did you mean \"bias\"?");
  tells("bias[mean, raking] < ", "character 22: a number is wanted here");
  tells("bias[mean, raking] < 1 or", "character 24: \"and\" or the end is wanted here");
  tells("bias[mean, raking] == 1", "character 20: <, <=, > or >= is wanted here");
  tells("bias[mean] < 1", "character 6: an estimand and a weighting are wanted");
  tells("bias[mean, raking < 1", "character 22: \"]\" is missing");
  tells("bias mean < 1", "character 6: \"[\" is wanted here");
  tells("mcse(bias[mean, raking] < 1", "character 25: \")\" is wanted here");
  tells("mcse(failures[mean, raking]) < 1", "has no Monte Carlo standard error");
  tells("bias[men, raking] < 1", "there is no estimand \"men\" here; did you mean \"mean\"?");
  tells("bias[mean@sex=mal, raking] < 1", "there is no domain \"sex=mal\" here");
  tells("bias[mean, rakin] < 1", "there is no weighting \"rakin\" here; did you mean \"raking\"?");
  tells("bias[mean, raking, lo] < 1", "there is no value rule \"lo\" here; did you mean \"low\"?");
  tells("bias[mean, raking, low, x] < 1", "there is no interval \"x\" here");
}

}  // namespace
}  // namespace steelyard
