#include "core/scenario.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "core/output.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

const std::map<std::string, std::string> kFiles{
    {"scenario.toml", R"([scenario]
name = "small"
title = "Small"
weighting_view = "region_only"
[population]
size = 1000
root = ["region", "sex"]
[sample]
size = 100
[[variable]]
name = "region"
kind = "categorical"
levels = ["north", "south"]
[[variable]]
name = "sex"
kind = "categorical"
levels = ["male", "female"]
[[variable]]
name = "income"
kind = "bucketed"
levels = ["low", "high"]
edges = [0, 10, inf]
assumed_values = [5, 15]
universe = { sex = ["male"] }
[[table]]
id = "census"
file = "census.csv"
variables = ["region", "sex"]
value = "persons"
provenance = "census"
source = "made up"
[[numbers]]
file = "numbers.csv"
[[weighting]]
name = "region_only"
method = "poststratification"
cross = ["region"]
)"},
    {"census.csv",
     "region,sex,persons\nnorth,male,30\nnorth,female,20\nsouth,male,10\nsouth,female,40\n"},
    {"numbers.csv",
     "id,view,scope,quantity,level,statistic,value,relation,lower,upper,unit,use,status_note,"
     "provenance,range_lower,range_upper,source\n"
     "n1,sample:weighted,sex=male,income,low,share,40.0,=,,,pct,fit,,reported,,,table 1\n"
     "n2,sample:weighted,sex=male,income,high,share,60.0,=,,,pct,fit,,reported,,,table 1\n"}};

class ScenarioTest : public ::testing::Test {
 protected:
  ScenarioTest()
      : folder_(fs::temp_directory_path() / ("steelyard-scenario-" + std::to_string(getpid()))) {}
  ~ScenarioTest() override { fs::remove_all(folder_); }

  /// Loads the small scenario after replacing `from` by `to` in one file; the message, or "loads".
  std::string after(const std::string& file, const std::string& from, const std::string& to,
                    bool contradiction = false) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (auto [name, text] : kFiles) {
      if (name == file) {
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
      }
      write_file(folder_ / name, text);
    }
    try {
      (void)load_scenario(folder_.string());
    } catch (const UserError& e) {
      EXPECT_EQ(dynamic_cast<const Contradiction*>(&e) != nullptr, contradiction);
      std::string message = e.what();
      for (std::size_t at; (at = message.find(folder_.string() + "/")) != std::string::npos;)
        message.erase(at, folder_.string().size() + 1);
      return message;
    }
    return "loads";
  }
  fs::path folder_;
};

TEST_F(ScenarioTest, LoadsAndKeepsIntervals) {
  ASSERT_EQ(after("census.csv", "30", "30"), "loads");
  const Scenario s = load_scenario(folder_.string());
  EXPECT_EQ(s.schema.size(), 3u);
  ASSERT_EQ(s.numbers.size(), 2u);
  EXPECT_NEAR(s.numbers[0].lower, 0.3995, 1e-12);
  EXPECT_NEAR(s.numbers[0].upper, 0.4005, 1e-12);
  EXPECT_EQ(s.weighting_view_cross.size(), 1u);
  EXPECT_EQ(s.hash.size(), 16u);
}

TEST_F(ScenarioTest, SettingsChangeNumbersAndNothingElse) {
  ASSERT_EQ(after("census.csv", "30", "30"), "loads");
  const Scenario plain = load_scenario(folder_.string());
  const Scenario s =
      load_scenario(folder_.string(), {"sample.size=50", "number.n1=45", "number.n2=55"});
  EXPECT_EQ(s.sample_size, 50u);
  EXPECT_NEAR(s.numbers[0].value, 0.45, 1e-12);
  EXPECT_NEAR(s.numbers[0].upper, 0.4505, 1e-12);
  EXPECT_NE(s.hash, plain.hash);
  EXPECT_THROW((void)load_scenario(folder_.string(), {"sample.size"}), UserError);
  EXPECT_THROW((void)load_scenario(folder_.string(), {"number.n9=1"}), UserError);
  EXPECT_THROW((void)load_scenario(folder_.string(), {"nothing.here=1"}), UserError);
}

TEST_F(ScenarioTest, UnknownVariableAndLevelNameTheNearest) {
  EXPECT_EQ(after("scenario.toml", "variables = [\"region\", \"sex\"]",
                  "variables = [\"regoin\", \"sex\"]"),
            "scenario.toml:28:13: unknown variable \"regoin\"; did you mean \"region\"?");
  EXPECT_EQ(after("census.csv", "south,male", "sout,male"),
            "census.csv:4: unknown level \"sout\" of variable \"region\"; did you mean \"south\"?");
  EXPECT_EQ(after("numbers.csv", "sex=male,income,low", "sex=male,incom,low"),
            "numbers.csv:2: unknown variable \"incom\"; did you mean \"income\"?");
}

TEST_F(ScenarioTest, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(after("scenario.toml", "title = \"Small\"", "title = \"Small\"\ntitel_zh = \"x\""),
            "scenario.toml:4:12: [scenario] unknown key \"titel_zh\"; did you mean \"title_zh\"?");
}

TEST_F(ScenarioTest, SharesThatDoNotSumAreAContradictionWithTheirLines) {
  EXPECT_EQ(after("numbers.csv", "60.0", "70.0", true),
            "numbers.csv:2: [n1] shares that do not sum: the levels of \"income\" to line 3 allow "
            "109.90 to 110.10 %, not 100 %\n"
            "correct a share, widen an interval, or exclude a number");
}

TEST_F(ScenarioTest, TotalsThatDisagreeAreAContradiction) {
  (void)after("scenario.toml", "[[numbers]]",
              "[[table]]\nid = \"other\"\nfile = \"other.csv\"\nvariables = [\"region\"]\nvalue = "
              "\"persons\"\nprovenance = \"census\"\nsource = \"x\"\n[[numbers]]");
  write_file(folder_ / "other.csv", "region,persons\nnorth,50\nsouth,60\n");
  try {
    (void)load_scenario(folder_.string());
    FAIL();
  } catch (const Contradiction& e) {
    EXPECT_NE(
        std::string(e.what()).find(
            "[table other] totals disagree: 110 here, 100 in \"census\"; rescale one of them"),
        std::string::npos)
        << e.what();
  }
}

TEST_F(ScenarioTest, BadTablesAreRefused) {
  EXPECT_EQ(after("census.csv", "30", "-30"),
            "census.csv:2: [persons] negative or infinite count -30; counts and weights are finite "
            "and >= 0");
  EXPECT_EQ(after("scenario.toml", "file = \"census.csv\"", "file = \"cencus.csv\""),
            "scenario.toml:27:8: [table] \"file\" = \"cencus.csv\" does not exist; looked for "
            "cencus.csv");
  EXPECT_EQ(after("census.csv", "region,sex,persons\n", "region,sex,persons,note\n"),
            "census.csv:2: 3 columns, the header has 4; quote fields that hold a comma");
  EXPECT_EQ(
      after("census.csv", kFiles.at("census.csv"), "region,sex,persons,note\nnorth,male,30,x\n"),
      "census.csv:1: wrong number of columns: 4, expected 3; keep the variables and the value "
      "column only");
  EXPECT_EQ(after("census.csv", "north,male", "n\xC1\xE9th,male"),
            "census.csv:2: is not UTF-8; convert it, for instance: iconv -f GB18030 -t UTF-8");
  EXPECT_EQ(after("census.csv", kFiles.at("census.csv"), ""),
            "census.csv: is empty; give a header row and at least one row");
  EXPECT_EQ(after("census.csv", "north,female,20", "north,male,20"),
            "census.csv:3: the cell of line 2 stands again; remove one");
  EXPECT_EQ(after("census.csv", kFiles.at("census.csv"), "region,sex,persons\nnorth,male,0\n"),
            "scenario.toml:25:1: [table census] all its values are zero; give at least one "
            "positive value");
}

TEST_F(ScenarioTest, DuplicateMarginsAreRefused) {
  EXPECT_EQ(
      after(
          "scenario.toml", "[[numbers]]",
          "[[table]]\nid = \"again\"\nfile = \"census.csv\"\nvariables = [\"sex\", "
          "\"region\"]\nvalue = \"persons\"\nprovenance = \"census\"\nsource = \"x\"\n[[numbers]]"),
      "scenario.toml:32:1: [table] duplicate margin: \"again\" is over the same variables as "
      "\"census\"; remove one");
  EXPECT_EQ(after("numbers.csv", "n2,sample:weighted,sex=male,income,high,share,60.0",
                  "n2,sample:weighted,sex=male,income,low,share,60.0"),
            "numbers.csv:3: [n2] duplicate margin: the same number as \"n1\"; set use = check for "
            "one of them");
  EXPECT_EQ(after("numbers.csv", "n2,", "n1,"),
            "numbers.csv:3: [id] \"n1\" stands twice (line 2 of numbers.csv); rename one");
}

TEST_F(ScenarioTest, AZeroCellAgainstAPositiveMarginIsRefused) {
  EXPECT_EQ(
      after("scenario.toml", "[[numbers]]",
            "[[table]]\nid = \"zero\"\nfile = \"zero.csv\"\nrole = \"seed\"\nvariables = "
            "[\"region\", \"sex\"]\nvalue = \"weight\"\nprovenance = \"assumed\"\nsource = "
            "\"x\"\n[[numbers]]"),
      "scenario.toml:34:8: [table] \"file\" = \"zero.csv\" does not exist; looked for zero.csv");
  write_file(folder_ / "zero.csv", "region,sex,weight\nnorth,male,0\nsouth,male,2\n");
  try {
    (void)load_scenario(folder_.string());
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("zero cell against positive margin: line 2 is a "
                                         "structural zero, \"census\" line 2 has 30"),
              std::string::npos)
        << e.what();
  }
}

TEST_F(ScenarioTest, ContradictoryUniversesAreRefused) {
  EXPECT_EQ(after("scenario.toml", "[[table]]",
                  "[[variable]]\nname = \"bonus\"\nkind = \"yes_no\"\nuniverse = { sex = "
                  "[\"female\"], income = [\"high\"] }\n[[table]]"),
            "scenario.toml:25:1: [variable bonus] contradictory universes: no level of \"sex\" "
            "meets them all; compare its universe with those of the variables that it names");
}

TEST_F(ScenarioTest, ARatioIsTheShareAmongItsLevels) {
  const std::string share = "n1,sample:weighted,sex=male,income,low,share,40.0,=,,,pct";
  const auto ratio = [](const std::string& level, const std::string& value) {
    return "n1,sample:weighted,sex=male,income," + level + ",ratio," + value + ",=,,,";
  };
  ASSERT_EQ(after("numbers.csv", share, ratio("low/high", "0.67")), "loads");
  const PublishedNumber n = load_scenario(folder_.string()).numbers[0];
  EXPECT_EQ(n.statistic, Statistic::share);
  EXPECT_NEAR(n.value, 0.67 / 1.67, 1e-12);
  EXPECT_NEAR(n.lower, 0.665 / 1.665, 1e-12);
  EXPECT_NEAR(n.upper, 0.675 / 1.675, 1e-12);
  EXPECT_EQ(n.scope.size(), 2u);
  // The range of an assumed one is read as its value is.
  ASSERT_EQ(after("numbers.csv", share + ",fit,,reported,,,",
                  ratio("low/high", "67") + "per_100,fit,,assumed,60,70,"),
            "loads");
  const PublishedNumber assumed = load_scenario(folder_.string()).numbers[0];
  EXPECT_NEAR(assumed.value, 0.67 / 1.67, 1e-12);
  EXPECT_NEAR(assumed.range->first, 100 * 0.6 / 1.6, 1e-10);
  EXPECT_NEAR(assumed.range->second, 100 * 0.7 / 1.7, 1e-10);
  EXPECT_EQ(after("numbers.csv", share, ratio("low", "0.67")),
            "numbers.csv:2: [level] \"low\" is not a ratio of levels; write level a/b, or a|b/c|d");
  EXPECT_EQ(after("numbers.csv", share, ratio("low/low", "0.67")),
            "numbers.csv:2: [level] \"low\" stands twice in \"low/low\"; the levels of a ratio are "
            "disjoint");
  EXPECT_EQ(after("numbers.csv", share, ratio("low/high", "-1")),
            "numbers.csv:2: [value] a ratio of -1 is impossible; give a number above 0");
}

TEST_F(ScenarioTest, NumbersWithoutMeaningAreRefused) {
  EXPECT_EQ(after("numbers.csv", "40.0,=", "forty,="),
            "numbers.csv:2: [value] \"forty\" is not a number; write plain digits");
  EXPECT_EQ(
      after("numbers.csv", "40.0,=", "140,="),
      "numbers.csv:2: [value] a share of 140 % is impossible; give per cent between 0 and 100");
  EXPECT_EQ(after("numbers.csv", "40.0,=", "40.0,=="),
            "numbers.csv:2: [relation] \"==\" is not one of: = ~ > >= < <=; use =");
  EXPECT_EQ(after("numbers.csv", "reported,,,table 1", "assumed,,,table 1"),
            "numbers.csv:2: [range_lower] an assumed number has no range; give range_lower <= "
            "range_upper");
  EXPECT_EQ(after("numbers.csv", "pct,fit,,", "pct,excluded,,"),
            "numbers.csv:2: [status_note] is empty for a number that is left out; give the reason");
  EXPECT_EQ(after("numbers.csv", "income,low,share", "sex,male,mean"),
            "numbers.csv:2: [statistic] mean needs numbers for the levels; give the variable "
            "assumed_values");
}

TEST_F(ScenarioTest, SizesMustFit) {
  EXPECT_EQ(after("scenario.toml", "size = 100\n", "size = 600\n"),
            "scenario.toml:9:8: [sample] \"size\" = 600 exceeds half of the population (1000 "
            "persons); lower it or enlarge population.size");
  EXPECT_EQ(
      after("scenario.toml", "size = 1000", "size = 0"),
      "scenario.toml:6:8: [population] \"size\" = 0 is out of range; allowed: 1 to 1099511627776");
}

TEST(Scenario, AnUnknownNameNamesTheNearestShippedOne) {
  try {
    (void)load_scenario("two-by-to");
    FAIL();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "no scenario \"two-by-to\"; did you mean \"two-by-two\"?");
  }
}

}  // namespace
}  // namespace steelyard
