#pragma once

// The bucket tables of tests/golden/binned and its long lists of reference values.

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard::testing {

inline std::string golden_binned(const std::string& file) {
  return std::string(STEELYARD_TEST_DATA) + "/golden/binned/" + file;
}

inline CsvFile golden_buckets(const std::string& file) { return CsvFile::read(golden_binned(file)); }

/// A reference value: Inf, NA (undefined: NaN) or a number.
inline double golden_number(const std::string& text) {
  if (text == "NA") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Inf") return std::numeric_limits<double>::infinity();
  const auto number = parse_number(text);
  if (!number) throw std::runtime_error("no number: " + text);
  return *number;
}

/// All tables, by case, with their known means and n.
inline const std::map<std::string, BucketTable>& golden_tables() {
  static const std::map<std::string, BucketTable> all = [] {
    std::map<std::string, BucketTable> list;
    const CsvFile rows = golden_buckets("tables.csv");
    const auto name = rows.column("case"), lo = rows.column("lo"), hi = rows.column("hi"),
               weight = rows.column("weight");
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      BucketTable& table = list[rows.field(row, name)];
      if (table.edges.empty()) table.edges.push_back(golden_number(rows.field(row, lo)));
      table.edges.push_back(golden_number(rows.field(row, hi)));
      table.weights.push_back(golden_number(rows.field(row, weight)));
    }
    const CsvFile meta = golden_buckets("tables_meta.csv");
    for (std::size_t row = 0; row < meta.rows(); ++row) {
      BucketTable& table = list.at(meta.field(row, meta.column("case")));
      table.n = golden_number(meta.field(row, meta.column("n")));
      const std::string& mean = meta.field(row, meta.column("known_mean"));
      if (!mean.empty()) table.known_mean = golden_number(mean);
    }
    return list;
  }();
  return all;
}

/// The statistic called `name` there: mean, var, gini, theil, mld, q10 ... q90.
inline double statistic(const Law& law, const std::string& name) {
  if (name == "mean") return law.mean();
  if (name == "var") return law.variance();
  if (name == "gini") return law.gini();
  if (name == "theil") return law.theil();
  if (name == "mld") return law.mld();
  return law.quantile(*parse_number(name.substr(1)) / 100);
}

inline const char* const kStatistics[] = {"mean", "var", "gini", "theil", "mld",
                                          "q10",  "q25", "q50",  "q75",   "q90"};

/// The same of a fit, which may also have found it on the way.
inline double statistic(const BucketFit& fit, const std::string& name) {
  for (const auto& [key, value] : fit.found)
    if (key == name) return value;
  for (const char* known : kStatistics)
    if (name == known) return statistic(*fit.law, name);
  throw std::runtime_error("unknown statistic " + name);
}

/// Equal within a relative tolerance; infinite or undefined alike.
inline bool agrees(double value, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(value);
  if (std::isinf(expected)) return value == expected;
  return std::abs(value - expected) <= tolerance * std::abs(expected);
}

}  // namespace steelyard::testing
