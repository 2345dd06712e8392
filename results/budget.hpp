#pragma once

// What an error budget leaves behind: how much of each estimator's error each source makes.

#include <string>
#include <vector>

#include "results/results.hpp"

namespace steelyard {

/// A source of error that can be switched off.
struct BudgetSwitch {
  std::string name, label, label_zh;
};

/// A mean over replicates and its Monte Carlo standard error.
struct Measured {
  double value = 0, mcse = 0;
};

/// What one source makes of an estimator's bias and mean squared error.
struct BudgetPart {
  Measured bias, mse;              ///< Shapley values
  Measured first_bias, last_bias;  ///< alone; and what would go if it alone went
  Measured first_mse, last_mse;
};

/// One estimator of one estimand.
struct BudgetRecord {
  std::uint32_t estimand = 0;  ///< index into estimands
  std::string weighting, value_rule;
  bool reference = false;  ///< the report's own procedure
  double mean_estimate = 0;
  Measured bias, mse;                          ///< with every source on
  std::vector<BudgetPart> parts;               ///< by switch; they sum to bias and mse
  std::uint32_t failures = 0, replicates = 0;  ///< replicates: those without a failure
  std::string failure;                         ///< why one of the failures
};

struct BudgetResults {
  std::string scenario, title, title_zh, version, scenario_toml, scenario_hash;
  std::uint64_t seed = 0, sample_size = 0;
  std::uint32_t replicates = 0;
  double selection_on_answers = 0;     ///< strength of the dial
  std::vector<BudgetSwitch> switches;  ///< the last: sampling noise
  std::vector<EstimandRecord> estimands;
  std::vector<BudgetRecord> records;
};

/// Whether a source can matter to an estimator: of those that read no bucket no rule is wrong, and
/// their part is exactly 0.
bool concerns(const BudgetResults& results, const BudgetRecord& record, std::size_t source);

/// One row an estimator and source, and one with source "total".
std::string write_budget_csv(const BudgetResults& results);

}  // namespace steelyard
