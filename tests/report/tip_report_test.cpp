// The page of tipping points: every dial with its answer, no estimate without its error.

#include "report/tip_report.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/report/page_text.hpp"

namespace steelyard {
namespace {

TippingPoint point(const char* dial, TippingPoint::Kind kind, double base, double value,
                   double se) {
  TippingPoint p;
  p.dial = dial;
  p.kind = kind;
  p.base = base;
  p.value = value;
  p.se = se;
  p.change_in_ranges = (value - base) / 10;
  p.replicates = 200;
  p.lower_margin = 2;
  p.upper_margin = -3;
  p.lower_mcse = p.upper_mcse = 0.1;
  p.looked = {{0, {2, 0.1, 0}, true}, {base, {1, 0.1, 0}, true}, {10, {-3, 0.1, 4}, false}};
  return p;
}

/// Three dials over 0 to 10: one far turn, none, and one near turn.
TippingResults three_dials() {
  TippingResults r;
  r.title = "A <survey>";
  r.title_zh = "调查";
  r.conclusion = "truth[mean_y] < 6";
  r.seed = 3;
  r.replicates = 200;
  r.base = {1, 0.1, 0};
  r.holds = true;
  for (const char* key : {"far", "none", "near"}) r.dials.push_back({key, "made <up>", 4, 0, 10});
  r.points = {point("far", TippingPoint::Kind::turns, 4, 9, 0.25),
              point("none", TippingPoint::Kind::never, 4, 4, 0),
              point("near", TippingPoint::Kind::turns, 4, 5.5, 0.02)};
  TippingPoint all = point("", TippingPoint::Kind::turns, 0, 0.11, 0.01);
  all.change_in_ranges = 0.11;
  all.values = {4.5, 4, 5.125};
  all.looked = {{0, {1, 0.1, 0}, true}, {0.2, {-1, 0.1, 0}, false}};
  r.points.push_back(all);
  return r;
}

TEST(TipReport, TheChartHasARowADialWithItsAnswerNearestFirst) {
  const std::string svg = tipping_chart(three_dials(), Language::en);
  EXPECT_EQ(count(svg, "<rect"), 3u);
  EXPECT_EQ(count(svg, "<circle class=ref"), 2u);  // turns
  EXPECT_EQ(count(svg, "<line class=truth"), 3u);  // today's numbers
  EXPECT_EQ(count(svg, "<path class=wtd"), 2u);    // moved together
  EXPECT_LT(svg.find("near"), svg.find("far"));
  EXPECT_LT(svg.find("far"), svg.find(">none"));
  EXPECT_TRUE(has(svg, "9.00 ± 0.25"));
  EXPECT_TRUE(has(svg, "5.500 ± 0.020"));
  EXPECT_TRUE(has(svg, "never within the range"));
}

TEST(TipReport, TheIntervalIsDrawnOverTheBarAndNoFurther) {
  TippingResults r = three_dials();
  r.dials.resize(1);
  r.points.resize(1);
  // 9 ± 0.49 on a bar from 360 to 720.
  EXPECT_TRUE(has(tipping_chart(r, Language::en), "<line class=ref x1=666.4 x2=701.6"));
  r.points[0].se = 3;  // 9 ± 5.88: to the end of the bar
  EXPECT_TRUE(has(tipping_chart(r, Language::en), "<line class=ref x1=472.3 x2=720.0"));
}

TEST(TipReport, HasEverySectionInBothLanguages) {
  const std::string page = render_tipping(three_dials(), Language::en);
  for (const char* text :
       {"truth[mean_y] &lt; 6", "It holds in the scenario as it stands: its margin is",
        "1.00 ± 0.10", "id=dials", "id=together", "id=looked", "8.51 – 9.49", "+50.0 ± 2.5",
        "0.110 ± 0.010"})
    EXPECT_TRUE(has(page, text)) << text;
  EXPECT_EQ(count(page, "<svg"), 4u);  // all dials; the margin along each
  // Rows around a turn: the two nearest that were looked at, of two dials and of all together.
  const std::string looked = page.substr(page.find("id=looked>"));
  EXPECT_EQ(count(looked, "<tr class=ref>"), 6u);
  const std::string zh = render_tipping(three_dials(), Language::zh);
  for (const char* text : {"调查", "转折点", "范围内不转折"}) EXPECT_TRUE(has(zh, text)) << text;
}

TEST(TipReport, SaysWhenTheConclusionIsTooNearToItsTurn) {
  TippingResults r = three_dials();
  EXPECT_FALSE(has(render_tipping(r, Language::en), "too near to its turn"));
  r.base.mcse = 0.6;
  EXPECT_TRUE(has(render_tipping(r, Language::en), "too near to its turn"));
}

TEST(TipReport, WhatCannotBeToldHasNoNumbers) {
  TippingResults r = three_dials();
  const double none = std::nan("");
  r.dials[0].base = none;
  r.points[0] = {};
  r.points[0].dial = "far";
  r.points[0].kind = TippingPoint::Kind::refused;
  r.points[0].base = r.points[0].value = none;
  r.points[0].note = "no number <here>";
  r.points[3].values[0] = none;
  r.points[2].se = INFINITY;  // the margin has no slope there
  const std::string page = render_tipping(r, Language::en);
  EXPECT_TRUE(has(page, "cannot be told"));
  EXPECT_TRUE(has(page, "no number &lt;here&gt;"));
  EXPECT_TRUE(has(page, "error not known"));
  EXPECT_FALSE(has(page, ">nan"));
  EXPECT_FALSE(has(page, "inf"));
}

TEST(TipReport, IsEscapedAndNeedsNoNetwork) {
  const std::string page = render_tipping(three_dials(), Language::en);
  EXPECT_TRUE(has(page, "A &lt;survey&gt;"));
  EXPECT_TRUE(has(page, "made &lt;up&gt;"));
  for (const char* part : {"src=", "http", "@import", "url("})
    EXPECT_FALSE(has(page, part)) << part;
}

}  // namespace
}  // namespace steelyard
