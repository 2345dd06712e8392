#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "study/budget.hpp"
#include "study/budget_estimates.hpp"
#include "study/worlds.hpp"

namespace steelyard {
namespace {

/// Estimands by name, each over its own domain; by default the headlines, else all.
void choose_estimands(const StudyPlan& study, ConfigReader* section, BudgetPlan& plan) {
  const auto& estimands = study.estimands;
  const Texts wanted =
      section
          ? section->texts("estimands", {.required = false,
                                         .help = "those in the budget; default: the headline ones"})
          : Texts{};
  const bool headlines =
      std::any_of(estimands.begin(), estimands.end(), [](const auto& e) { return e.headline; });
  Texts known;
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < estimands.size(); ++i) {
    if (std::find(known.begin(), known.end(), estimands[i].id) != known.end()) continue;
    known.push_back(estimands[i].id);  // the first domain; `by` domains come after it
    if (wanted.empty() ? !headlines || estimands[i].headline
                       : std::find(wanted.begin(), wanted.end(), estimands[i].id) != wanted.end())
      chosen.push_back(i);
  }
  for (const std::string& id : wanted)
    if (std::find(known.begin(), known.end(), id) == known.end())
      section->fail("estimands", "names \"" + id + "\", which is not declared",
                    suggestion(id, known));
  plan.estimands = std::move(chosen);
}

World dial(const Study& study, const ConfigReader& section, double strength) {
  ConfigReader root = study.scenario().reader();
  if (root.has("worlds"))
    for (const World& world : plan_worlds(study.scenario()).worlds)
      if (world.dial == World::Dial::selection) {
        World turned = world;
        turned.value = strength;
        return turned;
      }
  section.fail("selection_on_answers", "has no score to turn on",
               "give [worlds.selection] with score = { ANSWER = [...] }");
}

/// Everything but the world.
BudgetPlan read_budget(const StudyPlan& study, std::optional<ConfigReader>& section) {
  BudgetPlan plan;
  choose_estimands(study, section ? &*section : nullptr, plan);
  if (!section) return plan;
  plan.replicates = static_cast<std::uint32_t>(
      section->integer("replicates", {.min = 2, .max = 1'000'000, .fallback = 200}));
  plan.selection_on_answers = section->real(
      "selection_on_answers",
      {.min = -20,
       .max = 20,
       .fallback = 0,
       .help = "strength of selection on the answers, on the score of [worlds.selection]"});
  section->finish();
  return plan;
}

/// What a budget cannot tell apart in a population by formulas is said, with its reason.
void refuse_in_model(const ModelStudy& study, const BudgetPlan& plan, const Place& place) {
  const ModelCondition& condition = study.condition(0);
  const Schema& schema = condition.model.scenario.schema;
  if (condition.model.redraw == Redraw::replicate)
    throw UserError(place, "budget",
                    "needs one population, and this one is drawn anew in each replicate",
                    "--set population.draw=once, without the truths that estimands state");
  if (condition.model.participation)
    for (const auto& table : condition.plan.benchmarks)
      for (VariableId id : table)
        if (schema[id].kind == VariableKind::continuous)
          throw UserError(place, "budget",
                          "cannot tell selection on the benchmarked number \"" + schema[id].name +
                              "\" from selection on the rest: no two persons share its value",
                          "benchmark its levels instead: a variable with edges, formula = \"" +
                              schema[id].name + "\"");
  for (std::size_t e : plan.estimands) {
    const PlannedEstimand& estimand = condition.plan.estimands[e];
    if (reads_quantile_of_buckets(schema, *estimand.functional))
      throw UserError(place, "budget",
                      "has no bucket rule to switch off for the quantile \"" + estimand.id +
                          "\" of a bucketed answer in a population by formulas",
                      "leave it out by budget.estimands");
  }
}

}  // namespace

BudgetPlan plan_budget(const Study& study) {
  ConfigReader root = study.scenario().reader();
  auto section = root.section("budget");
  BudgetPlan plan = read_budget(study.plan(), section);
  if (plan.selection_on_answers != 0) plan.world = dial(study, *section, plan.selection_on_answers);
  return plan;
}

BudgetPlan plan_budget(const ModelStudy& study) {
  ConfigReader root = study.scenario().reader();
  if (study.conditions() > 1)
    throw UserError(root.place(), "budget",
                    fmt::format("is of one condition, and the scenario has {}", study.conditions()),
                    "name one: --condition \"" + study.condition(0).name + "\"");
  auto section = root.section("budget");
  const BudgetPlan plan = read_budget(study.plan(), section);
  if (plan.selection_on_answers != 0)
    section->fail("selection_on_answers", "has no meaning in a population by formulas",
                  "who takes part is in participation.linear, which may name the answers");
  refuse_in_model(study, plan, root.place());
  return plan;
}

}  // namespace steelyard
