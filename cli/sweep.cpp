#include "study/sweep.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/above_zero.hpp"
#include "cli/build.hpp"
#include "cli/progress.hpp"
#include "cli/sweep_commands.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "report/sweep_report.hpp"
#include "results/sweep_store.hpp"

namespace steelyard {
namespace fs = std::filesystem;
namespace {

/// The folder of a sweep while it runs: parts, and plan.txt, which says of what.
class SweepFolder {
 public:
  SweepFolder(const SweepOptions& options, const SweepPlan& plan)
      : folder_(options.output), parts_(folder_ / "parts") {
    const bool exists = fs::exists(fs::symlink_status(folder_));
    if (exists && !options.resume && !options.force)
      throw UserError({folder_.string()}, {}, "exists",
                      "choose another name, pass --resume to go on, or --force to begin anew");
    if (exists && options.resume) {
      require_same(plan);
      return;
    }
    std::error_code error;
    fs::remove_all(folder_, error);
    fs::create_directories(parts_, error);
    if (error) throw std::system_error(error, "cannot create folder " + parts_.string());
    put("plan.txt", identity(plan));
  }

  const fs::path& parts() const { return parts_; }
  void put(const char* name, std::string_view text) {
    OutputFile file(folder_ / name, Overwrite::replace);
    write_file(file.staging(), text);
    file.commit();
  }
  void put_store(const SweepResults& results) {
    OutputFile file(folder_ / "sweep.h5", Overwrite::replace);
    write_sweep_store(results, file.staging());
    file.commit();
  }

 private:
  static std::string identity(const SweepPlan& plan) {
    return "program = " + to_string(this_program()) + "\n" + plan.identity();
  }

  /// Goes on only with the sweep that the folder holds; what differs is named.
  void require_same(const SweepPlan& plan) const {
    const fs::path file = folder_ / "plan.txt";
    if (!fs::exists(file) || !fs::is_directory(parts_))
      throw UserError({folder_.string()}, {}, "holds no unfinished sweep",
                      "leave --resume out, or name the folder of one that ran with --keep-parts");
    const Texts was = split(read_file(file.string()), "\n"), is = split(identity(plan), "\n");
    for (std::size_t k = 0; k < std::max(was.size(), is.size()); ++k) {
      const std::string before = k < was.size() ? was[k] : "", now = k < is.size() ? is[k] : "";
      if (before == now) continue;
      throw UserError({file.string(), static_cast<int>(k + 1)}, "--resume",
                      fmt::format("the sweep there has \"{}\", this one has \"{}\"", before, now),
                      "ask for the same sweep, or write to another folder");
    }
    for (const auto& entry : fs::directory_iterator(parts_))  // left by an interrupted write
      if (entry.path().filename().string().starts_with(".")) fs::remove(entry.path());
  }

  fs::path folder_, parts_;
};

SweepRequest request_of(const SweepOptions& options) {
  SweepRequest request;
  for (const std::string& text : options.dials) request.dials.push_back(parse_dial(text));
  const auto names = sweep_design_names();
  for (std::size_t k = 0; k < names.size(); ++k)
    if (names[k] == options.design) request.design = static_cast<SweepDesign>(k);
  request.points = options.points;
  request.replicates = options.replicates;
  return request;
}

void print_estimate(const SweepPlan& plan, int threads) {
  const SweepEstimate e = estimate_sweep(plan, threads);
  fmt::print(
      "{} conditions x {} replicates: about {}\n"
      "  {} rounds of {:.2f} s make the conditions ready; a replicate takes {:.1f} ms on all "
      "threads\n"
      "  memory about {:.0f} MB; parts on disk at most {:.0f} MB\n",
      plan.values.size(), plan.replicates, duration_text(e.total_seconds), e.work.rounds,
      e.round_seconds, 1e3 * e.replicate_seconds, e.peak_bytes / 1e6, e.part_bytes / 1e6);
}

/// A total Sobol' index with its bootstrap limits; that of a surface has none.
std::string index_text(const EffectRecord& effect) {
  if (effect.indices_from.empty()) return {};
  return std::isnan(effect.total_lower)
             ? fmt::format(", total index {:.2f} of the surface", effect.total)
             : fmt::format(", total index {:.2f} ({:.2f} to {:.2f})", effect.total,
                           effect.total_lower, effect.total_upper);
}

/// The dials that move the headline truths and the reference's bias most.
std::string summary_of(const SweepResults& r) {
  std::string text = fmt::format("{} conditions ({}) x {} replicates, seed {}\n",
                                 r.conditions.size() - 1, r.design, r.replicates, r.seed);
  for (std::uint32_t o = 0; o < r.outputs.size(); ++o) {
    const SweepOutput& output = r.outputs[o];
    const EstimatorRecord& m = r.estimators[output.estimator];
    const EstimandRecord& e = r.estimands[m.estimand];
    const bool truth = output.measure == SweepMeasure::truth;
    if (!e.headline || (!truth && (output.measure != SweepMeasure::bias || !m.reference))) continue;
    std::vector<const EffectRecord*> effects;
    for (const EffectRecord& effect : r.effects)
      if (effect.output == o && !std::isnan(effect.change)) effects.push_back(&effect);
    std::sort(effects.begin(), effects.end(), [](const auto* a, const auto* b) {
      return std::abs(a->change) > std::abs(b->change);
    });
    if (effects.empty()) continue;
    const double scale = e.unit == "%" ? 100 : 1;
    text += fmt::format("\n{}{}: {}\n", e.label, e.unit.empty() ? "" : ", " + e.unit,
                        truth ? "the truth" : "bias of " + m.weighting);
    for (std::size_t k = 0; k < std::min<std::size_t>(effects.size(), 4); ++k) {
      EffectRecord effect = *effects[k];
      // Of a bias that does not move, rounding is left.
      if (std::abs(effect.change) < 1e-12 * std::abs(e.truth)) effect.change = effect.mcse = 0;
      const DialRecord& dial = r.dials[effect.dial];
      text += fmt::format(
          "  {:<42} {:>22} {:>+12.4g}{}{}\n", dial.key,
          fmt::format("{:.6g} to {:.6g}", dial.lower, dial.upper), effect.change * scale,
          truth ? "" : fmt::format(" (MCSE {:.2g})", effect.mcse * scale), index_text(effect));
    }
  }
  const std::size_t failed = r.failures();
  text += fmt::format("\n{} of {} conditions have results", r.conditions.size() - failed,
                      r.conditions.size());
  text += failed == 0 ? "\n" : fmt::format("; {} do not:\n", failed);
  for (std::size_t c = 0; c < r.conditions.size(); ++c)
    if (!r.conditions[c].failure.empty())
      text += fmt::format("  condition {}: {}\n", c, r.conditions[c].failure);
  return text;
}

int sweep_command(const SweepOptions& options) {
  const Seed seed = sweep_seed(options.seed, options.scenario);
  SweepPlan plan = plan_sweep(options.scenario, options.settings, seed, request_of(options));
  if (options.accept) plan.unmet = Population::Unmet::accept;
  if (plan.values.size() - 1 < plan.fewest_for_effects())
    fmt::print(stderr,
               "steelyard: {} conditions are too few to tell effects of {} dials: they need {} "
               "(--points, or levels of a grid)\n",
               plan.values.size() - 1, plan.dials.size(), plan.fewest_for_effects());
  if (options.estimate) {
    print_estimate(plan, options.threads);
    return 0;
  }
  if (options.output.empty())
    throw UserError({}, "--output", "is missing", "name the folder to write: -o DIR");
  SweepFolder folder(options, plan);
  const SweepParts parts(folder.parts());
  if (options.resume)
    check_parts(plan, parts, [](const std::string& problem) {
      fmt::print(stderr, "{}; its condition is made again\n", problem);
    });
  {
    Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    run_conditions(plan, parts, options.threads, [&](double done, double all) {
      progress.update("sweep", done / all, all, "conditions");
    });
  }
  SweepResults results = analyse_sweep(plan, parts, options.threads);
  if (results.failures() == results.conditions.size())
    throw NegativeAnswer("no condition has a result; the first: " + results.conditions[0].failure);
  results.version = STEELYARD_VERSION;
  folder.put("conditions.csv", write_conditions_csv(results));
  folder.put("effects.csv", write_effects_csv(results));
  folder.put("surfaces.csv", write_surfaces_csv(results));
  folder.put("report.html",
             render_sweep(results, options.language == "zh" ? Language::zh : Language::en));
  folder.put_store(results);
  if (!options.keep_parts) {
    fs::remove_all(folder.parts());
    fs::remove(fs::path(options.output) / "plan.txt");
  }
  fmt::print(
      "{}\nwritten to {}: sweep.h5, conditions.csv, effects.csv, surfaces.csv, report.html\n",
      summary_of(results), options.output);
  return 0;
}

}  // namespace

Seed sweep_seed(const std::optional<std::uint64_t>& given, const std::string& scenario) {
  if (given) return Seed{*given};
  const ScenarioDocument document = open_scenario(scenario);
  ConfigReader root = document.reader();
  if (root.has("seed")) return Seed{static_cast<std::uint64_t>(root.integer("seed", {.min = 0}))};
  throw UserError(root.place(), {}, "no seed is given",
                  "pass --seed N, so that the run can be repeated");
}

void add_sweep(CLI::App& app, SweepOptions& o, AddCommon add_common, int& code) {
  CLI::App* sweep = app.add_subcommand(
      "sweep",
      "the study at many settings of the scenario's assumed numbers: which of them moves "
      "the answer, with paired errors, Sobol' indices and response surfaces");
  add_common(sweep, o);
  sweep->add_option("-o,--output", o.output, "the folder to write");
  sweep
      ->add_option("--dial", o.dials,
                   "a number to move: KEY=LOW:HIGH, or KEY=LOW:HIGH:LEVELS, or KEY alone for its "
                   "stated range; default: [sweep], or every assumed number with a range")
      ->allow_extra_args(false);
  sweep->add_option("--design", o.design, "how conditions are laid out; default: the scenario's")
      ->check(CLI::IsMember(sweep_design_names()));
  sweep
      ->add_option("--points", o.points,
                   "points of latin_hypercube and sobol, base rows of saltelli")
      ->check(CLI::Range(2, 1'000'000));
  sweep->add_option("--replicates", o.replicates, "in each condition")
      ->check(CLI::Range(2, 100'000'000));
  sweep->add_option("--seed", o.seed,
                    "seed of all random numbers; required unless the scenario has one");
  sweep->add_option("--threads", o.threads, "default: all cores; results do not depend on it")
      ->check(above_zero());
  sweep->add_flag("--resume", o.resume, "go on with the unfinished sweep at the output");
  sweep->add_flag("--estimate", o.estimate, "only say how long it would take, and how much memory");
  sweep->add_flag("--keep-parts", o.keep_parts,
                  "keep every condition's own results.h5 (parts/NNNN.h5)");
  sweep->add_option("--lang", o.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  sweep->callback([&] { code = sweep_command(o); });
}

}  // namespace steelyard
