#pragma once

// The single numbers of a scenario.toml, by the keys with which --set addresses them.

#include <optional>
#include <string>
#include <string_view>

#include "core/scenario.hpp"

namespace steelyard {

/// What stands under a dotted key: a number; `whole` if it is written without a point.
struct SettableNumber {
  double value = 0;
  bool whole = false;
};

/// The number under the key; nothing if there is none, or it is no number.
std::optional<SettableNumber> number_at(const ScenarioDocument& document, std::string_view key);

/// Whether the section that the key's last part belongs to is there.
bool has_section_of(const ScenarioDocument& document, std::string_view key);

/// Keys of all numbers that stand in the document, in its order; those of [sweep], [plan] and
/// [worlds] are left out.
Texts numeric_keys(const ScenarioDocument& document);

}  // namespace steelyard
