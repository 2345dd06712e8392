#pragma once

// Benchmarks of another year: totals that estimators take for true and that are not.

#include <string>
#include <vector>

#include "core/sample.hpp"
#include "core/scenario.hpp"

namespace steelyard {

/// One [[stale_benchmark]]: every benchmark table over the variable has its totals multiplied by
/// 1 + error of the level, and then by one factor that restores the table's sum.
struct StaleBenchmark {
  std::string name, source;
  bool active = true;
  VariableId variable{};
  std::vector<double> factor;  ///< by level, > 0; of a number one
};

/// @param benchmarks  variables of each [[benchmark]]
/// @throws UserError for a variable that no benchmark has, or that one has only in groups; a wrong
/// number of errors, or one at or below -1
std::vector<StaleBenchmark> read_stale_benchmarks(
    const Scenario& scenario, const std::vector<std::vector<VariableId>>& benchmarks);

/// The total of a number as it is known: times 1 + error.
double stale_number(VariableId id, double total, const std::vector<StaleBenchmark>& errors);

/// The table as it is known, after all active errors.
Benchmarks::Table stale_table(const Schema& schema, Benchmarks::Table table,
                              const std::vector<StaleBenchmark>& errors);

}  // namespace steelyard
