// The page of a plan: designs by cost, what changes are found, best edges.

#include "report/plan_report.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/curves.hpp"
#include "report/scales.hpp"
#include "tests/report/page_text.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

DesignResults design(const char* name, std::optional<double> cost, std::uint64_t n, double rmse,
                     double change) {
  DesignResults d{{name, {"sample.size=" + std::to_string(n)}, cost}, {}, n, {}};
  DesignRow row;
  row.estimand.estimand = "m";
  row.estimand.domain = "all";
  row.estimand.label = "Mean";
  row.estimand.label_zh = "均值";
  row.estimand.domain_label = "Everybody";
  row.estimand.unit = "hours";
  row.estimand.headline = true;
  row.estimator = {0, "none", "-", "linearization", true, 0};
  row.performance.rmse = rmse;
  row.performance.rmse_mcse = 0.03;
  row.performance.sd = rmse;
  row.performance.coverage = 0.95;
  row.performance.coverage_mcse = 0.01;
  row.change.rmse = {change, std::isnan(change) ? kNone : 0.02};
  row.smallest_changes = {4 * rmse, 2 * rmse};
  row.smallest_changes_mcse = {0.12, 0.06};
  d.rows = {row};
  row.estimator.weighting = "raking";
  row.estimator.reference = false;
  row.performance.rmse = rmse / 2;
  d.rows.push_back(row);
  return d;
}

/// The third design costs more than the second and is worse; the fourth has no result.
PlanResults four_designs() {
  PlanResults r;
  r.title = "A <survey>";
  r.title_zh = "调查";
  r.seed = 3;
  r.replicates = 200;
  r.change.overlaps = {0, 0.5};
  r.change.correlation = 0.6;
  r.curve = {{0, 0.5, 1}, {4, 3.3, 2.5}};
  r.designs = {design("now", 100, 1000, 4, kNone), design("larger", 200, 4000, 2, -2),
               design("dearer", 300, 2000, 3, -1)};
  r.designs.push_back({{"broken", {}, 50}, "because <of> this", 0, {}});
  return r;
}

EdgeResults edges() {
  EdgeResults e;
  e.search = {"income", "mean_income", "midpoints", 3, 1, 9, 1, 400};
  e.label = "Mean (Everybody)";
  e.label_zh = "均值";
  e.unit = "hours";
  e.choices = {{"as asked now", {0, 2, 4, INFINITY}, 1, 2, std::sqrt(5.0), {}},
               {"equal shares", {0, 3, 5, INFINITY}, 0.5, 2, 2.06, {}},
               {"best", {0, 3, 6, INFINITY}, 0, 2, 2, {}}};
  e.by_number = {{"best of 2 buckets", {0, 4, INFINITY}, -1.5, 2, 2.5, {}},
                 {"best of 3 buckets", {0, 3, 6, INFINITY}, 0, 2, 2, {}}};
  return e;
}

TEST(PlanReport, ShowsEachDesignWithItsErrors) {
  const std::string page = render_plan(four_designs(), Language::en);
  for (const char* text :
       {"Cost against RMSE", "4.000 ± 0.030", "−2.000 ± 0.020", "95.0 ± 1.0", "16.00 ± 0.12",
        "raking", "2.000 ± 0.030", "no result: because &lt;of&gt; this", "sample.size=4000"})
    EXPECT_TRUE(has(page, text)) << text;
  EXPECT_FALSE(has(page, ">nan"));
  EXPECT_FALSE(has(page, "No design has a cost"));
}

TEST(PlanReport, WithoutCostsTheSampleSizeStandsInTheirPlace) {
  PlanResults r = four_designs();
  for (DesignResults& d : r.designs) d.design.cost.reset();
  EXPECT_TRUE(has(render_plan(r, Language::en), "Sample size against RMSE"));
}

TEST(PlanReport, TheFrontLeavesOutWhatACheaperDesignBeats) {
  // Steps from (100, 4) over (200, 4) to (200, 2); 300 is beaten. Two series have it.
  const std::string page = render_plan(four_designs(), Language::en);
  EXPECT_EQ(count(page, "stroke-dasharray"), 2u);
  const std::size_t at = page.find("<path fill=none");
  const std::string path = page.substr(at, page.find("/>", at) - at);
  EXPECT_EQ(count(path, "L"), 2u) << path;
}

TEST(PlanReport, ChangesThatAreFoundAreShownAgainstOverlapAndSampleSize) {
  PlanResults r = four_designs();
  const std::string page = render_plan(r, Language::en);
  EXPECT_TRUE(has(page, "share of respondents in both quarters"));
  EXPECT_TRUE(has(page, "overlap 50 %"));
  EXPECT_EQ(count(page, "<svg"), 3u);
  r.change.correlation = 0;  // nothing to gain from overlap: the same at all
  EXPECT_FALSE(has(render_plan(r, Language::en), "share of respondents in both quarters"));
  for (DesignResults& d : r.designs) d.sample_size = 1000;
  EXPECT_EQ(count(render_plan(r, Language::en), "<svg"), 1u);
}

TEST(PlanReport, ShowsEdgesAndHowTheErrorFallsWithTheirNumber) {
  PlanResults r;
  r.title = "Edges alone";
  r.edges = edges();
  const std::string page = render_plan(r, Language::en);
  for (const char* text : {"Best edges", "as asked now", "best of 2 buckets", "0, 3, 6, ∞",
                           "number of buckets", "400 respondents"})
    EXPECT_TRUE(has(page, text)) << text;
  EXPECT_FALSE(has(page, "inf"));
  EXPECT_EQ(count(page, "<svg"), 2u);
  EXPECT_TRUE(has(render_plan(r, Language::zh), "现行问卷"));
}

TEST(PlanReport, IsEscapedAndNeedsNoNetwork) {
  PlanResults r = four_designs();
  r.edges = edges();
  const std::string page = render_plan(r, Language::en);
  EXPECT_TRUE(has(page, "A &lt;survey&gt;"));
  for (const char* part : {"src=", "http", "@import", "url("})
    EXPECT_FALSE(has(page, part)) << part;
}

TEST(Curves, BarsAreOfTwoStandardErrorsAndNearLabelsBecomeOne) {
  CurvePicture picture{
      {{"a", "red", {{0, 10, 1, "1"}, {0, 10.1, 1, "2"}, {100, 20, 0, "3"}}, {}}}, "x", "y"};
  const std::string svg = curve_chart(picture);
  EXPECT_TRUE(has(svg, ">1, 2<"));
  EXPECT_TRUE(has(svg, ">3<"));
  EXPECT_EQ(count(svg, "<circle"), 3u);
  EXPECT_EQ(curve_chart({{}, "x", "y"}), "");
}

TEST(Scales, HoldAllValuesAndPassOverWhatIsNone) {
  ScaleOf values;
  for (double v : {2.0, kNone, 4.0, HUGE_VAL}) values.add(v);
  const Scale scale = values.over(100, 0, 0.5);
  EXPECT_EQ(scale.low, 1);
  EXPECT_EQ(scale.high, 5);
  EXPECT_EQ(scale.at(5), 0);  // up the page
  EXPECT_EQ(round_values(0, 10), (std::vector<double>{0, 2, 4, 6, 8, 10}));
}

}  // namespace
}  // namespace steelyard
