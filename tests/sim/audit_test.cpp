// The audit against dense linear programs written out here, on random small sets of numbers.

#include "sim/population/audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/random.hpp"
#include "sim/population/margin_program.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kVariables = 4;
constexpr std::size_t kLevels[kVariables] = {2, 3, 2, 3};

Schema four_variables() {
  Schema schema;
  for (std::size_t i = 0; i < kVariables; ++i) {
    Variable v;
    v.name = "v" + std::to_string(i);
    for (std::size_t k = 0; k < kLevels[i]; ++k) v.levels.push_back("l" + std::to_string(k));
    schema.add(v);
  }
  return schema;
}

/// The share of one level of a variable, or of a cell of two variables (a scope inside `given`).
LinearMargin share(const Schema& schema, std::size_t of, LevelCode level,
                   std::optional<std::pair<std::size_t, LevelCode>> given, double value,
                   double half_width) {
  LinearMargin m;
  m.what.id = "n";
  m.what.statistic = Statistic::share;
  m.what.quantity = {schema.id(of)};
  m.what.levels = {level};
  m.variables = {schema.id(of)};
  if (given) {
    m.what.scope = {{schema.id(given->first), {given->second}}};
    m.variables.push_back(schema.id(given->first));
    std::sort(m.variables.begin(), m.variables.end());
  }
  m.lower = value - half_width;
  m.upper = value + half_width;
  m.width = half_width;
  return m;
}

/// A random set over a chain (decomposable) or a ring (not decomposable) of the four variables.
std::vector<LinearMargin> random_margins(const Schema& schema, Stream& stream, bool ring,
                                         bool conditional) {
  std::vector<LinearMargin> list;
  const std::size_t pairs = ring ? kVariables : kVariables - 1;
  for (std::size_t a = 0; a < pairs; ++a) {
    const std::size_t b = (a + 1) % kVariables;
    for (LevelCode x = 0; x < kLevels[a]; ++x) {
      if (conditional) {
        const double value = 0.1 + 0.5 * stream.uniform();
        list.push_back(share(schema, b, 0, {{a, x}}, value, 0.01));
      }
    }
    list.push_back(share(schema, a, 0, std::nullopt, 0.2 + 0.5 * stream.uniform(), 0.005));
  }
  return list;
}

/// The same question over all 36 cells of the joint: rows written out, no junction tree.
double dense_relaxation(const std::vector<LinearMargin>& margins, double respondents) {
  const auto feasible = [&](double t) {
    LinearProgram p;
    std::vector<std::vector<LinearProgram::Entry>> columns(36);
    const std::size_t total = p.add_row(respondents, respondents);
    for (std::size_t cell = 0; cell < 36; ++cell) columns[cell].push_back({total, 1});
    for (const LinearMargin& m : margins) {
      const double low = m.lower - t * LinearMargin::kPoint,
                   high = m.upper + t * LinearMargin::kPoint;
      const std::size_t lower = p.add_row(0, 1e30), upper = p.add_row(-1e30, 0),
                        scope = p.add_row(1, 1e30);
      for (std::size_t cell = 0; cell < 36; ++cell) {
        std::size_t rest = cell, code[kVariables];
        for (std::size_t v = kVariables; v-- > 0;) {
          code[v] = rest % kLevels[v];
          rest /= kLevels[v];
        }
        bool inside = true;
        for (const Condition& c : m.what.scope) inside &= code[index(c.variable)] == c.levels[0];
        if (!inside) continue;
        const double hit = code[index(m.what.quantity[0])] == m.what.levels[0] ? 1 : 0;
        columns[cell].push_back({lower, hit - low});
        columns[cell].push_back({upper, hit - high});
        columns[cell].push_back({scope, 1});
      }
    }
    for (const auto& column : columns) p.add_column(0, 1e30, column);
    return p.solve() == LinearProgram::Outcome::optimal;
  };
  if (feasible(1e-7)) return 0;
  double low = 0, high = 100;
  while (high - low > 1e-5 * high) {
    const double middle = (low + high) / 2;
    (feasible(middle) ? high : low) = middle;
  }
  return high;
}

TEST(MarginProgram, RelaxationEqualsTheDenseProgramOnRandomSets) {
  const Schema schema = four_variables();
  int infeasible = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    Stream stream({Seed{round}, purpose("audit"), {}, {}});
    const auto margins = random_margins(schema, stream, round % 2 == 1, true);
    const double dense = dense_relaxation(margins, 1000);
    MarginProgram tree(schema, margins, 1000);
    const double found = tree.largest_relaxation(RelaxationUnit::points);
    EXPECT_NEAR(found, dense, 3e-4 * dense + 1e-4) << "round " << round;
    infeasible += dense > 0;
  }
  EXPECT_GT(infeasible, 20);  // the test would show nothing if all were possible
}

/// Sums are linear where every scope is everybody: two statements of each share, apart by a known
/// amount, need exactly the gap between their intervals.
TEST(MarginProgram, SumOfRelaxationsIsTheGapOfUnconditionalShares) {
  const Schema schema = four_variables();
  std::vector<LinearMargin> margins{share(schema, 0, 0, std::nullopt, 0.30, 0.005),
                                    share(schema, 0, 0, std::nullopt, 0.40, 0.005),
                                    share(schema, 1, 1, std::nullopt, 0.20, 0.005),
                                    share(schema, 1, 1, std::nullopt, 0.25, 0.005)};
  MarginProgram program(schema, margins, 1000);
  EXPECT_NEAR(program.sum_relaxation(RelaxationUnit::points).sum, 9 + 4, 1e-3);
  EXPECT_NEAR(program.sum_relaxation(RelaxationUnit::rounding_widths).sum, 18 + 8, 1e-3);
  EXPECT_NEAR(program.largest_relaxation(RelaxationUnit::points), 4.5, 1e-3);
}

TEST(MarginProgram, SharesOfOneQuestionThatExceedOneNeedTheExcessSpread) {
  const Schema schema = four_variables();
  std::vector<LinearMargin> margins;
  for (LevelCode level = 0; level < 3; ++level)
    margins.push_back(share(schema, 1, level, std::nullopt, 0.40, 0.005));
  MarginProgram program(schema, margins, 1000);
  // 3 x 39.5 % = 118.5 %: 18.5 points in sum, 18.5 / 3 each.
  EXPECT_NEAR(program.sum_relaxation(RelaxationUnit::points).sum, 18.5, 1e-3);
  EXPECT_NEAR(program.largest_relaxation(RelaxationUnit::points), 18.5 / 3, 1e-3);
}

TEST(MarginProgram, RangeIsTheHandComputedOne) {
  const Schema schema = four_variables();
  // v0 = 0 has share 0.4; v1 = 0 has share 0.7: the share of v1 = 0 within v0 = 0 lies between
  // (0.4 + 0.7 - 1) / 0.4 = 0.25 and 1 (Fréchet); exact margins.
  std::vector<LinearMargin> margins{share(schema, 0, 0, std::nullopt, 0.4, 0),
                                    share(schema, 1, 0, std::nullopt, 0.7, 0),
                                    share(schema, 1, 0, {{0, 0}}, 0.5, 0)};
  for (LinearMargin& m : margins) m.width = 0.005;
  MarginProgram program(schema, margins, 1e6);
  const auto range = program.range(2);
  ASSERT_TRUE(range);
  EXPECT_NEAR(range->first, 0.25, 1e-5);
  EXPECT_NEAR(range->second, 1, 1e-5);
  EXPECT_TRUE(program.feasible());  // asking for a range leaves the program as it was
}

// ---- the audit on a scenario in memory ----

PublishedNumber number(const Scenario& s, std::string id, std::size_t of, LevelCode level,
                       std::optional<std::pair<std::size_t, LevelCode>> given, double per_cent) {
  PublishedNumber n;
  n.id = std::move(id);
  n.view = View::sample;
  n.quantity = {s.schema.id(of)};
  n.quantity_text = s.schema[n.quantity[0]].name;
  n.levels = {level};
  n.level_text = s.schema[n.quantity[0]].levels[level];
  if (given) n.scope = {{s.schema.id(given->first), {given->second}}};
  n.scope_text = given ? s.schema.describe(n.scope) : "";
  n.printed = std::to_string(per_cent);
  n.value = per_cent / 100;
  n.lower = n.value - 0.005;
  n.upper = n.value + 0.005;
  n.unit = "pct";
  n.source = given ? "table" : "headline";
  n.place = {"numbers.csv", 1};
  return n;
}

Scenario scenario_of_four() {
  Scenario s;
  s.name = "four";
  s.schema = four_variables();
  s.root = {s.schema.id(0)};
  s.sample_size = s.reported_size = 1000;
  return s;
}

/// A table of v1 by v0, whose columns 0 and 1 are printed exchanged, and the totals of v1.
Scenario exchanged_table() {
  Scenario s = scenario_of_four();
  const double table[2][3] = {{10, 60, 30}, {20, 50, 30}};  // truly 60, 10, 30 and 50, 20, 30
  s.numbers.push_back(number(s, "v0", 0, 0, std::nullopt, 40));
  for (LevelCode row = 0; row < 2; ++row)
    for (LevelCode column = 0; column < 3; ++column)
      s.numbers.push_back(number(s, "table." + std::to_string(row) + std::to_string(column), 1,
                                 column, {{0, row}}, table[row][column]));
  s.numbers.push_back(number(s, "total0", 1, 0, std::nullopt, 54));
  s.numbers.push_back(number(s, "total1", 1, 1, std::nullopt, 16));
  return s;
}

TEST(Audit, FindsTheExchangeThatRepairsATable) {
  const Scenario s = exchanged_table();
  const Audit a = audit(s);
  ASSERT_EQ(a.conflicts.size(), 1u);
  const Repair& taken = a.conflicts[0].repairs[a.conflicts[0].chosen];
  EXPECT_EQ(taken.kind, Repair::Kind::exchange);
  EXPECT_EQ(taken.text, "exchange l0 and l1 of v1 in table");
  EXPECT_EQ(taken.left_points, 0);
  EXPECT_TRUE(a.widenings.empty());
}

TEST(Audit, ReconciledNumbersPassTheAudit) {
  Scenario s = exchanged_table();
  s.numbers.push_back(number(s, "third", 1, 2, std::nullopt, 45));  // the others say 30
  const Audit a = audit(s);
  ASSERT_FALSE(a.possible());
  Scenario again = s;
  again.numbers = a.reconciled;
  EXPECT_TRUE(audit(again).possible());
}

TEST(Audit, AnIrreducibleSetIsPossibleWithoutAnyOneOfItsMembers) {
  int sets = 0;
  for (std::uint64_t round = 0; round < 15; ++round) {
    Scenario s = scenario_of_four();
    Stream stream({Seed{round}, purpose("audit sets"), {}, {}});
    for (std::size_t a = 0; a < kVariables; ++a)
      for (LevelCode x = 0; x < kLevels[a]; ++x) {
        const std::size_t b = (a + 1) % kVariables;
        const std::string id = std::to_string(a) + std::to_string(x);
        s.numbers.push_back(number(s, "given" + id, b, 0, {{a, x}}, 10 + 50 * stream.uniform()));
        if (x == 0)
          s.numbers.push_back(
              number(s, "all" + id, a, 0, std::nullopt, 20 + 50 * stream.uniform()));
      }
    const Audit found = audit(s);
    // The first alone: later ones are told of numbers that a repair may have changed.
    if (!found.conflicts.empty()) {
      const Conflict& conflict = found.conflicts[0];
      ++sets;
      const auto possible = [&](std::size_t without) {
        Scenario part = s;
        part.numbers.clear();
        for (std::size_t m : conflict.members)
          if (m != without) part.numbers.push_back(s.numbers[m]);
        return audit(part).possible();
      };
      EXPECT_FALSE(possible(s.numbers.size()));
      for (std::size_t m : conflict.members) EXPECT_TRUE(possible(m)) << "round " << round;
    }
  }
  EXPECT_GT(sets, 5);
}

TEST(Audit, TablesThatDisagreeOnASharedMarginAreNamed) {
  Scenario s = scenario_of_four();
  for (const char* id : {"one", "two"}) {
    MarginTable t;
    t.id = id;
    t.variables = {s.schema.id(0), s.schema.id(id[0] == 'o' ? 1 : 2)};
    t.codes = {0, 0, 0, 1, 1, 0, 1, 1};
    t.values =
        id[0] == 'o' ? std::vector<double>{10, 20, 30, 40} : std::vector<double>{10, 30, 30, 30};
    t.place = {"scenario.toml", 7};
    s.tables.push_back(t);
  }
  s.root = {s.schema.id(0), s.schema.id(1), s.schema.id(2)};
  std::sort(s.root.begin(), s.root.end());
  const Audit a = audit(s);
  ASSERT_EQ(a.tables.size(), 1u);
  EXPECT_THAT(
      a.tables[0].text,
      testing::HasSubstr("\"one\" and \"two\" disagree on v0 in 2 cells, most at l0: 30 and "
                         "40, 10 apart"));
}

}  // namespace
}  // namespace steelyard
