#pragma once

// The vocabulary of a survey: variables, their levels, and to whom each applies.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"

namespace steelyard {

enum class VariableId : std::uint16_t {};
constexpr std::size_t index(VariableId id) { return static_cast<std::size_t>(id); }

using LevelCode = std::uint8_t;
inline constexpr std::size_t kMaxLevels = 250;

enum class VariableKind { categorical, ordered, bucketed, count, continuous, yes_no, grouping };
const char* to_string(VariableKind kind);

/// `variable` has one of `levels`.
struct Condition {
  VariableId variable;
  std::vector<LevelCode> levels;
  bool holds(LevelCode code) const {
    for (LevelCode level : levels)
      if (level == code) return true;
    return false;
  }
};

/// All conditions hold; an empty domain is everybody.
using Domain = std::vector<Condition>;

/// A column of the survey. Answers are level codes 0 ... levels - 1; code `levels` means not
/// applicable (outside the universe).
struct Variable {
  std::string name, label, label_zh, unit;
  VariableKind kind = VariableKind::categorical;
  std::vector<std::string> levels, labels, labels_zh;
  std::vector<double> edges;  ///< bucketed: levels + 1, in `unit`; the last may be infinite
  std::vector<double> assumed_values;  ///< one number a level, in `unit`; may be empty
  std::vector<double> scores;          ///< one score a level, for diffusion indices; may be empty
  Domain universe;                     ///< to whom the variable applies
  std::string asked_with;              ///< yes_no: the multi-response question it is an item of
  /// grouping: the finer variable; bucketed: the one of which it asks the same value
  std::optional<VariableId> group_of;
  /// Level of this variable for each level (and "not applicable") of `group_of`.
  std::vector<LevelCode> group_map;
  Place place;

  std::size_t size() const { return levels.size(); }
  bool has_universe() const { return !universe.empty(); }
  /// Levels plus, where there is a universe, "not applicable".
  std::size_t states() const { return levels.size() + (has_universe() ? 1 : 0); }
  LevelCode not_applicable() const { return static_cast<LevelCode>(levels.size()); }
  const std::string& level_label(std::size_t level) const {
    return level < labels.size() ? labels[level] : levels[level];
  }
};

class Schema {
 public:
  /// @throws UserError for a duplicate name, too many levels or a wrong number of edges or scores
  VariableId add(Variable variable, std::size_t max_levels = kMaxLevels);

  std::size_t size() const { return variables_.size(); }
  const Variable& operator[](VariableId id) const { return variables_[index(id)]; }
  std::span<const Variable> variables() const { return variables_; }
  VariableId id(std::size_t position) const {
    return VariableId{static_cast<std::uint16_t>(position)};
  }

  /// Whose latent value a bucketed answer is of: its own, or that of the variable that it asks the
  /// same value as.
  VariableId value_of(VariableId id) const {
    const Variable& v = (*this)[id];
    return v.kind == VariableKind::bucketed && v.group_of ? *v.group_of : id;
  }

  std::optional<VariableId> find(std::string_view name) const;
  /// @throws UserError with the nearest name
  VariableId require(std::string_view name, const Place& place) const;
  /// @throws UserError with the nearest level
  LevelCode require_level(VariableId id, std::string_view level, const Place& place) const;
  /// "a=x|y & b=z"; empty text: everybody.
  Domain parse_domain(std::string_view text, const Place& place) const;
  std::string describe(const Domain& domain) const;

 private:
  std::vector<Variable> variables_;
};

}  // namespace steelyard
