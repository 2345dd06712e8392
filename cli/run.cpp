#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/summary.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "report/report.hpp"
#include "results/csv.hpp"
#include "results/store.hpp"
#include "study/engine.hpp"
#include "study/model_study.hpp"
#include "study/rule_effects.hpp"

namespace steelyard {
namespace {

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  return "unknown";
}

void describe_machine(RunRecord& run) {
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  run.host = host;
  run.cpu = cpu_model();
  run.compiler = "g++ " __VERSION__;
  run.git_revision = STEELYARD_REVISION;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  run.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::uint64_t require_seed(const std::optional<std::uint64_t>& given, const Scenario& scenario) {
  if (given) return *given;
  if (scenario.seed) return *scenario.seed;
  throw UserError({(scenario.folder / "scenario.toml").string()}, {}, "no seed is given",
                  "pass --seed N, so that the run can be repeated");
}

namespace {

StudyOptions study_options(const RunOptions& options, const Scenario& scenario,
                           const StudyPlan& plan) {
  StudyOptions settings;
  settings.seed = Seed{require_seed(options.seed, scenario)};
  settings.replicates = options.replicates.value_or(plan.replicates);
  settings.threads = options.threads;
  if (options.tally_truth) settings.tally = Tally::yes;
  return settings;
}

/// Everything that a run leaves behind, and what the terminal shows.
void write_results(const StudyResults& results, const RunOptions& options, OutputFolder& output) {
  write_store(results, output.staging() / "results.h5");
  write_file(output.staging() / "performance.csv", write_performance_csv(results));
  write_file(output.staging() / "contrasts.csv", write_contrasts_csv(results));
  write_file(output.staging() / "reproduction.csv", write_reproduction_csv(results));
  if (!results.rule_effects.empty())
    write_file(output.staging() / "value_rules.csv", write_rule_effects_csv(results));
  write_file(output.staging() / "report.html",
             render_report(results, options.language == "zh" ? Language::zh : Language::en));
  output.commit();
  fmt::print("{}", summary(results));
  fmt::print(
      "\nwritten to {}: results.h5, performance.csv, contrasts.csv, reproduction.csv, {}"
      "report.html\n",
      options.output, results.rule_effects.empty() ? "" : "value_rules.csv, ");
}

/// A study of a population by formulas.
int run_model(const RunOptions& options) {
  const auto start = Clock::now();
  const std::string started = utc_now();
  const ModelStudy study(options.scenario, options.settings, options.conditions);
  const StudyOptions settings = study_options(options, study.scenario(), study.plan());
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  const double setup = seconds_since(start);
  StudyResults results;
  {
    Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    results = study.run(settings, [&](const char* phase, double fraction) {
      progress.update(
          phase, fraction,
          static_cast<double>(settings.replicates) * static_cast<double>(study.conditions()),
          "replicates");
    });
  }
  results.version = STEELYARD_VERSION;
  results.run.setup_seconds = setup;
  results.run.started_utc = started;
  describe_machine(results.run);
  write_results(results, options, output);
  return 0;
}

}  // namespace

int run_command(const RunOptions& options) {
  if (is_model_scenario(options.scenario)) return run_model(options);
  if (!options.conditions.empty())
    throw UserError({}, "--condition", "is for populations by formulas", "leave it out");
  const auto start = Clock::now();
  const std::string started = utc_now();
  const Scenario scenario = load_scenario(options.scenario, options.settings);
  require_seed(options.seed, scenario);
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  if (!options.quiet)
    fmt::print(stderr, "fitting {} published numbers and {} tables\n", scenario.numbers.size(),
               scenario.tables.size());
  const Study study(scenario,
                    options.accept ? Population::Unmet::accept : Population::Unmet::refuse);
  const StudyOptions settings = study_options(options, scenario, study.plan());
  const double setup = seconds_since(start);
  StudyResults results;
  {
    Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    results = study.run(settings, [&](const char* phase, double fraction) {
      const bool persons = std::string_view(phase) == "population";
      progress.update(phase, fraction,
                      persons ? static_cast<double>(study.frame().size()) : settings.replicates,
                      persons ? "persons" : "replicates");
    });
    constexpr std::uint32_t kRuleSamples = 100;
    const std::uint32_t samples = std::min(settings.replicates, kRuleSamples);
    results.rule_effects = rule_effects(
        study, {.seed = settings.seed, .samples = samples, .threads = options.threads},
        [&](double fraction) {
          progress.update("value rules", fraction,
                          static_cast<double>(study.plan().estimands.size()), "estimands");
        });
  }
  results.version = STEELYARD_VERSION;
  results.run.setup_seconds = setup;
  results.run.started_utc = started;
  describe_machine(results.run);
  write_results(results, options, output);
  return 0;
}

int report_command(const ReportOptions& options) {
  const std::filesystem::path store = std::filesystem::path(options.folder) / "results.h5";
  if (!std::filesystem::exists(store))
    throw UserError({options.folder}, {}, "has no results.h5",
                    "name a folder that steelyard run wrote");
  const StudyResults results = read_store(store);
  const std::filesystem::path target = options.output.empty()
                                           ? std::filesystem::path(options.folder) / "report.html"
                                           : std::filesystem::path(options.output);
  OutputFile file(target, options.force ? Overwrite::replace : Overwrite::refuse);
  write_file(file.staging(),
             render_report(results, options.language == "zh" ? Language::zh : Language::en));
  file.commit();
  fmt::print("written: {}\n", target.string());
  return 0;
}

}  // namespace steelyard
