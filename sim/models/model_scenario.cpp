#include "sim/models/model_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "sim/designs/design.hpp"

namespace steelyard {
namespace {

/// A text, or a number that stands for it.
Formula read_formula(ConfigReader& c, std::string_view key, std::string owner) {
  Formula formula;
  formula.place = c.place(key);
  formula.owner = std::move(owner);
  formula.key = key;
  formula.text = c.is_text(key) ? c.text(key) : shortest(c.real(key));
  if (trim(formula.text).empty()) c.fail(key, "is an empty formula", "write a number or a formula");
  return formula;
}

class Reader {
 public:
  Reader(ModelScenario& m, ConfigReader root) : m_(m), s_(m.scenario), root_(std::move(root)) {}

  void read() {
    read_header();
    read_population();
    read_parameters();
    for (ConfigReader& section : root_.sections("variable")) read_variable(section);
    if (s_.schema.size() == 0)
      root_.fail({}, "has no observed variable", "declare them under [[variable]]");
    for (std::size_t v = 0; v < s_.schema.size(); ++v)
      if (s_.schema[s_.schema.id(v)].kind != VariableKind::continuous)
        s_.root.push_back(s_.schema.id(v));
    read_samples();
    if (root_.has("seed")) s_.seed = static_cast<std::uint64_t>(root_.integer("seed", {.min = 0}));
  }

 private:
  void read_header() {
    auto section = root_.section("scenario");
    if (!section) root_.fail({}, "section [scenario] is missing", "give it a name and a title");
    s_.name = section->text("name");
    s_.title = section->text("title");
    s_.title_zh = section->text("title_zh", {.fallback = s_.title});
    s_.description = section->text("description", {.fallback = ""});
    section->finish();
  }

  void read_population() {
    auto section = root_.section("population");
    section->text("kind", {.fallback = {}, .choices = {"model"}});
    s_.population_size =
        static_cast<std::uint64_t>(section->integer("size", {.min = 2, .max = kMaxModelPersons}));
    s_.population_unit = section->text("unit", {.fallback = "person"});
    m_.redraw =
        section->text("draw", {.fallback = "once", .choices = {"once", "replicate"}}) == "replicate"
            ? Redraw::replicate
            : Redraw::once;
    section->finish();
  }

  void read_parameters() {
    auto section = root_.section("parameters");
    if (!section) return;
    for (const std::string& name : section->keys()) {
      const double value = section->real(name);
      if (!std::isfinite(value)) section->fail(name, "is not finite", "give a number");
      m_.parameters.emplace_back(name, value);
      m_.parameter_places.push_back(section->place(name));
    }
    section->finish();
  }

  void read_variable(ConfigReader& c) {
    ModelVariable m;
    Variable v;
    m.place = v.place = c.place();
    m.name = v.name = c.text("name");
    v.label = c.text("label", {.fallback = v.name});
    v.label_zh = c.text("label_zh", {.fallback = v.label});
    v.unit = c.text("unit", {.fallback = ""});
    const std::pair<const char*, VariableKind> kinds[] = {
        {"continuous", VariableKind::continuous},
        {"categorical", VariableKind::categorical},
        {"ordered", VariableKind::ordered},
        {"bucketed", VariableKind::bucketed},
        {"yes_no", VariableKind::yes_no}};
    Texts choices;
    for (const auto& [name, kind] : kinds) choices.emplace_back(name);
    const std::string kind = c.text("kind", {.fallback = "continuous", .choices = choices});
    for (const auto& [name, value] : kinds)
      if (kind == name) m.kind = v.kind = value;
    if (v.kind != VariableKind::continuous) read_levels(c, v, m);
    const bool observed = c.flag("observed", true, "false: a column for formulas only");
    read_law(c, m);
    c.finish();
    for (const ModelVariable& other : m_.variables)
      if (other.name == m.name)
        throw UserError(m.place, "variable " + m.name, "stands twice", "rename one");
    if (observed) m.id = s_.schema.add(std::move(v));
    m_.variables.push_back(std::move(m));
  }

  void read_levels(ConfigReader& c, Variable& v, ModelVariable& m) {
    if (v.kind == VariableKind::yes_no) {
      v.levels = {"yes", "no"};
    } else {
      v.levels = c.texts("levels");
      v.assumed_values = c.reals("assumed_values", {.required = false});
      v.scores = c.reals("scores", {.required = false});
    }
    v.labels = c.texts("labels", {.required = false});
    v.labels_zh = c.texts("labels_zh", {.required = false});
    if (v.kind == VariableKind::yes_no && v.labels.empty()) v.labels = {"Yes", "No"};
    if (v.kind == VariableKind::yes_no && v.labels_zh.empty()) v.labels_zh = {"是", "否"};
    m.levels = v.levels;
    if (v.kind != VariableKind::yes_no)
      m.edges = c.reals("edges", {.required = v.kind == VariableKind::bucketed,
                                  .help = "one more than the levels; the outer ones may be inf"});
    if (!m.edges.empty() && m.edges.size() != v.levels.size() + 1)
      c.fail("edges", fmt::format("has {} entries for {} levels", m.edges.size(), v.levels.size()),
             "give one more edge than levels; the first may be -inf and the last inf");
    for (std::size_t i = 1; i < m.edges.size(); ++i)
      if (!(m.edges[i] > m.edges[i - 1])) c.fail("edges", "do not increase", "sort them");
    if (v.kind == VariableKind::bucketed) v.edges = m.edges;
  }

  void read_law(ConfigReader& c, ModelVariable& m) {
    const bool by_formula = c.has("formula"), drawn = c.has("distribution");
    if (by_formula == drawn)
      c.fail({},
             fmt::format("\"{}\" has {} formula {} distribution", m.name, by_formula ? "a" : "no",
                         by_formula ? "and a" : "and no"),
             "give one of them");
    if (by_formula) {
      m.formula = read_formula(c, "formula", "variable " + m.name);
      return;
    }
    auto law = c.section("distribution");
    Texts names{"levels"};
    for (const DistributionInfo& info : distributions()) names.emplace_back(info.name);
    const std::string name = law->text("name", {.fallback = {}, .choices = names});
    if (name == "levels") {
      read_shares(*law, m);
    } else {
      for (const DistributionInfo& info : distributions())
        if (info.name == name) m.distribution = &info;
      for (const auto& parameter : m.distribution->parameters) {
        if (!law->has(parameter.name))
          law->fail({}, fmt::format("\"{}\" of {} is missing", parameter.name, name), "add it");
        m.parameters.push_back(
            read_formula(*law, parameter.name, "variable " + m.name + " distribution"));
      }
    }
    law->finish();
  }

  static void read_shares(ConfigReader& law, ModelVariable& m) {
    m.shares = law.reals("shares", {.help = "probability of each level"});
    if (m.levels.empty() || !m.edges.empty())
      law.fail("name", "= \"levels\" is for a variable with levels and no edges",
               "set kind = \"categorical\" and levels, or use another distribution");
    if (m.shares.size() != m.levels.size())
      law.fail("shares",
               fmt::format("has {} entries for {} levels", m.shares.size(), m.levels.size()),
               "give one a level");
    for (double p : m.shares)
      if (!(p >= 0)) law.fail("shares", "has a negative entry", "give probabilities");
    if (std::abs(total(m.shares) - 1) > 1e-9)
      law.fail("shares", fmt::format("sum to {}", total(m.shares)), "let them sum to 1");
  }

  const ModelVariable& require_column(ConfigReader& c, std::string_view key,
                                      const std::string& name) const {
    Texts names;
    for (const ModelVariable& v : m_.variables) {
      if (v.name == name) return v;
      names.push_back(v.name);
    }
    c.fail(key, "= \"" + name + "\" is no variable", suggestion(name, names));
  }

  void read_samples() {
    auto participation = root_.section("participation");
    auto sample = root_.section("sample");
    if (participation.has_value() == sample.has_value())
      root_.fail({},
                 participation ? "has both [participation] and [sample]"
                               : "has neither [participation] nor [sample]",
                 "give [participation] for a sample of volunteers, or [sample] for one with a "
                 "design");
    if (participation) read_participation(*participation);
    if (sample) m_.sample = read_design(*sample, "sample");
    if (auto reference = root_.section("reference"))
      m_.reference = read_design(*reference, "reference");
  }

  void read_participation(ConfigReader& c) {
    ParticipationModel p;
    p.place = c.place();
    c.text("design", {.fallback = "poisson", .choices = {"poisson"}});
    p.linear = read_formula(c, "linear", "participation");
    const std::string link =
        c.text("link", {.fallback = "logit", .choices = {"logit", "probit", "cloglog"}});
    p.link = link == "probit"    ? ParticipationModel::Link::probit
             : link == "cloglog" ? ParticipationModel::Link::cloglog
                                 : ParticipationModel::Link::logit;
    const bool solved = c.has("expected_size");
    if (solved == c.has("intercept"))
      c.fail({}, solved ? "has expected_size and intercept" : "has no expected_size",
             "give expected_size, for which the intercept is solved, or the intercept");
    if (solved)
      p.expected_size = c.real("expected_size", {.min = 1});
    else
      p.intercept = c.real("intercept");
    c.finish();
    const auto size = static_cast<double>(*s_.population_size);
    if (p.expected_size && !(*p.expected_size < size))
      c.fail("expected_size",
             fmt::format("= {:g} is not below the population ({:.0f})", *p.expected_size, size),
             "lower it or enlarge population.size");
    m_.participation = std::move(p);
  }

  /// Reads what the designs do not; the design reads the rest when it is made.
  ModelDesign read_design(ConfigReader& c, std::string section) {
    ModelDesign d;
    d.section = section;
    Texts names;
    for (const DesignInfo& info : sampling_designs()) names.emplace_back(info.name);
    d.design = c.text("design", {.fallback = {}, .choices = names});
    if (c.has("size")) d.size = read_formula(c, "size", std::move(section));
    for (const auto& [key, column] : {std::pair{"stratum", &d.stratum}, {"cluster", &d.cluster}})
      if (c.has(key)) {
        *column = c.text(key);
        require_column(c, key, *column);
      }
    if (c.has("asks")) {
      for (const std::string& name : c.texts("asks"))
        d.asked.push_back(s_.schema.require(name, c.place("asks")));
      if (d.asked.empty()) c.fail("asks", "is an empty list", "name what is asked");
    } else {
      for (std::size_t v = 0; v < s_.schema.size(); ++v) d.asked.push_back(s_.schema.id(v));
    }
    return d;
  }

  ModelScenario& m_;
  Scenario& s_;
  ConfigReader root_;
};

}  // namespace

bool is_model_scenario(const std::string& name_or_folder) {
  try {
    const ScenarioDocument document = open_scenario(name_or_folder);
    ConfigReader root = document.reader();
    auto population = root.has("population") ? root.section("population") : std::nullopt;
    return population && population->is_text("kind") && population->text("kind") == "model";
  } catch (const UserError&) {
    return false;
  }
}

ModelScenario load_model_scenario(const std::string& name_or_folder,
                                  const std::vector<std::string>& settings) {
  ScenarioDocument document = open_scenario(name_or_folder, settings);
  ModelScenario model;
  Scenario& s = model.scenario;
  s.folder = document.folder;
  s.settings = settings;
  s.toml_text = document.text;
  s.hash = content_hash(document.text);
  s.document = document.table;
  Reader(model, s.reader()).read();
  return model;
}

}  // namespace steelyard
