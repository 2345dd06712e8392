// Means from bucket tables against closed forms in 40-digit arithmetic (tests/golden/README.md).

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

struct Table {
  Variable variable;
  std::vector<double> weights;
};

std::map<std::string, Table> tables() {
  const CsvFile file =
      CsvFile::read(std::string(STEELYARD_TEST_DATA) + "/golden/binned/tables.csv");
  std::map<std::string, Table> list;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    Table& table = list[file.field(row, file.column("case"))];
    table.variable.kind = VariableKind::bucketed;
    table.variable.levels.push_back(file.field(row, file.column("bucket")));
    if (table.variable.edges.empty())
      table.variable.edges.push_back(file.number(row, file.column("lo")));
    table.variable.edges.push_back(file.number(row, file.column("hi")));
    table.weights.push_back(file.number(row, file.column("weight")));
  }
  return list;
}

const std::map<std::string, std::pair<std::string, std::string>> kMethods{
    {"mid_report", {"midpoints", "points = \"arithmetic\"\nopen_top = 1.25"}},
    {"step_top2", {"linear_cdf", ""}},
    {"rpme_harm1", {"pareto_tail", ""}},
    {"rpme_harm2", {"pareto_tail", "alpha_floor = 2"}},
    {"rpme_arith2", {"pareto_tail", "variant = \"arithmetic\""}},
    {"rpme_geo1", {"pareto_tail", "variant = \"geometric\""}},
    {"rpme_med1", {"pareto_tail", "variant = \"median\""}},
    {"bme", {"pareto_tail", "variant = \"arithmetic\"\nalpha_floor = 1.11111111111111111"}},
    {"pme", {"pareto_tail", "variant = \"arithmetic\"\nalpha_floor = 0"}}};

TEST(GoldenBuckets, MeansAreTheClosedForms) {
  const Schema schema;
  const auto all = tables();
  const CsvFile file = CsvFile::read(std::string(STEELYARD_TEST_DATA) + "/golden/binned/means.csv");
  int checked = 0, refused = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string name = file.field(row, file.column("case")),
                      method = file.field(row, file.column("method"));
    const std::string stat = file.field(row, file.column("stat")),
                      value = file.field(row, file.column("value"));
    const auto& [rule_name, options] = kMethods.at(method);
    const auto rule = testing::make(value_rules(), rule_name, schema, options);
    const Table& table = all.at(name);
    const auto values = rule->values(table.variable, table.weights);
    if (stat == "status") {
      EXPECT_EQ(values.ok(), value == "ok") << name << " " << method << " " << value;
      refused += value != "ok";
      continue;
    }
    const auto expected = parse_number(value);
    if (!expected || !values) continue;
    double sum = 0, weight = 0;
    for (std::size_t k = 0; k < table.weights.size(); ++k) {
      sum += table.weights[k] * values.value().value[k];
      weight += table.weights[k];
    }
    EXPECT_NEAR(sum / weight, *expected, 1e-10 * std::abs(*expected)) << name << " " << method;
    ++checked;
  }
  EXPECT_GT(checked, 400);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace steelyard
