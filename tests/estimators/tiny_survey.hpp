#pragma once

// Surveys of a few respondents, written down.

#include <gtest/gtest.h>

#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {

/// Columns are added one by one; every respondent is a cell of its own.
struct TinySurvey {
  Schema schema;
  Sample sample;
  Benchmarks benchmarks{schema};

  void add(const std::string& name, std::size_t levels, std::vector<LevelCode> codes,
           std::vector<double> totals = {}) {
    std::vector<std::string> names;
    std::vector<double> values;
    for (std::size_t k = 0; k < levels; ++k) {
      names.push_back(std::string(1, static_cast<char>('a' + k)));
      values.push_back(static_cast<double>(k));
    }
    const VariableId id = schema.add(categorical(name, names, values));
    place(id, codes.size());
    sample.columns[index(id)] = std::move(codes);
    if (!totals.empty()) benchmarks.add({{id}, std::move(totals)});
  }
  void add_number(const std::string& name, std::vector<double> values, double total) {
    Variable v;
    v.name = name;
    v.kind = VariableKind::continuous;
    const VariableId id = schema.add(v);
    place(id, values.size());
    sample.numbers[index(id)] = std::move(values);
    benchmarks.add_number(id, total);
  }
  CellIndex cells() const {
    std::vector<VariableId> all;
    for (std::size_t v = 0; v < schema.size(); ++v) all.push_back(schema.id(v));
    CellIndex out = make_cell_index(sample, all);
    if (out.cells < sample.n) one_cell_each(out, sample.base_weights);
    return out;
  }
  /// g of each respondent, in the order of rows.
  Result<Weights> weigh(std::string_view method, std::string_view options) const {
    return make(weightings(), method, schema, options)->weigh(cells(), benchmarks);
  }
  std::string explain(std::string_view method, std::string_view options) const {
    return make(weightings(), method, schema, options)->explain(cells(), benchmarks);
  }

 private:
  void place(VariableId id, std::size_t n) {
    sample.schema = &schema;
    sample.n = n;
    sample.columns.resize(index(id) + 1);
    sample.numbers.resize(index(id) + 1);
  }
};

/// One respondent a cell, in the order of rows.
inline void expect_factors(const Result<Weights>& weights, const std::vector<double>& expected) {
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  ASSERT_EQ(weights.value().factor.size(), expected.size());
  for (std::size_t c = 0; c < expected.size(); ++c)
    EXPECT_NEAR(weights.value().factor[c], expected[c], 1e-9) << c;
}

inline bool says(const std::vector<std::string>& notes, std::string_view text) {
  for (const std::string& note : notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

}  // namespace steelyard::testing
