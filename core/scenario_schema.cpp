// Variables, universes, latent laws, population and sample of a scenario.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "core/scenario_reader.hpp"
#include "core/size_distribution.hpp"

namespace steelyard::detail {
namespace fs = std::filesystem;

void ScenarioReader::read_header() {
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

void ScenarioReader::read_variable(ConfigReader& c) {
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
  if (v.kind == VariableKind::bucketed && c.has("same_value_as")) read_other_buckets(c, v);
  auto latent = c.section("latent");
  const bool bucketed = v.kind == VariableKind::bucketed;
  if (latent && !bucketed)
    c.fail("latent", "belongs to a bucketed variable", "set kind = \"bucketed\"");
  if (latent && v.group_of)
    c.fail("latent", "stands beside same_value_as", "the value is that of the other variable");
  const VariableId id = s_.schema.add(std::move(v));
  if (latent) read_latent(*latent, id);
  c.finish();
}

void ScenarioReader::read_grouping(ConfigReader& c, Variable& v) {
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

/// The same value in other buckets: a coarsening of the finer variable's, so that its answers are
/// a function of those and both are of the same persons' values.
void ScenarioReader::read_other_buckets(ConfigReader& c, Variable& v) {
  const VariableId of = s_.schema.require(
      c.text("same_value_as", {.help = "a bucketed variable with finer buckets: this one asks for "
                                       "the same value"}),
      c.place("same_value_as"));
  const Variable& fine = s_.schema[of];
  if (fine.kind != VariableKind::bucketed)
    c.fail("same_value_as", "= \"" + fine.name + "\" is not asked in buckets",
           "name a bucketed variable with a latent law");
  if (v.has_universe())
    c.fail("universe", "stands beside same_value_as", "it is that of the other variable");
  if (v.levels.size() + 1 != v.edges.size())
    c.fail("edges", "are not one more than the levels", "give both ends of every bucket");
  if (v.edges.front() != fine.edges.front() || v.edges.back() != fine.edges.back())
    c.fail("edges", "do not start and end where those of \"" + fine.name + "\" do",
           "cover the same range");
  for (double edge : v.edges)
    if (std::find(fine.edges.begin(), fine.edges.end(), edge) == fine.edges.end())
      c.fail("edges", fmt::format("have {:g}, which is no edge of \"{}\"", edge, fine.name),
             "give \"" + fine.name + "\" every edge that any question on it uses");
  v.universe = fine.universe;
  v.group_of = of;
  for (std::size_t level = 0; level < fine.size(); ++level)
    v.group_map.push_back(static_cast<LevelCode>(
        std::upper_bound(v.edges.begin(), v.edges.end(), fine.edges[level]) - v.edges.begin() - 1));
  if (fine.has_universe()) v.group_map.push_back(static_cast<LevelCode>(v.levels.size()));
}

void ScenarioReader::read_latent(ConfigReader& c, VariableId id) {
  LatentSpec latent;
  latent.variable = id;
  latent.place = c.place();
  Texts families{"best", "density"};
  for (Family family : all_families()) families.emplace_back(to_string(family));
  latent.family = c.text("family", {.fallback = {}, .choices = families});
  latent.tilt = c.real("tilt", {.min = -3,
                                .max = 3,
                                .fallback = 0,
                                .help = "above 0: values lie higher inside their buckets"});
  if (c.has("tail_index"))
    latent.tail_index =
        c.real("tail_index", {.min = 1.05,
                              .max = 100,
                              .help = "Pareto index of the open top bucket; default: the "
                                      "family's own tail"});
  latent.pareto_tail =
      c.text("tail", {.fallback = "family", .choices = {"family", "pareto"}}) == "pareto";
  if (latent.pareto_tail && latent.tail_index)
    c.fail("tail", "= \"pareto\" fits the tail index that tail_index gives",
           "leave one of them out");
  latent_groups_.push_back(c.texts("group", {.required = false}));
  if (latent.family == "density") density_files_[s_.latents.size()] = c.text("file");
  c.finish();
  s_.latents.push_back(std::move(latent));
  if (density_files_.contains(s_.latents.size() - 1))
    read_density(c, s_.latents.back(), latent_groups_.back());
  else
    s_.latents.back().group = variables(c, "group", latent_groups_.back());
}

void ScenarioReader::read_density(ConfigReader& c, LatentSpec& latent, const Texts& groups) {
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

void ScenarioReader::check_latent(const LatentSpec& latent) {
  for (VariableId g : latent.group)
    if (g == latent.variable)
      throw UserError(latent.place, s_.schema[g].name, "is grouped by itself",
                      "name other variables");
}

void ScenarioReader::check_universes() {
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
                            "contradictory universes: no level of \"" + s_.schema[c.variable].name +
                                "\" meets them all",
                            "compare its universe with those of the variables that it names");
          levels = both;
        }
        require(s_.schema[c.variable].universe);
      }
    };
    require(v.universe);
  }
}

void ScenarioReader::read_population() {
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

void ScenarioReader::read_weighting_view() {
  if (s_.weighting_view.empty()) return;
  Texts names;
  for (ConfigReader& weighting : root_.sections("weighting")) {
    names.push_back(weighting.text("name"));
    if (names.back() != s_.weighting_view) continue;
    if (weighting.text("method", {.fallback = ""}) != "poststratification")
      weighting.fail("method",
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

}  // namespace steelyard::detail
