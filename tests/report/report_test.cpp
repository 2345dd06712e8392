#include "report/report.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "report/budget_report.hpp"
#include "tests/report/page_text.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

StudyResults small_results() {
  StudyResults r;
  r.scenario = "small";
  r.title = "A <small> study";
  r.title_zh = "小型研究";
  r.version = "1";
  r.scenario_toml = "[scenario]\n# a < b";
  r.population_size = "1000";
  r.replicates = 3;
  r.sample_size = 10;
  r.estimands.push_back({"m", "all", "Mean", "均值", "Everybody", "全部", "CNY per month", 1234.5,
                         1234.5, kNone, 2.0, true});
  r.estimands.push_back(
      {"s", "sex=f", "Share", "占比", "Women", "女", "%", 0.25, 0.25, kNone, 0.001, false});
  r.estimators = {{0, "none", "midpoints", "linearization", true, 30},
                  {0, "raking", "midpoints", "linearization", false, 30},
                  {1, "none", "-", "linearization", true, 0}};
  PerformanceRecord p;
  p.truth = 1234.5;
  p.mean_estimate = 1300;
  p.bias = 65.5;
  p.bias_mcse = 3.2;
  p.sd = 20;
  p.mean_se = 19;
  p.rmse = 68;
  p.rmse_mcse = 3;
  p.coverage = 0.4;
  p.coverage_mcse = 0.1;
  p.replicates = 3;
  r.performance = {p, p, p};
  r.performance[1] = {1234.5, kNone, kNone, kNone, kNone, kNone, kNone, kNone,
                      kNone,  kNone, kNone, kNone, kNone, 3,     0,     1};
  r.performance[2].bias = 0.031;
  r.performance[2].bias_mcse = 0.002;
  r.contrasts.push_back({1, 0, -10, 1, -50, 5, 3});
  r.reproduction.push_back({"n1", "all", "share", "a", "44", "pct", "reported", "table 1",
                            "because <of> this", 43.5, 44.5, 40, 40, 0.1,
                            ReproductionStatus::contradicted});
  r.profile.push_back({"sex", "Sex", "性别", "f", "Women", "女", 0.5, 0.3, 0.31});
  r.failures.push_back({0, 1, "empty cell", "no respondent has sex=f"});
  return r;
}

TEST(Report, HasEverySectionInBothLanguages) {
  for (Language language : {Language::en, Language::zh}) {
    const std::string html = render_report(small_results(), language);
    for (const char* id :
         {"headline", "who", "all", "contrasts", "reproduction", "failures", "provenance"})
      EXPECT_TRUE(has(html, std::string("<h2 id=") + id)) << id;
    EXPECT_TRUE(has(html, "<svg"));
  }
  EXPECT_TRUE(has(render_report(small_results(), Language::zh), "小型研究"));
  EXPECT_FALSE(has(render_report(small_results(), Language::zh), "Bias and coverage"));
}

TEST(Report, EscapesWhatItShows) {
  const std::string html = render_report(small_results(), Language::en);
  EXPECT_TRUE(has(html, "A &lt;small&gt; study"));
  EXPECT_TRUE(has(html, "because &lt;of&gt; this"));
  EXPECT_TRUE(has(html, "# a &lt; b"));
  EXPECT_FALSE(has(html, "<small>"));
}

TEST(Report, NeedsNoNetwork) {
  const std::string html = render_report(small_results(), Language::en);
  for (const char* part : {"src=", "http://", "https://", "@import", "url("})
    EXPECT_FALSE(has(html, part)) << part;
}

TEST(Report, NeverShowsAnEstimateWithoutItsError) {
  const std::string html = render_report(small_results(), Language::en);
  EXPECT_TRUE(has(html, "+65.5 ± 3.2"));
  EXPECT_TRUE(has(html, "+3.10 ± 0.20"));  // a share of 0.031, in per cent
  EXPECT_TRUE(has(html, "40.0 ± 10.0 %"));
}

TEST(Report, MissingNumbersAreDashesAndFailuresAreNamed) {
  const std::string html = render_report(small_results(), Language::en);
  EXPECT_FALSE(has(html, ">nan"));
  EXPECT_TRUE(has(html, "no respondent has sex=f"));
  StudyResults none = small_results();
  none.failures.clear();
  none.reproduction.clear();
  none.contrasts.clear();
  const std::string plain = render_report(none, Language::en);
  EXPECT_TRUE(has(plain, "None: every estimator gave an estimate"));
  EXPECT_TRUE(has(plain, "This scenario has no published numbers."));
  EXPECT_TRUE(has(plain, "There is no other estimator."));
}

TEST(FormatNumber, GroupsThousandsAndKeepsTwoDigitsOfTheError) {
  const EstimandRecord e{"m", "all", "", "", "", "", "CNY", 0, 0, 0, 0, false};
  const NumberFormat f = format_for(e, 3.2);
  EXPECT_EQ(format_number(1234567.89, f), "1\u202f234\u202f567.9");
  EXPECT_EQ(format_number(-12.34, f), "−12.3");
  EXPECT_EQ(format_number(12.34, f, true), "+12.3");
  EXPECT_EQ(format_number(kNone, f), "–");
}

/// Truth 10, +3 by the value rule, -1 by noise.
BudgetResults small_budget(const std::string& rule) {
  BudgetResults b;
  b.title = "A <survey>";
  b.replicates = 5;
  b.switches = {{"bucket_rule", "Bucket rule", "区间取值规则"},
                {"sampling_noise", "Sampling noise", "抽样误差"}};
  EstimandRecord e;
  e.label = "Mean";
  e.domain_label = "Everybody";
  e.unit = "hours";
  e.truth = 10;
  b.estimands = {e};
  BudgetRecord r;
  r.weighting = "none";
  r.value_rule = rule;
  r.reference = true;
  r.mean_estimate = 12;
  r.bias = {2, 0.1};
  r.mse = {4.2, 0.3};
  r.parts.resize(2);
  r.parts[0].bias = {3, 0.2};
  r.parts[1].bias = {-1, 0.1};
  b.records = {r};
  return b;
}

TEST(BudgetReport, TheWaterfallShowsEachSourceWithItsError) {
  const BudgetResults b = small_budget("midpoints");
  const std::string svg = waterfall(b, b.records[0], Language::en);
  for (const char* text : {"truth", "10.00", "Bucket rule", "+3.00 ± 0.20", "Sampling noise",
                           "−1.00 ± 0.10", "mean estimate", "12.00 ± 0.10"})
    EXPECT_NE(svg.find(text), std::string::npos) << text;
}

TEST(BudgetReport, LeavesTheBucketRuleOutWhereThereIsNone) {
  BudgetResults b = small_budget("-");
  b.records[0].parts[0] = {};
  EXPECT_EQ(waterfall(b, b.records[0], Language::en).find("Bucket rule"), std::string::npos);
  // A quantile has no value rule and reads buckets all the same.
  b.records[0].parts[0].bias = {3, 0.2};
  EXPECT_NE(waterfall(b, b.records[0], Language::en).find("Bucket rule"), std::string::npos);
}

TEST(BudgetReport, IsEscapedAndNamesWhatFailed) {
  BudgetResults b = small_budget("midpoints");
  b.records[0].failures = 2;
  b.records[0].failure = "because <of> that";
  const std::string page = render_budget(b, Language::en);
  EXPECT_NE(page.find("A &lt;survey&gt;"), std::string::npos);
  EXPECT_NE(page.find("because &lt;of&gt; that"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
}

}  // namespace
}  // namespace steelyard
