#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "cli/above_zero.hpp"
#include "cli/answers_json.hpp"
#include "cli/progress.hpp"
#include "cli/sweep_commands.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "report/plan_report.hpp"
#include "study/planning.hpp"

namespace steelyard {
namespace {

/// The estimator with the smallest RMSE under each design.
std::string best_estimators(const std::vector<DesignResults>& results, const EstimandRecord& asked,
                            double scale) {
  std::string text = "  smallest rmse (MCSE):";
  for (const DesignResults& d : results) {
    const DesignRow* best = nullptr;
    for (const DesignRow& row : d.rows)
      if (row.estimand.estimand == asked.estimand && row.estimand.domain == asked.domain &&
          !std::isnan(row.performance.rmse) &&
          (best == nullptr || row.performance.rmse < best->performance.rmse))
        best = &row;
    if (best != nullptr)
      text += fmt::format("\n    {}: {} {}, {:.4g} ({:.2g})", d.design.name,
                          best->estimator.weighting, best->estimator.value_rule,
                          best->performance.rmse * scale, best->performance.rmse_mcse * scale);
  }
  return text + "\n";
}

/// One line a design: the estimator that the first design's reference is, over its own domain.
std::string design_table(const std::vector<DesignResults>& results, const ChangeQuestion& change) {
  std::string text;
  if (results.empty()) return text;
  for (const DesignRow& asked : results[0].rows) {
    if (!asked.estimator.reference || !asked.estimand.headline) continue;
    const double scale = asked.estimand.unit == "%" ? 100 : 1;
    text += fmt::format("\n{} ({}){}, {} {}\n  {:<28} {:>10} {:>18} {:>24} {:>18}",
                        asked.estimand.label, asked.estimand.domain_label,
                        asked.estimand.unit.empty() ? "" : ", " + asked.estimand.unit,
                        asked.estimator.weighting, asked.estimator.value_rule, "design", "cost",
                        "rmse (MCSE)", "change of rmse (MCSE)", "coverage (MCSE)");
    for (double overlap : change.overlaps)
      text += fmt::format(" {:>22}", fmt::format("found, overlap {:g}", overlap));
    text += "\n";
    for (const DesignResults& d : results)
      for (const DesignRow& row : d.rows) {
        if (row.estimand.estimand != asked.estimand.estimand ||
            row.estimand.domain != asked.estimand.domain ||
            row.estimator.weighting != asked.estimator.weighting ||
            row.estimator.value_rule != asked.estimator.value_rule ||
            row.estimator.interval != asked.estimator.interval)
          continue;
        const PerformanceRecord& p = row.performance;
        const auto pair = [&](double value, double error, double times) {
          return fmt::format("{:.4g} ({:.2g})", value * times, error * times);
        };
        text += fmt::format("  {:<28} {:>10} {:>18} {:>24} {:>18}", d.design.name,
                            d.design.cost ? shortest(*d.design.cost) : "-",
                            pair(p.rmse, p.rmse_mcse, scale),
                            std::isnan(row.change.rmse.change)
                                ? "-"
                                : pair(row.change.rmse.change, row.change.rmse.mcse, scale),
                            pair(p.coverage, p.coverage_mcse, 100));
        for (std::size_t k = 0; k < row.smallest_changes.size(); ++k)
          text += fmt::format(" {:>22}",
                              pair(row.smallest_changes[k], row.smallest_changes_mcse[k], scale));
        text += "\n";
      }
    text += best_estimators(results, asked.estimand, scale);
  }
  text += fmt::format(
      "\nfound: the smallest change between two quarters that a {:g} % test finds with {:g} % "
      "power\n",
      100 * (1 - change.level), 100 * change.power);
  for (const DesignResults& d : results)
    if (!d.failure.empty())
      text += fmt::format("design \"{}\" has no result: {}\n", d.design.name, d.failure);
  return text;
}

std::string edge_table(const EdgeResults& found) {
  const EdgeSearch& search = found.search;
  std::string text = fmt::format(
      "\nedges of {} for {} under {}, {:g} respondents; exact under the population's law\n  {:<20} "
      "{:>12} {:>12} {:>12}  edges\n",
      search.variable, search.estimand, search.value_rule, search.respondents, "choice", "bias",
      "sd", "rmse");
  for (const auto* choices : {&found.choices, &found.by_number})
    for (const EdgeChoice& c : *choices) {
      Texts edges;
      for (double edge : c.edges) edges.push_back(fmt::format("{:g}", edge));
      text += c.failure.empty() ? fmt::format("  {:<20} {:>+12.5g} {:>12.5g} {:>12.5g}  {}\n",
                                              c.name, c.bias, c.sd, c.rmse, join(edges, ", "))
                                : fmt::format("  {:<20} {}\n", c.name, c.failure);
    }
  return text;
}

int plan_command(const PlanOptions& options) {
  QuestionnairePlan plan = read_questionnaire_plan(options.scenario, options.settings);
  plan.replicates = options.replicates.value_or(plan.replicates);
  StudyOptions settings;
  settings.seed = sweep_seed(options.seed, options.scenario);
  settings.replicates = plan.replicates;
  settings.threads = options.threads;
  settings.tally = Tally::no;
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  const auto unmet = options.accept ? Population::Unmet::accept : Population::Unmet::refuse;
  PlanResults results;
  const ScenarioTitle title = title_of_scenario(options.scenario);
  results.scenario = title.name;
  results.title = title.title;
  results.title_zh = title.title_zh;
  results.version = STEELYARD_VERSION;
  results.seed = static_cast<std::uint64_t>(settings.seed);
  results.replicates = plan.replicates;
  results.change = plan.change;
  results.curve = detectable_curve(plan.change);
  {
    Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    const auto all = static_cast<double>(plan.designs.size());
    results.designs = compare_designs(
        options.scenario, options.settings, plan, settings, unmet,
        [&](double done) { progress.update("designs", done / all, all, "designs"); });
  }
  const auto& designs = results.designs;
  if (!designs.empty() &&
      std::all_of(designs.begin(), designs.end(), [](const auto& d) { return !d.failure.empty(); }))
    throw NegativeAnswer("no design has a result; the first: " + designs[0].failure);
  Texts files;
  const auto write = [&](const char* name, const std::string& text) {
    write_file(output.staging() / name, text);
    files.emplace_back(name);
  };
  if (!designs.empty()) write("designs.csv", write_designs_csv(results));
  if (plan.edges) {
    results.edges = search_edges(options.scenario, options.settings, *plan.edges, settings.seed);
    write("edges.csv", write_edges_csv(*results.edges));
  }
  write("plan.html", render_plan(results, options.language == "zh" ? Language::zh : Language::en));
  output.commit();
  if (options.json) {
    fmt::print("{}", plan_json(results));
    return 0;
  }
  fmt::print("{} designs x {} replicates, seed {}\n{}{}\nwritten to {}: {}\n", designs.size(),
             plan.replicates, results.seed, design_table(designs, plan.change),
             results.edges ? edge_table(*results.edges) : "", options.output, join(files, ", "));
  return 0;
}

}  // namespace

void add_plan(CLI::App& app, PlanOptions& o, AddCommon add_common, int& code) {
  CLI::App* plan = app.add_subcommand(
      "plan",
      "the next questionnaire: designs side by side, the best edges of a question, the "
      "smallest change between quarters that is found");
  add_common(plan, o);
  plan->add_option("-o,--output", o.output, "the folder to write")->required();
  plan->add_option("--replicates", o.replicates, "of each design; default: plan.replicates")
      ->check(CLI::Range(2, 100'000'000));
  plan->add_option("--seed", o.seed,
                   "seed of all random numbers; required unless the scenario has one");
  plan->add_option("--threads", o.threads, "default: all cores")->check(above_zero());
  plan->add_option("--lang", o.language, "language of the page: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  plan->add_flag("--json", o.json, "print the answer as JSON");
  plan->callback([&] { code = plan_command(o); });
}

}  // namespace steelyard
