#pragma once

// What value rules do on their own: every rule on the whole population's bucket shares, so that
// neither selection nor sampling is in it.

#include <string>
#include <vector>

#include "study/engine.hpp"

namespace steelyard {

struct RuleEffect {
  std::uint32_t estimand = 0;
  std::string rule;
  double truth = 0, value = 0;  ///< value: NaN if the rule has none
  std::string failure;          ///< why
};

/// For each estimand of one bucketed answer that a value rule turns into numbers: the study's own
/// rules and the bucket rules that need no known mean (of the fitted families the lognormal, the
/// calibrated lognormal and Dagum, and the averages by AIC). Exact under the population's law: no
/// Monte Carlo error. In parallel. Cost: a few ms an estimand.
std::vector<RuleEffect> rule_effects(const Study& study, int threads);

/// estimand,domain,value_rule,truth,value,error,error_pct,status
std::string rule_effects_csv(const Study& study, const std::vector<RuleEffect>& effects);

}  // namespace steelyard
