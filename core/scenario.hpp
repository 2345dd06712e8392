#pragma once

// A scenario as it stands in its folder: schema, tables, published numbers, population and sample.
// What only the study understands (estimands, estimators) stays in the TOML for the study to read.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/margin.hpp"
#include "core/schema.hpp"

namespace steelyard {

/// How the continuous truth behind a bucketed variable is distributed.
struct LatentSpec {
  VariableId variable{};
  std::string family;                ///< a name of all_families(), "best" or "density"
  std::vector<VariableId> group;     ///< one law for each combination of these
  double tilt = 0;                   ///< where values lie inside their buckets; see LatentLaw
  std::optional<double> tail_index;  ///< Pareto index of the open top bucket, above 1
  bool pareto_tail = false;          ///< tail_index from the two top buckets of each group
  struct Segment {
    std::vector<LevelCode> group;
    double lower = 0, upper = 0, weight = 0;
  };
  std::vector<Segment> segments;  ///< density: piecewise uniform
  Place place;
};

/// Selection odds over some variables, for scenarios that state them.
struct SelectionOdds {
  std::vector<VariableId> variables;
  std::vector<LevelCode> codes;  ///< rows × variables
  std::vector<double> odds;      ///< rows, > 0
  std::string source;
  Place place;
};

/// Two levels of a variable that some published numbers are read with exchanged.
struct LevelExchange {
  Texts numbers;  ///< identifiers; a trailing * stands for any ending
  VariableId variable{};
  LevelCode first = 0, second = 0;
  std::string source;
  Place place;
};

/// Applies it to one number's levels and scopes, and says so in its note; false if nothing changes.
bool exchange_levels(const Schema& schema, PublishedNumber& number, const LevelExchange& exchange);

/// Whether a scenario's own corrections (exchanges, exclusions) are followed.
enum class Reading { corrected, as_printed };

struct Scenario {
  std::filesystem::path folder;
  std::string name, title, title_zh, description;
  std::string toml_text, hash;
  std::vector<std::string> settings;  ///< --set changes, as given
  double about_relative_width = 0.1;
  std::string weighting_view;                    ///< empty: the report used no weights
  std::vector<VariableId> weighting_view_cross;  ///< the variables of that poststratification
  Schema schema;
  std::vector<LatentSpec> latents;
  std::vector<MarginTable> tables;
  std::vector<PublishedNumber> numbers;
  std::vector<SelectionOdds> selection;
  std::vector<LevelExchange> exchanges;  ///< already applied, unless read as printed
  Reading reading = Reading::corrected;
  std::optional<std::uint64_t> population_size;  ///< nothing: superpopulation
  std::string population_unit;
  std::vector<VariableId> root;     ///< the variables that selection depends on
  std::uint64_t sample_size = 0;    ///< respondents in each drawn sample
  std::uint64_t reported_size = 0;  ///< respondents of the survey whose counts are published
  std::optional<std::uint64_t> seed;

  /// Reader of the whole scenario.toml; the parts read here count as read.
  ConfigReader reader() const;
  std::shared_ptr<const void> document;  ///< keeps the TOML alive
  std::shared_ptr<std::vector<std::string>> read_keys;
};

/// Folders that hold scenarios by name: $STEELYARD_SCENARIOS, then the ones of the build and
/// install.
std::vector<std::filesystem::path> scenario_folders();
/// Names of the scenarios that come with the program.
std::vector<std::string> shipped_scenarios();

/// A scenario.toml as it stands, changed by settings, before anything of it is understood.
struct ScenarioDocument {
  std::filesystem::path folder;
  std::string text;  ///< with the settings as comments
  std::shared_ptr<const toml::table> table;

  ConfigReader reader() const;
};

/// One with `extends = "NAME or FOLDER"` changes that scenario: its entries stand in place of the
/// other's, tables ([scenario]) are merged, lists ([[weighting]]) replaced as a whole, and files are
/// looked for in the other's folder.
/// @throws UserError if there is none, it is not UTF-8 or not TOML, it extends itself, or a setting
/// names nothing
ScenarioDocument open_scenario(const std::string& name_or_folder,
                               const std::vector<std::string>& settings = {});

/// @param name_or_folder  a folder, or the name of a shipped scenario
/// @param settings        "key=value" changes: a dotted TOML path, sections with a name addressed
/// by
///                        it ("weighting.raking.tolerance=1e-8"), or "number.ID=value"
/// @param reading         as_printed: exchanges are not applied, excluded numbers count as fitted,
///                        and published numbers that contradict each other are no error here
/// @throws UserError for everything that is wrong in its files
Scenario load_scenario(const std::string& name_or_folder,
                       const std::vector<std::string>& settings = {},
                       Reading reading = Reading::corrected);

}  // namespace steelyard
