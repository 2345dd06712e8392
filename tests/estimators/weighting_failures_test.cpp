// Trimming by hand, what failures and notes say, and the report of margins.

#include <gtest/gtest.h>

#include <cmath>

#include "core/sums.hpp"
#include "estimators/weighting/margin_report.hpp"
#include "estimators/weighting/trimming.hpp"
#include "tests/estimators/tiny_survey.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

using testing::expect_factors;
using testing::make;
using testing::RandomWorld;
using testing::says;
using testing::TinySurvey;

/// Six respondents of weights 10, 10, 10, 10, 19, 41.
TinySurvey& six() {
  static TinySurvey s;
  if (s.schema.size() == 0) s.add("a", 6, {0, 1, 2, 3, 4, 5}, {10, 10, 10, 10, 19, 41});
  return s;
}
Result<Weights> trimmed(const std::string& options) {
  return six().weigh("poststratification", "cross = [\"a\"]\n" + options);
}

TEST(Trimming, EachRuleByHand) {
  // The mean is 100/6, so 1.26 is a cap of 21. 20 is cut from 41, 4 to each of the others.
  const auto once = trimmed("trim = 1.26\ntrim_rule = \"once\"");
  expect_factors(once, {14, 14, 14, 14, 23, 21});
  EXPECT_TRUE(says(once.value().notes, "trimmed (once): at 21 1 respondents; the total is kept"));
  // 2 of 23 go again, to the four that were never cut.
  const auto strict = trimmed("trim = 1.26");
  expect_factors(strict, {14.5, 14.5, 14.5, 14.5, 21, 21});
  EXPECT_TRUE(
      says(strict.value().notes, "trimmed (strict): at 21 2 respondents; the total is kept"));
  const auto lost = trimmed("trim = 1.26\ntrim_rule = \"truncate\"");
  expect_factors(lost, {10, 10, 10, 10, 19, 21});
  EXPECT_TRUE(says(lost.value().notes,
                   "trimmed (truncate): at 21 1 respondents; 20 of the total weight is lost"));
  expect_factors(trimmed("trim_at = [0, 21]"), {14.5, 14.5, 14.5, 14.5, 21, 21});
  // A floor of 12 and a cap of 30: 11 off the top, 8 lifted, 3 left for the one never cut.
  expect_factors(trimmed("trim_at = [12, 30]"), {12, 12, 12, 12, 22, 30});
  // Quartiles 10, 10, 19: cap 10 + 9.
  expect_factors(trimmed("trim_iqr = 1"), {15.5, 15.5, 15.5, 15.5, 19, 19});
  expect_factors(trimmed("trim_lower = 0.72\ntrim_rule = \"truncate\""), {12, 12, 12, 12, 19, 41});
  EXPECT_TRUE(says(trimmed("trim = 5").value().notes, "no weight is beyond the caps"));
}

TEST(Trimming, ToADesignEffect) {
  const auto made = trimmed("trim_deff = 1.1");
  ASSERT_TRUE(made.ok());
  const std::vector<std::uint32_t> one(6, 1);
  EXPECT_NEAR(kish_deff(made.value().factor, one), 1.1, 1e-9);
  EXPECT_NEAR(total(made.value().factor), 100, 1e-9);
}

TEST(Trimming, InsideTheCalibrationCapsAndMarginsHoldTogether) {
  const RandomWorld world(51);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const std::string margins = "margins = [\"region\", [\"sex\", \"age\"]]\n";
  const auto free =
      make(weightings(), "raking", world.schema, margins)->weigh(index, *world.benchmarks).value();
  double largest = 0, sum = 0;
  for (std::size_t c = 0; c < index.cells; ++c) {
    largest = std::max(largest, free.factor[c]);
    sum += free.factor[c] * index.respondents[c];
  }
  const double cap = 0.9 * largest * static_cast<double>(index.n) / sum;  // in means
  ASSERT_GT(cap, 1);
  const std::string trim = margins + "trim = " + std::to_string(cap) + "\n";
  const auto both = make(weightings(), "raking", world.schema, trim + "trim_rule = \"calibrated\"");
  const auto made = both->weigh(index, *world.benchmarks);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  for (double g : made.value().factor) EXPECT_LE(g, 0.9 * largest * (1 + 1e-5));
  const auto rows = margin_report(made.value(), index, *world.benchmarks, both->margins());
  for (const MarginRow& row : rows.value()) EXPECT_NEAR(row.relative_error, 0, 1e-8) << row.level;

  const auto strict = make(weightings(), "raking", world.schema, trim);
  const auto missed = strict->weigh(index, *world.benchmarks);
  ASSERT_TRUE(missed.ok());
  EXPECT_TRUE(says(missed.value().notes, "after trimming "));
  EXPECT_TRUE(says(missed.value().notes, "trim_rule = \"calibrated\" keeps them"));
  EXPECT_GT(missed.value().largest_margin_error, 1e-4);
}

TEST(Trimming, SaysWhyItCannotBeDone) {
  const auto nobody = trimmed("trim_at = [0, 15]");
  ASSERT_FALSE(nobody.ok());
  EXPECT_NE(nobody.failure().detail.find("leaves nobody to take"), std::string::npos);
  TinySurvey s;
  s.add("a", 2, {0, 0, 1, 1}, {50, 50});
  s.sample.base_weights = {1, 3, 2, 2};
  const VariableId a = s.schema.id(0);
  const auto within = make(weightings(), "raking", s.schema, "margins = [\"a\"]\ntrim = 1.2")
                          ->weigh(make_cell_index(s.sample, {&a, 1}), s.benchmarks);
  ASSERT_FALSE(within.ok());
  EXPECT_NE(within.failure().detail.find("base weights differ within a cell"), std::string::npos);
  EXPECT_EQ(message([&] { (void)trimmed("trim_at = [5]"); }),
            "test.toml:2:11: [poststratification] \"trim_at\" must be two numbers with 0 <= lower "
            "< upper; for instance trim_at = [0, 5000]");
}

// --- failures and notes --------------------------------------------------------------------------

TEST(WeightingFailures, BoundsTooTight) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, {30, 70});
  for (const char* method : {"raking", "calibration"}) {
    const char* options = "margins = [\"a\"]\nbounds = [0.5, 1.2]";
    ASSERT_FALSE(s.weigh(method, options).ok());
    const std::string why = s.explain(method, options);
    EXPECT_NE(why.find("no weights with g in [0.5, 1.2] meet these margins"), std::string::npos);
    EXPECT_NE(why.find("a=b falls short by 10 "), std::string::npos) << why;
    EXPECT_NE(why.find("the upper one must be at least 1.4"), std::string::npos) << why;
    EXPECT_NE(why.find("It becomes possible if you merge a=b with a=a"), std::string::npos) << why;
  }
}

TEST(WeightingFailures, EmptyLevelsContradictionsAndWhatTheSampleCannotSpan) {
  TinySurvey s;
  s.add("a", 3, {0, 0, 1, 1, 2, 2}, {20, 20, 20});
  s.add("same", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  s.add("b", 3, {0, 1, 0, 1, 0, 1}, {30, 20, 10});
  s.add_number("zero", {0, 0, 0, 0, 0, 0}, 5);
  const auto detail = [&](const char* method, const char* options) {
    const auto made = s.weigh(method, options);
    return made ? std::string("no failure") : made.failure().detail;
  };
  EXPECT_EQ(detail("poststratification", "cross = [\"b\"]"), "no respondent has b=c");
  EXPECT_EQ(detail("sequential",
                   "steps = [{method = \"raking\", margins = [\"a\"]}, {method = \"raking\", "
                   "margins = [\"b\"]}]"),
            "step 2 (raking): no respondent has b=c");
  EXPECT_NE(detail("calibration", "margins = [\"a\", \"same\"]")
                .find("it is fixed by the other margins in this sample, and they contradict it"),
            std::string::npos);
  EXPECT_EQ(detail("calibration", "margins = [\"a\", \"zero\"]"),
            "zero is zero for every respondent with weight, so its total of 5 cannot be reached; "
            "leave it out");
  EXPECT_EQ(s.explain("optimal_representative", "margins = [\"a\", \"same\"]\nband = 0.01")
                .find("no weights have all shares within ±0.01 of their benchmarks; the smallest "
                      "band that works is ±0.08333"),
            0u)
      << s.explain("optimal_representative", "margins = [\"a\", \"same\"]\nband = 0.01");
  EXPECT_FALSE(s.weigh("optimal_representative",
                       "margins = [\"a\", \"same\"]\nband = 0.01\nmax_iterations = 500")
                   .ok());
}

TEST(WeightingNotes, NegativeWeightsAndMulticollinearMargins) {
  TinySurvey s;
  s.add("all", 2, {0, 0, 0, 0}, {40, 0});
  s.add_number("x", {1, 2, 3, 4}, 160);
  s.sample.base_weights.assign(4, 10.0);
  const auto made = s.weigh("calibration", "margins = [\"all\", \"x\"]");
  expect_factors(made, {-0.8, 0.4, 1.6, 2.8});  // g = 1 + 1.2 (x - 2.5)
  EXPECT_TRUE(says(made.value().notes, "1 of 4 respondents have a negative weight"));
  TinySurvey twice;
  twice.add("a", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  twice.add("same", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  for (const char* method : {"calibration", "entropy_balancing"}) {
    const auto both = twice.weigh(method, "margins = [\"a\", \"same\"]");
    ASSERT_TRUE(both.ok());
    EXPECT_TRUE(says(both.value().notes,
                     "fixed in this sample by the margins before them (multicollinear, and "
                     "consistent): same=a; same=b"));
  }
}

TEST(MarginReport, GivesTargetBeforeAfterAndError) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 0, 1}, {30, 70});
  const auto made = s.weigh("raking", "margins = [\"a\"]\ntrim = 1.6\ntrim_rule = \"once\"");
  ASSERT_TRUE(made.ok());
  const auto rows = margin_report(made.value(), s.cells(), s.benchmarks, {{s.schema.id(0)}});
  ASSERT_EQ(rows.value().size(), 2u);
  const MarginRow& b = rows.value()[1];
  EXPECT_EQ(b.margin, "a");
  EXPECT_EQ(b.level, "a=b");
  EXPECT_DOUBLE_EQ(b.target, 70);
  EXPECT_DOUBLE_EQ(b.before, 25);
  EXPECT_NEAR(b.after, 40, 1e-9);  // 1.6 × 25
  EXPECT_NEAR(b.relative_error, -30 / 70., 1e-9);
}

}  // namespace
}  // namespace steelyard
