// Each kind of measurement error on answers made by hand, and against its expectation.

#include "sim/measurement/measurement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <toml++/toml.h>

#include <cmath>

#include "core/missing.hpp"
#include "sim/measurement/level_matrix.hpp"
#include "sim/measurement/rounded_values.hpp"
#include "sim/population/population.hpp"
#include "tests/message.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

using ::testing::HasSubstr;
using testing::small_scenario;

constexpr LevelCode kLow = 0, kMiddle = 1, kHigh = 2, kNoJob = 3;
const VariableId kRegion{0}, kSex{1}, kJob{2}, kIncome{3};

/// The small scenario with these [[measurement]] sections.
Scenario scenario_with(const std::string& text, std::uint64_t sample = 100) {
  Scenario s = small_scenario(0, sample);
  s.document = std::make_shared<toml::table>(toml::parse(text));
  return s;
}

std::string section(const std::string& name, const std::string& rest) {
  return "[[measurement]]\nname = \"" + name + "\"\nsource = \"test\"\n" + rest + "\n";
}

std::string message_of(const std::string& text) {
  return message([&] { Measurement{scenario_with(text)}; });
}

/// Rows of region, sex, job, income; a row's income value is the middle of its bucket.
struct Answers {
  explicit Answers(const Scenario& s, const std::vector<std::vector<LevelCode>>& rows) {
    sample.schema = &s.schema;
    sample.n = rows.size();
    sample.columns.resize(4);
    values.resize(4);
    for (const auto& row : rows) {
      for (std::size_t k = 0; k < 4; ++k) sample.columns[k].push_back(row[k]);
      values[3].push_back(row[3] == kLow ? 500 : row[3] == kMiddle ? 2000 : 4000);
      persons.push_back({static_cast<std::uint32_t>(persons.size()), persons.size()});
    }
  }
  void report(const Measurement& m, std::uint64_t seed = 1) {
    ReportedAnswers answers{&sample, persons, values};
    m.apply(answers, Seed{seed}, Replicate{0});
  }
  double share(VariableId id, LevelCode code) const {
    double count = 0;
    for (LevelCode c : sample.column(id)) count += c == code;
    return count / static_cast<double>(sample.n);
  }
  Sample sample;
  std::vector<PersonRef> persons;
  std::vector<std::vector<double>> values;
};

std::vector<std::vector<LevelCode>> rows(std::size_t n, const std::vector<LevelCode>& row) {
  return std::vector(n, row);
}

/// |share - p| within 4.5 binomial standard errors (false alarm 7e-6). With 40,000 rows that is at
/// most 0.011: a probability that is off by 0.02 is seen.
#define EXPECT_SHARE(share, p, n) \
  EXPECT_NEAR(share, p, 4.5 * std::sqrt((p) * (1 - (p)) / static_cast<double>(n)) + 1e-12)

constexpr std::size_t kRows = 40'000;

TEST(LevelMatrix, ReportsTheTruthBelowItsOwnProbabilityAndOthersAbove) {
  LevelMatrix m(3, 1);
  m.row(0, 1)[0] = 0.25;
  m.row(0, 1)[1] = 0.5;
  m.row(0, 1)[2] = 0.25;
  EXPECT_EQ(m.report(0, 1, 0.49), 1);
  EXPECT_EQ(m.report(0, 1, 0.51), 0);
  EXPECT_EQ(m.report(0, 1, 0.74), 0);
  EXPECT_EQ(m.report(0, 1, 0.76), 2);
  EXPECT_EQ(m.report(0, 0, 0.999), 0);
  m.row(0, 2)[2] = 0;
  m.row(0, 2)[0] = 1;
  EXPECT_EQ(m.report(0, 2, 1 - 1e-16), 0);
}

TEST(LevelMatrix, ProductAppliesTheFirstFirst) {
  const std::vector<double> always_second{0, 1, 0, 1}, swap{0, 1, 1, 0};
  EXPECT_THAT(product(always_second, swap, 2), ::testing::ElementsAre(1, 0, 1, 0));
}

TEST(Measurement, MisclassificationHasItsMatrixByGroup) {
  const Scenario s = scenario_with(
      section("m",
              "kind = \"misclassification\"\nvariable = \"income\"\ngroup = \"sex\"\n"
              "matrix = { a = { middle = [0.3, 0.6, 0.1] }, b = { middle = [0, 0, 1] } }"));
  const Measurement m(s);
  Answers a(s, rows(kRows, {0, 0, 0, kMiddle})), b(s, rows(10, {0, 1, 0, kMiddle})),
      c(s, rows(10, {0, 0, 0, kHigh})), outside(s, rows(10, {0, 0, 1, kNoJob}));
  for (Answers* x : {&a, &b, &c, &outside}) x->report(m);
  EXPECT_SHARE(a.share(kIncome, kLow), 0.3, kRows);
  EXPECT_SHARE(a.share(kIncome, kHigh), 0.1, kRows);
  EXPECT_EQ(b.share(kIncome, kHigh), 1);
  EXPECT_EQ(c.share(kIncome, kHigh), 1) << "levels without a row are reported truly";
  EXPECT_EQ(outside.share(kIncome, kNoJob), 1);
}

TEST(Measurement, DesirabilityShiftsAShareInOneDirection) {
  const Scenario s =
      scenario_with(section("d",
                            "kind = \"desirability\"\nvariable = \"income\"\nfrom = [\"low\"]\n"
                            "direction = \"up\"\nshare = 0.4\namong = \"sex=a\""));
  const Measurement m(s);
  Answers a(s, rows(kRows, {0, 0, 0, kLow})), other(s, rows(50, {0, 1, 0, kLow})),
      high(s, rows(50, {0, 0, 0, kHigh}));
  for (Answers* x : {&a, &other, &high}) x->report(m);
  EXPECT_SHARE(a.share(kIncome, kMiddle), 0.4, kRows);
  EXPECT_EQ(a.share(kIncome, kHigh), 0);
  EXPECT_EQ(other.share(kIncome, kLow), 1);
  EXPECT_EQ(high.share(kIncome, kHigh), 1);
}

TEST(Measurement, HeapingRoundsValuesBeforeTheirBucket) {
  const Scenario s = scenario_with(section(
      "h", "kind = \"heaping\"\nvariable = \"income\"\nsteps = [2000, 3000]\nshares = [0.5, 0.2]"));
  const Measurement m(s);
  Answers a(s, rows(kRows, {0, 0, 0, kLow}));
  // 2,900 is 2,000 in steps of 2,000 and 3,000, which is high, in steps of 3,000.
  a.values[3].assign(kRows, 2900);
  a.sample.columns[3].assign(kRows, kMiddle);
  a.report(m);
  EXPECT_SHARE(a.share(kIncome, kHigh), 0.2, kRows);
  EXPECT_EQ(a.share(kIncome, kLow), 0);
  a.values[3].assign(kRows, 900);
  a.sample.columns[3].assign(kRows, kLow);
  a.report(m);
  EXPECT_EQ(a.share(kIncome, kLow), 1);
  a.values[3].assign(kRows, 1000);
  a.sample.columns[3].assign(kRows, kMiddle);
  a.report(m);  // 1,000 is 2,000 (halves up) and 0
  EXPECT_SHARE(a.share(kIncome, kLow), 0.2, kRows);
}

TEST(Measurement, EdgeRoundingCrossesTheNearestEdgeWithinItsWidth) {
  const Scenario s = scenario_with(
      section("e", "kind = \"edge_rounding\"\nvariable = \"income\"\nwidth = 100\nshare = 0.3"));
  const Measurement m(s);
  const auto report = [&](double value, LevelCode truth) {
    Answers a(s, rows(kRows, {0, 0, 0, truth}));
    a.values[3].assign(kRows, value);
    a.report(m);
    return a;
  };
  EXPECT_SHARE(report(950, kLow).share(kIncome, kMiddle), 0.3, kRows);
  EXPECT_SHARE(report(1050, kMiddle).share(kIncome, kLow), 0.3, kRows);
  EXPECT_SHARE(report(2950, kMiddle).share(kIncome, kHigh), 0.3, kRows);
  EXPECT_EQ(report(1150, kMiddle).share(kIncome, kMiddle), 1);
  EXPECT_EQ(report(50, kLow).share(kIncome, kLow), 1) << "there is nothing below the first bucket";
}

TEST(Measurement, BucketsAreClosedBelow) {
  const std::vector<double> edges{0, 1000, 3000, INFINITY};
  EXPECT_EQ(bucket_of(edges, 999.9), kLow);
  EXPECT_EQ(bucket_of(edges, 1000), kMiddle);
  EXPECT_EQ(bucket_of(edges, -5), kLow);
  EXPECT_EQ(bucket_of(edges, 1e9), kHigh);
}

TEST(Measurement, CarelessAnswersAreUniformOrInALine) {
  const auto with = [](const std::string& style) {
    return section("c",
                   "kind = \"careless\"\nquestions = [\"income\", \"region\"]\nshare = 0.6\n"
                   "style = \"" +
                       style + "\"");
  };
  for (const std::string style : {"uniform", "straight_line"}) {
    const Scenario s = scenario_with(with(style));
    Answers a(s, rows(kRows, {1, 0, 0, kHigh}));
    a.report(Measurement(s));
    EXPECT_SHARE(a.share(kIncome, kLow), 0.2, kRows) << style;
    EXPECT_SHARE(a.share(kRegion, 0), 0.3, kRows) << style;
    double low_and_first = 0;
    for (std::size_t i = 0; i < kRows; ++i)
      low_and_first += a.sample.column(kIncome)[i] == kLow && a.sample.column(kRegion)[i] == 0;
    const double p = style == "uniform" ? 0.1 : 0.2;
    EXPECT_SHARE(low_and_first / kRows, p, kRows) << style;
  }
}

TEST(Measurement, ItemNonresponseIsLogistic) {
  const Scenario s =
      scenario_with(section("n",
                            "kind = \"item_nonresponse\"\nquestions = [\"income\"]\nrate = 0.2\n"
                            "by = { sex = [0, 0.5] }\nown = [0, 0, 1]"));
  const Measurement m(s);
  const auto missing = [&](LevelCode sex, LevelCode income) {
    Answers a(s, rows(kRows, {0, sex, 0, income}));
    a.report(m);
    return a.share(kIncome, kMissing);
  };
  const auto expit = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double base = std::log(0.2 / 0.8);
  EXPECT_SHARE(missing(0, kLow), 0.2, kRows);
  EXPECT_SHARE(missing(1, kLow), expit(base + 0.5), kRows);
  EXPECT_SHARE(missing(1, kHigh), expit(base + 1.5), kRows);
  Answers outside(s, rows(20, {0, 0, 1, kNoJob}));
  outside.report(m);
  EXPECT_EQ(outside.share(kIncome, kNoJob), 1);
}

TEST(Measurement, DuplicatesRepeatARespondentOfTheSample) {
  const Scenario s = scenario_with(
      section("d", "kind = \"duplicates\"\nshare = 0.3\namong = \"sex=b\"\nnoise = 0.5"));
  auto list = rows(kRows, {0, 0, 0, kLow});
  for (std::size_t i = 0; i < 10; ++i) list[i] = {1, 1, 0, kHigh};
  Answers a(s, list);
  a.report(Measurement(s));
  // Every repeat is of one of the first ten, who are of sex b.
  double repeats = 0, other_income = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    if (i < 10 || a.persons[i].unit == i) continue;
    EXPECT_LT(a.persons[i].unit, 10u);
    ++repeats;
    other_income += a.sample.column(kIncome)[i] != kHigh;
    EXPECT_EQ(a.sample.column(kJob)[i], 0) << "it decides who is asked income";
  }
  EXPECT_SHARE(repeats / kRows, 0.3, kRows);
  // Half of the incomes are drawn anew, two of three of them another level.
  EXPECT_SHARE(other_income / repeats, 1.0 / 3, repeats);
}

TEST(Measurement, QuestionsFollowTheReportedAnswersThatDecideWhoIsAsked) {
  const Scenario s = scenario_with(section("m",
                                           "kind = \"misclassification\"\nvariable = \"job\"\n"
                                           "matrix = { yes = [0, 1], no = [1, 0] }"));
  Answers a(s, {{0, 0, 0, kHigh}, {0, 0, 1, kNoJob}});
  a.report(Measurement(s));
  EXPECT_EQ(a.sample.column(kIncome)[0], kNoJob);
  EXPECT_EQ(a.sample.column(kIncome)[1], kMissing);
}

TEST(Measurement, SwitchingASourceOffLeavesTheOthersNumbers) {
  const std::string one = section("one",
                                  "kind = \"item_nonresponse\"\nquestions = [\"region\"]\n"
                                  "rate = 0.4"),
                    two = section("two",
                                  "kind = \"misclassification\"\nvariable = \"sex\"\n"
                                  "matrix = { a = [0.5, 0.5] }");
  const Scenario both = scenario_with(one + two), last = scenario_with(two),
                 off = scenario_with(one + "active = false\n" + two);
  const auto reported = [](const Scenario& s) {
    Answers a(s, rows(500, {0, 0, 0, kLow}));
    a.report(Measurement(s));
    return a.sample.columns;
  };
  EXPECT_EQ(reported(both)[1], reported(last)[1]);
  EXPECT_EQ(reported(off), reported(last));
  EXPECT_NE(reported(both)[0], reported(last)[0]);
  const Measurement m(both);
  Answers a(both, rows(500, {0, 0, 0, kLow}));
  ReportedAnswers answers{&a.sample, a.persons, a.values};
  m.apply(answers, Seed{1}, Replicate{0}, {false, true});
  EXPECT_EQ(a.sample.columns, reported(last));
}

TEST(Measurement, NothingActiveAsksForNothing) {
  const Scenario s = scenario_with(section(
      "h",
      "kind = \"heaping\"\nvariable = \"income\"\nsteps = [500]\nshares = [1]\nactive = false"));
  const Measurement m(s);
  EXPECT_FALSE(m.any());
  EXPECT_THAT(m.needed(std::vector{kSex}), ::testing::ElementsAre(kSex));
  EXPECT_TRUE(m.values().empty());
}

TEST(Measurement, NeedsWhatItsSourcesReadAndWhatFollowsThem) {
  const Scenario s = scenario_with(section("m",
                                           "kind = \"misclassification\"\nvariable = \"job\"\n"
                                           "group = \"sex\"\nmatrix = { a = { yes = [0, 1] } }"));
  EXPECT_EQ(Measurement(s).needed(std::vector{kIncome}), (std::vector{kIncome, kJob, kSex}));
}

std::string keep(const std::string& high) {
  return section("m",
                 "kind = \"misclassification\"\nvariable = \"income\"\nkeep_observed = true\n"
                 "matrix = { low = [0.9, 0.1, 0], high = " +
                     high + " }");
}

TEST(Measurement, KeepObservedFitsTheTrueSharesThatGiveTheReportedOnes) {
  const Scenario s = scenario_with(keep("[0, 0.2, 0.8]"));
  const Population population(s);
  for (const PublishedNumber& n : s.numbers)
    EXPECT_NEAR(population.expected(n), n.value, 1e-6) << n.id;
  // M'p = q by hand: reported 0.2, 0.5, 0.3 of sex a.
  const auto law = population.law().query({{kSex, {0}}}, std::vector{kIncome});
  const double sum = law[0] + law[1] + law[2];
  EXPECT_NEAR(law[0] / sum, 0.2 / 0.9, 1e-6);
  EXPECT_NEAR(law[2] / sum, 0.3 / 0.8, 1e-6);
  EXPECT_NEAR(law[1] / sum, 1 - 0.2 / 0.9 - 0.3 / 0.8, 1e-6);
  // Switched off, the numbers are of true answers.
  const Scenario off = scenario_with(keep("[0, 0.2, 0.8]") + "active = false\n");
  const auto truth = Population(off).law().query({{kSex, {0}}}, std::vector{kIncome});
  EXPECT_NEAR(truth[2] / (truth[0] + truth[1] + truth[2]), 0.3, 1e-6);
}

TEST(Measurement, KeepObservedHoldsNumbersOfPeopleWhoReportALevel) {
  // Every number is of a reported sex; one more is of the high among those who report more than
  // low.
  Scenario s = scenario_with(
      section("s",
              "kind = \"misclassification\"\nvariable = \"sex\"\nkeep_observed = true\n"
              "matrix = { a = [0.8, 0.2], b = [0.1, 0.9] }") +
      keep("[0, 0.2, 0.8]"));
  s.selection.clear();  // the sample has the shares of the sexes that the fit has
  PublishedNumber high = s.numbers[2];
  high.id = "high of reported middle and high";
  high.scope.push_back({kIncome, {kMiddle, kHigh}});
  high.value = high.lower = high.upper = 0.3 / 0.8;
  s.numbers.push_back(high);
  const Population population(s);
  const auto law = population.sample_law().query({}, std::vector{kSex, kIncome});
  const double sex[2] = {0.8, 0.1};  // P(reports a | true sex)
  const double income[3][3] = {{0.9, 0.1, 0}, {0, 1, 0}, {0, 0.2, 0.8}};
  double reported[3] = {};
  for (std::size_t x = 0; x < 2; ++x)
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t r = 0; r < 3; ++r) reported[r] += law[x * 4 + t] * sex[x] * income[t][r];
  const double all = reported[0] + reported[1] + reported[2];
  EXPECT_NEAR(reported[0] / all, 0.2, 1e-6);
  EXPECT_NEAR(reported[1] / all, 0.5, 1e-6);
  EXPECT_NEAR(reported[2] / (reported[1] + reported[2]), 0.3 / 0.8, 1e-6);
  for (const PublishedNumber& n : s.numbers)
    EXPECT_NEAR(population.expected(n), n.value, 1e-6) << n.id;
  EXPECT_GT(std::abs(law[0] / (law[0] + law[1] + law[2]) - 0.2), 0.01);
}

TEST(Measurement, KeepObservedSaysWhereNoTrueSharesExist) {
  const Scenario s = scenario_with(keep("[0, 0.8, 0.2]"));
  try {
    Population{s};
    FAIL() << "30 % report what at most 20 % of anybody would";
  } catch (const NegativeAnswer& no) {
    EXPECT_THAT(no.what(), HasSubstr("no true shares give it, by how"));
  }
}

TEST(Measurement, KeepObservedIsRefusedByNameWhereItIsNotDefined) {
  const std::string kept = "keep_observed = true\n";
  const auto refused = [&](const std::string& rest) {
    return message_of(section("x", kept + rest));
  };
  EXPECT_THAT(refused("kind = \"heaping\"\nvariable = \"income\"\nsteps = [500]\nshares = [1]"),
              HasSubstr("cannot be met by \"x\": it depends on where values lie"));
  EXPECT_THAT(refused("kind = \"edge_rounding\"\nvariable = \"income\"\nwidth = 1\nshare = 0.5"),
              HasSubstr("it depends on where values lie"));
  EXPECT_THAT(refused("kind = \"item_nonresponse\"\nquestions = [\"income\"]\nrate = 0.1\n"
                      "own = [0, 0, 1]"),
              HasSubstr("it depends on the answer itself"));
  EXPECT_THAT(refused("kind = \"item_nonresponse\"\nquestions = [\"income\"]\nrate = 0.1\n"
                      "by = { sex = [0, 1] }"),
              HasSubstr("it differs between groups"));
  EXPECT_THAT(refused("kind = \"duplicates\"\nshare = 0.1\nnoise = 0.1"),
              HasSubstr("second answers do not have the law of first ones"));
  EXPECT_THAT(refused("kind = \"desirability\"\nvariable = \"income\"\nfrom = [\"low\"]\n"
                      "to = \"high\"\nshare = 0.1\namong = \"sex=a\""),
              HasSubstr("only some groups"));
  EXPECT_THAT(
      refused("kind = \"misclassification\"\nvariable = \"job\"\nmatrix = { yes = [0, 1] }"),
      HasSubstr("\"job\" decides who is asked \"income\""));
  EXPECT_THAT(refused("kind = \"careless\"\nquestions = [\"sex\", \"income\"]\nshare = 0.1"),
              HasSubstr("number [income 00] ties \"sex\" to \"income\", which the same people"));
  EXPECT_EQ(refused("kind = \"item_nonresponse\"\nquestions = [\"income\"]\nrate = 0.1"),
            "no error");
  EXPECT_EQ(refused("kind = \"duplicates\"\nshare = 0.1"), "no error");
}

TEST(Measurement, SaysWhatIsWrong) {
  const auto wrong = [](const std::string& rest) { return message_of(section("x", rest)); };
  EXPECT_THAT(wrong("kind = \"heapin\""), HasSubstr("did you mean \"heaping\"?"));
  EXPECT_THAT(wrong("kind = \"misclassification\"\nvariable = \"incom\"\nmatrix = {}"),
              HasSubstr("did you mean \"income\"?"));
  EXPECT_THAT(wrong("kind = \"misclassification\"\nvariable = \"income\""),
              HasSubstr("\"matrix\" is missing"));
  EXPECT_THAT(
      wrong(
          "kind = \"misclassification\"\nvariable = \"income\"\nmatrix = { low = [0.9, 0.2, 0] }"),
      HasSubstr("\"low\" sums to 1.1"));
  EXPECT_THAT(
      wrong("kind = \"misclassification\"\nvariable = \"income\"\nmatrix = { low = [1, 0] }"),
      HasSubstr("\"low\" has 2 numbers for 3 levels"));
  EXPECT_THAT(
      wrong("kind = \"misclassification\"\nvariable = \"income\"\nmatrix = { lo = [1, 0, 0] }"),
      HasSubstr("did you mean \"low\"?"));
  EXPECT_THAT(
      wrong("kind = \"misclassification\"\nvariable = \"income\"\nmatrix = { low = [2, -1, 0] }"),
      HasSubstr("a share is 0 to 1"));
  EXPECT_THAT(wrong("kind = \"heaping\"\nvariable = \"sex\"\nsteps = [1]\nshares = [1]"),
              HasSubstr("\"sex\", which is neither a number nor bucketed"));
  EXPECT_THAT(wrong("kind = \"heaping\"\nvariable = \"income\"\nsteps = [1, 2]\nshares = [1]"),
              HasSubstr("has 1 numbers for 2 steps"));
  EXPECT_THAT(wrong("kind = \"heaping\"\nvariable = \"income\"\nsteps = [1, 2]\nshares = [1, 0.5]"),
              HasSubstr("sum to 1.5"));
  EXPECT_THAT(wrong("kind = \"heaping\"\nvariable = \"income\"\nsteps = [0]\nshares = [1]"),
              HasSubstr("steps are above 0"));
  EXPECT_THAT(wrong("kind = \"edge_rounding\"\nvariable = \"income\"\nwidth = 1\nshare = 2"),
              HasSubstr("\"share\" = 2 is out of range"));
  EXPECT_THAT(wrong("kind = \"desirability\"\nvariable = \"income\"\nfrom = [\"high\"]\n"
                    "direction = \"up\"\nshare = 0.1"),
              HasSubstr("the last level in that direction"));
  EXPECT_THAT(wrong("kind = \"desirability\"\nvariable = \"income\"\nfrom = [\"high\"]\n"
                    "to = \"high\"\nshare = 0.1"),
              HasSubstr("which is also what is reported"));
  EXPECT_THAT(wrong("kind = \"desirability\"\nvariable = \"income\"\nfrom = [\"high\"]\n"
                    "to = \"low\"\ndirection = \"down\"\nshare = 0.1"),
              HasSubstr("is given beside \"to\""));
  EXPECT_THAT(wrong("kind = \"item_nonresponse\"\nquestions = [\"income\"]\nrate = 0.1\nown = [1]"),
              HasSubstr("has 1 numbers for the 3 levels of \"income\""));
  EXPECT_THAT(wrong("kind = \"careless\"\nquestions = []\nshare = 0.1"),
              HasSubstr("name at least one question"));
  EXPECT_THAT(wrong("kind = \"duplicates\"\nshare = 0.1\nnois = 0.1"),
              HasSubstr("unknown key \"nois\""));
  const std::string good = section("x", "kind = \"duplicates\"\nshare = 0.1");
  EXPECT_THAT(message_of(good + good), HasSubstr("\"name\" = \"x\" stands twice"));
}

}  // namespace
}  // namespace steelyard
