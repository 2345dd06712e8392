#include "study/margins_file.hpp"

#include <gtest/gtest.h>

#include "core/errors.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

const std::string kHeader = "variable,level,target\n";

MarginsFile parse(const std::string& rows) { return MarginsFile::parse(kHeader + rows, "m.csv"); }
std::string fault(const std::string& rows) {
  return message([&] { parse(rows); });
}
bool has(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

struct Settled {
  MarginsFile file;
  double population = 0;
  std::vector<std::string> notes;
};

Settled settle(const std::string& rows, std::optional<double> given = {}, bool rescale = false) {
  Settled s{.file = parse(rows)};
  s.population = s.file.settle(given, 40, rescale, s.notes);
  return s;
}

std::vector<double> targets(const MarginsFile::Margin& margin) {
  std::vector<double> out;
  for (const auto& cell : margin.cells) out.push_back(cell.target);
  return out;
}

using Numbers = std::vector<double>;

TEST(MarginsFile, CountsAreThePopulation) {
  const Settled s = settle("sex,male,490\nsex,female,510\n");
  EXPECT_EQ(s.population, 1000);
  EXPECT_FALSE(s.file.margins[0].shares);
  EXPECT_EQ(targets(s.file.margins[0]), (Numbers{490, 510}));
  EXPECT_TRUE(s.notes.empty());
}

TEST(MarginsFile, SharesAreOfThePopulation) {
  const std::string shares = "sex,male,0.25\nsex,female,0.75\n";
  EXPECT_EQ(targets(settle(shares).file.margins[0]), (Numbers{10, 30}));  // of the base weights
  EXPECT_EQ(targets(settle(shares, 200).file.margins[0]), (Numbers{50, 150}));
  EXPECT_EQ(targets(settle(shares + "1,,400\n").file.margins[0]), (Numbers{100, 300}));
  EXPECT_EQ(settle(shares + "1,,400\n", 200).population, 200);
  const Settled counted = settle(shares + "region,n,500\nregion,s,300\n");
  EXPECT_EQ(counted.population, 800);
  EXPECT_EQ(targets(counted.file.margins[0]), (Numbers{200, 600}));
}

TEST(MarginsFile, RoundedSharesAreScaledAndItIsSaid) {
  const Settled s = settle("r,a,0.33\nr,b,0.33\nr,c,0.33\n", 300);
  for (double t : targets(s.file.margins[0])) EXPECT_NEAR(t, 100, 1e-10);
  ASSERT_EQ(s.notes.size(), 1u);
  EXPECT_TRUE(has(s.notes[0], "the shares of r sum to 0.99 and were scaled to 1")) << s.notes[0];
}

TEST(MarginsFile, SumsThatDifferContradict) {
  const std::string rows = "sex,male,490\nsex,female,510\nr,n,600\nr,s,401\n";
  EXPECT_THROW(settle(rows), Contradiction);
  const std::string text = message([&] { settle(rows); });
  EXPECT_TRUE(has(text, "m.csv:4: r sums to 1001, but the sum of sex is 1000")) << text;
  EXPECT_TRUE(has(text, "--rescale")) << text;
  EXPECT_THROW(settle("sex,male,490\nsex,female,510\n1,,999\n"), Contradiction);
  EXPECT_THROW(settle("sex,male,490\nsex,female,510\n", 999), Contradiction);
  const Settled s = settle(rows, {}, true);
  EXPECT_EQ(s.population, 1000);
  EXPECT_DOUBLE_EQ(targets(s.file.margins[1])[0], 600 * 1000.0 / 1001);
  EXPECT_TRUE(has(s.notes.at(0), "r summed to 1001 and was brought to the population 1000"));
}

TEST(MarginsFile, PercentagesAreNotShares) {
  EXPECT_TRUE(has(fault("sex,male,49%\nsex,female,51%\n"), "m.csv:2"));
  EXPECT_TRUE(has(fault("sex,male,49%\nsex,female,51%\n"), "write the share: 0.25, not 25%"));
  EXPECT_TRUE(has(message([] { settle("sex,male,49\nsex,female,51\n", 2000); }),
                  "write shares as 0.25, not 25"));
}

TEST(MarginsFile, TargetsAreNumbers) {
  EXPECT_TRUE(has(fault("s,m,\"1,000\"\n"), "write it without thousands separators"));
  EXPECT_TRUE(has(fault("s,m,-3\ns,f,4\n"), "m.csv:2: target -3 is negative"));
  EXPECT_TRUE(has(fault("s,m,inf\n"), "is not a finite number"));
  EXPECT_TRUE(has(fault("s,m,nan\n"), "is not a finite number"));
  EXPECT_TRUE(has(fault("s,m,1e999\n"), "is not a number"));
  EXPECT_TRUE(has(fault("s,m,+-3\n"), "is not a number"));
  EXPECT_TRUE(has(fault("s,m,\n"), "is not a number"));
  EXPECT_TRUE(has(fault("s,m,1e308\ns,f,1e308\n"), "m.csv:2: the targets of s sum to"));
  EXPECT_TRUE(has(fault("s,m,0\ns,f,0\n"), "the targets of s are all 0"));
}

TEST(MarginsFile, CellsStandOnce) {
  EXPECT_TRUE(has(fault("s,m,1\ns,f,2\ns, m,3\n"), "m.csv:4: s=m stands twice"));
  EXPECT_TRUE(has(fault("a*b,x*y,1\na * b,x * y,2\n"), "m.csv:3: a * b=x * y stands twice"));
  EXPECT_TRUE(has(fault("income,,1\nincome,,2\n"), "m.csv:3: the total of income stands twice"));
  EXPECT_TRUE(has(fault("1,,5\n1,,5\n"), "m.csv:3: the population stands twice"));
}

TEST(MarginsFile, CrossedMarginsHaveALevelForEachVariable) {
  const MarginsFile f = parse("age*sex,old*male,1\nage*sex,old*female,2\n");
  EXPECT_EQ(f.margins[0].variables, (std::vector<std::string>{"age", "sex"}));
  EXPECT_EQ(f.margins[0].cells[1].levels, (std::vector<std::string>{"old", "female"}));
  EXPECT_EQ(f.margins[0].cells[1].line, 3);
  EXPECT_TRUE(has(fault("a*b,x,1\n"), "level \"x\" has 1 parts, variable \"a*b\" has 2"));
  EXPECT_TRUE(has(fault("a*b,,1\n"), "m.csv:2: has no level"));
  EXPECT_TRUE(has(fault("a*a,x*y,1\n"), "names a variable twice or not at all"));
  EXPECT_TRUE(has(fault("a*,x*y,1\n"), "names a variable twice or not at all"));
}

TEST(MarginsFile, ASingleVariablesLevelMayHoldAStar) {
  EXPECT_EQ(parse("a,x*y,1\na,z,1\n").margins[0].cells[0].levels,
            (std::vector<std::string>{"x*y"}));
}

TEST(MarginsFile, TheVariable1IsThePopulation) {
  EXPECT_EQ(settle("1,,1000\nincome,,5e6\n").population, 1000);
  EXPECT_TRUE(has(fault("1,all,1000\n"), "has no level"));
  EXPECT_TRUE(has(fault("1,,0\n"), "the population must be positive"));
}

TEST(MarginsFile, PopulationsAreOfThisWorld) {
  EXPECT_TRUE(has(message([] { settle("s,m,5.49\ns,f,0.51\n1,,1e308\n", {}, true); }),
                  "m.csv:4: the row for 1 is 1e+308, which is no population"));
  EXPECT_TRUE(has(message([] { settle("s,m,1\ns,f,2\n", 1e-320, true); }), "--population is"));
}

TEST(MarginsFile, NumbersHaveTotals) {
  const MarginsFile f = parse("income,,-5.5e6\nsex,m,1\nsex,f,2\n");
  ASSERT_EQ(f.totals.size(), 1u);
  EXPECT_EQ(f.totals[0].variable, "income");
  EXPECT_EQ(f.totals[0].total, -5.5e6);
  EXPECT_TRUE(has(fault("sex,,9\nsex,m,1\n"), "m.csv:2: sex has no level here"));
}

TEST(MarginsFile, ColumnsAreNamed) {
  const auto with = [](const std::string& header) {
    return message([&] { MarginsFile::parse(header + "\nsex,m,1\n", "m.csv"); });
  };
  EXPECT_EQ(with("variable,level,Freq"), "no error");
  EXPECT_TRUE(has(with("variable,level,persons"), "m.csv:1: has no column \"target\""));
  EXPECT_TRUE(
      has(with("variable,level,tagret"), "has no column \"target\"; did you mean \"tagret\"?"));
  EXPECT_TRUE(
      has(with("variabel,level,target"), "has no column \"variable\"; did you mean \"variabel\"?"));
  EXPECT_TRUE(has(message([] { MarginsFile::parse("", "m.csv"); }), "is empty"));
}

}  // namespace
}  // namespace steelyard
