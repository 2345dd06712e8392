#include "study/worlds.hpp"

#include <fmt/format.h>

#include <cmath>

#include "cli/commands.hpp"
#include "core/output.hpp"
#include "core/scenario.hpp"
#include "report/worlds_report.hpp"

namespace steelyard {

namespace {

/// The headline truths of every world, and the report's own estimate beside them.
std::string worlds_summary(const WorldsResults& w) {
  const StudyResults& r = w.study;
  std::string text = fmt::format("{} worlds, {} samples of {}, seed {}\n", w.worlds.size(),
                                 r.replicates, r.sample_size, r.seed);
  for (std::size_t e = 0; e < r.estimands.size(); ++e) {
    const EstimandRecord& estimand = r.estimands[e];
    if (!estimand.headline) continue;
    const double scale = estimand.unit == "%" ? 100 : 1;
    const int digits = std::abs(estimand.truth) >= 1000 ? 0 : 2;
    std::size_t reference = 0;
    for (std::size_t i = 0; i < r.estimators.size(); ++i)
      if (r.estimators[i].estimand == e && r.estimators[i].reference) reference = i;
    const EstimatorRecord& m = r.estimators[reference];
    text += fmt::format("\n{} ({}), {}\n  {:<34} {:>10} {:>26} {:>16}\n", estimand.label,
                        estimand.domain_label, estimand.unit, "world", "truth",
                        "bias of " + m.weighting + " (MCSE)", "largest change");
    for (const WorldRecord& world : w.worlds) {
      const PerformanceRecord& p = world.performance[reference];
      text += fmt::format(
          "  {:<34} {:>10.{}f} {:>26} {:>16}\n", world.name, world.truths[e] * scale, digits,
          fmt::format("{:+.{}f} ({:.1g})", p.bias * scale, digits, p.bias_mcse * scale),
          world.dial == "neutral" ? "-" : fmt::format("{:.1g}", world.largest_change));
    }
    for (const BoundsRecord& b : w.bounds)
      if (b.estimand == e)
        text += fmt::format(
            "  in the weighted sample, all joint laws behind the tables, assumed bucket values: "
            "{:.{}f} to "
            "{:.{}f}\n",
            b.lower * scale, digits, b.upper * scale, digits);
  }
  if (!w.bounds_refused.empty()) text += "\nno bounds: " + w.bounds_refused + "\n";
  return text;
}

}  // namespace

int worlds_command(const WorldsOptions& options) {
  const Scenario scenario = load_scenario(options.scenario, options.settings);
  WorldsPlan plan = plan_worlds(scenario);
  plan.replicates = options.replicates.value_or(plan.replicates);
  StudyOptions settings;
  settings.seed = Seed{require_seed(options.seed, scenario)};
  settings.threads = options.threads;
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  std::size_t step = 0;
  WorldsResults results = run_worlds(scenario, plan, settings, [&](const std::string& line) {
    if (!options.quiet) fmt::print(stderr, "[{}/{}] {}\n", ++step, plan.worlds.size() + 2, line);
  });
  results.study.version = STEELYARD_VERSION;
  write_file(output.staging() / "worlds.csv", write_worlds_csv(results));
  write_file(output.staging() / "bounds.csv", write_bounds_csv(results));
  write_file(output.staging() / "report.html",
             render_worlds(results, options.language == "zh" ? Language::zh : Language::en));
  output.commit();
  fmt::print("{}\nwritten to {}: worlds.csv, bounds.csv, report.html\n", worlds_summary(results),
             options.output);
  return 0;
}

}  // namespace steelyard
