#include "sim/households/household_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/csv.hpp"
#include "core/scenario.hpp"
#include "core/text.hpp"
#include "sim/households/household_groups.hpp"

namespace steelyard {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTotalId = "households";

class Reader {
 public:
  Reader(HouseholdScenario& s, ConfigReader root) : s_(s), root_(std::move(root)) {}

  void read(const std::string& text) {
    hashed_ = text;
    auto header = root_.section("scenario");
    if (!header) root_.fail({}, "section [scenario] is missing", "give it a name and a title");
    s_.name = header->text("name");
    s_.title = header->text("title");
    s_.description = header->text("description", {.fallback = ""});
    header->finish();
    for (ConfigReader& section : root_.sections("variable")) read_variable(section);
    auto households = root_.section("households");
    read_options(*households);
    read_seed_households(*households);
    read_seed_persons(*households);
    read_zones(*households);
    households->finish();
    for (ConfigReader& section : root_.sections("control")) read_control(section);
    if (s_.controls.size() == 1)
      root_.fail({}, "has no controls", "give household or person counts under [[control]]");
    root_.finish();
    make_groups(s_, match_, group_codes_);
    check_support(s_, scale_);
    s_.hash = content_hash(hashed_);
  }

 private:
  CsvFile csv(ConfigReader& section, const char* key) {
    const std::string file = section.text(key);
    const fs::path path = s_.folder / file;
    if (!fs::exists(path))
      section.fail(key, "= \"" + file + "\" does not exist", "looked for " + path.string());
    const std::string text = read_file(path.string());
    hashed_ += text;
    return CsvFile::parse(text, path.string());
  }

  /// The columns that a file must have, no others.
  static void check_header(const CsvFile& file, const Texts& wanted) {
    for (const std::string& title : wanted) (void)file.column(title);
    for (const std::string& title : file.header())
      if (std::find(wanted.begin(), wanted.end(), title) == wanted.end())
        throw UserError({file.name(), 1}, {}, "column \"" + title + "\" is not expected",
                        "the columns are: " + join(wanted, ", "));
  }

  static double amount(const CsvFile& file, std::size_t row, std::size_t column, const char* what) {
    const double value = file.number(row, column);
    if (!(value >= 0) || !std::isfinite(value))
      throw UserError({file.name(), file.line(row)}, {},
                      fmt::format("negative or infinite {} {}", what, value),
                      "give a number of at least 0");
    return value;
  }

  Texts variable_names(bool household) const {
    Texts names;
    for (std::size_t v = 0; v < s_.schema.size(); ++v)
      if (s_.of_household[v] == household) names.push_back(s_.schema[s_.schema.id(v)].name);
    return names;
  }

  void read_variable(ConfigReader& c) {
    Variable v;
    v.place = c.place();
    v.name = c.text("name");
    v.label = c.text("label", {.fallback = v.name});
    v.levels = c.texts("levels");
    const bool household = c.text("of", {.choices = {"household", "person"}}) == "household";
    c.finish();
    for (const char* taken : {"household", "person", "zone", "weight", "seed_household"})
      if (v.name == taken) c.fail("name", "= \"" + v.name + "\" is a column of its own");
    s_.schema.add(std::move(v));
    s_.of_household.push_back(household);
  }

  void read_options(ConfigReader& c) {
    s_.fitting.method = c.text("method", {.fallback = "entropy_balancing",
                                          .choices = {"entropy_balancing", "ipu"}}) == "ipu"
                            ? FittingMethod::ipu
                            : FittingMethod::entropy_balancing;
    s_.fitting.tolerance = c.real("tolerance", {.min = 1e-12, .max = 0.1, .fallback = 1e-6});
    s_.fitting.max_iterations =
        static_cast<int>(c.integer("max_iterations", {.min = 0, .max = 1000000, .fallback = 0}));
    s_.fitting.relaxation = c.real("relaxation", {.min = 1, .max = 1e9, .fallback = 1000});
    s_.integerise = c.flag("integerise", true);
    if (c.has("size"))
      size_ = static_cast<std::uint64_t>(c.integer("size", {.min = 1, .max = 1'000'000'000}));
    else
      (void)c.integer("size", {.fallback = 0});
    if (c.has("seed"))
      s_.seed = static_cast<std::uint64_t>(c.integer("seed", {.min = 0}));
    else
      (void)c.integer("seed", {.fallback = 0});
  }

  void read_seed_households(ConfigReader& c) {
    const CsvFile file = csv(c, "seed_households");
    Texts wanted{"household", "weight"};
    const Texts names = variable_names(true);
    wanted.insert(wanted.end(), names.begin(), names.end());
    check_header(file, wanted);
    s_.seeds.codes.resize(s_.schema.size());
    const std::size_t id = file.column("household"), weight = file.column("weight");
    for (std::size_t r = 0; r < file.rows(); ++r) {
      const Place place{file.name(), file.line(r)};
      const auto [found, added] = household_.emplace(file.field(r, id), r);
      if (!added)
        throw UserError(place, {}, "household \"" + file.field(r, id) + "\" stands twice",
                        fmt::format("first in line {}", file.line(found->second)));
      s_.seeds.id.push_back(file.field(r, id));
      s_.seeds.weight.push_back(amount(file, r, weight, "weight"));
      read_codes(file, r, true);
    }
    if (s_.seeds.id.empty())
      throw UserError({file.name()}, {}, "holds no seed household", "give at least one");
    household_file_ = file.name();
    for (std::size_t r = 0; r < file.rows(); ++r) household_lines_.push_back(file.line(r));
  }

  void read_codes(const CsvFile& file, std::size_t row, bool household) {
    for (std::size_t v = 0; v < s_.schema.size(); ++v) {
      if (s_.of_household[v] != household) continue;
      const VariableId variable = s_.schema.id(v);
      s_.seeds.codes[v].push_back(
          s_.schema.require_level(variable, file.field(row, file.column(s_.schema[variable].name)),
                                  {file.name(), file.line(row)}));
    }
  }

  void read_seed_persons(ConfigReader& c) {
    const CsvFile file = csv(c, "seed_persons");
    Texts wanted{"household"};
    const Texts names = variable_names(false);
    wanted.insert(wanted.end(), names.begin(), names.end());
    check_header(file, wanted);
    const std::size_t id = file.column("household"), n = s_.seeds.households();
    std::vector<std::vector<std::size_t>> rows(n);
    for (std::size_t r = 0; r < file.rows(); ++r) {
      const auto found = household_.find(file.field(r, id));
      if (found == household_.end())
        throw UserError({file.name(), file.line(r)}, {},
                        "person of unknown household \"" + file.field(r, id) + "\"",
                        "its household must stand in " + household_file_);
      rows[found->second].push_back(r);
    }
    s_.seeds.first.push_back(0);
    for (std::size_t h = 0; h < n; ++h) {
      if (rows[h].empty())
        throw UserError({household_file_, household_lines_[h]}, {},
                        "household \"" + s_.seeds.id[h] + "\" has no persons",
                        "give them in " + file.name() + ", or leave the household out");
      for (std::size_t r : rows[h]) read_codes(file, r, false);
      s_.seeds.first.push_back(s_.seeds.first.back() + rows[h].size());
    }
  }

  void read_zones(ConfigReader& c) {
    const CsvFile file = csv(c, "zones");
    const Texts match = c.texts("match", {.required = false});
    Texts wanted{"zone", "households"};
    for (const std::string& name : match) {
      const VariableId v = s_.schema.require(name, c.place("match"));
      if (!s_.of_household[index(v)])
        c.fail("match", "names \"" + name + "\", a variable of persons",
               "name variables of households");
      match_.push_back(v);
      wanted.push_back(name);
    }
    check_header(file, wanted);
    std::map<std::vector<LevelCode>, std::size_t> groups;
    double total = 0;
    for (std::size_t r = 0; r < file.rows(); ++r) {
      HouseholdZone zone;
      zone.place = {file.name(), file.line(r)};
      zone.name = file.field(r, file.column("zone"));
      zone.households = amount(file, r, file.column("households"), "count");
      std::vector<LevelCode> codes;
      for (VariableId v : match_)
        codes.push_back(
            s_.schema.require_level(v, file.field(r, file.column(s_.schema[v].name)), zone.place));
      zone.group = groups.emplace(codes, groups.size()).first->second;
      if (zone.group == group_codes_.size()) group_codes_.push_back(codes);
      if (!zone_.emplace(zone.name, r).second)
        throw UserError(zone.place, {}, "zone \"" + zone.name + "\" stands twice", "join its rows");
      total += zone.households;
      zone_names_.push_back(zone.name);
      s_.zones.push_back(std::move(zone));
    }
    if (!(total > 0))
      throw UserError({file.name()}, {}, "has no households", "give each zone's households");
    scale_ = size_ ? static_cast<double>(*size_) / total : 1;
    HouseholdControl control{.id = kTotalId, .file = file.name(), .place = c.place("zones")};
    control.provenance = provenance(c, "zones_provenance");
    control.source = c.text("zones_source");
    s_.controls.push_back(control);
    ControlColumn column{.text = kTotalId};
    for (const HouseholdZone& zone : s_.zones) {
      column.targets.push_back(zone.households * scale_);
      column.lines.push_back(zone.place.line);
    }
    s_.totals =
        round_to_total(column.targets, static_cast<std::uint64_t>(std::llround(total * scale_)));
    s_.columns.push_back(std::move(column));
  }

  static Provenance provenance(ConfigReader& c, const char* key) {
    const std::string text = c.text(key, {.choices = {"census", "reported", "derived", "assumed"}});
    for (Provenance p : {Provenance::census, Provenance::reported, Provenance::derived})
      if (text == to_string(p)) return p;
    return Provenance::assumed;
  }

  void read_control(ConfigReader& c) {
    HouseholdControl control;
    control.place = c.place();
    control.id = c.text("id");
    for (const HouseholdControl& other : s_.controls)
      if (other.id == control.id)
        c.fail("id", "= \"" + control.id + "\" is taken", "give each control a name of its own");
    control.of_households = c.text("of", {.choices = {"household", "person"}}) == "household";
    control.all_zones =
        c.text("scope", {.fallback = "zones", .choices = {"zones", "all"}}) == "all";
    control.importance = c.real("importance", {.min = 1e-6, .max = 1e6, .fallback = 1});
    control.provenance = provenance(c, "provenance");
    control.source = c.text("source");
    for (const std::string& name : c.texts("variables")) {
      const VariableId v = s_.schema.require(name, c.place("variables"));
      if (control.of_households && !s_.of_household[index(v)])
        c.fail("variables", "names \"" + name + "\", a variable of persons",
               "households are counted by variables of households; set of = \"person\"");
      control.variables.push_back(v);
    }
    const CsvFile file = csv(c, "file");
    const std::string value =
        c.text("value", {.fallback = control.of_households ? "households" : "persons"});
    c.finish();
    control.file = file.name();
    s_.controls.push_back(control);
    read_rows(control, file, value);
  }

  void read_rows(const HouseholdControl& control, const CsvFile& file, const std::string& value) {
    Texts wanted;
    if (!control.all_zones) wanted.push_back("zone");
    for (VariableId v : control.variables) wanted.push_back(s_.schema[v].name);
    wanted.push_back(value);
    check_header(file, wanted);
    std::map<std::string, std::size_t> columns;
    for (std::size_t r = 0; r < file.rows(); ++r) {
      const Place place{file.name(), file.line(r)};
      std::size_t zone = 0;
      if (!control.all_zones) {
        const std::string& name = file.field(r, file.column("zone"));
        const auto found = zone_.find(name);
        if (found == zone_.end()) {
          const std::string nearest = suggestion(name, zone_names_);
          throw UserError(place, control.id, "zone \"" + name + "\" has no number of households",
                          nearest.empty() ? "give it in " + s_.controls.front().file : nearest);
        }
        zone = found->second;
      }
      Domain domain;
      for (VariableId v : control.variables) {
        Condition condition{v, {}};
        for (const std::string& level : split(file.field(r, file.column(s_.schema[v].name)), "|"))
          condition.levels.push_back(s_.schema.require_level(v, level, place));
        std::sort(condition.levels.begin(), condition.levels.end());
        domain.push_back(std::move(condition));
      }
      const std::string text = s_.schema.describe(domain);
      const auto [at, added] = columns.emplace(text, s_.columns.size());
      if (added) {
        ControlColumn column{s_.controls.size() - 1, domain, text, {}, {}};
        column.targets.assign(control.all_zones ? 1 : s_.zones.size(), kNoTarget);
        column.lines.assign(column.targets.size(), 0);
        s_.columns.push_back(std::move(column));
      }
      ControlColumn& column = s_.columns[at->second];
      if (column.lines[zone] != 0)
        throw UserError(place, control.id, "the count of " + text + " stands twice",
                        fmt::format("first in line {}", column.lines[zone]));
      column.targets[zone] = scale_ * amount(file, r, file.column(value), "count");
      column.lines[zone] = place.line;
    }
  }

  HouseholdScenario& s_;
  ConfigReader root_;
  std::string hashed_, household_file_;
  std::optional<std::uint64_t> size_;
  double scale_ = 1;
  std::unordered_map<std::string, std::size_t> household_, zone_;
  std::vector<int> household_lines_;
  Texts zone_names_;
  std::vector<VariableId> match_;
  std::vector<std::vector<LevelCode>> group_codes_;
};

}  // namespace

bool is_household_scenario(const std::string& name_or_folder) {
  return open_scenario(name_or_folder).reader().has("households");
}

HouseholdScenario load_household_scenario(const std::string& name_or_folder,
                                          const std::vector<std::string>& settings) {
  const ScenarioDocument document = open_scenario(name_or_folder, settings);
  HouseholdScenario scenario;
  scenario.folder = document.folder;
  ConfigReader reader = document.reader();
  if (!reader.has("households"))
    reader.fail({}, "section [households] is missing", "this is not a household scenario");
  Reader(scenario, std::move(reader)).read(document.text);
  return scenario;
}

}  // namespace steelyard
