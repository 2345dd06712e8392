#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "cli/above_zero.hpp"
#include "cli/answers_json.hpp"
#include "cli/sweep_commands.hpp"
#include "core/output.hpp"
#include "report/tip_report.hpp"
#include "study/tipping.hpp"

namespace steelyard {
namespace {

std::string ends_text(const TippingPoint& p) {
  return fmt::format("margin {:.4g} ({:.2g}) at one end, {:.4g} ({:.2g}) at the other",
                     p.lower_margin, p.lower_mcse, p.upper_margin, p.upper_mcse);
}

std::string table(const TippingResults& r) {
  std::string text =
      fmt::format("{}\n  {} in the scenario as it stands: margin {:.5g} (MCSE {:.2g}){}",
                  r.conclusion, r.holds ? "holds" : "does not hold", r.base.value, r.base.mcse,
                  r.unit.empty() ? "" : " " + r.unit);
  if (std::abs(r.base.value) < 2 * r.base.mcse)
    text += "; it is too near to its turn to be sure: give more --replicates";
  text += "\n\n";
  for (const TippingPoint& p : r.points) {
    const std::string name = p.dial.empty() ? "all dials together" : p.dial;
    if (p.kind == TippingPoint::Kind::turns && !p.dial.empty())
      text += fmt::format(
          "  {:<42} turns at {:.6g} (error {:.2g}), from {:.6g}: {:+.1f} % of its "
          "range\n",
          name, p.value, p.se, p.base, 100 * p.change_in_ranges);
    else if (p.kind == TippingPoint::Kind::turns) {
      text += fmt::format("  {:<42} turn it at a distance of {:.3f} ranges (error {:.2g}):\n", name,
                          p.change_in_ranges, p.se);
      for (std::size_t k = 0; k < p.values.size(); ++k)
        if (!std::isnan(p.values[k]))
          text += fmt::format("    {} = {:.6g}\n", r.dials[k].key, p.values[k]);
    } else {
      text += fmt::format("  {:<42} {}", name, to_string(p.kind));
      if (p.kind == TippingPoint::Kind::never && p.replicates > 0) text += ": " + ends_text(p);
      text += "\n";
    }
    if (!p.note.empty()) text += "    " + p.note + "\n";
  }
  return text;
}

int tip_command(const TipOptions& options) {
  const Conclusion conclusion = parse_conclusion(options.conclusion);
  std::vector<DialRequest> requests;
  for (const std::string& text : options.dials) requests.push_back(parse_dial(text));
  requests = completed(std::move(requests), dials_of_sweep(options.scenario, options.settings));
  const TippingOptions settings{
      .seed = sweep_seed(options.seed, options.scenario),
      .replicates = options.replicates,
      .most_replicates = std::max(options.replicates, options.most_replicates),
      .steps = options.steps,
      .error = options.error,
      .threads = options.threads,
      .unmet = options.accept ? Population::Unmet::accept : Population::Unmet::refuse};
  const Dials dials(options.scenario, options.settings, requests);
  // A name that ends in .csv is that of the table alone.
  const bool table_alone = options.output.ends_with(".csv");
  const Overwrite overwrite = options.force ? Overwrite::replace : Overwrite::refuse;
  std::optional<OutputFile> file;
  std::optional<OutputFolder> folder;
  if (table_alone)
    file.emplace(options.output, overwrite);
  else if (!options.output.empty())
    folder.emplace(options.output, overwrite);
  TippingResults results =
      tipping_points(options.scenario, dials, conclusion, settings, [&](const std::string& line) {
        if (!options.quiet) fmt::print(stderr, "{}\n", line);
      });
  const ScenarioTitle title = title_of_scenario(options.scenario);
  results.scenario = title.name;
  results.title = title.title;
  results.title_zh = title.title_zh;
  results.version = STEELYARD_VERSION;
  fmt::print("{}", options.json ? tipping_json(results) : table(results));
  if (file) {
    write_file(file->staging(), write_tipping_csv(results));
    file->commit();
    if (!options.json) fmt::print("written: {}\n", options.output);
  }
  if (folder) {
    write_file(folder->staging() / "tip.csv", write_tipping_csv(results));
    write_file(folder->staging() / "tip.html",
               render_tipping(results, options.language == "zh" ? Language::zh : Language::en));
    folder->commit();
    if (!options.json) fmt::print("written to {}: tip.csv, tip.html\n", options.output);
  }
  return 0;
}

}  // namespace

void add_tip(CLI::App& app, TipOptions& o, AddCommon add_common, int& code) {
  CLI::App* tip = app.add_subcommand(
      "tip",
      "where a conclusion turns: the smallest change of each assumed number, and of all "
      "together, with its error");
  add_common(tip, o);
  tip->add_option("--conclusion", o.conclusion,
                  "SIDE > SIDE (or >= < <=); a side is a number, truth[ESTIMAND], or "
                  "mean_estimate, bias, rmse or coverage [ESTIMAND, WEIGHTING, VALUE_RULE]")
      ->required();
  tip->add_option("-o,--output", o.output,
                  "the folder to write; a name that ends in .csv: the table alone");
  tip->add_option(
         "--dial", o.dials,
         "a number to move: KEY=LOW:HIGH; default: [sweep], or every assumed number with a "
         "range")
      ->allow_extra_args(false);
  tip->add_option("--replicates", o.replicates, "to begin with")->check(CLI::Range(2, 100'000'000));
  tip->add_option("--most-replicates", o.most_replicates, "for the wanted error")
      ->check(CLI::Range(2, 100'000'000));
  tip->add_option("--steps", o.steps, "points looked at towards each end of a range")
      ->check(CLI::Range(1, 1000));
  tip->add_option("--error", o.error,
                  "wanted standard error of a tipping point, as a part of its dial's range")
      ->check(CLI::Range(1e-6, 1.0));
  tip->add_option("--seed", o.seed,
                  "seed of all random numbers; required unless the scenario has one");
  tip->add_option("--threads", o.threads, "default: all cores")->check(above_zero());
  tip->add_option("--lang", o.language, "language of the page: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  tip->add_flag("--json", o.json, "print the answer as JSON");
  tip->callback([&] { code = tip_command(o); });
}

}  // namespace steelyard
