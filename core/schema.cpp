#include "core/schema.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace steelyard {

const char* to_string(VariableKind kind) {
  switch (kind) {
    case VariableKind::categorical:
      return "categorical";
    case VariableKind::ordered:
      return "ordered";
    case VariableKind::bucketed:
      return "bucketed";
    case VariableKind::count:
      return "count";
    case VariableKind::continuous:
      return "continuous";
    case VariableKind::yes_no:
      return "yes_no";
    case VariableKind::grouping:
      return "grouping";
  }
  return "unknown";
}

VariableId Schema::add(Variable v, std::size_t max_levels) {
  const auto fail = [&](std::string problem, std::string hint) {
    throw UserError(v.place, "variable " + v.name, std::move(problem), std::move(hint));
  };
  if (v.name.empty()) fail("has no name", "give name = \"...\"");
  if (find(v.name)) fail("stands twice", "rename or remove one");
  if (v.kind == VariableKind::continuous && v.levels.empty()) {
    variables_.push_back(std::move(v));
    return id(variables_.size() - 1);
  }
  if (v.levels.size() < 2) fail("has fewer than two levels", "list them in levels = [...]");
  if (v.levels.size() > max_levels)
    fail("has " + std::to_string(v.levels.size()) + " levels",
         "at most " + std::to_string(max_levels) + " are possible here");
  std::vector<std::string> sorted = v.levels;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) fail("level \"" + *twice + "\" stands twice", "rename one");
  const auto same_length = [&](const auto& list, const char* what) {
    if (!list.empty() && list.size() != v.levels.size())
      fail(std::string(what) + " has " + std::to_string(list.size()) + " entries, there are " +
               std::to_string(v.levels.size()) + " levels",
           "give one a level");
  };
  same_length(v.labels, "labels");
  same_length(v.labels_zh, "labels_zh");
  same_length(v.assumed_values, "assumed_values");
  same_length(v.scores, "scores");
  if (v.kind == VariableKind::bucketed) {
    if (v.edges.size() != v.levels.size() + 1)
      fail("edges has " + std::to_string(v.edges.size()) + " entries for " +
               std::to_string(v.levels.size()) + " buckets",
           "give one more edge than levels; the last may be inf");
    for (std::size_t i = 1; i < v.edges.size(); ++i)
      if (!(v.edges[i] > v.edges[i - 1])) fail("edges do not increase", "sort them");
  } else if (!v.edges.empty()) {
    fail("has edges but is not bucketed", "set kind = \"bucketed\"");
  }
  variables_.push_back(std::move(v));
  return id(variables_.size() - 1);
}

std::optional<VariableId> Schema::find(std::string_view name) const {
  for (std::size_t i = 0; i < variables_.size(); ++i)
    if (variables_[i].name == name) return id(i);
  return std::nullopt;
}

VariableId Schema::require(std::string_view name, const Place& place) const {
  if (const auto found = find(name)) return *found;
  std::vector<std::string> names;
  for (const Variable& v : variables_) names.push_back(v.name);
  const std::string nearest = suggestion(name, names);
  throw UserError(place, {}, "unknown variable \"" + std::string(name) + "\"",
                  nearest.empty() ? "declare it under [[variable]]" : nearest);
}

LevelCode Schema::require_level(VariableId id, std::string_view level, const Place& place) const {
  const Variable& v = (*this)[id];
  const auto found = std::find(v.levels.begin(), v.levels.end(), level);
  if (found != v.levels.end()) return static_cast<LevelCode>(found - v.levels.begin());
  const std::string nearest = suggestion(level, v.levels);
  throw UserError(place, {},
                  "unknown level \"" + std::string(level) + "\" of variable \"" + v.name + "\"",
                  nearest.empty() ? "its levels: " + join(v.levels, ", ") : nearest);
}

Domain Schema::parse_domain(std::string_view text, const Place& place) const {
  Domain domain;
  if (trim(text).empty()) return domain;
  for (const std::string& part : split(text, "&")) {
    const auto equals = part.find('=');
    if (equals == std::string::npos)
      throw UserError(place, {}, "\"" + part + "\" is not a condition",
                      "write variable=level or variable=level1|level2");
    const VariableId variable = require(trim(std::string_view(part).substr(0, equals)), place);
    Condition condition{variable, {}};
    for (const std::string& level : split(std::string_view(part).substr(equals + 1), "|"))
      condition.levels.push_back(require_level(variable, level, place));
    std::sort(condition.levels.begin(), condition.levels.end());
    for (const Condition& other : domain)
      if (other.variable == variable)
        throw UserError(place, {},
                        "variable \"" + (*this)[variable].name + "\" stands twice in one scope",
                        "join its levels with |");
    domain.push_back(std::move(condition));
  }
  std::sort(domain.begin(), domain.end(),
            [](const Condition& a, const Condition& b) { return a.variable < b.variable; });
  return domain;
}

std::string Schema::describe(const Domain& domain) const {
  if (domain.empty()) return "all";
  std::string text;
  for (const Condition& condition : domain) {
    if (!text.empty()) text += " & ";
    const Variable& v = (*this)[condition.variable];
    text += v.name + "=";
    for (std::size_t i = 0; i < condition.levels.size(); ++i)
      text += (i ? "|" : "") + v.levels[condition.levels[i]];
  }
  return text;
}

}  // namespace steelyard
