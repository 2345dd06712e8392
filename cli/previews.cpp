#include "cli/previews.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "cli/open_study.hpp"
#include "cli/progress.hpp"
#include "core/csv.hpp"
#include "core/output.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "study/parallel.hpp"
#include "study/rule_effects.hpp"

namespace steelyard {
namespace {

StudyOptions options_of(const RunOptions& o, const OpenStudy& study) {
  StudyOptions options;
  options.seed = Seed{require_seed(o.seed, study.scenario())};
  options.threads = o.threads;
  options.replicates = o.replicates.value_or(study.plan().replicates);
  return options;
}

/// One replicate under all conditions.
ReplicateResults make_replicate(StudySession& session, std::uint32_t number, std::size_t worker) {
  ReplicateResults all;
  for (std::size_t c = 0; c < session.conditions(); ++c)
    append(session.replicate(c, number, worker, {}), session.first_estimator(c), all);
  return all;
}

struct Pace {
  Moments seconds;             ///< of one thread, a replicate
  double replicate_bytes = 0;  ///< of what a replicate leaves in memory
  double matrix_bytes = 0;     ///< of it, what is copied into the results
};

/// Some replicates on all threads at once, as in a run; each thread's first is not counted.
Pace measure_pace(StudySession& session, int threads, std::uint32_t replicates) {
  std::vector<double> seconds(replicates, -1.0);
  PerWorker<bool> warm(threads, [] { return false; });
  Pace pace;
  parallel_for(replicates, threads, [&](std::uint64_t r, std::size_t worker) {
    const auto start = Clock::now();
    const ReplicateResults all = make_replicate(session, static_cast<std::uint32_t>(r), worker);
    if (warm[worker]) seconds[r] = seconds_since(start);
    warm[worker] = true;
    if (r != 0) return;
    const double shared = static_cast<double>(all.published.size() + all.profile_sample.size() +
                                              all.profile_weighted.size());
    const auto estimators = static_cast<double>(all.estimate.size());
    pace.replicate_bytes = sizeof(double) * (5 * estimators + shared);
    pace.matrix_bytes = sizeof(double) * (4 * estimators + shared);
  });
  for (double s : seconds)
    if (s >= 0) pace.seconds.add(s);
  return pace;
}

/// The same with so many replicates that they take half a second, or all of the study's.
Pace measure_pace(StudySession& session, const StudyOptions& options) {
  constexpr double kLongEnough = 0.5;
  auto replicates = static_cast<std::uint32_t>(8 * thread_count(options.threads));
  for (;; replicates *= 2) {
    const auto start = Clock::now();
    const Pace pace = measure_pace(session, options.threads, replicates);
    if (seconds_since(start) > kLongEnough || replicates >= options.replicates) return pace;
  }
}

/// Seconds of the table of value rules, from a few of its samples.
double rule_seconds(const OpenStudy& study, const StudyOptions& options) {
  if (study.synthetic() == nullptr) return 0;
  const auto timed = [&](std::uint32_t samples) {
    const auto start = Clock::now();
    rule_effects(*study.synthetic(),
                 {.seed = options.seed, .samples = samples, .threads = options.threads});
    return seconds_since(start);
  };
  constexpr std::uint32_t kFew = 4, kAll = 100;
  const double none = timed(0), few = timed(kFew);
  return none + std::max(few - none, 0.0) / kFew * std::min(options.replicates, kAll);
}

double peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

std::string megabytes(double bytes) { return fmt::format("{:.0f} MB", bytes / (1 << 20)); }

std::string number(double x) { return std::isnan(x) ? "-" : fmt::format("{:.6g}", x); }

std::string failure_of(const ReplicateResults& results, std::size_t estimator) {
  for (const FailureRecord& failure : results.failures)
    if (failure.estimator == estimator) return failure.kind + ": " + failure.detail;
  return {};
}

std::string replicate_csv(const StudyResults& described, const ReplicateResults& results,
                          std::uint32_t replicate) {
  const auto field = [](double x) { return std::isnan(x) ? std::string() : shortest(x); };
  std::string text =
      "replicate,estimand,domain,weighting,value_rule,interval,truth,estimate,se,lower,upper,"
      "failure\n";
  for (std::size_t i = 0; i < described.estimators.size(); ++i) {
    const EstimatorRecord& e = described.estimators[i];
    const EstimandRecord& estimand = described.estimands[e.estimand];
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", replicate,
                        csv_field(estimand.estimand), csv_field(estimand.domain),
                        csv_field(e.weighting), csv_field(e.value_rule), csv_field(e.interval),
                        field(estimand.truth), field(results.estimate[i]), field(results.se[i]),
                        field(results.lower[i]), field(results.upper[i]),
                        csv_field(failure_of(results, i)));
  }
  return text;
}

/// The headline estimands, or all if none is one.
std::string replicate_table(const StudyResults& described, const ReplicateResults& results) {
  const bool any = std::any_of(described.estimands.begin(), described.estimands.end(),
                               [](const EstimandRecord& e) { return e.headline; });
  std::string text =
      fmt::format("{:<22} {:<20} {:<16} {:<14} {:>12} {:>10} {:>12} {:>12}\n", "estimand",
                  "weighting", "value rule", "interval", "estimate", "se", "lower", "upper");
  for (std::size_t i = 0; i < described.estimators.size(); ++i) {
    const EstimatorRecord& e = described.estimators[i];
    const EstimandRecord& estimand = described.estimands[e.estimand];
    if (any && !estimand.headline) continue;
    const std::string failure = failure_of(results, i);
    text += fmt::format("{:<22} {:<20} {:<16} {:<14} {:>12} {:>10} {:>12} {:>12}{}\n",
                        estimand.estimand + (estimand.domain == "all" ? "" : "@" + estimand.domain),
                        e.weighting, e.value_rule, e.interval, number(results.estimate[i]),
                        number(results.se[i]), number(results.lower[i]), number(results.upper[i]),
                        failure.empty() ? "" : "  " + failure);
  }
  return text;
}

}  // namespace

int preview_run(const RunOptions& o) {
  auto start = Clock::now();
  OpenStudy study(o.scenario, o.settings, o.conditions);
  study.fit(o.accept, o.quiet);
  StudyOptions options = options_of(o, study);
  const double setup = seconds_since(start);
  const bool everybody = o.tally_truth;
  if (everybody) options.tally = Tally::no;
  const auto session = study.session(options);
  start = Clock::now();
  const StudyResults described = session->describe({});
  const double truth = seconds_since(start);
  const Pace pace = measure_pace(*session, options);
  const double rules = rule_seconds(study, options);
  const int threads = thread_count(o.threads);
  const double r = options.replicates, mean = pace.seconds.mean() / threads,
               se = pace.seconds.mean_se() / threads;
  fmt::print(
      "{}\n{} replicates of {} estimators on {} threads, predicted from {} replicates\n"
      "  setup        {:.2f} s\n  truth        {:.2f} s{}\n"
      "  replicates   {:.2f} s (standard error {:.2g} s): {:.4g} a second\n"
      "  value rules  {:.2f} s\n  time         {} in all, and writing the results\n",
      described.title, options.replicates, described.estimators.size(), threads, pace.seconds.n(),
      setup, truth, everybody ? ", and --tally-truth, which is not predicted" : "", r * mean,
      r * se, 1 / mean, rules, duration_text(setup + truth + r * mean + rules));
  // The results, and their file in memory while it is written, which takes up to twice its size.
  const double held = r * (pace.replicate_bytes + pace.matrix_bytes);
  fmt::print(
      "  memory       {} for the population and {} for the replicates; writing the results "
      "takes up to {} more\n",
      megabytes(peak_bytes()), megabytes(held), megabytes(2 * r * pace.matrix_bytes));
  return 0;
}

int replay_replicate(const RunOptions& o) {
  OpenStudy study(o.scenario, o.settings, o.conditions);
  require_seed(o.seed, study.scenario());
  std::optional<OutputFile> file;
  if (!o.output.empty()) file.emplace(o.output, o.force ? Overwrite::replace : Overwrite::refuse);
  study.fit(o.accept, o.quiet);
  StudyOptions options = options_of(o, study);
  options.threads = 1;
  options.tally = o.tally_truth ? Tally::yes : Tally::no;
  const auto session = study.session(options);
  const StudyResults described = session->describe({});
  const ReplicateResults results = make_replicate(*session, *o.replicate, 0);
  fmt::print("{}\nreplicate {} of seed {}\n\n{}", described.title, *o.replicate, described.seed,
             replicate_table(described, results));
  fmt::print("\n{} of {} estimates failed\n", results.failures.size(), described.estimators.size());
  if (!file) return 0;
  write_file(file->staging(), replicate_csv(described, results, *o.replicate));
  file->commit();
  fmt::print("written: {}\n", o.output);
  return 0;
}

}  // namespace steelyard
