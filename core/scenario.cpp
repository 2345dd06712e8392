#include "core/scenario.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "core/csv.hpp"
#include "core/scenario_reader.hpp"
#include "core/text.hpp"

#ifndef STEELYARD_SCENARIO_PATH
#define STEELYARD_SCENARIO_PATH "scenarios"
#endif

namespace steelyard {
namespace fs = std::filesystem;

const char* to_string(Provenance provenance) {
  switch (provenance) {
    case Provenance::census:
      return "census";
    case Provenance::reported:
      return "reported";
    case Provenance::derived:
      return "derived";
    case Provenance::assumed:
      return "assumed";
  }
  return "unknown";
}

const char* to_string(View view) {
  switch (view) {
    case View::population:
      return "population";
    case View::sample:
      return "sample";
    case View::weighted_sample:
      return "sample:weighted";
  }
  return "unknown";
}

const char* to_string(Statistic statistic) {
  switch (statistic) {
    case Statistic::share:
      return "share";
    case Statistic::mean:
      return "mean";
    case Statistic::index:
      return "index";
    case Statistic::count:
      return "count";
    case Statistic::difference:
      return "difference";
    case Statistic::mean_difference:
      return "mean_difference";
    case Statistic::ratio_to_population:
      return "ratio_to_population";
  }
  return "unknown";
}

namespace detail {

Provenance parse_provenance(const std::string& text, const Place& place) {
  return choose<Provenance>(text,
                            {{"census", Provenance::census},
                             {"reported", Provenance::reported},
                             {"derived", Provenance::derived},
                             {"assumed", Provenance::assumed}},
                            place, "provenance");
}

CsvFile ScenarioReader::csv(ConfigReader& section, const std::string& file) {
  const fs::path path = s_.folder / file;
  if (!fs::exists(path))
    section.fail("file", "= \"" + file + "\" does not exist", "looked for " + path.string());
  const std::string text = read_file(path.string());
  remember(text);
  return CsvFile::parse(text, path.string());
}

std::vector<VariableId> ScenarioReader::variables(ConfigReader& section, std::string_view key,
                                                  const Texts& names) {
  std::vector<VariableId> ids;
  for (const std::string& name : names) {
    const VariableId id = s_.schema.require(name, section.place(key));
    if (std::find(ids.begin(), ids.end(), id) != ids.end())
      section.fail(key, "names variable \"" + name + "\" twice");
    ids.push_back(id);
  }
  return ids;
}

}  // namespace detail

namespace {

/// Walks a dotted path; elements of [[section]] are found by their name or id.
toml::node* descend(toml::node& node, const std::string& key) {
  if (toml::table* table = node.as_table()) return table->get(key);
  if (toml::array* array = node.as_array())
    for (toml::node& item : *array)
      if (toml::table* table = item.as_table())
        for (const char* name : {"name", "id"})
          if (table->get(name) && table->get(name)->value<std::string>() == key) return table;
  return nullptr;
}

void apply_setting(toml::table& document, const std::string& setting) {
  const auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UserError({}, "--set", "\"" + setting + "\" is not key=value",
                    "for instance --set sample.size=5000");
  const std::string path = setting.substr(0, equals), value = setting.substr(equals + 1);
  const Texts parts = split(path, ".");
  toml::node* node = &document;
  for (std::size_t k = 0; k + 1 < parts.size(); ++k) {
    node = descend(*node, parts[k]);
    if (!node)
      throw UserError({}, "--set", "\"" + path + "\": there is no \"" + parts[k] + "\"",
                      "see scenario.toml");
  }
  toml::table* table = node->as_table();
  if (!table)
    throw UserError({}, "--set", "\"" + path + "\" names a list", "name one of its elements");
  toml::table parsed;
  try {
    parsed = toml::parse("x = " + value);
  } catch (const toml::parse_error&) {
    parsed.insert("x", value);
  }
  table->insert_or_assign(parts.back(), std::move(*parsed.get("x")));
}

fs::path find_scenario(const std::string& name) {
  if (fs::exists(fs::path(name) / "scenario.toml")) return fs::path(name);
  if (name.find('/') == std::string::npos)
    for (const fs::path& folder : scenario_folders())
      if (fs::exists(folder / name / "scenario.toml")) return folder / name;
  if (fs::is_directory(name))
    throw UserError({name}, {}, "has no scenario.toml", "name a scenario's folder");
  const std::string nearest = suggestion(name, shipped_scenarios());
  throw UserError({}, {}, "no scenario \"" + name + "\"",
                  nearest.empty() ? "see: steelyard list scenarios" : nearest);
}

}  // namespace

ConfigReader Scenario::reader() const {
  return ConfigReader(*static_cast<const toml::table*>(document.get()),
                      (folder / "scenario.toml").string(), "");
}

std::vector<fs::path> scenario_folders() {
  std::vector<fs::path> folders;
  if (const char* path = std::getenv("STEELYARD_SCENARIOS"))
    for (const std::string& part : split(path, ":")) folders.emplace_back(part);
  for (const std::string& part : split(STEELYARD_SCENARIO_PATH, ":")) folders.emplace_back(part);
  return folders;
}

std::vector<std::string> shipped_scenarios() {
  std::set<std::string> names;
  for (const fs::path& folder : scenario_folders())
    if (fs::is_directory(folder))
      for (const auto& entry : fs::directory_iterator(folder))
        if (fs::exists(entry.path() / "scenario.toml"))
          names.insert(entry.path().filename().string());
  return {names.begin(), names.end()};
}

ConfigReader ScenarioDocument::reader() const {
  return ConfigReader(*table, (folder / "scenario.toml").string(), "");
}

namespace {

/// Entries of `over` in place of those of `base`; tables are merged, lists replaced.
void override_with(toml::table& base, const toml::table& over) {
  for (const auto& [key, node] : over) {
    toml::table* below = base.get(key) ? base.get(key)->as_table() : nullptr;
    if (below && node.is_table())
      override_with(*below, *node.as_table());
    else
      base.insert_or_assign(key, node);
  }
}

/// A document as it stands, on top of the one that it extends.
ScenarioDocument read_scenario(const std::string& name_or_folder, int depth) {
  ScenarioDocument opened;
  opened.folder = find_scenario(name_or_folder);
  const std::string path = (opened.folder / "scenario.toml").string();
  opened.text = read_file(path);
  if (const auto at = invalid_utf8(opened.text))
    throw UserError(
        {path, static_cast<int>(
                   1 + std::count(opened.text.begin(),
                                  opened.text.begin() + static_cast<std::ptrdiff_t>(*at), '\n'))},
        {}, "is not UTF-8", "convert it, for instance: iconv -f GB18030 -t UTF-8");
  auto document = std::make_shared<toml::table>();
  try {
    *document = toml::parse(opened.text, path);
  } catch (const toml::parse_error& error) {
    throw UserError({path, static_cast<int>(error.source().begin.line),
                     static_cast<int>(error.source().begin.column)},
                    {}, std::string(error.description()), "correct the TOML");
  }
  const std::string own_text = opened.text;
  if (const toml::node* extends = document->get("extends")) {
    const Place place{path, static_cast<int>(extends->source().begin.line),
                      static_cast<int>(extends->source().begin.column)};
    constexpr int kDeepest = 8;
    const auto base_name = extends->value<std::string>();
    if (!base_name)
      throw UserError(place, "extends", "is not a text", "name a scenario or its folder");
    if (depth == kDeepest)
      throw UserError(place, "extends", "goes in a circle", "extend a scenario that stands alone");
    const fs::path beside = opened.folder / *base_name;
    ScenarioDocument base = read_scenario(
        fs::exists(beside / "scenario.toml") ? beside.string() : *base_name, depth + 1);
    document->erase("extends");
    auto merged = std::make_shared<toml::table>(*base.table);
    override_with(*merged, *document);
    opened.folder = base.folder;
    opened.text =
        base.text + "\n# extended by " + fs::path(path).parent_path().filename().string() + ":\n# ";
    for (char c : own_text) opened.text += c == '\n' ? std::string("\n# ") : std::string(1, c);
    document = std::move(merged);
  }
  opened.table = std::move(document);
  return opened;
}

}  // namespace

ScenarioDocument open_scenario(const std::string& name_or_folder, const Texts& settings) {
  ScenarioDocument opened = read_scenario(name_or_folder, 0);
  if (settings.empty()) return opened;
  auto document = std::make_shared<toml::table>(*opened.table);
  for (const std::string& setting : settings) {
    apply_setting(*document, setting);
    opened.text += "\n# --set " + setting;
  }
  opened.table = std::move(document);
  return opened;
}

Scenario load_scenario(const std::string& name_or_folder, const std::vector<std::string>& settings,
                       Reading reading) {
  Texts toml_settings, number_settings;
  for (const std::string& setting : settings)
    (setting.starts_with("number.") ? number_settings : toml_settings).push_back(setting);
  ScenarioDocument document = open_scenario(name_or_folder, toml_settings);
  if (document.reader().has("households"))
    throw UserError(document.reader().place("households"), "households",
                    "this is a household scenario, which has no survey",
                    "it goes with: steelyard check, steelyard synthesize");
  if (const auto* population = document.table->get_as<toml::table>("population"))
    if (const auto* kind = population->get("kind"); kind && kind->value<std::string>() == "model")
      throw UserError({(document.folder / "scenario.toml").string(),
                       static_cast<int>(kind->source().begin.line),
                       static_cast<int>(kind->source().begin.column)},
                      "population", "is a model: drawn by formulas, without published numbers",
                      "it goes with: steelyard check, draw, run, budget, sweep, tip, plan");
  Scenario scenario;
  scenario.reading = reading;
  scenario.folder = document.folder;
  scenario.settings = settings;
  scenario.toml_text = std::move(document.text);
  for (std::string& setting : number_settings) {
    scenario.toml_text += "\n# --set " + setting;
    setting = setting.substr(7);
  }
  detail::ScenarioReader files(scenario, *document.table);
  files.remember(scenario.toml_text);
  scenario.document = document.table;
  files.read();
  for (const std::string& setting : number_settings) {
    const auto equals = setting.find('=');
    const std::string id = setting.substr(0, equals);
    const auto value =
        equals == std::string::npos ? std::nullopt : parse_number(setting.substr(equals + 1));
    Texts ids;
    PublishedNumber* found = nullptr;
    for (PublishedNumber& n : scenario.numbers) {
      ids.push_back(n.id);
      if (n.id == id) found = &n;
    }
    if (!found) throw UserError({}, "--set", "no number \"" + id + "\"", suggestion(id, ids));
    if (!value)
      throw UserError({}, "--set", "\"" + setting + "\" has no number",
                      "for instance --set number." + id + "=50");
    const double unit = found->statistic == Statistic::share ? 100 : 1;
    const double shift = *value / unit - found->value;
    found->value += shift;
    found->lower += shift;
    found->upper += shift;
  }
  return scenario;
}

}  // namespace steelyard
