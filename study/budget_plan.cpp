#include <algorithm>

#include "core/text.hpp"
#include "study/budget.hpp"
#include "study/worlds.hpp"

namespace steelyard {
namespace {

/// Estimands by name, each over its own domain; by default the headlines, else all.
void choose_estimands(const Study& study, ConfigReader* section, BudgetPlan& plan) {
  const auto& estimands = study.plan().estimands;
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

}  // namespace

BudgetPlan plan_budget(const Study& study) {
  BudgetPlan plan;
  ConfigReader root = study.scenario().reader();
  auto section = root.section("budget");
  choose_estimands(study, section ? &*section : nullptr, plan);
  if (section) {
    plan.replicates = static_cast<std::uint32_t>(
        section->integer("replicates", {.min = 2, .max = 1'000'000, .fallback = 200}));
    plan.selection_on_answers = section->real(
        "selection_on_answers",
        {.min = -20,
         .max = 20,
         .fallback = 0,
         .help = "strength of selection on the answers, on the score of [worlds.selection]"});
    if (plan.selection_on_answers != 0)
      plan.world = dial(study, *section, plan.selection_on_answers);
    section->finish();
  }
  return plan;
}

}  // namespace steelyard
