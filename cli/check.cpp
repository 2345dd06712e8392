#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "core/scenario.hpp"
#include "sim/households/household_scenario.hpp"
#include "sim/population/population.hpp"
#include "study/plan.hpp"

namespace steelyard {
namespace {

struct Finding {
  std::string id, place, reported, what;
  double lower = 0, upper = 0, expected = 0;
};

/// Fitted and checked numbers that the law does not meet.
std::vector<Finding> findings(const Population& population) {
  std::vector<Finding> list;
  for (const PublishedNumber& n : population.scenario().numbers) {
    if (n.use != Use::fit && n.use != Use::check) continue;
    const double unit = n.statistic == Statistic::share ? 100 : 1;
    const double expected = population.expected(n);
    const double slack = 1e-6 * std::max(1.0, std::abs(n.value));
    if (expected >= n.lower - slack && expected <= n.upper + slack) continue;
    list.push_back({n.id, fmt::format("{}:{}", n.place.file, n.place.line), n.printed,
                    fmt::format("{} {} {}", n.scope_text.empty() ? "all" : n.scope_text,
                                n.quantity_text, n.level_text),
                    n.lower * unit, n.upper * unit, expected * unit});
  }
  return list;
}

}  // namespace

int check_command(const CommonOptions& options) {
  if (is_household_scenario(options.scenario)) return check_households(options);
  const Scenario scenario = load_scenario(options.scenario, options.settings);
  const StudyPlan plan = plan_study(scenario);
  const Population population(scenario, Population::Unmet::accept);
  const PopulationFit& fit = population.fit();
  const std::vector<Finding> bad = findings(population);
  const double block_error =
      std::max(fit.population.largest_block_error, fit.answers.largest_block_error);
  const bool ok = bad.empty() && block_error < 1e-6;
  std::size_t excluded = 0, not_modelled = 0, assumed = 0;
  for (const PublishedNumber& n : scenario.numbers) {
    excluded += n.use == Use::excluded;
    not_modelled += n.use == Use::not_modelled;
    assumed += n.provenance == Provenance::assumed;
  }
  if (options.json) {
    nlohmann::ordered_json answer{{"scenario", scenario.name},
                                  {"ok", ok},
                                  {"variables", scenario.schema.size()},
                                  {"tables", scenario.tables.size()},
                                  {"numbers", scenario.numbers.size()},
                                  {"excluded", excluded},
                                  {"not_modelled", not_modelled},
                                  {"assumed", assumed},
                                  {"estimands", plan.estimands.size()},
                                  {"fit_seconds", fit.population_seconds + fit.answers_seconds},
                                  {"sweeps", fit.answers.sweeps},
                                  {"largest_table_error", block_error}};
    answer["not_met"] = nlohmann::ordered_json::array();
    for (const Finding& f : bad)
      answer["not_met"].push_back({{"id", f.id},
                                   {"place", f.place},
                                   {"reported", f.reported},
                                   {"lower", f.lower},
                                   {"upper", f.upper},
                                   {"expected", f.expected}});
    fmt::print("{}\n", answer.dump(2));
    return ok || options.accept ? 0 : 1;
  }
  fmt::print(
      "{}: {} variables, {} tables, {} numbers ({} excluded as contradictory, {} not modelled, {} "
      "assumed)\n",
      scenario.name, scenario.schema.size(), scenario.tables.size(), scenario.numbers.size(),
      excluded, not_modelled, assumed);
  fmt::print("study: {} estimands by domain, {} weightings, {} value rules, {} interval methods\n",
             plan.estimands.size(), plan.weightings.size(), plan.value_rules.size(),
             plan.intervals.size());
  fmt::print("fit: {} cliques, {} cells (largest {}), {} sweeps, {:.2f} s; tables met to {:.1g}\n",
             fit.cliques, fit.cells, fit.largest_clique, fit.answers.sweeps,
             fit.population_seconds + fit.answers_seconds, block_error);
  if (ok) {
    fmt::print("every number that is not excluded lies within its interval\n");
    return 0;
  }
  for (const FitReport* report : {&fit.population, &fit.answers})
    if (report->largest_block_error > 1e-6)
      fmt::print(
          "table \"{}\" cannot be met together with the numbers: it is missed by {:.3g} % of its "
          "total in a cell\n",
          report->worst_block, 100 * report->largest_block_error);
  fmt::print("{} numbers cannot be met together with the others:\n", bad.size());
  for (const Finding& f : bad)
    fmt::print("  {}: [{}] {} = {} allows {:.6g} to {:.6g}, the others imply {:.6g}\n", f.place,
               f.id, f.what, f.reported, f.lower, f.upper, f.expected);
  return options.accept ? 0 : 1;
}

}  // namespace steelyard
