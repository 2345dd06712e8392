#include "sim/measurement/measurement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/missing.hpp"
#include "core/text.hpp"
#include "sim/measurement/level_matrix.hpp"
#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

/// As purpose() of a name that is known only at run time.
Purpose purpose_of_source(const std::string& name) {
  std::uint32_t hash = 2166136261u;
  for (char c : "measurement " + name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  return Purpose{hash};
}

template <typename Ids, typename Id>
bool holds(const Ids& ids, const Id& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void add_once(std::vector<VariableId>& ids, VariableId id) {
  if (!holds(ids, id)) ids.push_back(id);
}

/// The variables on which it depends whether, or how, a variable is reported.
std::vector<VariableId> followed(const Variable& v) {
  std::vector<VariableId> ids;
  for (const Condition& c : v.universe) ids.push_back(c.variable);
  if (v.kind == VariableKind::grouping) ids.push_back(*v.group_of);
  return ids;
}

const MeasurementInfo& find_kind(ConfigReader& section) {
  const std::string kind =
      section.text("kind", {.help = "which kind of error; see steelyard list measurement-models"});
  Texts names;
  for (const MeasurementInfo& info : measurement_models()) {
    if (info.name == kind) return info;
    names.emplace_back(info.name);
  }
  const std::string nearest = suggestion(kind, names);
  section.fail("kind", "= \"" + kind + "\" is not known",
               nearest.empty() ? "known: " + join(names, ", ") : nearest);
}

}  // namespace

Measurement::Measurement(const Scenario& scenario, PopulationKind kind, Reporting whose)
    : scenario_(&scenario), kind_(kind), whose_(whose), reported_(scenario.schema.size()) {
  if (!scenario.document) return;  // made in memory, without sections
  ConfigReader root = scenario.reader();
  Texts names;
  for (ConfigReader& section : root.sections("measurement")) read(section, names);
  if (std::any_of(sources_.begin(), sources_.end(), [](const auto& s) { return s.active; }))
    for (const MeasurementSource& s : sources_) active_.push_back(s.active);
  order_routes();
}

void Measurement::read(ConfigReader& section, Texts& names) {
  MeasurementSource s;
  s.name = section.text("name", {.help = "the name of the source, for --set and the error budget"});
  if (holds(names, s.name)) section.fail("name", "= \"" + s.name + "\" stands twice", "rename one");
  names.push_back(s.name);
  const bool of_reference =
      section.text("sample", {.fallback = "respondents",
                              .choices = {"respondents", "reference"},
                              .help = "whose answers: the respondents', or those of the "
                                      "reference sample"}) == "reference";
  const MeasurementInfo& info = find_kind(section);
  s.kind = info.name;
  s.component = info.component;
  s.active = section.flag("active", true, "false: as if the source were not there");
  s.keep_observed = section.flag(
      "keep_observed", false,
      "published numbers are of reported answers: the true shares are fitted so that they hold");
  s.source = section.text("source", {.help = "where its numbers come from"});
  s.place = section.place();
  s.purpose = purpose_of_source(s.name);
  s.model = info.make(section, scenario_->schema);
  section.finish();
  if (kind_ == PopulationKind::formulas && s.keep_observed)
    section.fail("keep_observed", "has no meaning in a population by formulas",
                 "no number of it is published: its true answers are those of the formulas");
  for (VariableId id : s.model->values())
    if (kind_ == PopulationKind::synthetic &&
        std::none_of(scenario_->latents.begin(), scenario_->latents.end(),
                     [&](const LatentSpec& latent) { return latent.variable == id; }))
      section.fail("variable",
                   "asks for values of \"" + scenario_->schema[id].name + "\", which has none",
                   "give that variable latent = { family = ... }");
  if (of_reference && s.keep_observed)
    section.fail("keep_observed", "is of published numbers, which the reference sample has none of",
                 "leave it out");
  if (of_reference && s.component == ErrorComponent::duplicates)
    section.fail("sample", "= \"reference\" with duplicates: a design draws nobody twice",
                 "give it to the respondents");
  if (of_reference && !scenario_->reader().section("reference"))
    section.fail("sample", "= \"reference\", and there is no reference sample",
                 "add a section [reference]");
  if (of_reference != (whose_ == Reporting::reference)) return;
  sources_.push_back(std::move(s));
  const MeasurementSource& made = sources_.back();
  if (!made.active) return;
  for (VariableId id : made.model->changes()) add_once(changed_, id);
  for (VariableId id : made.model->values()) add_once(values_, id);
  if (!made.keep_observed) return;
  if (const std::string why = made.model->objection(); !why.empty())
    section.fail("keep_observed", "cannot be met by \"" + made.name + "\": " + why,
                 "set keep_observed = false; published numbers are then of true answers");
  for (VariableId id : made.model->changes()) {
    const std::vector<double> matrix = made.model->matrix(id);
    if (matrix.empty()) continue;
    check_kept(made, id, section.place("keep_observed"));
    std::vector<double>& all = reported_[index(id)];
    all = all.empty() ? matrix : product(all, matrix, scenario_->schema[id].size());
  }
}

void Measurement::require_asked(std::span<const VariableId> asked) const {
  for (const MeasurementSource& s : sources_) {
    if (!s.active) continue;
    for (const auto& ids : {s.model->changes(), s.model->reads()})
      for (VariableId id : ids)
        if (!holds(asked, id))
          throw UserError(
              s.place, "measurement " + s.name,
              fmt::format(
                  "needs \"{}\", which {} not asked", scenario_->schema[id].name,
                  whose_ == Reporting::reference ? "the reference sample is" : "respondents are"),
              fmt::format("add it to {}.asks, or leave the source out",
                          whose_ == Reporting::reference ? "reference" : "sample"));
  }
}

/// A published number must be a mean over true answers of what is expected to be reported.
void Measurement::check_kept(const MeasurementSource& source, VariableId answer,
                             const Place& place) const {
  const Schema& schema = scenario_->schema;
  const std::string& name = schema[answer].name;
  const auto refuse = [&](const std::string& why) {
    throw UserError(place, "measurement",
                    "\"keep_observed\" cannot be met by \"" + source.name + "\": " + why,
                    "set keep_observed = false, or leave that out of the fit");
  };
  const auto groups = [&](VariableId id) {
    return schema[id].kind == VariableKind::grouping && schema[id].group_of == answer;
  };
  for (std::size_t k = 0; k < schema.size(); ++k)
    for (const Condition& c : schema[schema.id(k)].universe)
      if (c.variable == answer)
        refuse("\"" + name + "\" decides who is asked \"" + schema[schema.id(k)].name + "\"");
  for (VariableId id : scenario_->weighting_view_cross)
    if (id == answer || groups(id))
      refuse("the published numbers are weighted by \"" + schema[id].name + "\"");
  const std::vector<VariableId> together = source.model->changes();
  for (const PublishedNumber& n : scenario_->numbers) {
    if ((n.use != Use::fit && n.use != Use::check) || n.view == View::population) continue;
    for (const Domain* scope : {&n.scope, &n.other_scope})
      for (const Condition& c : *scope) {
        if (groups(c.variable))
          refuse("number [" + n.id + "] is of people of a level of \"" + schema[c.variable].name +
                 "\", which groups \"" + name + "\"");
        if (c.variable != answer) continue;
        // What one source does to two answers of a respondent is not independent.
        for (VariableId other : variables_of(n))
          if (other != answer && holds(together, other))
            refuse("number [" + n.id + "] ties \"" + name + "\" to \"" + schema[other].name +
                   "\", which the same people misreport");
      }
    for (VariableId id : n.quantity)
      if (groups(id))
        refuse("number [" + n.id + "] is of \"" + schema[id].name + "\", which groups \"" + name +
               "\"");
  }
}

/// Everything that follows a changed answer, in an order in which what is followed comes first.
void Measurement::order_routes() {
  const Schema& schema = scenario_->schema;
  for (bool more = true; more;) {
    more = false;
    for (std::size_t k = 0; k < schema.size(); ++k) {
      const VariableId id = schema.id(k);
      if (holds(routes_, id)) continue;
      const auto on = followed(schema[id]);
      if (std::none_of(on.begin(), on.end(),
                       [&](VariableId x) { return holds(changed_, x) || holds(routes_, x); }))
        continue;
      routes_.push_back(id);
      more = true;
    }
  }
  // A variable found early may follow one found late: each goes behind the last that it follows.
  const auto depth = [&](auto&& self, VariableId id) -> std::size_t {
    std::size_t deepest = 0;
    for (VariableId x : followed(schema[id]))
      if (holds(routes_, x)) deepest = std::max(deepest, self(self, x) + 1);
    return deepest;
  };
  std::stable_sort(routes_.begin(), routes_.end(),
                   [&](VariableId a, VariableId b) { return depth(depth, a) < depth(depth, b); });
}

std::vector<VariableId> Measurement::needed(std::span<const VariableId> wanted) const {
  std::vector<VariableId> ids(wanted.begin(), wanted.end());
  if (!any()) return ids;
  for (const MeasurementSource& s : sources_) {
    if (!s.active) continue;
    for (VariableId id : s.model->changes()) add_once(ids, id);
    for (VariableId id : s.model->reads()) add_once(ids, id);
    for (VariableId id : s.model->values()) add_once(ids, id);
  }
  for (std::size_t k = 0; k < ids.size(); ++k)
    if (holds(routes_, ids[k]))
      for (VariableId id : followed(scenario_->schema[ids[k]])) add_once(ids, id);
  return ids;
}

void Measurement::apply(ReportedAnswers& answers, Seed seed, Replicate replicate) const {
  if (any()) apply(answers, seed, replicate, active_);
}

void Measurement::apply(ReportedAnswers& answers, Seed seed, Replicate replicate,
                        const std::vector<bool>& on) const {
  bool changed = false;
  for (std::size_t k = 0; k < sources_.size(); ++k) {
    if (!sources_[k].active || !on[k]) continue;
    sources_[k].model->apply(answers, {seed, sources_[k].purpose, replicate, answers.units});
    changed = true;
  }
  if (changed) route(*answers.sample);
}

void Measurement::route(Sample& sample) const {
  const Schema& schema = *sample.schema;
  for (VariableId id : routes_) {
    const Variable& v = schema[id];
    std::vector<LevelCode>& column = sample.columns[index(id)];
    const auto on = followed(v);
    // What nobody asked for may have been made along with what was.
    if (column.empty() || !std::all_of(on.begin(), on.end(), [&](VariableId x) {
          return !sample.columns[index(x)].empty();
        }))
      continue;
    if (v.kind == VariableKind::grouping) {
      const std::span<const LevelCode> fine = sample.column(*v.group_of);
      for (std::size_t i = 0; i < column.size(); ++i)
        column[i] = fine[i] < v.group_map.size() ? v.group_map[fine[i]] : kMissing;
    }
    if (!v.has_universe()) continue;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const bool asked = std::all_of(v.universe.begin(), v.universe.end(), [&](const Condition& c) {
        return c.holds(sample.columns[index(c.variable)][i]);
      });
      if (!asked)
        column[i] = v.not_applicable();
      else if (column[i] == v.not_applicable())
        column[i] = kMissing;
    }
  }
}

}  // namespace steelyard
