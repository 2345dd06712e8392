#pragma once

// The bucket tables of tests/golden/binned, and statistics of laws by their golden names.

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard::testing {

inline std::string golden_binned(const std::string& name) {
  return std::string(STEELYARD_TEST_DATA) + "/golden/binned/" + name;
}

/// By case, with n and the known mean of tables_meta.csv.
inline std::map<std::string, BucketTable> golden_tables() {
  std::map<std::string, BucketTable> list;
  const CsvFile buckets = CsvFile::read(golden_binned("tables.csv"));
  for (std::size_t r = 0; r < buckets.rows(); ++r) {
    BucketTable& t = list[buckets.field(r, buckets.column("case"))];
    if (t.edges.empty()) t.edges.push_back(buckets.number(r, buckets.column("lo")));
    t.edges.push_back(buckets.number(r, buckets.column("hi")));
    t.weights.push_back(buckets.number(r, buckets.column("weight")));
  }
  const CsvFile meta = CsvFile::read(golden_binned("tables_meta.csv"));
  for (std::size_t r = 0; r < meta.rows(); ++r) {
    BucketTable& t = list.at(meta.field(r, meta.column("case")));
    t.n = meta.number(r, meta.column("n"));
    t.known_mean = parse_number(meta.field(r, meta.column("known_mean")));
  }
  return list;
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

}  // namespace steelyard::testing
