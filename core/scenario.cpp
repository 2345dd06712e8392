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

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

Provenance parse_provenance(const std::string& text, const Place& place) {
  return choose<Provenance>(text,
                            {{"census", Provenance::census},
                             {"reported", Provenance::reported},
                             {"derived", Provenance::derived},
                             {"assumed", Provenance::assumed}},
                            place, "provenance");
}

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
    for (ConfigReader& section : root_.sections("selection")) read_selection(section);
    check_tables();
    check_numbers();
    std::uint64_t hash = 14695981039346656037ull;
    for (char c : hashed_) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
    s_.hash = fmt::format("{:016x}", hash);
  }

  void remember(std::string_view text) { hashed_ += text; }

 private:
  CsvFile csv(ConfigReader& section, const std::string& file) {
    const fs::path path = s_.folder / file;
    if (!fs::exists(path))
      section.fail("file", "= \"" + file + "\" does not exist", "looked for " + path.string());
    const std::string text = read_file(path.string());
    remember(text);
    return CsvFile::parse(text, path.string());
  }

  std::vector<VariableId> variables(ConfigReader& section, std::string_view key,
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

  void read_header() {
    auto section = root_.section("scenario");
    if (!section) root_.fail({}, "section [scenario] is missing", "give it a name and a title");
    s_.name = section->text("name");
    s_.title = section->text("title");
    s_.title_zh = section->text("title_zh", {.fallback = s_.title});
    s_.description = section->text("description", {.fallback = ""});
    s_.about_relative_width =
        section->real("about_relative_width", {.min = 0, .max = 1, .fallback = 0.1});
    s_.weighting_view = section->text("weighting_view", {.fallback = ""});
    section->finish();
  }

  void read_variable(ConfigReader& c) {
    Variable v;
    v.place = c.place();
    v.name = c.text("name");
    v.label = c.text("label", {.fallback = v.name});
    v.label_zh = c.text("label_zh", {.fallback = v.label});
    v.unit = c.text("unit", {.fallback = ""});
    const std::string kind =
        c.text("kind", {.fallback = {},
                        .choices = {"categorical", "ordered", "bucketed", "count", "continuous",
                                    "yes_no", "grouping"}});
    v.kind = choose<VariableKind>(kind,
                                  {{"categorical", VariableKind::categorical},
                                   {"ordered", VariableKind::ordered},
                                   {"bucketed", VariableKind::bucketed},
                                   {"count", VariableKind::count},
                                   {"continuous", VariableKind::continuous},
                                   {"yes_no", VariableKind::yes_no},
                                   {"grouping", VariableKind::grouping}},
                                  c.place("kind"), "kind");
    if (v.kind == VariableKind::continuous)
      c.fail("kind", "= \"continuous\" needs edges: a population is made from bucketed answers",
             "use kind = \"bucketed\" with edges and a latent family; the continuous value is "
             "drawn inside the bucket");
    if (v.kind == VariableKind::count) {
      const auto maximum =
          c.integer("maximum", {.min = 1, .max = static_cast<std::int64_t>(kMaxLevels) - 1});
      for (std::int64_t k = 0; k <= maximum; ++k) {
        v.levels.push_back(std::to_string(k));
        v.assumed_values.push_back(static_cast<double>(k));
      }
    } else {
      v.levels = c.texts("levels", {.required = v.kind != VariableKind::yes_no});
      if (v.kind == VariableKind::yes_no) v.levels = {"yes", "no"};
      v.assumed_values = c.reals("assumed_values", {.required = false});
    }
    v.labels = c.texts("labels", {.required = false});
    v.labels_zh = c.texts("labels_zh", {.required = false});
    if (v.kind == VariableKind::yes_no) {
      if (v.labels.empty()) v.labels = {"Yes", "No"};
      if (v.labels_zh.empty()) v.labels_zh = {"是", "否"};
    }
    v.edges = c.reals("edges", {.required = v.kind == VariableKind::bucketed});
    v.scores = c.reals("scores", {.required = false});
    v.asked_with = c.text("asked_with", {.fallback = ""});
    if (auto universe = c.section("universe")) {
      for (const std::string& name : universe->keys()) {
        Condition condition{s_.schema.require(name, universe->place(name)), {}};
        for (const std::string& level : universe->texts(name))
          condition.levels.push_back(
              s_.schema.require_level(condition.variable, level, universe->place(name)));
        if (condition.levels.empty())
          universe->fail(name, "is an empty list", "name the levels it applies to");
        std::sort(condition.levels.begin(), condition.levels.end());
        v.universe.push_back(std::move(condition));
      }
      std::sort(v.universe.begin(), v.universe.end(),
                [](const Condition& a, const Condition& b) { return a.variable < b.variable; });
    }
    if (v.kind == VariableKind::grouping) read_grouping(c, v);
    auto latent = c.section("latent");
    const bool bucketed = v.kind == VariableKind::bucketed;
    if (latent && !bucketed)
      c.fail("latent", "belongs to a bucketed variable", "set kind = \"bucketed\"");
    const VariableId id = s_.schema.add(std::move(v));
    if (latent) read_latent(*latent, id);
    c.finish();
  }

  void read_grouping(ConfigReader& c, Variable& v) {
    const VariableId of = s_.schema.require(c.text("of"), c.place("of"));
    const Variable& fine = s_.schema[of];
    const CsvFile file = csv(c, c.text("file"));
    const std::size_t from = file.column(fine.name), to = file.column(v.name);
    v.group_of = of;
    v.group_map.assign(fine.size(), static_cast<LevelCode>(v.levels.size()));
    for (std::size_t row = 0; row < file.rows(); ++row) {
      const Place place{file.name(), file.line(row)};
      const LevelCode level = s_.schema.require_level(of, file.field(row, from), place);
      const auto found = std::find(v.levels.begin(), v.levels.end(), file.field(row, to));
      if (found == v.levels.end())
        throw UserError(place, v.name, "unknown level \"" + file.field(row, to) + "\"",
                        suggestion(file.field(row, to), v.levels));
      v.group_map[level] = static_cast<LevelCode>(found - v.levels.begin());
    }
    for (std::size_t level = 0; level < fine.size(); ++level)
      if (v.group_map[level] == v.levels.size())
        throw UserError(
            {file.name()}, v.name,
            "has no group for level \"" + fine.levels[level] + "\" of \"" + fine.name + "\"",
            "add a row for it");
  }

  void read_latent(ConfigReader& c, VariableId id) {
    LatentSpec latent;
    latent.variable = id;
    latent.place = c.place();
    latent.family =
        c.text("family", {.fallback = {}, .choices = {"lognormal", "normal", "density"}});
    latent_groups_.push_back(c.texts("group", {.required = false}));
    if (latent.family == "density") density_files_[s_.latents.size()] = c.text("file");
    c.finish();
    s_.latents.push_back(std::move(latent));
    if (density_files_.contains(s_.latents.size() - 1))
      read_density(c, s_.latents.back(), latent_groups_.back());
    else
      s_.latents.back().group = variables(c, "group", latent_groups_.back());
  }

  void read_density(ConfigReader& c, LatentSpec& latent, const Texts& groups) {
    latent.group = variables(c, "group", groups);
    const CsvFile file = csv(c, density_files_[s_.latents.size() - 1]);
    std::vector<std::size_t> columns;
    for (VariableId g : latent.group) columns.push_back(file.column(s_.schema[g].name));
    const std::size_t lower = file.column("lower"), upper = file.column("upper"),
                      weight = file.column("weight");
    for (std::size_t row = 0; row < file.rows(); ++row) {
      const Place place{file.name(), file.line(row)};
      LatentSpec::Segment segment;
      for (std::size_t k = 0; k < columns.size(); ++k)
        segment.group.push_back(
            s_.schema.require_level(latent.group[k], file.field(row, columns[k]), place));
      segment.lower = file.number(row, lower);
      segment.upper = file.number(row, upper);
      segment.weight = file.number(row, weight);
      if (!(segment.upper > segment.lower) || !std::isfinite(segment.upper))
        throw UserError(place, {}, "upper is not above lower", "give a finite segment");
      if (!(segment.weight >= 0))
        throw UserError(place, "weight", "is negative", "give a number >= 0");
      latent.segments.push_back(std::move(segment));
    }
  }

  void check_latent(const LatentSpec& latent) {
    for (VariableId g : latent.group)
      if (g == latent.variable)
        throw UserError(latent.place, s_.schema[g].name, "is grouped by itself",
                        "name other variables");
  }

  /// Every variable must apply to somebody: its universe must hold together with the universes of
  /// the variables that it names.
  void check_universes() {
    for (std::size_t i = 0; i < s_.schema.size(); ++i) {
      const Variable& v = s_.schema[s_.schema.id(i)];
      std::vector<std::vector<LevelCode>> allowed(s_.schema.size());
      std::function<void(const Domain&)> require = [&](const Domain& domain) {
        for (const Condition& c : domain) {
          auto& levels = allowed[index(c.variable)];
          if (levels.empty()) {
            levels = c.levels;
          } else {
            std::vector<LevelCode> both;
            std::set_intersection(levels.begin(), levels.end(), c.levels.begin(), c.levels.end(),
                                  std::back_inserter(both));
            if (both.empty())
              throw UserError(v.place, "variable " + v.name,
                              "contradictory universes: no level of \"" +
                                  s_.schema[c.variable].name + "\" meets them all",
                              "compare its universe with those of the variables that it names");
            levels = both;
          }
          require(s_.schema[c.variable].universe);
        }
      };
      require(v.universe);
    }
  }

  void read_population() {
    auto population = root_.section("population");
    if (!population) root_.fail({}, "section [population] is missing", "give its size and root");
    if (population->is_text("size")) {
      population->text("size", {.fallback = {}, .choices = {"superpopulation"}});
    } else {
      s_.population_size = static_cast<std::uint64_t>(
          population->integer("size", {.min = 1, .max = std::int64_t{1} << 40}));
    }
    s_.population_unit = population->text("unit", {.fallback = "person"});
    s_.root = variables(*population, "root", population->texts("root"));
    std::sort(s_.root.begin(), s_.root.end());
    for (VariableId id : s_.root)
      if (s_.schema[id].has_universe())
        population->fail("root",
                         "names \"" + s_.schema[id].name + "\", which does not apply to everybody",
                         "name variables without a universe");
    population->finish();
    auto sample = root_.section("sample");
    if (!sample) root_.fail({}, "section [sample] is missing", "give its size");
    s_.sample_size =
        static_cast<std::uint64_t>(sample->integer("size", {.min = 2, .max = 100'000'000}));
    s_.reported_size = static_cast<std::uint64_t>(sample->integer(
        "reported_size",
        {.min = 2, .max = 100'000'000, .fallback = static_cast<std::int64_t>(s_.sample_size)}));
    sample->finish();
    if (s_.population_size && s_.sample_size > *s_.population_size / 2)
      sample->fail("size",
                   fmt::format("= {} exceeds half of the population ({} persons)", s_.sample_size,
                               *s_.population_size),
                   "lower it or enlarge population.size");
    if (root_.has("seed")) s_.seed = static_cast<std::uint64_t>(root_.integer("seed", {.min = 0}));
  }

  void read_weighting_view() {
    if (s_.weighting_view.empty()) return;
    Texts names;
    for (ConfigReader& weighting : root_.sections("weighting")) {
      names.push_back(weighting.text("name"));
      if (names.back() != s_.weighting_view) continue;
      if (weighting.text("method", {.fallback = ""}) != "poststratification")
        weighting.fail(
            "method",
            "must be \"poststratification\": the weighted view can only be undone for it");
      s_.weighting_view_cross = variables(weighting, "cross", weighting.texts("cross"));
    }
    if (s_.weighting_view_cross.empty())
      root_.section("scenario")
          ->fail("weighting_view", "= \"" + s_.weighting_view + "\" is not a [[weighting]]",
                 suggestion(s_.weighting_view, names));
    for (VariableId id : s_.weighting_view_cross)
      if (std::find(s_.root.begin(), s_.root.end(), id) == s_.root.end())
        root_.section("scenario")
            ->fail("weighting_view",
                   "uses \"" + s_.schema[id].name + "\", which is not in population.root",
                   "add it to the root");
  }

  /// Level codes of a row; columns must be exactly the variables and the value.
  std::vector<std::size_t> cell_columns(const CsvFile& file, const std::vector<VariableId>& ids,
                                        const std::string& value) {
    std::vector<std::size_t> columns;
    for (VariableId id : ids) columns.push_back(file.column(s_.schema[id].name));
    columns.push_back(file.column(value));
    if (file.header().size() != columns.size())
      throw UserError({file.name(), 1}, {},
                      fmt::format("wrong number of columns: {}, expected {}", file.header().size(),
                                  columns.size()),
                      "keep the variables and the value column only");
    return columns;
  }

  void read_table(ConfigReader& c) {
    MarginTable t;
    t.place = c.place();
    t.id = c.text("id");
    const std::string file_name = c.text("file");
    t.variables = variables(c, "variables", c.texts("variables"));
    t.value_name = c.text("value");
    t.role = choose<TableRole>(c.text("role", {.fallback = "margin"}),
                               {{"margin", TableRole::margin}, {"seed", TableRole::seed}},
                               c.place("role"), "role");
    t.side = choose<Side>(c.text("side", {.fallback = "population"}),
                          {{"population", Side::population}, {"answers", Side::answers}},
                          c.place("side"), "side");
    t.provenance = parse_provenance(c.text("provenance"), c.place("provenance"));
    t.source = c.text("source");
    for (const MarginTable& other : s_.tables) {
      if (other.id == t.id) c.fail("id", "= \"" + t.id + "\" stands twice", "rename one");
      auto a = other.variables, b = t.variables;
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      if (other.role == TableRole::margin && t.role == TableRole::margin && a == b)
        c.fail(
            {},
            "duplicate margin: \"" + t.id + "\" is over the same variables as \"" + other.id + "\"",
            "remove one");
    }
    const CsvFile file = csv(c, file_name);
    const auto columns = cell_columns(file, t.variables, t.value_name);
    std::map<std::vector<LevelCode>, int> seen;
    for (std::size_t row = 0; row < file.rows(); ++row) {
      const Place place{file.name(), file.line(row)};
      std::vector<LevelCode> codes;
      for (std::size_t k = 0; k < t.variables.size(); ++k)
        codes.push_back(
            s_.schema.require_level(t.variables[k], file.field(row, columns[k]), place));
      const double value = file.number(row, columns.back());
      if (!(value >= 0) || !std::isfinite(value))
        throw UserError(place, t.value_name, fmt::format("negative or infinite count {}", value),
                        "counts and weights are finite and >= 0");
      const auto [at, fresh] = seen.emplace(codes, file.line(row));
      if (!fresh)
        throw UserError(place, {}, fmt::format("the cell of line {} stands again", at->second),
                        "remove one");
      t.codes.insert(t.codes.end(), codes.begin(), codes.end());
      t.values.push_back(value);
      t.lines.push_back(file.line(row));
    }
    c.finish();
    s_.tables.push_back(std::move(t));
  }

  void read_selection(ConfigReader& c) {
    SelectionOdds odds;
    odds.place = c.place();
    odds.variables = variables(c, "variables", c.texts("variables"));
    for (VariableId id : odds.variables)
      if (std::find(s_.root.begin(), s_.root.end(), id) == s_.root.end())
        c.fail("variables", "names \"" + s_.schema[id].name + "\", which is not in population.root",
               "add it to the root");
    odds.source = c.text("source");
    const std::string value = c.text("value", {.fallback = "odds"});
    const CsvFile file = csv(c, c.text("file"));
    const auto columns = cell_columns(file, odds.variables, value);
    for (std::size_t row = 0; row < file.rows(); ++row) {
      const Place place{file.name(), file.line(row)};
      for (std::size_t k = 0; k < odds.variables.size(); ++k)
        odds.codes.push_back(
            s_.schema.require_level(odds.variables[k], file.field(row, columns[k]), place));
      odds.odds.push_back(file.number(row, columns.back()));
      if (!(odds.odds.back() > 0)) throw UserError(place, value, "is not positive", "odds are > 0");
    }
    c.finish();
    s_.selection.push_back(std::move(odds));
  }

  void read_numbers(ConfigReader& c) {
    const CsvFile file = csv(c, c.text("file"));
    c.finish();
    const char* titles[] = {"id",          "view",  "scope",       "quantity",   "level",
                            "statistic",   "value", "relation",    "lower",      "upper",
                            "unit",        "use",   "status_note", "provenance", "range_lower",
                            "range_upper", "source"};
    std::map<std::string, std::size_t> at;
    for (const char* title : titles) at[title] = file.column(title);
    if (file.header().size() != std::size(titles))
      throw UserError({file.name(), 1}, {},
                      fmt::format("wrong number of columns: {}, expected {}", file.header().size(),
                                  std::size(titles)),
                      "remove the others");
    for (std::size_t row = 0; row < file.rows(); ++row)
      s_.numbers.push_back(number(file, row, [&](const char* title) -> const std::string& {
        return file.field(row, at[title]);
      }));
  }

  template <typename Field>
  PublishedNumber number(const CsvFile& file, std::size_t row, Field field) {
    PublishedNumber n;
    n.place = {file.name(), file.line(row)};
    n.id = field("id");
    n.printed = field("value");
    n.unit = field("unit");
    n.note = field("status_note");
    n.source = field("source");
    n.scope_text = field("scope");
    n.quantity_text = field("quantity");
    n.level_text = field("level");
    n.view = choose<View>(field("view"),
                          {{"population", View::population},
                           {"sample", View::sample},
                           {"sample:weighted", View::weighted_sample}},
                          n.place, "view");
    n.use = choose<Use>(field("use"),
                        {{"fit", Use::fit},
                         {"check", Use::check},
                         {"excluded", Use::excluded},
                         {"not_modelled", Use::not_modelled}},
                        n.place, "use");
    n.provenance = parse_provenance(field("provenance"), n.place);
    if (n.view == View::weighted_sample && s_.weighting_view.empty())
      throw UserError(n.place, "view", "\"sample:weighted\" needs scenario.weighting_view",
                      "name the weighting that the report used");
    if ((n.use == Use::excluded || n.use == Use::not_modelled) && n.note.empty())
      throw UserError(n.place, "status_note", "is empty for a number that is left out",
                      "give the reason");
    if (n.use == Use::not_modelled) return n;
    n.statistic = choose<Statistic>(field("statistic"),
                                    {{"share", Statistic::share},
                                     {"mean", Statistic::mean},
                                     {"index", Statistic::index},
                                     {"count", Statistic::count},
                                     {"difference", Statistic::difference},
                                     {"mean_difference", Statistic::mean_difference},
                                     {"ratio_to_population", Statistic::ratio_to_population}},
                                    n.place, "statistic");
    read_what(n);
    read_interval(n, field);
    if (n.provenance == Provenance::assumed) {
      const auto low = parse_number(field("range_lower")),
                 high = parse_number(field("range_upper"));
      if (!low || !high || *low > *high)
        throw UserError(n.place, "range_lower", "an assumed number has no range",
                        "give range_lower <= range_upper");
      n.range = {*low, *high};
    }
    return n;
  }

  void read_what(PublishedNumber& n) {
    n.scope = s_.schema.parse_domain(n.scope_text, n.place);
    const auto need = [&](bool ok, const char* problem, const char* hint) {
      if (!ok)
        throw UserError(n.place, "statistic", std::string(to_string(n.statistic)) + " " + problem,
                        hint);
    };
    if (!n.quantity_text.empty())
      for (const std::string& name : split(n.quantity_text, "-"))
        n.quantity.push_back(s_.schema.require(name, n.place));
    const bool pair = n.statistic == Statistic::difference;
    need(n.quantity.size() == (pair ? 2u : 1u) ||
             (n.statistic == Statistic::count && n.quantity.empty()),
         pair ? "needs two variables" : "needs one variable",
         pair ? "write quantity a-b" : "give quantity");
    if (n.statistic == Statistic::mean_difference) {
      n.other_scope = s_.schema.parse_domain(n.level_text, n.place);
    } else if (!n.level_text.empty()) {
      need(!n.quantity.empty(), "has a level and no variable", "give quantity");
      for (const std::string& level : split(n.level_text, "|"))
        n.levels.push_back(s_.schema.require_level(n.quantity[0], level, n.place));
    }
    const bool of_levels = n.statistic == Statistic::share ||
                           n.statistic == Statistic::ratio_to_population ||
                           (n.statistic == Statistic::count && !n.quantity.empty());
    need(!of_levels || !n.levels.empty(), "needs a level", "give level");
    for (VariableId id : n.quantity) {
      const Variable& v = s_.schema[id];
      if (n.statistic == Statistic::mean || n.statistic == Statistic::mean_difference)
        need(!v.assumed_values.empty(), "needs numbers for the levels",
             "give the variable assumed_values");
      if (n.statistic == Statistic::index || pair)
        need(!v.scores.empty(), "needs scores", "give the variable scores");
    }
  }

  template <typename Field>
  void read_interval(PublishedNumber& n, Field field) {
    const auto value = parse_number(n.printed);
    if (!value)
      throw UserError(n.place, "value", "\"" + n.printed + "\" is not a number",
                      "write plain digits");
    n.value = *value;
    const auto dot = n.printed.find('.');
    const auto decimals =
        dot == std::string::npos ? 0 : static_cast<int>(n.printed.size() - dot - 1);
    const double half = 0.5 * std::pow(10.0, -decimals);
    const std::string relation = field("relation");
    if (relation == "=")
      std::tie(n.lower, n.upper) = std::pair(n.value - half, n.value + half);
    else if (relation == "~")
      std::tie(n.lower, n.upper) = std::pair(n.value - s_.about_relative_width * std::abs(n.value),
                                             n.value + s_.about_relative_width * std::abs(n.value));
    else if (relation == ">" || relation == ">=")
      std::tie(n.lower, n.upper) = std::pair(n.value, kInfinity);
    else if (relation == "<" || relation == "<=")
      std::tie(n.lower, n.upper) = std::pair(-kInfinity, n.value);
    else
      throw UserError(n.place, "relation",
                      "\"" + relation + "\" is not one of: = ~ > >= < <=", "use =");
    if (!field("lower").empty() || !field("upper").empty()) {
      const auto low = parse_number(field("lower")), high = parse_number(field("upper"));
      if (!low || !high || *low > *high)
        throw UserError(n.place, "lower", "lower and upper are not an interval",
                        "give both, lower <= upper");
      std::tie(n.lower, n.upper) = std::pair(*low, *high);
    }
    if (n.statistic == Statistic::share) {
      if (n.value < 0 || n.value > 100)
        throw UserError(n.place, "value", "a share of " + n.printed + " % is impossible",
                        "give per cent between 0 and 100");
      n.lower = std::max(n.lower, 0.0) / 100;
      n.upper = std::min(n.upper, 100.0) / 100;
      n.value /= 100;
    }
    if (n.statistic == Statistic::count && n.value < 0)
      throw UserError(n.place, "value", "negative count " + n.printed, "counts are >= 0");
  }

  /// Population margins must agree on their total, and leave no positive margin without support.
  void check_tables() {
    double first = -1;
    const MarginTable* first_table = nullptr;
    for (const MarginTable& t : s_.tables) {
      double sum = 0;
      for (double value : t.values) sum += value;
      if (!(sum > 0))
        throw UserError(t.place, "table " + t.id, "all its values are zero",
                        "give at least one positive value");
      if (t.role != TableRole::margin) continue;
      if (!first_table) {
        first = sum;
        first_table = &t;
      } else if (std::abs(sum - first) > 1e-9 * first) {
        throw Contradiction(t.place, "table " + t.id,
                            fmt::format("totals disagree: {:.0f} here, {:.0f} in \"{}\"", sum,
                                        first, first_table->id),
                            "rescale one of them");
      }
      for (VariableId id : t.variables)
        if (std::find(s_.root.begin(), s_.root.end(), id) == s_.root.end())
          throw UserError(t.place, "table " + t.id,
                          "is over \"" + s_.schema[id].name + "\", which is not in population.root",
                          "add it to the root");
    }
    for (const MarginTable& seed : s_.tables)
      if (seed.role == TableRole::seed)
        for (const MarginTable& margin : s_.tables)
          if (margin.role == TableRole::margin) check_zero(seed, margin);
  }

  static void check_zero(const MarginTable& seed, const MarginTable& margin) {
    if (seed.variables != margin.variables) return;
    const std::size_t k = seed.variables.size();
    for (std::size_t i = 0; i < seed.rows(); ++i)
      for (std::size_t j = 0; j < margin.rows(); ++j)
        if (seed.values[i] == 0 && margin.values[j] > 0 &&
            std::equal(seed.codes.begin() + static_cast<std::ptrdiff_t>(i * k),
                       seed.codes.begin() + static_cast<std::ptrdiff_t>((i + 1) * k),
                       margin.codes.begin() + static_cast<std::ptrdiff_t>(j * k)))
          throw UserError({seed.place.file, seed.place.line}, "table " + seed.id,
                          fmt::format("zero cell against positive margin: line {} is a structural "
                                      "zero, \"{}\" line {} has {}",
                                      seed.lines[i], margin.id, margin.lines[j], margin.values[j]),
                          "give the seed a positive weight");
  }

  /// Shares of all levels of a question in one scope must be able to sum to one; no number twice.
  void check_numbers() {
    std::map<std::string, const PublishedNumber*> ids, fits;
    struct Group {
      double lower = 0, upper = 0;
      std::set<LevelCode> levels;
      const PublishedNumber* first = nullptr;
      int last_line = 0;
      bool single = true;
    };
    std::map<std::string, Group> groups;
    for (const PublishedNumber& n : s_.numbers) {
      if (const auto [at, fresh] = ids.emplace(n.id, &n); !fresh)
        throw UserError(n.place, "id",
                        fmt::format("\"{}\" stands twice (line {} of {})", n.id,
                                    at->second->place.line, at->second->place.file),
                        "rename one");
      if (n.use != Use::fit) continue;
      const std::string what =
          fmt::format("{}|{}|{}|{}", to_string(n.view), s_.schema.describe(n.scope),
                      n.quantity_text, to_string(n.statistic));
      if (const auto [at, fresh] = fits.emplace(what + "|" + n.level_text, &n); !fresh)
        throw UserError(n.place, n.id,
                        "duplicate margin: the same number as \"" + at->second->id + "\"",
                        "set use = check for one of them");
      if (n.statistic != Statistic::share || n.levels.size() != 1) continue;
      Group& g = groups[what];
      if (!g.first) g.first = &n;
      g.levels.insert(n.levels[0]);
      g.lower += n.lower;
      g.upper += n.upper;
      g.last_line = n.place.line;
    }
    std::string problems;
    for (const auto& [what, g] : groups) {
      const bool all = g.levels.size() == s_.schema[g.first->quantity[0]].size();
      if (g.lower > 1 + 1e-9 || (all && g.upper < 1 - 1e-9))
        problems += fmt::format(
            "{}:{}: [{}] shares that do not sum: the levels of \"{}\" to line {} allow {:.2f} to "
            "{:.2f} %, not 100 %\n",
            g.first->place.file, g.first->place.line, g.first->id, g.first->quantity_text,
            g.last_line, 100 * g.lower, 100 * g.upper);
    }
    if (!problems.empty())
      throw Contradiction({}, {},
                          problems + "correct a share, widen an interval, or exclude a number");
  }

  Scenario& s_;
  ConfigReader root_;
  std::string hashed_;
  std::vector<Texts> latent_groups_;
  std::map<std::size_t, std::string> density_files_;
};

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

Scenario load_scenario(const std::string& name_or_folder,
                       const std::vector<std::string>& settings) {
  Scenario scenario;
  scenario.folder = find_scenario(name_or_folder);
  scenario.settings = settings;
  const std::string path = (scenario.folder / "scenario.toml").string();
  scenario.toml_text = read_file(path);
  if (const auto at = invalid_utf8(scenario.toml_text))
    throw UserError({path, static_cast<int>(1 + std::count(scenario.toml_text.begin(),
                                                           scenario.toml_text.begin() +
                                                               static_cast<std::ptrdiff_t>(*at),
                                                           '\n'))},
                    {}, "is not UTF-8", "convert it, for instance: iconv -f GB18030 -t UTF-8");
  auto document = std::make_shared<toml::table>();
  try {
    *document = toml::parse(scenario.toml_text, path);
  } catch (const toml::parse_error& error) {
    throw UserError({path, static_cast<int>(error.source().begin.line),
                     static_cast<int>(error.source().begin.column)},
                    {}, std::string(error.description()), "correct the TOML");
  }
  std::vector<std::string> number_settings;
  for (const std::string& setting : settings) {
    if (setting.starts_with("number."))
      number_settings.push_back(setting.substr(7));
    else
      apply_setting(*document, setting);
    scenario.toml_text += "\n# --set " + setting;
  }
  ScenarioReader reader(scenario, *document);
  reader.remember(scenario.toml_text);
  scenario.document = document;
  reader.read();
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
