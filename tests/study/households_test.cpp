#include "study/households.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

namespace steelyard {
namespace {

namespace fs = std::filesystem;

/// A household scenario in a folder of its own, with files that a test may change.
class HouseholdsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() /
        ("steelyard_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    files_["scenario.toml"] = R"([scenario]
name = "small"
title = "Two zones"
[households]
seed_households = "households.csv"
seed_persons = "persons.csv"
zones = "zones.csv"
zones_provenance = "assumed"
zones_source = "test"
[[variable]]
name = "size"
of = "household"
levels = ["1", "2"]
[[variable]]
name = "car"
of = "household"
levels = ["yes", "no"]
[[variable]]
name = "age"
of = "person"
levels = ["young", "old"]
[[control]]
id = "size"
of = "household"
variables = ["size"]
file = "size.csv"
provenance = "assumed"
source = "test"
[[control]]
id = "age"
of = "person"
variables = ["age"]
file = "age.csv"
provenance = "assumed"
source = "test"
[[control]]
id = "cars"
of = "household"
scope = "all"
variables = ["car"]
file = "cars.csv"
provenance = "assumed"
source = "test"
)";
    files_["households.csv"] =
        "household,weight,size,car\na,1,1,yes\nb,1,1,no\nc,1,2,yes\nd,1,2,no\ne,1,2,yes\n";
    files_["persons.csv"] =
        "household,age\na,young\nb,old\nc,young\nc,old\nd,old\nd,old\ne,young\ne,young\n";
    files_["zones.csv"] = "zone,households\neast,100\nwest,60\n";
    files_["size.csv"] = "zone,size,households\neast,1,40\neast,2,60\nwest,1,30\nwest,2,30\n";
    files_["age.csv"] =
        "zone,age,persons\neast,young,90\neast,old,70\nwest,young,40\nwest,old,50\n";
    files_["cars.csv"] = "car,households\nyes,95\nno,65\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  HouseholdScenario load(const std::vector<std::string>& settings = {}) {
    for (const auto& [name, text] : files_) std::ofstream(folder_ / name) << text;
    return load_household_scenario(folder_.string(), settings);
  }
  /// The message with which loading fails.
  std::string message() {
    try {
      (void)load();
    } catch (const UserError& error) {
      return error.what();
    }
    return "loaded";
  }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    const auto at = files_[file].find(from);
    ASSERT_NE(at, std::string::npos);
    files_[file].replace(at, from.size(), to);
  }
  void expect_message(const std::string& text) {
    const std::string got = message();
    EXPECT_NE(got.find(text), std::string::npos) << got;
  }

  fs::path folder_;
  std::map<std::string, std::string> files_;
};

TEST_F(HouseholdsTest, ZonesAndCommonControlsAreMetTogether) {
  for (const char* method : {"entropy_balancing", "ipu"}) {
    const HouseholdScenario s = load({std::string("households.method=") + method});
    const HouseholdFit fit = fit_households(s, 2);
    EXPECT_LE(fit.largest_error(), 1e-6) << method;
    EXPECT_EQ(fit.outcomes.size(), 2u + 4 + 4 + 2);
  }
}

TEST_F(HouseholdsTest, CommonControlsGiveTheMaximumEntropySolution) {
  // Zone a fit's log weights: size, age counts and car; car's factor must be the same in both
  // zones.
  const HouseholdScenario s = load({"households.tolerance=1e-9"});
  const HouseholdFit fit = fit_households(s, 1);
  ASSERT_LE(fit.largest_error(), 1e-9);
  std::vector<double> car;
  for (const ZoneFit& zone : fit.zones) {
    // log w: a = one + young + yes, b = one + old, c = two + young + old + yes, d = two + 2 old,
    // e = two + 2 young + yes. So c - d = young - old + yes, e - c = young - old.
    const auto log_w = [&](std::size_t i) { return std::log(zone.weights[i]); };
    car.push_back((log_w(2) - log_w(3)) - (log_w(4) - log_w(2)));
    EXPECT_NEAR(log_w(0) - log_w(1), log_w(2) - log_w(3), 1e-6);
  }
  EXPECT_NEAR(car[0], car[1], 1e-6);
}

TEST_F(HouseholdsTest, WholeHouseholdsAreExactAndIndependentOfThreads) {
  const HouseholdScenario s = load();
  HouseholdFit one = fit_households(s, 1), two = fit_households(s, 2);
  integerise_households(s, Seed{4}, 1, one);
  integerise_households(s, Seed{4}, 2, two);
  EXPECT_EQ(one.counts, two.counts);
  for (const ControlOutcome& o : one.outcomes) {
    const HouseholdControl& control = s.controls[s.columns[o.column].control];
    const double slack = control.of_households && !control.all_zones ? 0 : 2;
    EXPECT_NEAR(static_cast<double>(o.whole), o.target, slack) << s.columns[o.column].text;
  }
}

TEST_F(HouseholdsTest, SizeScalesEveryCount) {
  const HouseholdScenario s = load({"households.size=1601"});
  EXPECT_EQ(s.totals, (std::vector<std::uint64_t>{1001, 600}));
  EXPECT_LE(fit_households(s, 1).largest_error(), 1e-6);
}

TEST_F(HouseholdsTest, WhatCannotBeMetIsListed) {
  files_["cars.csv"] = "car,households\nyes,160\nno,0\n";
  replace("age.csv", "west,young,40\nwest,old,50", "west,young,1\nwest,old,89");
  const HouseholdFit fit = fit_households(load(), 1);
  EXPECT_GT(fit.largest_error(), 0.01);
}

TEST_F(HouseholdsTest, AZoneMayLeaveAControlOut) {
  replace("age.csv", "west,young,40\nwest,old,50\n", "");
  const HouseholdFit fit = fit_households(load(), 1);
  EXPECT_EQ(fit.outcomes.size(), 2u + 4 + 2 + 2);
  EXPECT_LE(fit.largest_error(), 1e-6);
}

TEST_F(HouseholdsTest, LevelsMayBeJoined) {
  replace("age.csv", "west,young,40\nwest,old,50\n", "west,young|old,90\n");
  EXPECT_LE(fit_households(load(), 1).largest_error(), 1e-6);
}

TEST_F(HouseholdsTest, PersonOfUnknownHousehold) {
  replace("persons.csv", "b,old", "z,old");
  expect_message("persons.csv:3: person of unknown household \"z\"; its household must stand in");
}

TEST_F(HouseholdsTest, HouseholdWithoutPersons) {
  replace("persons.csv", "b,old\n", "");
  expect_message("households.csv:3: household \"b\" has no persons");
}

TEST_F(HouseholdsTest, NegativeCount) {
  replace("age.csv", "east,old,70", "east,old,-70");
  expect_message("age.csv:3: negative or infinite count -70; give a number of at least 0");
}

TEST_F(HouseholdsTest, ZoneWithoutHouseholds) {
  replace("age.csv", "west,old,50", "wets,old,50");
  expect_message(
      "age.csv:5: [age] zone \"wets\" has no number of households; did you mean \"west\"?");
}

TEST_F(HouseholdsTest, ControlWithoutSupport) {
  replace("scenario.toml", "levels = [\"1\", \"2\"]", "levels = [\"1\", \"2\", \"3\"]");
  replace("size.csv", "west,2,30", "west,2,25\nwest,3,5");
  expect_message(
      "size.csv:6: [control size] zone \"west\" wants 5 of size=3, but no seed household that may "
      "live there has any; add such a seed household");
}

TEST_F(HouseholdsTest, SupportThatAZeroRulesOut) {
  replace("size.csv", "east,1,40\neast,2,60", "east,1,0\neast,2,0");
  expect_message("zones.csv:2: [control households] zone \"east\" wants 100 of households");
}

TEST_F(HouseholdsTest, TheSameCountTwice) {
  replace("size.csv", "east,2,60", "east,1,60");
  expect_message("size.csv:3: [size] the count of size=1 stands twice; first in line 2");
}

TEST_F(HouseholdsTest, HouseholdsCountedByPersons) {
  replace("scenario.toml", "id = \"age\"\nof = \"person\"", "id = \"age\"\nof = \"household\"");
  expect_message("names \"age\", a variable of persons");
}

TEST_F(HouseholdsTest, UnknownColumnKeyAndLevel) {
  replace("size.csv", "zone,size,households", "zone,size,houses");
  expect_message("size.csv:1: has no column \"households\"");
  replace("size.csv", "zone,size,houses", "zone,size,households");
  replace("size.csv", "east,2", "east,two");
  expect_message("unknown level \"two\" of variable \"size\"");
  replace("scenario.toml", "zones_source", "zone_source");
  expect_message("key \"zones_source\" is missing");
}

TEST(HouseholdScenarioShipped, IsMetAndWholeHouseholdsAreExactButForRounding) {
  const HouseholdScenario s = load_household_scenario(STEELYARD_SOURCE_DIR "/scenarios/households");
  HouseholdFit fit = fit_households(s, 2);
  EXPECT_LE(fit.largest_error(), 1e-6);
  integerise_households(s, Seed{1}, 2, fit);
  for (const ControlOutcome& o : fit.outcomes) {
    const HouseholdControl& control = s.controls[s.columns[o.column].control];
    const double slack = control.all_zones ? 40 : control.of_households ? 1.2 : 2;  // rounding
    EXPECT_LE(std::abs(static_cast<double>(o.whole) - o.target), slack)
        << s.columns[o.column].text << " zone " << o.zone.value_or(0);
  }
}

}  // namespace
}  // namespace steelyard
