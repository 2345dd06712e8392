#pragma once

// Which value rule is best apart from selection: over all domains of an estimand.

#include <string>
#include <vector>

#include "results/results.hpp"

namespace steelyard {

/// One rule over the domains of one estimand. Per cent of each domain's truth.
struct RuleRank {
  std::string estimand, value_rule;
  bool of_study = false;
  std::size_t first = 0;  ///< row of rule_effects of the estimand's first (widest) domain
  /// Mean over domains of |bias|, and the Monte Carlo error of that mean as if the domains' biases
  /// were independent and none near zero.
  double mean_bias_pct = 0, mean_bias_pct_mcse = 0;
  double median_rmse_pct = 0;  ///< over domains: one tiny domain does not decide
  double worst_pct = 0;        ///< the bias of the largest absolute value
  std::size_t worst = 0;       ///< its row of rule_effects
  std::size_t domains = 0;     ///< with an answer; the rule is ranked below those with more
  std::uint64_t failures = 0, samples = 0;  ///< without an answer, of all samples of those domains
};

/// One row an estimand and rule: estimands in the study's order, best rules (smallest median RMSE)
/// first; rules without an answer in any domain are left out.
/// @pre every bias was measured over samples
std::vector<RuleRank> rank_rules(const StudyResults& results);

}  // namespace steelyard
