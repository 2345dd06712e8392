// Conclusions and where they turn: positions of what cannot be read, and tipping points that
// algebra gives.

#include "study/tipping.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "results/performance.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Conclusion, IsReadWithItsParts) {
  const Conclusion c =
      parse_conclusion("1.2*rmse[income, raking, midpoints] <= coverage[ x,none ]");
  EXPECT_EQ(c.relation, "<=");
  EXPECT_EQ(c.left.what, ConclusionSide::What::rmse);
  EXPECT_EQ(c.left.number, 1.2);
  EXPECT_EQ(c.left.estimand, "income");
  EXPECT_EQ(c.left.weighting, "raking");
  EXPECT_EQ(c.left.value_rule, "midpoints");
  EXPECT_EQ(c.right.estimand, "x");
  EXPECT_EQ(parse_conclusion("index > 50").left.what, ConclusionSide::What::truth);
  EXPECT_EQ(parse_conclusion("coverage[x,none] >= 90%").right.number, 0.9);
}

TEST(Conclusion, WhatCannotBeReadIsShownWithItsPosition) {
  const auto wrong = [](const std::string& text) {
    return message([&] { (void)parse_conclusion(text); });
  };
  EXPECT_PRED2(has, wrong("truth[x] = 5"), "position 10 of \"truth[x] = 5\": a relation belongs");
  EXPECT_PRED2(has, wrong("truth[x] = 5"), "\n  truth[x] = 5\n           ^");
  EXPECT_PRED2(has, wrong("rsme[x,none] < 5"), "position 1");
  EXPECT_PRED2(has, wrong("rsme[x,none] < 5"), "did you mean \"rmse\"?");
  EXPECT_PRED2(has, wrong("rmse[x,none < 5"),
               "position 13 of \"rmse[x,none < 5\": \"]\" is missing");
  EXPECT_PRED2(has, wrong("rmse[x] < 5"), "is of an estimator");
  EXPECT_PRED2(has, wrong("truth[x] > 5 > 3"), "position 14");
  EXPECT_PRED2(has, wrong("truth[x] > 5a"),
               "position 12 of \"truth[x] > 5a\": \"5a\" is no number");
  EXPECT_PRED2(has, wrong("3 > 2"), "both sides are numbers");
  EXPECT_PRED2(has, wrong("truth[x] >"), "a name belongs here");
  EXPECT_PRED2(has, wrong(""), "position 1");
}

/// y = level + slope x with x a standard normal; every second person answers unless x is low.
constexpr const char* kShift = R"toml(
seed = 1
[scenario]
name = "shift"
title = "Shift"
[population]
kind = "model"
draw = "replicate"
size = 400
[parameters]
shift = 1
pull = 0.5
[[variable]]
name = "x"
distribution = { name = "normal", mean = 0, sd = 1 }
[[variable]]
name = "y"
formula = "2*shift + pull*x"
[sample]
design = "simple_random"
n = 100
[study]
replicates = 20
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[estimand]]
id = "mean_y"
functional = "mean"
variable = "y"
truth = 3
)toml";

class Tipping : public ::testing::Test {
 protected:
  Tipping() : folder_(fs::temp_directory_path() / ("steelyard-tip-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "scenario.toml") << kShift;
  }
  ~Tipping() override { fs::remove_all(folder_); }
  TippingResults find(const std::string& conclusion, const std::vector<std::string>& dials,
                      TippingOptions options = {
                          .seed = Seed{1}, .replicates = 100, .error = 0.01}) const {
    std::vector<DialRequest> requests;
    for (const std::string& dial : dials) requests.push_back(parse_dial(dial));
    return tipping_points(folder_.string(), Dials(folder_.string(), {}, requests),
                          parse_conclusion(conclusion), options);
  }
  fs::path folder_;
};

TEST_F(Tipping, AMeanThatIsLinearInADialTurnsWhereAlgebraSays) {
  // The mean estimate is 2 shift + noise: above 3 from shift = 1.5 on.
  const TippingResults r = find("mean_estimate[mean_y,none] < 3", {"parameters.shift=0:2"});
  EXPECT_TRUE(r.holds);
  ASSERT_EQ(r.points.size(), 1u);
  const TippingPoint& p = r.points[0];
  ASSERT_EQ(p.kind, TippingPoint::Kind::turns);
  EXPECT_LE(p.se, 0.01 * 2);
  EXPECT_GT(p.se, 0);
  EXPECT_NEAR(p.value, 1.5, 4.5 * p.se + 1e-3);
  // The sd of a mean of 100 with y's sd of 0.5 is 0.05; slope 2.
  EXPECT_NEAR(p.se, 0.05 / 2 / std::sqrt(p.replicates), 0.3 * 0.05 / 2 / std::sqrt(p.replicates));
  EXPECT_NEAR(p.change_in_ranges, 0.25, 0.02);
}

TEST_F(Tipping, TheStatedErrorIsTheErrorOverSeeds) {
  int within = 0;
  constexpr int kSeeds = 60;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const TippingPoint p = find("mean_estimate[mean_y,none] < 3", {"parameters.shift=0:2"},
                                {.seed = Seed{seed}, .replicates = 20, .error = 1})
                               .points[0];
    within += std::abs(p.value - 1.5) <= 1.96 * p.se;
  }
  // 0.94 of t limits with 19 degrees of freedom; ± 4.5 Monte Carlo errors of 60 seeds.
  EXPECT_NEAR(within / 1.0 / kSeeds, 0.935, 4.5 * std::sqrt(0.935 * 0.065 / kSeeds));
}

TEST_F(Tipping, RmseOfABiasedMeanTurnsWhereBiasAndSpreadMeet) {
  // RMSE² = (2 shift - 3)² + 0.05²: below 0.5 from shift = 1.5 - sqrt(0.25 - 0.0025)/2 on.
  const TippingPoint p = find("rmse[mean_y,none] < 0.5", {"parameters.shift=0:2"}).points[0];
  ASSERT_EQ(p.kind, TippingPoint::Kind::turns);
  EXPECT_NEAR(p.value, 1.5 - std::sqrt(0.25 - 0.0025) / 2, 4.5 * p.se + 1e-3);
}

TEST_F(Tipping, NeverIsAnAnswer) {
  const TippingPoint p =
      find("mean_estimate[mean_y,none] < 100", {"parameters.shift=0:2"}).points[0];
  EXPECT_EQ(p.kind, TippingPoint::Kind::never);
  EXPECT_NEAR(p.upper_margin, 96, 0.1);
  EXPECT_GT(p.upper_mcse, 0);
}

TEST_F(Tipping, AnEndThatMayBeBeyondATurnGetsMoreReplicatesAndIsSaid) {
  // At the upper end the mean is 0.002 below where it turns, a fifth of its error of 20 replicates.
  int never = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const TippingPoint p =
        find("mean_estimate[mean_y,none] < 3", {"parameters.shift=0:1.499"},
             {.seed = Seed{seed}, .replicates = 20, .most_replicates = 80, .error = 1e-4})
            .points[0];
    if (p.kind != TippingPoint::Kind::never) continue;
    ++never;
    const bool told = std::abs(p.upper_margin) >= 1.96 * p.upper_mcse;
    EXPECT_EQ(p.note.empty(), told) << p.note;
    EXPECT_TRUE(told || p.replicates == 80) << "all that it may take: " << p.replicates;
  }
  EXPECT_GT(never, 0);
  EXPECT_LT(never, 12);
  const TippingPoint far = find("mean_estimate[mean_y,none] < 100", {"parameters.shift=0:2"},
                                {.seed = Seed{1}, .replicates = 20, .error = 1e-4})
                               .points[0];
  EXPECT_EQ(far.replicates, 20u);
  EXPECT_EQ(far.note, "");
}

TEST_F(Tipping, TogetherTheNearestPointIsAlongTheGradient) {
  // With n = 100 the spread does not matter: pull does not move the mean, so that the way is
  // shift's.
  const TippingResults r =
      find("mean_estimate[mean_y,none] < 3", {"parameters.shift=0:2", "parameters.pull=0.4:0.6"});
  ASSERT_EQ(r.points.size(), 3u);
  const TippingPoint& all = r.points[2];
  ASSERT_EQ(all.kind, TippingPoint::Kind::turns);
  EXPECT_NEAR(all.values[0], 1.5, 0.02);
  EXPECT_NEAR(all.change_in_ranges, 0.25, 0.02);
  EXPECT_EQ(r.points[1].kind, TippingPoint::Kind::never);
}

TEST(DialRequests, OfACommandLineTakeWhatTheScenarioSaysOfTheirKeys) {
  DialRequest listed{"a", std::pair{-1.0, 1.0}, 5, 0.0, "assumed: here", {}};
  const auto of = [&](const char* text) { return completed({parse_dial(text)}, {listed})[0]; };
  EXPECT_EQ(of("a=0:2").base, 0.0);
  EXPECT_EQ(of("a=0:2").range, (std::pair{0.0, 2.0}));
  EXPECT_EQ(of("a=0:2").source, "") << "the range is not the scenario's";
  EXPECT_EQ(of("a=0:2").levels, 5u);
  EXPECT_EQ(of("a=0:2:3").levels, 3u);
  EXPECT_EQ(of("a").range, listed.range);
  EXPECT_EQ(of("a").source, "assumed: here");
  EXPECT_FALSE(of("b=0:2").base);
  EXPECT_EQ(completed({}, {listed}).size(), 1u);
}

TEST_F(Tipping, NamesThatTheStudyLacksAreRefused) {
  const auto wrong = [&](const std::string& conclusion) {
    return message([&] { (void)find(conclusion, {"parameters.shift=0:2"}); });
  };
  EXPECT_PRED2(has, wrong("truth[mean_z] > 1"), "there is no estimand \"mean_z\"");
  EXPECT_PRED2(has, wrong("truth[mean_z] > 1"), "did you mean \"mean_y\"?");
  EXPECT_PRED2(has, wrong("bias[mean_y,nine] > 1"), "\"mean_y\" has no weighting \"nine\"");
}

}  // namespace
}  // namespace steelyard
