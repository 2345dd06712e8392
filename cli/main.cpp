#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

#include "cli/above_zero.hpp"
#include "cli/commands.hpp"
#include "cli/file_commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/sweep_commands.hpp"
#include "core/errors.hpp"
#include "study/study_run.hpp"

namespace steelyard {
namespace {

enum ExitCode { kDone = 0, kNo = 1, kWrongUse = 2, kInternal = 3 };

void add_common(CLI::App* verb, CommonOptions& o) {
  verb->add_option("scenario", o.scenario,
                   "a scenario's folder, or the name of one that comes with the program")
      ->required();
  verb->add_option("--set", o.settings,
                   "change a number of the scenario: key=value, for instance sample.size=5000 or "
                   "number.ID=50")
      ->allow_extra_args(false);
  verb->add_flag("--accept", o.accept, "go on although published numbers cannot all be met");
  verb->add_flag("--force", o.force, "replace what exists at the output");
  verb->add_flag("--quiet", o.quiet, "no progress");
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Steelyard: if the truth were known, how wrong would this weighting, this bucket rule, this "
      "interval be?"};
  app.set_version_flag("--version", STEELYARD_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 the answer is no, 2 wrong use or bad input, 3 internal or environment "
      "failure.\nEach verb has --help.");
  int code = kDone;

  std::string kind, name;
  bool json = false;
  CLI::App* list = app.add_subcommand(
      "list",
      "what there is: scenarios, designs, measurement-models, weightings, value-rules, "
      "bucket-rules, functionals, intervals");
  list->add_option("kind", kind, "one of them; all if left out");
  list->add_flag("--json", json, "as JSON");
  list->callback([&] { code = list_command(kind, json); });

  CLI::App* describe =
      app.add_subcommand("describe", "one method with its options and source, or one scenario");
  describe->add_option("name", name)->required();
  describe->callback([&] { code = describe_command(name); });

  CheckOptions check_options;
  CLI::App* check = app.add_subcommand(
      "check",
      "validate a scenario, audit its published numbers (what contradicts what, and what would "
      "repair it), fit it, and say which numbers cannot be met");
  add_common(check, check_options);
  check->add_flag("--as-printed", check_options.as_printed,
                  "audit every number as printed: the scenario's own exchanges and exclusions are "
                  "ignored, and nothing is fitted");
  check->add_option(
      "--reconcile", check_options.reconcile,
      "write a numbers file with every contradiction repaired and every change noted");
  check->add_flag("--json", check_options.json, "as JSON");
  check->callback([&] { code = check_command(check_options); });

  SynthesizeOptions synthesize_options;
  CLI::App* synthesize = app.add_subcommand(
      "synthesize",
      "make the population's persons, into an HDF5 file or tallied; or households with their "
      "persons, into a folder (scenarios with [households])");
  add_common(synthesize, synthesize_options);
  synthesize->add_option(
      "-o,--output", synthesize_options.output,
      "the HDF5 file to write (with --tally-only: a CSV file; households: a folder)");
  synthesize->add_option("--size", synthesize_options.size,
                         "persons, or households; default: the scenario's population.size or "
                         "households.size");
  synthesize->add_option("--seed", synthesize_options.seed,
                         "seed of all random numbers; required unless the scenario has one");
  synthesize->add_option("--slice", synthesize_options.slice,
                         "a:b: only persons a to b - 1; they are the same as in the whole");
  synthesize->add_flag("--tally-only", synthesize_options.tally_only,
                       "one-way tables only, in bounded memory");
  synthesize->add_flag("--exact", synthesize_options.exact,
                       "whole persons such that every population table is met to the person");
  synthesize->add_option("--threads", synthesize_options.threads, "default: all cores")
      ->check(above_zero());
  synthesize->callback([&] { code = synthesize_command(synthesize_options); });

  DrawOptions draw_options;
  CLI::App* draw =
      app.add_subcommand("draw", "draw biased samples, for any program to estimate from");
  add_common(draw, draw_options);
  draw->add_option("-o,--output", draw_options.output, "the folder to write")->required();
  draw->add_option("--replicates", draw_options.replicates, "how many samples")
      ->check(above_zero());
  draw->add_option("--seed", draw_options.seed,
                   "seed of all random numbers; required unless the scenario has one");
  draw->add_option("--format", draw_options.format, "csv or h5")
      ->check(CLI::IsMember({"csv", "h5"}));
  draw->callback([&] { code = draw_command(draw_options); });

  StopRequest stop;
  RunOptions run_options;
  run_options.stop = &stop;
  CLI::App* run = app.add_subcommand(
      "run", "the study: replicates, performance measures, reproduction table, report");
  add_common(run, run_options);
  run->add_option("-o,--output", run_options.output,
                  "the folder to write (with --replicate: a CSV file)");
  run->add_option("--replicates", run_options.replicates,
                  "default: the scenario's study.replicates")
      ->check(above_zero());
  run->add_option("--seed", run_options.seed,
                  "seed of all random numbers; required unless the scenario has one");
  run->add_option("--threads", run_options.threads,
                  "default: all cores; results do not depend on it")
      ->check(above_zero());
  run->add_option("--condition", run_options.conditions,
                  "only this [[condition]] of a population by formulas; may be repeated")
      ->allow_extra_args(false);
  run->add_flag("--resume", run_options.resume,
                "go on with what an earlier run has left: killed, interrupted, with more "
                "--replicates, or with estimators that the scenario got since");
  run->add_option("--until", run_options.until,
                  "stop when this holds, for instance \"mcse(bias[mean_income, raking]) < 10\"; "
                  "--replicates is the most that are made");
  run->add_option("--shard", run_options.shard,
                  "i/k: only the i-th of k parts; steelyard merge puts them together");
  run->add_option("--replicate", run_options.replicate,
                  "make this replicate alone, counted from 0, and show its estimates");
  run->add_flag("--estimate", run_options.estimate,
                "predict time and memory from a few replicates, and run nothing else");
  run->add_flag("--tally-truth", run_options.tally_truth,
                "also make and tally every person of the population (default: up to 20 million)");
  run->add_option("--lang", run_options.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  run->callback([&] { code = run_command(run_options); });

  MergeOptions merge_options;
  CLI::App* merge = app.add_subcommand("merge", "one study of the shards that run --shard wrote");
  merge->add_option("folders", merge_options.folders, "the folders of all shards")->required();
  merge->add_option("-o,--output", merge_options.output, "the folder to write")->required();
  merge->add_option("--scenario", merge_options.scenario,
                    "the scenario's folder, if it is not where the shards found it");
  merge->add_option("--threads", merge_options.threads, "default: all cores")->check(above_zero());
  merge->add_option("--lang", merge_options.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  merge->add_flag("--force", merge_options.force, "replace what exists at the output");
  merge->add_flag("--quiet", merge_options.quiet, "no progress");
  merge->callback([&] { code = merge_command(merge_options); });

  WorldsOptions worlds_options;
  CLI::App* worlds = app.add_subcommand(
      "worlds",
      "populations with other truths and the same published tables: truth and every estimator's "
      "error across the family, and exact bounds");
  add_common(worlds, worlds_options);
  worlds->add_option("-o,--output", worlds_options.output, "the folder to write")->required();
  worlds
      ->add_option("--replicates", worlds_options.replicates,
                   "samples drawn; default: the scenario's worlds.replicates")
      ->check(CLI::Range(2, 1'000'000));
  worlds->add_option("--seed", worlds_options.seed,
                     "seed of all random numbers; required unless the scenario has one");
  worlds->add_option("--threads", worlds_options.threads, "default: all cores")
      ->check(above_zero());
  worlds->add_option("--lang", worlds_options.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  worlds->callback([&] { code = worlds_command(worlds_options); });

  BudgetOptions budget_options;
  CLI::App* budget = app.add_subcommand(
      "budget",
      "the error budget: how much of each estimator's error selection, measurement, benchmarks, "
      "the bucket rule, the weighting and chance make");
  add_common(budget, budget_options);
  budget->add_option("-o,--output", budget_options.output, "the folder to write")->required();
  budget
      ->add_option("--replicates", budget_options.replicates,
                   "default: the scenario's budget.replicates, or 200")
      ->check(CLI::Range(2, 1'000'000));
  budget->add_option("--seed", budget_options.seed,
                     "seed of all random numbers; required unless the scenario has one");
  budget->add_option("--threads", budget_options.threads, "default: all cores")
      ->check(above_zero());
  budget->add_option("--condition", budget_options.conditions,
                     "the [[condition]] of a population by formulas with several");
  budget->add_flag("--json", budget_options.json, "print the budget as JSON");
  budget->add_option("--lang", budget_options.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  budget->callback([&] { code = budget_command(budget_options); });
  SweepOptions sweep_options;
  add_sweep(app, sweep_options, add_common, code);
  TipOptions tip_options;
  add_tip(app, tip_options, add_common, code);
  PlanOptions plan_options;
  add_plan(app, plan_options, add_common, code);

  WeighOptions weigh_options;
  add_weigh(app, weigh_options, code);
  EstimateOptions estimate_options;
  add_estimate(app, estimate_options, code);
  BucketsOptions buckets_options;
  add_buckets(app, buckets_options, code);

  ReportOptions report_options;
  CLI::App* report = app.add_subcommand("report", "the HTML report of a finished study");
  report->add_option("folder", report_options.folder, "the folder that run wrote")->required();
  report->add_option("-o,--output", report_options.output, "default: FOLDER/report.html");
  report->add_option("--lang", report_options.language, "en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  report->add_flag("--force", report_options.force, "replace what exists");
  report->callback([&] { code = report_command(report_options); });

  const InterruptWatch watch(
      {&check_options.reconcile, &synthesize_options.output, &draw_options.output,
       &run_options.output, &merge_options.output, &worlds_options.output, &budget_options.output,
       &report_options.output, &tip_options.output, &plan_options.output, &weigh_options.output,
       &weigh_options.report, &estimate_options.output, &buckets_options.output,
       &buckets_options.report},
      stop, {&sweep_options.output});
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUse;
  }
  return code;
}

}  // namespace
}  // namespace steelyard

int main(int argc, char** argv) {
  using namespace steelyard;
  // Replicates free what the next one allocates again; giving it back to the system in between cost
  // half of the time of small samples.
  mallopt(M_MMAP_THRESHOLD, 1 << 26);
  mallopt(M_TRIM_THRESHOLD, 1 << 28);
  mallopt(M_TOP_PAD, 1 << 22);
  try {
    return parse_and_run(argc, argv);
  } catch (const Contradiction& no) {
    fmt::print(stderr, "steelyard: {}\n", no.what());
    return kNo;
  } catch (const NegativeAnswer& no) {
    fmt::print(stderr, "steelyard: {}\n", no.what());
    return kNo;
  } catch (const UserError& error) {
    fmt::print(stderr, "steelyard: {}\n", error.what());
    return kWrongUse;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "steelyard: out of memory; lower population.size, sample.size or the replicates\n");
    return kInternal;
  } catch (const std::exception& error) {
    fmt::print(stderr, "steelyard: {}\n", error.what());
    return kInternal;
  }
}
