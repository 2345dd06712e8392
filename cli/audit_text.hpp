#pragma once

// The audit in words, as JSON, and as a reconciled numbers file.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "sim/population/audit.hpp"

namespace steelyard {

/// What was found, for a reader; ends without a line break.
std::string audit_text(const Scenario& scenario, const Audit& audit);

nlohmann::ordered_json audit_json(const Scenario& scenario, const Audit& audit);

/// A numbers file (see docs/scenario-reference.md) in which every contradiction is repaired; each
/// changed number says in its note what was changed.
std::string reconciled_csv(const Scenario& scenario, const Audit& audit);

}  // namespace steelyard
