#include "core/schema.hpp"

#include <gtest/gtest.h>

#include "tests/message.hpp"

namespace steelyard {
namespace {

Variable plain(std::string name, std::vector<std::string> levels) {
  Variable v;
  v.name = std::move(name);
  v.levels = std::move(levels);
  return v;
}

Schema small_schema() {
  Schema s;
  s.add(plain("status", {"flexible", "full_time", "inactive"}));
  Variable occupation = plain("occupation", {"driver", "clerk"});
  occupation.universe = {{VariableId{0}, {0, 1}}};
  s.add(occupation);
  return s;
}

TEST(Schema, ParsesAndDescribesDomains) {
  const Schema s = small_schema();
  const Domain d = s.parse_domain(" occupation=clerk & status=full_time|flexible ", {});
  ASSERT_EQ(d.size(), 2u);
  EXPECT_EQ(s.describe(d), "status=flexible|full_time & occupation=clerk");
  EXPECT_TRUE(s.parse_domain("", {}).empty());
  EXPECT_EQ(s.describe({}), "all");
}

TEST(Schema, NotApplicableIsAStateOfItsOwn) {
  const Schema s = small_schema();
  EXPECT_EQ(s[s.id(0)].states(), 3u);
  EXPECT_EQ(s[s.id(1)].states(), 3u);
  EXPECT_EQ(s[s.id(1)].not_applicable(), 2);
}

TEST(Schema, FaultsNameTheNearestName) {
  const Schema s = small_schema();
  EXPECT_EQ(message([&] {
              (void)s.require("ocupation", {"t.csv", 3});
            }),
            "t.csv:3: unknown variable \"ocupation\"; did you mean \"occupation\"?");
  EXPECT_EQ(
      message([&] {
        (void)s.require_level(s.id(0), "flexibel", {"t.csv", 3});
      }),
      "t.csv:3: unknown level \"flexibel\" of variable \"status\"; did you mean \"flexible\"?");
  EXPECT_EQ(
      message([&] {
        (void)s.parse_domain("status", {"t.csv", 3});
      }),
      "t.csv:3: \"status\" is not a condition; write variable=level or variable=level1|level2");
  EXPECT_EQ(message([&] {
              (void)s.parse_domain("status=inactive & status=flexible", {"t.csv", 3});
            }),
            "t.csv:3: variable \"status\" stands twice in one scope; join its levels with |");
}

TEST(Schema, RefusesVariablesThatCannotBe) {
  Schema s;
  s.add(plain("a", {"x", "y"}));
  EXPECT_EQ(message([&] {
              s.add(plain("a", {"x", "y"}));
            }),
            "[variable a] stands twice; rename or remove one");
  EXPECT_EQ(message([&] { s.add(plain("b", {"x"})); }),
            "[variable b] has fewer than two levels; list them in levels = [...]");
  EXPECT_EQ(message([&] {
              s.add(plain("b", {"x", "x"}));
            }),
            "[variable b] level \"x\" stands twice; rename one");
  Variable bucketed = plain("c", {"low", "high"});
  bucketed.kind = VariableKind::bucketed;
  bucketed.edges = {0, 10};
  EXPECT_EQ(message([&] { s.add(bucketed); }),
            "[variable c] edges has 2 entries for 2 buckets; give one more edge than levels; the "
            "last may be inf");
  bucketed.edges = {0, 10, 5};
  EXPECT_EQ(message([&] { s.add(bucketed); }), "[variable c] edges do not increase; sort them");
  Variable scored = plain("d", {"x", "y"});
  scored.scores = {1};
  EXPECT_EQ(message([&] { s.add(scored); }),
            "[variable d] scores has 1 entries, there are 2 levels; give one a level");
}

}  // namespace
}  // namespace steelyard
