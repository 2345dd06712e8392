#pragma once

// What value rules do on their own: every rule on the whole population's bucket shares, and on
// simple random samples of the population, so that selection is not in it.

#include <functional>
#include <vector>

#include "study/engine.hpp"

namespace steelyard {

struct RuleEffectOptions {
  Seed seed{};
  std::uint32_t samples = 100;  ///< 0: the whole population's shares alone
  int threads = 0;              ///< 0: all cores
};

/// For each estimand of one bucketed answer that a value rule turns into numbers: the study's own
/// rules and the bucket rules that need no known mean (of the fitted families the lognormal, the
/// calibrated lognormal and Dagum, and the averages by AIC). The value on the population's shares
/// is exact; biases are over simple random samples of the scenario's size, the same for all rules
/// and all estimands of one answer and domain. In parallel, with the same bits for any number of
/// threads. Cost: a few ms an estimand and sample, nearly all of it the fitted families'.
/// @param progress  the fraction done; called by workers
std::vector<RuleEffectRecord> rule_effects(const Study& study, const RuleEffectOptions& options,
                                           const std::function<void(double)>& progress = {});

}  // namespace steelyard
