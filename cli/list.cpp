#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "cli/commands.hpp"
#include "core/scenario.hpp"
#include "core/text.hpp"
#include "estimators/functionals/functional.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/values/value_rule.hpp"
#include "estimators/weighting/weighting.hpp"
#include "sim/designs/design.hpp"
#include "sim/households/household_scenario.hpp"
#include "sim/measurement/measurement_model.hpp"
#include "sim/models/model_scenario.hpp"

namespace steelyard {
namespace {

struct Entry {
  std::string kind, name, summary, source;
  std::vector<OptionRecord> options;
};

/// The options that a method reads, learned by letting it read nothing.
template <typename Info>
std::vector<OptionRecord> options_of(const Info& info) {
  ConfigReader reader = ConfigReader::documenting();
  try {
    if constexpr (std::is_same_v<Info, DesignInfo>)
      (void)info.make(reader, DesignFrame{});
    else
      (void)info.make(reader, Schema{});
  } catch (const UserError&) {
    // A method may refuse empty options after it has read them; what it read is recorded.
  }
  return reader.records();
}

template <typename Info>
void add(std::vector<Entry>& entries, const char* kind, std::span<const Info> infos) {
  for (const Info& info : infos)
    entries.push_back({kind, std::string(info.name), std::string(info.summary),
                       std::string(info.source), options_of(info)});
}

std::vector<Entry> all_entries() {
  std::vector<Entry> entries;
  for (const std::string& name : shipped_scenarios()) {
    std::string title;
    try {
      title = is_household_scenario(name) ? load_household_scenario(name).title
              : is_model_scenario(name)   ? load_model_scenario(name).scenario.title
                                          : load_scenario(name).title;
    } catch (const UserError& error) {
      title = std::string("cannot be read: ") + error.what();
    }
    entries.push_back({"scenarios", name, title, "", {}});
  }
  add(entries, "designs", sampling_designs());
  add(entries, "measurement-models", measurement_models());
  add(entries, "weightings", weightings());
  add(entries, "value-rules", value_rules());
  for (const BucketRuleInfo& info : bucket_rules())
    entries.push_back({"bucket-rules",
                       std::string(info.name),
                       std::string(info.summary),
                       std::string(info.source),
                       {}});
  add(entries, "functionals", functionals());
  add(entries, "intervals", intervals());
  return entries;
}

void describe_households(const HouseholdScenario& s) {
  fmt::print("{}: {}\n{}\n\nseeds       {} households with {} persons\nzones       {}\n", s.name,
             s.title, s.description, s.seeds.households(), s.seeds.persons(), s.zones.size());
  for (std::size_t v = 0; v < s.schema.size(); ++v) {
    const Variable& variable = s.schema[s.schema.id(v)];
    fmt::print("  {:<32} {:<12} {} levels  {}\n", variable.name,
               s.of_household[v] ? "household" : "person", variable.size(), variable.label);
  }
  fmt::print("controls\n");
  for (const HouseholdControl& control : s.controls)
    fmt::print("  {:<32} {:<12} {}  {}\n", control.id,
               control.of_households ? "households" : "persons", to_string(control.provenance),
               control.source);
}

}  // namespace

int list_command(const std::string& kind, bool json) {
  const Texts kinds{"scenarios",   "designs",      "measurement-models", "weightings",
                    "value-rules", "bucket-rules", "functionals",        "intervals"};
  if (!kind.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    const std::string nearest = suggestion(kind, kinds);
    throw UserError({}, "list", "\"" + kind + "\" is not one of: " + join(kinds, ", "), nearest);
  }
  nlohmann::ordered_json answer = nlohmann::ordered_json::array();
  std::string shown;
  for (const Entry& entry : all_entries()) {
    if (!kind.empty() && entry.kind != kind) continue;
    if (json) {
      answer.push_back({{"kind", entry.kind},
                        {"name", entry.name},
                        {"summary", entry.summary},
                        {"source", entry.source}});
      continue;
    }
    if (shown != entry.kind) fmt::print("{}{}\n", shown.empty() ? "" : "\n", entry.kind);
    shown = entry.kind;
    fmt::print("  {:<28} {}\n", entry.name, entry.summary);
  }
  if (json) fmt::print("{}\n", answer.dump(2));
  return 0;
}

int describe_command(const std::string& name) {
  Texts names;
  for (const Entry& entry : all_entries()) {
    names.push_back(entry.name);
    if (entry.name != name) continue;
    if (entry.kind == "scenarios" && is_household_scenario(name)) {
      describe_households(load_household_scenario(name));
      return 0;
    }
    if (entry.kind == "scenarios" && is_model_scenario(name)) {
      describe_model(name);
      return 0;
    }
    if (entry.kind == "scenarios") {
      const Scenario scenario = load_scenario(name);
      fmt::print(
          "{}: {}\n{}\n\npopulation  {} ({})\nsample      {} respondents\nvariables   {}\ntables   "
          "   {}\nnumbers     {}\n",
          name, scenario.title, scenario.description,
          scenario.population_size ? std::to_string(*scenario.population_size) : "superpopulation",
          scenario.population_unit, scenario.sample_size, scenario.schema.size(),
          scenario.tables.size(), scenario.numbers.size());
      for (const Variable& v : scenario.schema.variables())
        fmt::print("  {:<32} {:<12} {} levels  {}\n", v.name, to_string(v.kind), v.size(), v.label);
      return 0;
    }
    fmt::print("{} ({})\n{}\nsource: {}\n", entry.name, entry.kind, entry.summary, entry.source);
    if (!entry.options.empty()) fmt::print("\noptions\n");
    for (const OptionRecord& option : entry.options)
      fmt::print("  {:<16} {}{}{}, default: {}\n                   {}\n", option.key, option.type,
                 option.range.empty() ? "" : ", ", option.range, option.fallback, option.help);
    return 0;
  }
  const std::string nearest = suggestion(name, names);
  throw UserError({}, "describe", "nothing is named \"" + name + "\"",
                  nearest.empty() ? "see: steelyard list" : nearest);
}

}  // namespace steelyard
