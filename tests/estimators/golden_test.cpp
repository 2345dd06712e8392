// Weights, estimates and standard errors against R's survey package (tests/golden/README.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using nlohmann::json;

const std::string kFolder = std::string(STEELYARD_TEST_DATA) + "/golden/weighting/";

/// A data file as a sample: text columns are categories, number columns have a level a distinct
/// number.
struct School {
  Schema schema;
  Sample sample;
  explicit School(const std::string& data) {
    const CsvFile file = CsvFile::read(kFolder + data + ".csv");
    sample.schema = &schema;
    sample.n = file.rows();
    for (const std::string& title : file.header()) {
      const std::size_t column = file.column(title);
      std::set<std::string> texts;
      std::set<double> numbers;
      bool numeric = true;
      for (std::size_t i = 0; i < file.rows(); ++i) {
        const auto number = parse_number(file.field(i, column));
        numeric &= number.has_value();
        if (number) numbers.insert(*number);
        texts.insert(file.field(i, column));
      }
      if (texts.size() < 2 || (numeric ? numbers.size() : texts.size()) > kMaxLevels) continue;
      Variable v;
      v.name = title;
      if (numeric) {
        for (double x : numbers) {
          v.levels.push_back(shortest(x));
          v.assumed_values.push_back(x);
        }
      } else {
        v.levels.assign(texts.begin(), texts.end());
      }
      sample.columns.emplace_back();
      for (std::size_t i = 0; i < file.rows(); ++i) {
        const std::string text =
            numeric ? shortest(*parse_number(file.field(i, column))) : file.field(i, column);
        sample.columns.back().push_back(static_cast<LevelCode>(
            std::find(v.levels.begin(), v.levels.end(), text) - v.levels.begin()));
      }
      schema.add(std::move(v));
    }
    sample.base_weights.assign(sample.n, 6194.0 / static_cast<double>(sample.n));
  }
};

double relative(double a, double b) {
  return std::abs(b) < 1e-8 ? std::abs(a - b) : std::abs(a - b) / std::abs(b);
}

struct Case {
  std::string data, id;
  double weight_tolerance, estimate_tolerance;
};

class GoldenWeighting : public ::testing::TestWithParam<Case> {};

TEST_P(GoldenWeighting, EqualsSurvey) {
  const Case& param = GetParam();
  School school(param.data);
  std::ifstream in(kFolder + param.data + "_cases.json");
  const json all = json::parse(in);
  const json& cases = all.is_array() ? all : all.at("cases");
  const json* found = nullptr;
  for (const json& c : cases)
    if (c.at("id") == param.id) found = &c;
  ASSERT_NE(found, nullptr);

  Benchmarks benchmarks(school.schema);
  std::string method = found->at("weighting").at("method"), options;
  std::set<VariableId> cells;
  if (method != "none") {
    std::string margins;
    for (const json& margin : found->at("weighting").at("margins")) {
      Benchmarks::Table table;
      std::size_t size = 1;
      std::string names;
      for (const std::string name : margin.at("variables")) {
        table.variables.push_back(school.schema.require(name, {}));
        size *= school.schema[table.variables.back()].size();
        names += (names.empty() ? "\"" : ", \"") + name + "\"";
        cells.insert(table.variables.back());
      }
      table.totals.assign(size, 0.0);
      for (const json& cell : margin.at("cells")) {
        std::size_t at = 0;
        for (VariableId id : table.variables) {
          const Variable& v = school.schema[id];
          const std::string level = cell.at(v.name);
          const auto level_at = std::find(v.levels.begin(), v.levels.end(), level);
          const std::size_t code = level_at != v.levels.end()
                                       ? static_cast<std::size_t>(level_at - v.levels.begin())
                                       : static_cast<std::size_t>(*parse_number(level)) - 1;
          at = at * v.size() + code;
        }
        table.totals[at] = cell.at("count");
      }
      benchmarks.add(std::move(table));
      margins += (margins.empty() ? "[" : ", [") + names + "]";
      options = method == "rake"
                    ? "tolerance = 1e-14\nmax_iterations = 100000\nmargins = [" + margins + "]"
                    : "cross = [" + names + "]";
    }
    method = method == "rake" ? "raking" : "poststratification";
  }
  const auto weighting = testing::make(weightings(), method, school.schema, options);
  const std::vector<VariableId> cross(cells.begin(), cells.end());

  // Weights, respondent by respondent.
  const CellIndex index = make_cell_index(school.sample, cross);
  const auto weights = weighting->weigh(index, benchmarks);
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  const CsvFile reference = CsvFile::read(kFolder + param.data + "_weights.csv");
  const std::size_t column = reference.column(std::string(found->at("weights_column")));
  for (std::size_t i = 0; i < school.sample.n; ++i)
    ASSERT_LE(relative(school.sample.base_weights[i] * weights.value().factor[index.cell_of[i]],
                       reference.number(i, column)),
              param.weight_tolerance)
        << i;

  int checked = 0;
  for (const json& e : found->at("estimates")) {
    const std::string stat = e.at("stat");
    Domain domain;
    if (e.contains("domain") && e.at("domain").is_object())
      for (const auto& [name, level] : e.at("domain").items()) {
        const VariableId id = school.schema.require(name, {});
        domain.push_back({id, {school.schema.require_level(id, std::string(level), {})}});
      }
    std::unique_ptr<const Functional> functional;
    const std::string variable = e.at("variable");
    if (stat == "mean")
      functional =
          testing::make(functionals(), "mean", school.schema, "variable = \"" + variable + "\"");
    else if (stat == "proportion")
      functional = testing::make(
          functionals(), "proportion", school.schema,
          "variable = \"" + variable + "\"\nlevels = [\"" + std::string(e.at("level")) + "\"]");
    else if (stat == "ratio")
      functional = testing::make(functionals(), "ratio", school.schema,
                                 "numerator = \"" + variable.substr(0, variable.find('/')) +
                                     "\"\ndenominator = \"" +
                                     variable.substr(variable.find('/') + 1) + "\"");
    else
      continue;
    const auto estimated =
        testing::estimate(school.sample, benchmarks, *weighting, cross, *functional, domain);
    ASSERT_TRUE(estimated.ok()) << estimated.failure().detail;
    EXPECT_LE(relative(estimated.value().point.estimate, e.at("estimate")),
              param.estimate_tolerance)
        << e.dump();
    EXPECT_LE(relative(estimated.value().interval.se, e.at("se")), 1e-8) << e.dump();
    if (e.contains("df")) {
      EXPECT_EQ(estimated.value().interval.df, e.at("df").get<double>());
    }
    ++checked;
  }
  EXPECT_GE(checked, 10);
}

INSTANTIATE_TEST_SUITE_P(Api, GoldenWeighting,
                         ::testing::Values(Case{"apistrat", "online", 1e-12, 1e-12},
                                           Case{"apistrat", "online-poststrat", 1e-11, 1e-11},
                                           Case{"apistrat", "online-rake-4", 1e-9, 1e-9},
                                           Case{"apisrs", "online", 1e-12, 1e-12},
                                           Case{"apisrs", "online-rake-2", 1e-9, 1e-9},
                                           Case{"apisrs", "online-rake-3", 1e-9, 1e-9}),
                         [](const auto& test) {
                           std::string name = test.param.data + "_" + test.param.id;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace steelyard
