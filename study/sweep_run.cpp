#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "core/output.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "results/store.hpp"
#include "sim/models/model_scenario.hpp"
#include "study/paired.hpp"
#include "study/parallel.hpp"
#include "study/sweep.hpp"

namespace steelyard {
namespace fs = std::filesystem;
namespace {

StudyOptions study_options(const SweepPlan& plan, int threads) {
  StudyOptions options;
  options.seed = plan.seed;
  options.replicates = plan.replicates;
  options.threads = threads;
  options.tally = Tally::no;
  return options;
}

/// What a part needs of a study: the rest can be had by running the condition alone.
StudyResults trimmed(StudyResults results) {
  results.reproduction.clear();
  results.profile.clear();
  results.survey_numbers.clear();
  for (auto* column : {&results.survey_published, &results.survey_profile_sample,
                       &results.survey_profile_weighted})
    column->clear();
  results.rule_effects.clear();
  results.run = {};
  return results;
}

}  // namespace

fs::path SweepParts::file(std::size_t condition, const char* ending) const {
  return folder_ / fmt::format("{:04}{}", condition, ending);
}

bool SweepParts::done(std::size_t condition) const {
  return fs::exists(file(condition, ".h5")) || fs::exists(file(condition, ".txt"));
}

void SweepParts::require_folder() const {
  if (!fs::is_directory(folder_))
    throw std::runtime_error(folder_.string() +
                             " has gone while the sweep ran, and what was finished with it");
}

void SweepParts::keep(std::size_t condition, const StudyResults& results) const {
  require_folder();
  OutputFile part(file(condition, ".h5"), Overwrite::replace);
  write_store(results, part.staging());
  part.commit();
  ++written_;
}

void SweepParts::keep_failure(std::size_t condition, const std::string& reason) const {
  require_folder();
  OutputFile part(file(condition, ".txt"), Overwrite::replace);
  write_file(part.staging(), reason + "\n");
  part.commit();
}

std::optional<StudyResults> SweepParts::read(std::size_t condition, std::string& reason) const {
  if (fs::exists(file(condition, ".h5"))) {
    ++read_;
    return read_store(file(condition, ".h5"));
  }
  if (!done(condition))
    throw std::runtime_error(fmt::format("{} has gone while the sweep ran; go on with --resume",
                                         file(condition, ".h5").string()));
  reason = std::string(trim(read_file(file(condition, ".txt").string())));
  return std::nullopt;
}

namespace {

/// Of condition c; condition 0 is the scenario as it stands: a default may have no key to set.
Texts settings_of(const SweepPlan& plan, std::size_t c) {
  return c == 0 ? plan.dials.base_settings() : plan.dials.settings(plan.values[c]);
}

/// The text that a condition's study says it ran.
std::string text_of(const std::string& scenario, const Texts& settings) {
  return is_model_scenario(scenario) ? load_model_scenario(scenario, settings).scenario.toml_text
                                     : load_scenario(scenario, settings).toml_text;
}

}  // namespace

void check_parts(const SweepPlan& plan, const SweepParts& parts,
                 const std::function<void(const std::string& problem)>& damaged) {
  for (std::size_t c = 0; c < plan.values.size(); ++c) {
    const fs::path file = parts.study_file(c);
    if (!fs::exists(file)) continue;
    std::optional<StudyResults> study;
    try {
      study = read_store(file);
    } catch (const UserError& error) {
      damaged(error.what());
      fs::remove(file);
      continue;
    }
    const char* other = study->seed != static_cast<std::uint64_t>(plan.seed) ? "with another seed"
                        : study->replicates != plan.replicates ? "with another number of replicates"
                        : study->scenario_toml != text_of(plan.scenario, settings_of(plan, c))
                            ? "of other numbers"
                            : nullptr;
    if (other != nullptr)
      throw UserError({file.string()}, {},
                      fmt::format("is not condition {} of this sweep, but a study {}", c, other),
                      "remove the file: the condition is then made again");
  }
}

void run_conditions(const SweepPlan& plan, const SweepParts& parts, int threads,
                    const SweepProgress& progress) {
  std::vector<std::size_t> left;
  for (std::size_t c = 0; c < plan.values.size(); ++c)
    if (!parts.done(c)) left.push_back(c);
  run_each_condition(
      plan.scenario, left.size(), [&](std::size_t i) { return settings_of(plan, left[i]); },
      plan.unmet, study_options(plan, threads),
      [&](std::size_t i, ConditionOutcome outcome) {
        if (outcome.results)
          parts.keep(left[i], trimmed(std::move(*outcome.results)));
        else
          parts.keep_failure(left[i], outcome.failure);
      },
      [&](double done) {
        if (progress) progress(done, static_cast<double>(left.size()));
      });
}

SweepWork work_of(const SweepPlan& plan, int threads) {
  const auto workers = static_cast<std::size_t>(thread_count(threads));
  const std::size_t n = plan.values.size();
  // Measures and changes are of every part; errors of effects of those in an effect's contrast.
  const std::size_t in_effects =
      plan.design == SweepDesign::one_at_a_time ? 2 * plan.dials.size() : n - 1;
  return {(n + workers - 1) / workers, n, n * plan.replicates, n, n + in_effects};
}

namespace {

/// Seconds of what a sweep does with one condition, apart from making it ready: its replicates, its
/// part of the files, and what is made of that.
struct ConditionPace {
  double running = 0, writing = 0, reading = 0;
  std::size_t estimators = 0;
};

ConditionPace time_condition(const PreparedCondition& condition, const StudyOptions& options,
                             const SweepParts& parts) {
  ConditionPace pace;
  const auto timed = [](double& seconds, auto&& work) {
    const auto start = Clock::now();
    work();
    seconds = seconds_since(start);
  };
  StudyResults results;
  timed(pace.running, [&] { results = condition.run(options); });
  pace.estimators = results.estimators.size();
  timed(pace.writing, [&] { parts.keep(0, trimmed(std::move(results))); });
  timed(pace.reading, [&] {
    std::string none;
    const auto study = parts.read(0, none);
    (void)paired_changes(*study, *study);
  });
  return pace;
}

/// A folder that goes with the object.
struct TemporaryFolder {
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path = staging_path(fs::temp_directory_path() / "steelyard-estimate");
};

}  // namespace

SweepEstimate estimate_sweep(const SweepPlan& plan, int threads) {
  SweepEstimate estimate;
  const SweepWork work = estimate.work = work_of(plan, threads);
  const auto workers = static_cast<std::size_t>(thread_count(threads));
  // As many at once as in a sweep: they slow each other down.
  const std::size_t together = std::min(workers, plan.values.size());
  std::vector<std::unique_ptr<const PreparedCondition>> ready(together);
  auto start = Clock::now();
  parallel_for(together, threads, [&](std::uint64_t i, std::size_t) {
    // A condition that cannot be made is the sweep's to tell; here the base stands for it.
    const auto make = [&](const std::vector<std::string>& settings) {
      ready[i] = std::make_unique<const PreparedCondition>(plan.scenario, settings, plan.unmet);
    };
    try {
      make(i == 0 ? plan.dials.base_settings() : plan.dials.settings(plan.values[i]));
    } catch (const std::runtime_error&) {
      make(plan.dials.base_settings());
    }
  });
  estimate.round_seconds = seconds_since(start);
  // Two lengths, so that what a condition costs apart from its replicates is told from them.
  StudyOptions options = study_options(plan, threads);
  const TemporaryFolder folder;
  const SweepParts parts(folder.path);
  const std::uint32_t lengths[2] = {static_cast<std::uint32_t>(2 * workers),
                                    static_cast<std::uint32_t>(8 * workers)};
  double seconds[2];
  std::size_t estimators = 0;
  const double reads = static_cast<double>(work.parts_read) / static_cast<double>(work.conditions);
  for (int k : {0, 1}) {
    options.replicates = lengths[k];
    const ConditionPace pace = time_condition(*ready[0], options, parts);
    seconds[k] = pace.running + pace.writing + reads * pace.reading;
    estimators = pace.estimators;
  }
  estimate.replicate_seconds =
      std::max(0.0, seconds[1] - seconds[0]) / static_cast<double>(lengths[1] - lengths[0]);
  const double fixed = std::max(0.0, seconds[0] - lengths[0] * estimate.replicate_seconds);
  const auto conditions = static_cast<double>(work.conditions);
  estimate.total_seconds = static_cast<double>(work.rounds) * estimate.round_seconds +
                           conditions * fixed +
                           static_cast<double>(work.replicates) * estimate.replicate_seconds;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double matrix = static_cast<double>(estimators) * plan.replicates * sizeof(double);
  const auto dials = static_cast<double>(plan.dials.size());
  estimate.part_bytes = 4 * matrix * conditions;
  estimate.peak_bytes = static_cast<double>(usage.ru_maxrss) * 1024 +
                        std::max(12 * matrix, (8 + 3 * dials) * matrix) +
                        conditions * static_cast<double>(estimators) *
                            static_cast<double>(sizeof(PerformanceRecord) + sizeof(BaseChange));
  return estimate;
}

}  // namespace steelyard
