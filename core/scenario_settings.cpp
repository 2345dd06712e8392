#include "core/scenario_settings.hpp"

#include <toml++/toml.h>

#include <algorithm>

#include "core/text.hpp"

namespace steelyard {
namespace {

std::optional<std::string> name_of(const toml::table& table) {
  for (const char* name : {"name", "id"})
    if (const toml::node* node = table.get(name))
      if (const auto text = node->value<std::string>()) return text;
  return std::nullopt;
}

/// One step down: a key of a table, or the element of a list with that name or id.
const toml::node* step(const toml::node& node, const std::string& key) {
  if (const toml::table* table = node.as_table()) return table->get(key);
  if (const toml::array* array = node.as_array())
    for (const toml::node& item : *array)
      if (const toml::table* table = item.as_table(); table && name_of(*table) == key) return table;
  return nullptr;
}

const toml::node* walk(const toml::node& root, const Texts& parts, std::size_t count) {
  const toml::node* node = &root;
  for (std::size_t k = 0; k < count && node; ++k) node = step(*node, parts[k]);
  return node;
}

void collect(const toml::node& node, const std::string& prefix, Texts& keys) {
  const auto below = [&](const std::string& key) {
    return prefix.empty() ? key : prefix + "." + key;
  };
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, item] : *table) {
      const std::string name(key.str());
      if (prefix.empty() && (name == "sweep" || name == "plan" || name == "worlds")) continue;
      collect(item, below(name), keys);
    }
  } else if (const toml::array* array = node.as_array()) {
    for (const toml::node& item : *array)
      if (const toml::table* element = item.as_table())
        if (const auto name = name_of(*element)) collect(item, below(*name), keys);
  } else if (node.is_number()) {
    keys.push_back(prefix);
  }
}

}  // namespace

std::optional<SettableNumber> number_at(const ScenarioDocument& document, std::string_view key) {
  const Texts parts = split(std::string(key), ".");
  const toml::node* node = walk(*document.table, parts, parts.size());
  if (!node || !node->is_number()) return std::nullopt;
  return SettableNumber{*node->value<double>(), node->is_integer()};
}

bool has_section_of(const ScenarioDocument& document, std::string_view key) {
  const Texts parts = split(std::string(key), ".");
  const toml::node* node = walk(*document.table, parts, parts.size() - 1);
  return node && node->is_table();
}

Texts numeric_keys(const ScenarioDocument& document) {
  Texts keys;
  collect(*document.table, "", keys);
  return keys;
}

}  // namespace steelyard
