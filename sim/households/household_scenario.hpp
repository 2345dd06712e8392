#pragma once

// A household scenario as it stands in its folder: seed households with their persons, zones, and
// household and person counts to be met together. Its scenario.toml has a section [households].

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/margin.hpp"
#include "core/schema.hpp"
#include "sim/households/integerise.hpp"
#include "sim/households/zone_fit.hpp"

namespace steelyard {

/// Seed records as columns of level codes. Persons stand in the order of their households.
struct HouseholdSeeds {
  std::vector<std::string> id;                ///< n households
  std::vector<double> weight;                 ///< n, >= 0
  std::vector<std::size_t> first;             ///< n + 1: the persons of each household
  std::vector<std::vector<LevelCode>> codes;  ///< a variable: n codes or one a person
  std::size_t households() const { return id.size(); }
  std::size_t persons() const { return first.empty() ? 0 : first.back(); }
};

struct HouseholdZone {
  std::string name;
  double households = 0;  ///< as published, before scaling
  std::size_t group = 0;  ///< zones of one group are served by the same seed households
  Place place;
};

/// Published counts of households or persons, by zone or over all zones.
struct HouseholdControl {
  std::string id, source, file;
  bool of_households = true, all_zones = false;
  std::vector<VariableId> variables;
  double importance = 1;
  Provenance provenance = Provenance::assumed;
  Place place;
};

/// One cell of a control: who counts in it, and how many there are.
struct ControlColumn {
  std::size_t control = 0;
  Domain domain;
  std::string text;             ///< "sex=male & age=0_14"
  std::vector<double> targets;  ///< a zone (one for all_zones), scaled; kNoTarget: not given
  std::vector<int> lines;       ///< of the control's file
};

struct HouseholdScenario {
  std::filesystem::path folder;
  std::string name, title, description, hash;
  Schema schema;
  std::vector<bool> of_household;  ///< a variable
  HouseholdSeeds seeds;
  std::vector<HouseholdZone> zones;
  std::vector<HouseholdControl> controls;  ///< control 0: the zones' households
  std::vector<ControlColumn> columns;      ///< column 0: the zones' households
  std::vector<Incidence> groups;           ///< over all columns, a group of zones
  std::vector<std::uint64_t> totals;       ///< whole households of each zone
  FittingOptions fitting;
  bool integerise = true;
  std::optional<std::uint64_t> seed;

  bool is_meta(std::size_t column) const { return controls[columns[column].control].all_zones; }
  /// k targets of a zone; meta columns have none.
  std::vector<double> zone_targets(std::size_t zone) const;
  std::vector<double> importance() const;
  std::vector<ColumnKind> kinds() const;
};

/// Whether that scenario's TOML has a section [households].
bool is_household_scenario(const std::string& name_or_folder);

/// @param settings  "key=value" changes by dotted TOML path, as in load_scenario
/// @throws UserError for everything that is wrong in its files; Contradiction for a positive
///         control that no seed household of its zone can meet
HouseholdScenario load_household_scenario(const std::string& name_or_folder,
                                          const std::vector<std::string>& settings = {});

}  // namespace steelyard
