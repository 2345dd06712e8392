#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/audit_text.hpp"
#include "cli/commands.hpp"
#include "cli/latent_text.hpp"
#include "cli/progress.hpp"
#include "core/output.hpp"
#include "core/scenario.hpp"
#include "sim/households/household_scenario.hpp"
#include "sim/models/model_scenario.hpp"
#include "sim/population/population.hpp"
#include "study/plan.hpp"
#include "study/stale_benchmarks.hpp"
#include "study/worlds.hpp"

namespace steelyard {
namespace {

struct Finding {
  std::string id, place, reported, what;
  double lower = 0, upper = 0, expected = 0;
  bool may_yield = false;  ///< of finite importance
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
                    n.lower * unit, n.upper * unit, expected * unit, std::isfinite(n.importance)});
  }
  return list;
}

void write_reconciled(const CheckOptions& options, const Scenario& scenario, const Audit& audit) {
  if (options.reconcile.empty()) return;
  OutputFile file(options.reconcile, options.force ? Overwrite::replace : Overwrite::refuse);
  write_file(file.staging(), reconciled_csv(scenario, audit));
  file.commit();
  if (options.json) return;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < scenario.numbers.size(); ++i)
    changed += scenario.numbers[i].note != audit.reconciled[i].note;
  fmt::print("wrote {}: {} numbers, {} of them changed, each with its note\n", options.reconcile,
             scenario.numbers.size(), changed);
}

/// The numbers as printed: the audit alone, since there may be no law to fit.
int check_as_printed(const CheckOptions& options, const Scenario& scenario, const Audit& audit) {
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"scenario", scenario.name},
                                              {"ok", audit.possible()},
                                              {"reading", "as printed"},
                                              {"audit", audit_json(scenario, audit)}}
                           .dump(2));
  else
    fmt::print("{}, as printed (its exchanges and exclusions ignored)\n{}\n", scenario.name,
               audit_text(scenario, audit));
  return audit.possible() || options.accept ? 0 : 1;
}

}  // namespace

int check_command(const CheckOptions& options) {
  if (is_household_scenario(options.scenario)) return check_households(options);
  if (is_model_scenario(options.scenario)) return check_model(options);
  const Scenario scenario =
      load_scenario(options.scenario, options.settings,
                    options.as_printed ? Reading::as_printed : Reading::corrected);
  if (!options.reconcile.empty())  // refuse before the work
    OutputFile(options.reconcile, options.force ? Overwrite::replace : Overwrite::refuse);
  const StudyPlan plan = plan_study(scenario);
  read_stale_benchmarks(scenario, plan.benchmarks);
  if (scenario.reader().has("worlds")) plan_worlds(scenario);
  AuditOptions audit_options;
  if (!options.quiet && !options.json)
    audit_options.progress = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  const Audit audit = steelyard::audit(scenario, audit_options);
  write_reconciled(options, scenario, audit);
  if (options.as_printed) return check_as_printed(options, scenario, audit);
  const Population population(scenario, Population::Unmet::accept);
  const PopulationFit& fit = population.fit();
  std::vector<Finding> bad = findings(population);
  const double block_error =
      std::max(fit.population.largest_block_error, fit.answers.largest_block_error);
  const bool ok =
      std::all_of(bad.begin(), bad.end(), [](const Finding& f) { return f.may_yield; }) &&
      block_error < 1e-6 && audit.possible();
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
                                  {"divergence_nats", fit.divergence},
                                  {"largest_table_error", block_error},
                                  {"audit", audit_json(scenario, audit)}};
    answer["not_met"] = nlohmann::ordered_json::array();
    for (const Finding& f : bad)
      answer["not_met"].push_back({{"id", f.id},
                                   {"may_yield", f.may_yield},
                                   {"place", f.place},
                                   {"reported", f.reported},
                                   {"lower", f.lower},
                                   {"upper", f.upper},
                                   {"expected", f.expected}});
    answer["residuals"] = nlohmann::ordered_json::array();
    for (const PublishedNumber& n : scenario.numbers) {
      if (n.use != Use::fit && n.use != Use::check) continue;
      const double unit = n.statistic == Statistic::share ? 100 : 1, x = population.expected(n);
      answer["residuals"].push_back(  // JSON has null for an infinite bound
          {{"id", n.id},
           {"expected", x * unit},
           {"lower", n.lower * unit},
           {"upper", n.upper * unit},
           {"violation", std::max({0.0, n.lower - x, x - n.upper}) * unit}});
    }
    answer["latents"] = latent_json(scenario, population);
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
  fmt::print(
      "divergence of the fitted law from its seeds: {:.4g} nats; residual of every number: "
      "--json\n",
      fit.divergence);
  if (const std::string latents = latent_text(scenario, population); !latents.empty())
    fmt::print("{}\n", latents);
  fmt::print("{}\n", audit_text(scenario, audit));
  for (const Finding& f : bad)
    if (f.may_yield)
      fmt::print("  {}: [{}] {} = {} yields: allows {:.6g} to {:.6g}, is {:.6g}\n", f.place, f.id,
                 f.what, f.reported, f.lower, f.upper, f.expected);
  std::erase_if(bad, [](const Finding& f) { return f.may_yield; });
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
  if (!bad.empty()) fmt::print("{} numbers cannot be met together with the others:\n", bad.size());
  for (const Finding& f : bad)
    fmt::print("  {}: [{}] {} = {} allows {:.6g} to {:.6g}, the others imply {:.6g}\n", f.place,
               f.id, f.what, f.reported, f.lower, f.upper, f.expected);
  return options.accept ? 0 : 1;
}

}  // namespace steelyard
