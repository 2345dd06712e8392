// What makes two scenarios the same study, and what may be added to one.

#include "core/resolved.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace steelyard {
namespace {

using Entries = std::vector<ResolvedEntry>;

const Entries kBase{{"benchmark[0].variables", "[\"region\"]", {}},
                    {"file data/a.csv", "0123", {}},
                    {"sample.size", "2000", {"s.toml", 4, 8}},
                    {"weighting.raking.method", "\"raking\"", {}},
                    {"weighting.raking.name", "\"raking\"", {}}};

std::string refusal(const Entries& now) {
  try {
    (void)growth(kBase, now, "out");
  } catch (const UserError& e) {
    return e.what();
  }
  return "may go on";
}

Entries with(Entries more) {
  more.insert(more.begin(), kBase.begin(), kBase.end());
  return more;
}

TEST(Resolved, TheSameScenarioHasNoGrowth) {
  EXPECT_TRUE(growth(kBase, kBase, "out").empty());
  EXPECT_TRUE(growth(parse_resolved(resolved_text(kBase)), kBase, "out").empty());
  const Entries lines{{"a", "\"two\nlines\"", {}}};
  EXPECT_TRUE(growth(parse_resolved(resolved_text(lines)), lines, "out").empty());
}

TEST(Resolved, NewEstimatorsAreGrowth) {
  const ScenarioGrowth added = growth(kBase,
                                      with({{"weighting.new one.name", "\"new one\"", {}},
                                            {"weighting.new one.options.depth", "3", {}},
                                            {"estimand.share.id", "\"share\"", {}},
                                            {"estimand.share.unit", "\"%\"", {}},
                                            {"benchmark[1].variables", "[\"sex\"]", {}},
                                            {"file data/b.csv", "4567", {}}}),
                                      "out");
  EXPECT_EQ(added.weightings, (Texts{"new one"}));
  EXPECT_EQ(added.estimands, (Texts{"share"}));
  EXPECT_TRUE(added.value_rules.empty());
}

TEST(Resolved, EverythingElseIsRefusedByName) {
  Entries changed = kBase;
  changed[2].value = "2500";
  EXPECT_EQ(
      refusal(changed).find("s.toml:4:8: [sample.size] is 2500 now and was 2000 when out ran"), 0u)
      << refusal(changed);
  changed = kBase;
  changed[1].value = "9";
  EXPECT_NE(refusal(changed).find("[file data/a.csv] has another content"), std::string::npos);
  changed = kBase;
  changed.pop_back();
  EXPECT_NE(
      refusal(changed).find("[weighting.raking.name] was \"raking\" when out ran and has gone"),
      std::string::npos)
      << refusal(changed);
  EXPECT_NE(refusal(with({{"weighting.raking.depth", "3", {}}}))
                .find("[weighting.raking.depth] = 3 is new"),
            std::string::npos);
  EXPECT_NE(refusal(with({{"benchmark[0].source", "3", {}}})).find("is new"), std::string::npos);
  EXPECT_NE(refusal(with({{"selection[0].file", "3", {}}})).find("is new"), std::string::npos);
}

TEST(Resolved, HoldsSettingsAndTheContentOfFilesButNotSeedAndReplicates) {
  const auto entries = resolve(load_scenario("two-by-two", {"seed=7", "study.replicates=9"}));
  const auto value = [&](const std::string& key) -> std::string {
    for (const ResolvedEntry& entry : entries)
      if (entry.key == key) return entry.value;
    return "absent";
  };
  EXPECT_EQ(value("seed"), "absent");
  EXPECT_EQ(value("study.replicates"), "absent");
  EXPECT_EQ(value("sample.size"), "2000");
  EXPECT_EQ(value("weighting.raking.margins"), "[\"region\", \"sex\"]");
  EXPECT_EQ(value("estimand.outcome.by"), "[\"region\", \"sex\"]");
  EXPECT_EQ(value("file data/selection_sex.csv").size(), 16u);
  EXPECT_TRUE(
      std::is_sorted(entries.begin(), entries.end(),
                     [](const ResolvedEntry& a, const ResolvedEntry& b) { return a.key < b.key; }));
}

}  // namespace
}  // namespace steelyard
