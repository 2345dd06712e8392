#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "core/output.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "results/store.hpp"
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

void SweepParts::keep(std::size_t condition, const StudyResults& results) const {
  OutputFile part(file(condition, ".h5"), Overwrite::replace);
  write_store(results, part.staging());
  part.commit();
}

void SweepParts::keep_failure(std::size_t condition, const std::string& reason) const {
  OutputFile part(file(condition, ".txt"), Overwrite::replace);
  write_file(part.staging(), reason + "\n");
  part.commit();
}

std::optional<StudyResults> SweepParts::read(std::size_t condition, std::string& reason) const {
  if (fs::exists(file(condition, ".h5"))) return read_store(file(condition, ".h5"));
  reason = std::string(trim(read_file(file(condition, ".txt").string())));
  return std::nullopt;
}

void run_conditions(const SweepPlan& plan, const SweepParts& parts, int threads,
                    const SweepProgress& progress) {
  std::vector<std::size_t> left;
  for (std::size_t c = 0; c < plan.values.size(); ++c)
    if (!parts.done(c)) left.push_back(c);
  run_each_condition(
      plan.scenario, left.size(),
      [&](std::size_t i) {
        // Condition 0 is the scenario as it stands: a default may have no key to set.
        return left[i] == 0 ? plan.dials.base_settings()
                            : plan.dials.settings(plan.values[left[i]]);
      },
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

SweepEstimate estimate_sweep(const SweepPlan& plan, int threads) {
  SweepEstimate estimate;
  auto start = Clock::now();
  const PreparedCondition base(plan.scenario, plan.dials.base_settings(), plan.unmet);
  estimate.ready_seconds = seconds_since(start);
  // Two lengths, so that what a run costs apart from its replicates is told from them.
  StudyOptions options = study_options(plan, threads);
  const auto workers = static_cast<std::uint32_t>(thread_count(threads));
  double seconds[2];
  std::uint32_t lengths[2] = {2 * workers, 8 * workers};
  std::size_t estimators = 0;
  for (int k : {0, 1}) {
    options.replicates = lengths[k];
    start = Clock::now();
    estimators = base.run(options).estimators.size();
    seconds[k] = seconds_since(start);
  }
  estimate.replicate_seconds =
      std::max(0.0, seconds[1] - seconds[0]) / static_cast<double>(lengths[1] - lengths[0]);
  const double fixed = std::max(0.0, seconds[0] - lengths[0] * estimate.replicate_seconds);
  const auto conditions = static_cast<double>(plan.values.size());
  estimate.total_seconds = conditions * (estimate.ready_seconds / workers + fixed +
                                         plan.replicates * estimate.replicate_seconds);
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
