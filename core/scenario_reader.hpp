#pragma once

// Reads a scenario's files into a Scenario; used by load_scenario alone.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "core/csv.hpp"
#include "core/scenario.hpp"
#include "core/text.hpp"

namespace steelyard::detail {

/// The value that a text stands for; anything else is a UserError that names the choices.
template <typename Enum>
Enum choose(const std::string& text, std::initializer_list<std::pair<const char*, Enum>> choices,
            const Place& place, const char* key) {
  Texts names;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    names.emplace_back(name);
  }
  const std::string nearest = suggestion(text, names);
  throw UserError(place, key, "\"" + text + "\" is not one of: " + join(names, ", "), nearest);
}

Provenance parse_provenance(const std::string& text, const Place& place);

/// Reads a scenario's files; remembers their content for the hash.
class ScenarioReader {
 public:
  ScenarioReader(Scenario& scenario, const toml::table& document)
      : s_(scenario), root_(document, (scenario.folder / "scenario.toml").string(), "") {}

  void read() {
    read_header();
    for (ConfigReader& section : root_.sections("variable")) read_variable(section);
    if (s_.schema.size() == 0)
      root_.fail({}, "has no variables", "declare them under [[variable]]");
    for (const LatentSpec& latent : s_.latents) check_latent(latent);
    check_universes();
    read_population();
    read_weighting_view();
    for (ConfigReader& section : root_.sections("table")) read_table(section);
    for (ConfigReader& section : root_.sections("numbers")) read_numbers(section);
    for (ConfigReader& section : root_.sections("exchange")) read_exchange(section);
    for (ConfigReader& section : root_.sections("selection")) read_selection(section);
    check_tables();
    if (s_.reading == Reading::corrected)
      check_numbers();
    else
      take_as_printed();
    s_.hash = content_hash(hashed_);
  }

  void remember(std::string_view text) { hashed_ += text; }

 private:
  /// One field of a row of a numbers file, by its title.
  using Field = std::function<const std::string&(const char*)>;

  CsvFile csv(ConfigReader& section, const std::string& file);

  std::vector<VariableId> variables(ConfigReader& section, std::string_view key,
                                    const Texts& names);

  void read_header();

  void read_variable(ConfigReader& c);

  void read_grouping(ConfigReader& c, Variable& v);
  void read_other_buckets(ConfigReader& c, Variable& v);

  void read_latent(ConfigReader& c, VariableId id);

  void read_density(ConfigReader& c, LatentSpec& latent, const Texts& groups);

  void check_latent(const LatentSpec& latent);

  /// Every variable must apply to somebody: its universe must hold together with the universes of
  /// the variables that it names.
  void check_universes();

  void read_population();

  void read_weighting_view();

  /// Level codes of a row; columns must be exactly the variables and the value.
  std::vector<std::size_t> cell_columns(const CsvFile& file, const std::vector<VariableId>& ids,
                                        const std::string& value);

  void read_table(ConfigReader& c);

  void read_selection(ConfigReader& c);

  void read_numbers(ConfigReader& c);

  /// Reads [[exchange]] and, unless the numbers are taken as printed, applies it.
  void read_exchange(ConfigReader& c);

  /// Every modelled number counts.
  void take_as_printed();

  PublishedNumber number(const CsvFile& file, std::size_t row, const Field& field);

  void read_what(PublishedNumber& n);

  void read_ratio(PublishedNumber& n, const Field& field, double unit);
  void read_interval(PublishedNumber& n, const Field& field);

  /// Population margins must agree on their total, and leave no positive margin without support.
  void check_tables();

  static void check_zero(const MarginTable& seed, const MarginTable& margin);

  /// Shares of all levels of a question in one scope must be able to sum to one; no number twice.
  void check_numbers();

  Scenario& s_;
  ConfigReader root_;
  std::string hashed_;
  std::vector<Texts> latent_groups_;
  std::map<std::size_t, std::string> density_files_;
};

}  // namespace steelyard::detail
