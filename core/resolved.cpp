#include "core/resolved.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/text.hpp"

namespace steelyard {
namespace fs = std::filesystem;
namespace {

std::string value_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return '"' + text->get() + '"';
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return shortest(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  Texts parts;
  if (const auto* array = node.as_array())
    for (const toml::node& item : *array) parts.push_back(value_text(item));
  if (const auto* table = node.as_table())
    for (const auto& [key, item] : *table)
      parts.push_back(std::string(key.str()) + " = " + value_text(item));
  return (node.is_table() ? "{" : "[") + join(parts, ", ") + (node.is_table() ? "}" : "]");
}

class Flattener {
 public:
  explicit Flattener(const Scenario& scenario)
      : folder_(scenario.folder), file_((folder_ / "scenario.toml").string()) {}

  void flatten(const toml::node& node, const std::string& key) {
    if (key == "seed" || key == "study.replicates") return;
    const toml::array* array = node.as_array();
    if (const toml::table* table = node.as_table()) {
      for (const auto& [name, item] : *table)
        flatten(item, key.empty() ? std::string(name.str()) : key + "." + std::string(name.str()));
    } else if (array != nullptr && array->is_array_of_tables()) {
      for (std::size_t i = 0; i < array->size(); ++i)
        flatten((*array)[i], key + element(*(*array)[i].as_table(), i));
    } else {
      // What --set changed has no path.
      const toml::source_region& source = node.source();
      entries.push_back({key, value_text(node),
                         source.path ? Place{*source.path, static_cast<int>(source.begin.line),
                                             static_cast<int>(source.begin.column)}
                                     : Place{file_, 0, 0}});
      remember_files(node);
    }
  }

  std::vector<ResolvedEntry> entries;

 private:
  static std::string element(const toml::table& table, std::size_t i) {
    for (const char* name : {"name", "id"})
      if (const auto text = table[name].value<std::string>()) return "." + *text;
    return fmt::format("[{}]", i);
  }

  /// The content of what a text names, if there is such a file in the scenario's folder.
  void remember_files(const toml::node& node) {
    if (const auto* array = node.as_array())
      for (const toml::node& item : *array) remember_files(item);
    const auto* text = node.as_string();
    std::error_code none;
    if (text == nullptr || text->get().empty() ||
        !fs::is_regular_file(folder_ / text->get(), none) || !files_.insert(text->get()).second)
      return;
    const std::string path = (folder_ / text->get()).string();
    entries.push_back({"file " + text->get(), content_hash(read_file(path)), {path, 0, 0}});
  }

  fs::path folder_;
  std::string file_;
  std::set<std::string> files_;
};

/// The new section that a key belongs to: "weighting.raking." of "weighting.raking.margins".
std::string section_of(const std::string& key, std::string_view kind) {
  if (!key.starts_with(kind) || key.size() <= kind.size() || key[kind.size()] != '.') return {};
  // A name may have dots; its own "name" or "id" key tells where it ends.
  for (const char* last : {".name", ".id"})
    if (key.ends_with(last))
      return key.substr(kind.size() + 1, key.size() - kind.size() - 1 - std::string(last).size());
  return {};
}

Texts new_sections(const std::vector<ResolvedEntry>& now, const std::set<std::string>& earlier,
                   std::string_view kind) {
  Texts names;
  for (const ResolvedEntry& entry : now)
    if (const std::string name = section_of(entry.key, kind);
        !name.empty() && !earlier.contains(entry.key))
      names.push_back(name);
  return names;
}

bool belongs(const std::string& key, std::string_view kind, const Texts& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return key.starts_with(fmt::format("{}.{}.", kind, name));
  });
}

/// Benchmarks are looked up in their order, so that one at the end changes no other's answer.
bool is_added_benchmark(const std::string& key, const std::set<std::string>& earlier) {
  if (!key.starts_with("benchmark[")) return false;
  const std::string element = key.substr(0, key.find(']') + 1);
  return std::none_of(earlier.begin(), earlier.end(),
                      [&](const std::string& other) { return other.starts_with(element); });
}

}  // namespace

std::vector<ResolvedEntry> resolve(const Scenario& scenario) {
  Flattener flattener(scenario);
  flattener.flatten(*static_cast<const toml::table*>(scenario.document.get()), "");
  for (const std::string& setting : scenario.settings)
    if (setting.starts_with("number."))
      flattener.entries.push_back(
          {"--set " + setting.substr(0, setting.find('=')),
           setting.find('=') == std::string::npos ? "" : setting.substr(setting.find('=') + 1),
           {}});
  std::stable_sort(flattener.entries.begin(), flattener.entries.end(),
                   [](const ResolvedEntry& a, const ResolvedEntry& b) { return a.key < b.key; });
  return std::move(flattener.entries);
}

std::string resolved_text(const std::vector<ResolvedEntry>& entries) {
  std::string text;
  for (const ResolvedEntry& entry : entries) {
    text += entry.key + " = ";
    for (char c : entry.value) text += c == '\n' ? std::string("\\n") : std::string(1, c);
    text += '\n';
  }
  return text;
}

std::vector<ResolvedEntry> parse_resolved(const std::string& text) {
  std::vector<ResolvedEntry> entries;
  for (const std::string& line : split(text, "\n"))
    if (const auto at = line.find(" = "); at != std::string::npos)
      entries.push_back({line.substr(0, at), line.substr(at + 3), {}});
  return entries;
}

ScenarioGrowth growth(const std::vector<ResolvedEntry>& earlier,
                      const std::vector<ResolvedEntry>& now, const std::string& earlier_name) {
  const std::string hint =
      "run it into another folder; only new weightings, value rules, "
      "intervals and estimands can be added to what is done";
  const auto brief = [](const std::string& value) {
    return value.size() <= 60 ? value : value.substr(0, 57) + "...";
  };
  std::map<std::string, std::string> before;
  std::set<std::string> keys;
  for (const ResolvedEntry& entry : earlier) {
    before[entry.key] = entry.value;
    keys.insert(entry.key);
  }
  ScenarioGrowth added{new_sections(now, keys, "weighting"), new_sections(now, keys, "value_rule"),
                       new_sections(now, keys, "interval"), new_sections(now, keys, "estimand")};
  for (ResolvedEntry entry : now) {
    entry.value = parse_resolved(resolved_text({entry})).front().value;  // as it was written
    const auto at = before.find(entry.key);
    if (at == before.end()) {
      if (belongs(entry.key, "weighting", added.weightings) ||
          belongs(entry.key, "value_rule", added.value_rules) ||
          belongs(entry.key, "interval", added.intervals) ||
          belongs(entry.key, "estimand", added.estimands) || is_added_benchmark(entry.key, keys) ||
          entry.key.starts_with("file "))
        continue;
      throw UserError(
          entry.place, entry.key,
          fmt::format("= {} is new; {} ran without it", brief(entry.value), earlier_name), hint);
    }
    if (at->second != entry.value)
      throw UserError(entry.place, entry.key,
                      entry.key.starts_with("file ")
                          ? fmt::format("has another content than when {} ran", earlier_name)
                          : fmt::format("is {} now and was {} when {} ran", brief(entry.value),
                                        brief(at->second), earlier_name),
                      hint);
    before.erase(at);
  }
  if (!before.empty())
    throw UserError(
        now.empty() ? Place{} : Place{now.front().place.file, 0, 0}, before.begin()->first,
        fmt::format("was {} when {} ran and has gone", brief(before.begin()->second), earlier_name),
        hint);
  return added;
}

}  // namespace steelyard
