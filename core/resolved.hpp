#pragma once

// A scenario as a flat list of keys and values, so that two can be compared and the difference
// named.

#include <string>
#include <vector>

#include "core/scenario.hpp"

namespace steelyard {

/// One value of scenario.toml after `extends` and --set, or the content of a file that it names.
struct ResolvedEntry {
  std::string key;    ///< "weighting.raking.margins"; elements of lists by their name, id or [i]
  std::string value;  ///< as TOML would print it; of a file: the hash of its content
  Place place;        ///< where it stands; no line: --set, or read back from a result
};

/// Everything that decides what a study computes, in the order of the keys; seed and
/// study.replicates are not among it, since runs have their own.
std::vector<ResolvedEntry> resolve(const Scenario& scenario);

/// "key = value" lines, and back.
std::string resolved_text(const std::vector<ResolvedEntry>& entries);
std::vector<ResolvedEntry> parse_resolved(const std::string& text);

/// What a scenario has that an earlier one had not, where all else is the same.
struct ScenarioGrowth {
  Texts weightings, value_rules, intervals, estimands;  ///< names of new sections
  bool empty() const {
    return weightings.empty() && value_rules.empty() && intervals.empty() && estimands.empty();
  }
};

/// @param earlier_name  whose entries the earlier ones are, for messages
/// @throws UserError naming the first key that was changed, has gone, or is new and belongs to no
/// new weighting, value rule, interval, estimand or benchmark at the end of the list
ScenarioGrowth growth(const std::vector<ResolvedEntry>& earlier,
                      const std::vector<ResolvedEntry>& now, const std::string& earlier_name);

}  // namespace steelyard
