#include "cli/study_output.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>

#include "cli/build.hpp"
#include "cli/summary.hpp"
#include "core/text.hpp"
#include "report/report.hpp"
#include "results/csv.hpp"
#include "results/store.hpp"
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

}  // namespace

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void complete_results(const OpenStudy& study, const StudyOptions& options, Progress& progress,
                      StudyResults& results) {
  const bool interrupted = results.ended.starts_with("interrupted");
  if (study.synthetic() != nullptr && !interrupted) {
    constexpr std::uint32_t kRuleSamples = 100;
    results.rule_effects = rule_effects(
        *study.synthetic(),
        {.seed = options.seed,
         .samples = std::min(results.replicates, kRuleSamples),
         .threads = options.threads},
        [&](double fraction) {
          progress.update("value rules", fraction,
                          static_cast<double>(study.plan().estimands.size()), "estimands");
        });
  }
  results.scenario_resolved = resolved_text(study.resolved());
  results.version = this_program().version;
  results.sources = this_program().sources;
  describe_machine(results.run);
}

void write_results(const StudyResults& results, const std::string& language,
                   const std::string& target, Overwrite overwrite) {
  OutputFolder output(target, overwrite);
  write_store(results, output.staging() / "results.h5");
  write_file(output.staging() / "performance.csv", write_performance_csv(results));
  write_file(output.staging() / "contrasts.csv", write_contrasts_csv(results));
  write_file(output.staging() / "reproduction.csv", write_reproduction_csv(results));
  if (!results.rule_effects.empty())
    write_file(output.staging() / "value_rules.csv", write_rule_effects_csv(results));
  write_file(output.staging() / "report.html",
             render_report(results, language == "zh" ? Language::zh : Language::en));
  output.commit();
  fmt::print("{}", summary(results));
  fmt::print(
      "\nwritten to {}: results.h5, performance.csv, contrasts.csv, reproduction.csv, {}"
      "report.html\n",
      target, results.rule_effects.empty() ? "" : "value_rules.csv, ");
}

}  // namespace steelyard
