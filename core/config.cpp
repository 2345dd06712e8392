#include "core/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "core/text.hpp"

namespace steelyard {
namespace {

template <typename T>
std::string range_text(T min, T max) {
  using Limits = std::numeric_limits<T>;
  const T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  const T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
  if (min > lowest && max < highest) return fmt::format("{} to {}", min, max);
  if (min > lowest) return fmt::format("at least {}", min);
  if (max < highest) return fmt::format("at most {}", max);
  return {};
}

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }
int column_of(const toml::node& node) { return static_cast<int>(node.source().begin.column); }
/// The file that the node was read from, where a scenario extends another.
const std::string& file_of(const toml::node& node, const std::string& otherwise) {
  return node.source().path ? *node.source().path : otherwise;
}

}  // namespace

ConfigReader::ConfigReader(const toml::table& table, std::string file, std::string context)
    : table_(&table), file_(std::move(file)), context_(std::move(context)) {}

Place ConfigReader::place() const {
  return table_ ? Place{file_of(*table_, file_), line_of(*table_), column_of(*table_)} : Place{};
}

Place ConfigReader::place(std::string_view key) const {
  if (table_)
    if (const toml::node* node = table_->get(key))
      return {file_of(*node, file_), line_of(*node), column_of(*node)};
  return place();
}

void ConfigReader::fail(std::string_view key, std::string problem, std::string hint) const {
  std::string text = key.empty() ? std::move(problem) : fmt::format("\"{}\" {}", key, problem);
  throw UserError(place(key), context_, std::move(text), std::move(hint));
}

bool ConfigReader::has(std::string_view key) const { return table_ && table_->contains(key); }

bool ConfigReader::is_text(std::string_view key) const {
  return table_ && table_->get(key) && table_->get(key)->is_string();
}

const toml::node* ConfigReader::find(std::string_view key, std::string type, std::string range,
                                     std::string fallback, std::string_view help) {
  known_.emplace_back(key);
  records_.push_back({std::string(key), std::move(type), std::move(range), std::move(fallback),
                      std::string(help)});
  return table_ ? table_->get(key) : nullptr;
}

std::string ConfigReader::text(std::string_view key, const TextOption& option) {
  const toml::node* node = find(key, "text", join(option.choices, " | "),
                                option.fallback.value_or("required"), option.help);
  if (!node) {
    if (!option.fallback && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return option.fallback.value_or(std::string{});
  }
  const auto value = node->value_exact<std::string>();
  if (!value) fail(key, "must be a text in quotes");
  if (!option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), *value) == option.choices.end()) {
    const std::string nearest = suggestion(*value, option.choices);
    fail(key, fmt::format("= \"{}\" is not one of: {}", *value, join(option.choices, ", ")),
         nearest);
  }
  return *value;
}

double ConfigReader::real(std::string_view key, const RealOption& option) {
  const std::string range = range_text(option.min, option.max);
  const toml::node* node = find(
      key, "number", range, option.fallback ? shortest(*option.fallback) : "required", option.help);
  if (!node) {
    if (!option.fallback && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return option.fallback.value_or(0.0);
  }
  if (!node->is_number()) fail(key, "must be a number");
  const double value = *node->value<double>();
  if (!(value >= option.min && value <= option.max))
    fail(key, fmt::format("= {} is out of range", value), "allowed: " + range);
  return value;
}

std::int64_t ConfigReader::integer(std::string_view key, const IntegerOption& option) {
  const std::string range = range_text(option.min, option.max);
  const toml::node* node =
      find(key, "integer", range, option.fallback ? std::to_string(*option.fallback) : "required",
           option.help);
  if (!node) {
    if (!option.fallback && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return option.fallback.value_or(0);
  }
  const auto value = node->value_exact<std::int64_t>();
  if (!value) fail(key, "must be a whole number");
  if (*value < option.min || *value > option.max)
    fail(key, fmt::format("= {} is out of range", *value), "allowed: " + range);
  return *value;
}

bool ConfigReader::flag(std::string_view key, bool fallback, std::string_view help) {
  const toml::node* node = find(key, "true | false", {}, fallback ? "true" : "false", help);
  if (!node) return fallback;
  const auto value = node->value_exact<bool>();
  if (!value) fail(key, "must be true or false");
  return *value;
}

Texts ConfigReader::texts(std::string_view key, const ListOption& option) {
  const toml::node* node =
      find(key, "list of texts", {}, option.required ? "required" : "empty", option.help);
  if (!node) {
    if (option.required && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return {};
  }
  if (!node->is_array()) fail(key, "must be a list of texts, for instance [\"a\", \"b\"]");
  Texts values;
  for (const toml::node& item : *node->as_array()) {
    const auto value = item.value_exact<std::string>();
    if (!value) fail(key, "must hold texts only");
    values.push_back(*value);
  }
  return values;
}

std::vector<double> ConfigReader::reals(std::string_view key, const ListOption& option) {
  const toml::node* node =
      find(key, "list of numbers", {}, option.required ? "required" : "empty", option.help);
  if (!node) {
    if (option.required && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return {};
  }
  if (!node->is_array()) fail(key, "must be a list of numbers");
  std::vector<double> values;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_number()) fail(key, "must hold numbers only");
    values.push_back(*item.value<double>());
  }
  return values;
}

std::vector<Texts> ConfigReader::text_lists(std::string_view key, const ListOption& option) {
  const toml::node* node =
      find(key, "list of lists of texts", {}, option.required ? "required" : "empty", option.help);
  if (!node) {
    if (option.required && table_) fail({}, fmt::format("key \"{}\" is missing", key), "add it");
    return {};
  }
  if (!node->is_array()) fail(key, "must be a list");
  std::vector<Texts> lists;
  for (const toml::node& item : *node->as_array()) {
    Texts list;
    if (const auto single = item.value_exact<std::string>()) {
      list.push_back(*single);
    } else if (const toml::array* inner = item.as_array()) {
      for (const toml::node& element : *inner) {
        const auto value = element.value_exact<std::string>();
        if (!value) fail(key, "must hold names only");
        list.push_back(*value);
      }
    } else {
      fail(key, "must hold names or lists of names");
    }
    lists.push_back(std::move(list));
  }
  return lists;
}

std::optional<ConfigReader> ConfigReader::section(std::string_view key) {
  const toml::node* node = find(key, "section", {}, "absent", {});
  if (!node) return std::nullopt;
  const toml::table* table = node->as_table();
  if (!table) fail(key, "must be a section");
  return ConfigReader(*table, file_,
                      context_.empty() ? std::string(key) : fmt::format("{} {}", context_, key));
}

std::vector<ConfigReader> ConfigReader::sections(std::string_view key, std::string_view help) {
  const toml::node* node = find(key, "sections", {}, "absent", help);
  std::vector<ConfigReader> readers;
  if (!node) return readers;
  const toml::array* array = node->as_array();
  if (!array) fail(key, fmt::format("must be written [[{}]]", key));
  for (const toml::node& item : *array) {
    const toml::table* table = item.as_table();
    if (!table) fail(key, fmt::format("must be written [[{}]]", key));
    readers.push_back(ConfigReader(*table, file_, std::string(key)));
  }
  return readers;
}

Texts ConfigReader::keys() {
  Texts names;
  if (table_)
    for (const auto& [key, node] : *table_) names.emplace_back(key.str());
  known_.insert(known_.end(), names.begin(), names.end());
  return names;
}

void ConfigReader::finish() const {
  if (!table_) return;
  for (const auto& [key, node] : *table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string nearest = suggestion(name, known_);
    throw UserError({file_, line_of(node), column_of(node)}, context_,
                    "unknown key \"" + name + "\"",
                    nearest.empty() ? "known keys: " + join(known_, ", ") : nearest);
  }
}

}  // namespace steelyard
