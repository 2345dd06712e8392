#include "study/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"

namespace steelyard {
namespace {

template <typename Info>
const Info& find_method(std::span<const Info> infos, ConfigReader& section) {
  const std::string method = section.text("method", {.help = "which method; see steelyard list"});
  Texts names;
  for (const Info& info : infos) {
    if (info.name == method) return info;
    names.emplace_back(info.name);
  }
  const std::string nearest = suggestion(method, names);
  section.fail("method", "= \"" + method + "\" is not known",
               nearest.empty() ? "known: " + join(names, ", ") : nearest);
}

template <typename Plugin, typename Info>
std::vector<Named<Plugin>> read_plugins(ConfigReader& root, std::string_view key,
                                        std::span<const Info> infos, const Schema& schema) {
  std::vector<Named<Plugin>> list;
  for (ConfigReader& section : root.sections(key)) {
    Named<Plugin> item;
    item.name = section.text("name", {.help = "the name in results"});
    for (const auto& other : list)
      if (other.name == item.name)
        section.fail("name", "= \"" + item.name + "\" stands twice", "rename one");
    const Info& info = find_method(infos, section);
    item.method = info.name;
    item.plugin = info.make(section, schema);
    section.finish();
    list.push_back(std::move(item));
  }
  return list;
}

std::string domain_label(const Schema& schema, const Domain& domain, bool chinese) {
  if (domain.empty()) return chinese ? "全部" : "Everybody";
  std::string text;
  for (const Condition& condition : domain) {
    const Variable& v = schema[condition.variable];
    std::string levels;
    for (LevelCode level : condition.levels) {
      if (!levels.empty()) levels += chinese ? "或" : " or ";
      levels += chinese && level < v.labels_zh.size() ? v.labels_zh[level] : v.level_label(level);
    }
    if (!text.empty()) text += chinese ? "，" : ", ";
    text +=
        v.kind == VariableKind::yes_no ? (chinese ? v.label_zh : v.label) + ": " + levels : levels;
  }
  return text;
}

void read_estimand(ConfigReader& section, const Scenario& scenario, StudyPlan& plan) {
  const Schema& schema = scenario.schema;
  PlannedEstimand base;
  base.id = section.text("id", {.help = "the name in results"});
  base.label = section.text("label", {.fallback = base.id});
  base.label_zh = section.text("label_zh", {.fallback = base.label});
  base.headline = section.flag("headline", false, "shown in the terminal summary");
  if (section.has("truth")) {
    base.truth_place = section.place("truth");
    base.truth = section.real(
        "truth", {.help = "the true value, where the population is drawn anew in each replicate"});
  }
  base.domain = schema.parse_domain(
      section.text("domain",
                   {.fallback = "", .help = "variable=level|level & ...; empty: everybody"}),
      section.place("domain"));
  const Texts by = section.texts(
      "by", {.required = false,
             .help = "also for each level of these variables; \"a*b\": of their cross"});
  const std::string method = section.text("functional");
  Texts names;
  const FunctionalInfo* found = nullptr;
  for (const FunctionalInfo& info : functionals()) {
    if (info.name == method) found = &info;
    names.emplace_back(info.name);
  }
  if (!found)
    section.fail("functional", "= \"" + method + "\" is not known", suggestion(method, names));
  base.functional = found->make(section, schema);
  base.unit = base.functional->unit();
  section.finish();
  for (const PlannedEstimand& other : plan.estimands)
    if (other.id == base.id) section.fail("id", "= \"" + base.id + "\" stands twice", "rename one");
  if (base.functional->uses_value_rule())
    for (VariableId id : base.functional->variables())
      for (const auto& rule : plan.value_rules)
        if (schema[id].kind == VariableKind::bucketed)
          if (const auto objection = rule.plugin->objection(schema[id]))
            section.fail({},
                         "value rule \"" + rule.name + "\" cannot be used for \"" +
                             schema[id].name + "\": " + *objection,
                         "leave the rule or the estimand out");
  if (!plan.intervals.empty() &&
      std::all_of(plan.intervals.begin(), plan.intervals.end(), [&](const auto& interval) {
        return interval.plugin->objection(*base.functional).has_value();
      }))
    section.fail("functional",
                 "= \"" + method + "\" has no interval: \"" + plan.intervals[0].name +
                     "\" does not apply, " + *plan.intervals[0].plugin->objection(*base.functional),
                 "add an [[interval]] that applies");
  const auto add = [&](const Domain& domain, bool headline) {
    PlannedEstimand e = base;
    e.domain = domain;
    e.headline = headline;
    e.domain_name = domain.empty() ? "all" : schema.describe(domain);
    e.domain_label = domain_label(schema, domain, false);
    e.domain_label_zh = domain_label(schema, domain, true);
    if (domain.size() != base.domain.size()) e.truth.reset();  // stated of the whole
    plan.estimands.push_back(std::move(e));
  };
  add(base.domain, base.headline);
  for (const std::string& crossed : by) {
    std::vector<VariableId> variables;
    for (const std::string& name : split(crossed, "*"))
      variables.push_back(schema.require(trim(name), section.place("by")));
    std::vector<std::size_t> level(variables.size(), 0);
    for (bool more = true; more;) {
      Domain domain = base.domain;
      for (std::size_t k = 0; k < variables.size(); ++k) {
        std::erase_if(domain, [&](const Condition& c) { return c.variable == variables[k]; });
        domain.push_back({variables[k], {static_cast<LevelCode>(level[k])}});
      }
      std::sort(domain.begin(), domain.end(),
                [](const Condition& a, const Condition& b) { return a.variable < b.variable; });
      add(domain, false);
      more = false;
      for (std::size_t k = variables.size(); k-- > 0 && !more;) {
        more = ++level[k] < schema[variables[k]].size();
        if (!more) level[k] = 0;
      }
    }
  }
}

std::size_t position_of(const ConfigReader& section, std::string_view key, const std::string& name,
                        const auto& list) {
  Texts names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].name == name) return i;
    names.push_back(list[i].name);
  }
  section.fail(key, "= \"" + name + "\" is not declared", suggestion(name, names));
}

}  // namespace

StudyPlan plan_study(const Scenario& scenario) {
  ConfigReader root = scenario.reader();
  StudyPlan plan;
  plan.weightings = read_plugins<Weighting>(root, "weighting", weightings(), scenario.schema);
  plan.value_rules = read_plugins<ValueRule>(root, "value_rule", value_rules(), scenario.schema);
  plan.intervals = read_plugins<IntervalMethod>(root, "interval", intervals(), scenario.schema);
  if (plan.weightings.empty())
    root.fail({}, "has no weighting", "add [[weighting]] name = \"none\" method = \"none\"");
  if (plan.intervals.empty())
    root.fail({}, "has no interval method",
              "add [[interval]] name = \"linearization\" method = \"linearization\"");
  for (ConfigReader& section : root.sections("benchmark")) {
    std::vector<VariableId> ids;
    for (const std::string& name :
         section.texts("variables", {.help = "the cross of these is known for the population"})) {
      const VariableId id = scenario.schema.require(name, section.place("variables"));
      const Variable& v = scenario.schema[id];
      const auto is_root = [&](VariableId x) {
        return std::find(scenario.root.begin(), scenario.root.end(), x) != scenario.root.end();
      };
      if (v.kind == VariableKind::continuous) {
        if (section.texts("variables").size() > 1)
          section.fail("variables", "crosses the number \"" + name + "\"",
                       "a number's total is a benchmark of its own");
      } else if (!is_root(id) && !(v.group_of && is_root(*v.group_of)))
        section.fail("variables", "names \"" + name + "\", which is not in population.root",
                     "only root variables have known totals");
      ids.push_back(id);
    }
    section.finish();
    plan.benchmarks.push_back(std::move(ids));
  }
  for (const auto& weighting : plan.weightings)
    if (weighting.plugin->needs_reference() && !root.has("reference"))
      root.fail({}, "weighting \"" + weighting.name + "\" needs a reference sample",
                "add [reference] design = \"simple_random\" n = 5000");
  for (const auto& weighting : plan.weightings)
    for (const auto& margin : weighting.plugin->benchmarks()) {
      const bool known =
          std::any_of(plan.benchmarks.begin(), plan.benchmarks.end(), [&](const auto& table) {
            return std::all_of(margin.begin(), margin.end(), [&](VariableId id) {
              return std::find(table.begin(), table.end(), id) != table.end();
            });
          });
      if (known) continue;
      Texts names;
      for (VariableId id : margin) names.push_back(scenario.schema[id].name);
      root.fail({},
                "weighting \"" + weighting.name + "\" needs the benchmark " + join(names, " * "),
                "add a [[benchmark]] with these variables");
    }
  for (ConfigReader& section : root.sections("estimand")) read_estimand(section, scenario, plan);
  if (plan.estimands.empty()) root.fail({}, "has no estimand", "add [[estimand]]");
  for (const auto& interval : plan.intervals)
    if (std::all_of(plan.estimands.begin(), plan.estimands.end(), [&](const auto& e) {
          return interval.plugin->objection(*e.functional).has_value();
        }))
      root.fail({},
                "interval \"" + interval.name + "\" applies to no estimand: " +
                    *interval.plugin->objection(*plan.estimands[0].functional),
                "leave it out");
  const bool any_value = std::any_of(plan.estimands.begin(), plan.estimands.end(),
                                     [](const auto& e) { return e.functional->uses_value_rule(); });
  if (any_value && plan.value_rules.empty())
    root.fail({}, "has no value rule for its bucketed means", "add [[value_rule]]");
  if (auto study = root.section("study")) {
    plan.replicates = static_cast<std::uint32_t>(
        study->integer("replicates", {.min = 1, .max = 100'000'000, .fallback = 200}));
    if (auto reference = study->section("reference")) {
      plan.reference_weighting =
          position_of(*reference, "weighting", reference->text("weighting"), plan.weightings);
      if (reference->has("value_rule"))
        plan.reference_value_rule =
            position_of(*reference, "value_rule", reference->text("value_rule"), plan.value_rules);
      reference->finish();
    }
    study->finish();
  }
  for (const char* read_elsewhere : {"scenario", "population", "sample", "parameters",
                                     "participation", "reference", "published"})
    root.section(read_elsewhere);
  for (const char* read_elsewhere : {"variable", "table", "numbers", "exchange", "selection",
                                     "condition", "measurement", "stale_benchmark"})
    root.sections(read_elsewhere);
  if (root.has("seed")) root.integer("seed");
  for (const char* study_of_studies : {"worlds", "budget", "sweep", "plan"})
    root.section(study_of_studies);
  root.finish();
  return plan;
}

}  // namespace steelyard
