#pragma once

// Who counts in which control: the seed households of each group of zones. Used by
// load_household_scenario alone.

#include "sim/households/household_scenario.hpp"

namespace steelyard {

/// Fills `scenario.groups`: the seed households of positive weight whose `match` variables have the
/// group's codes, with what they count in every column.
void make_groups(HouseholdScenario& scenario, const std::vector<VariableId>& match,
                 const std::vector<std::vector<LevelCode>>& group_codes);

/// Every positive target needs a seed household of its zone that no target of 0 rules out.
/// @param scale  targets over published counts, for the message
/// @throws Contradiction with the file and line of the count
void check_support(const HouseholdScenario& scenario, double scale);

}  // namespace steelyard
