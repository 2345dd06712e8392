#include "study/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/sums.hpp"
#include "core/timing.hpp"
#include "study/parallel.hpp"
#include "study/replicate.hpp"
#include "study/reproduction.hpp"
#include "study/study_records.hpp"

namespace steelyard {
namespace {

Benchmarks make_benchmarks(const Study& study) {
  Benchmarks benchmarks(study.scenario().schema);
  for (const auto& variables : study.plan().benchmarks)
    benchmarks.add(
        stale_table(study.scenario().schema,
                    {variables, population_totals(study.population(), study.frame(), variables)},
                    study.stale_benchmarks()));
  return benchmarks;
}

void make_profile(const Study& study, const ReplicatePlan& plan,
                  const std::vector<ReplicateResults>& replicates, StudyResults& results) {
  std::size_t at = 0;
  for (VariableId id : plan.profile()) {
    const Variable& v = study.scenario().schema[id];
    const auto totals = population_totals(study.population(), study.frame(), {&id, 1});
    const double everybody = total(totals);
    for (std::size_t level = 0; level < v.size(); ++level, ++at) {
      ProfileRecord record;
      record.variable = v.name;
      record.label = v.label;
      record.label_zh = v.label_zh;
      record.level = v.levels[level];
      record.level_label = v.level_label(level);
      record.level_label_zh =
          level < v.labels_zh.size() ? v.labels_zh[level] : v.level_label(level);
      record.population_share = totals[level] / everybody;
      Moments sample, weighted;
      for (const ReplicateResults& replicate : replicates) {
        sample.add(replicate.profile_sample[at]);
        if (!std::isnan(replicate.profile_weighted[at]))
          weighted.add(replicate.profile_weighted[at]);
      }
      record.sample_share = sample.mean();
      record.weighted_share = weighted.mean();
      results.profile.push_back(std::move(record));
    }
  }
}

}  // namespace

Study::Study(const Scenario& scenario, Population::Unmet unmet)
    : scenario_(&scenario),
      population_(scenario, unmet),
      frame_(population_),
      selection_(population_, frame_),
      measurement_(scenario),
      plan_(plan_study(scenario)),
      stale_(read_stale_benchmarks(scenario, plan_.benchmarks)) {
  ConfigReader root = scenario.reader();
  if (auto section = root.section("reference")) {
    reference_.emplace(*section, population_, frame_);
    section->finish();
  }
}

Study::Scratch Study::scratch(const Synthesizer& synthesizer) const {
  Scratch s;
  s.persons.resize(scenario_->sample_size);
  s.synthesis = synthesizer.scratch();
  s.sample.schema = &scenario_->schema;
  s.sample.n = scenario_->sample_size;
  s.sample.columns.resize(scenario_->schema.size());
  for (VariableId id : synthesizer.made()) s.sample.columns[index(id)].resize(s.sample.n);
  s.values.resize(scenario_->schema.size());
  for (VariableId id : synthesizer.latents()) s.values[index(id)].resize(s.sample.n);
  return s;
}

Synthesizer Study::sample_synthesizer(std::span<const VariableId> asked) const {
  return Synthesizer(population_, measurement_.needed(asked), measurement_.values());
}

const Sample& Study::draw_sample(Seed seed, Replicate replicate, const Synthesizer& synthesizer,
                                 Scratch& s) const {
  selection_.draw(seed, replicate, s.persons, s.selection);
  for (std::size_t begin = 0; begin < s.sample.n; begin += Synthesizer::kBlock) {
    const std::size_t n = std::min(Synthesizer::kBlock, s.sample.n - begin);
    synthesizer.make(std::span(s.persons).subspan(begin, n), seed, selection_.purpose_of_answers(),
                     selection_.replicate_of_answers(replicate), s.synthesis);
    for (VariableId id : synthesizer.made())
      std::copy_n(s.synthesis.columns[index(id)].begin(), n,
                  s.sample.columns[index(id)].begin() + static_cast<std::ptrdiff_t>(begin));
    for (std::size_t k = 0; k < synthesizer.latents().size(); ++k)
      std::copy_n(
          s.synthesis.latent_values[k].begin(), n,
          s.values[index(synthesizer.latents()[k])].begin() + static_cast<std::ptrdiff_t>(begin));
  }
  ReportedAnswers answers{&s.sample, s.persons, s.values};
  measurement_.apply(answers, seed, replicate);
  return s.sample;
}

std::optional<Synthesizer> Study::reference_synthesizer() const {
  if (!reference_) return std::nullopt;
  return Synthesizer(population_, reference_->asked(), {});
}

std::shared_ptr<const ReferenceSample> Study::draw_reference(Seed seed, Replicate replicate,
                                                             const Synthesizer* synthesizer,
                                                             Scratch& s) const {
  if (!reference_) return nullptr;
  // Weights and their variances keep the reference sample, so each replicate has its own.
  auto made = std::make_shared<ReferenceSample>();
  Sample& sample = made->sample;
  sample.schema = &scenario_->schema;
  sample.n = reference_->size();
  sample.columns.resize(scenario_->schema.size());
  sample.base_weights = reference_->weights();
  made->stratum = reference_->strata();
  for (VariableId id : reference_->asked()) sample.columns[index(id)].resize(sample.n);
  s.reference_persons.resize(sample.n);
  reference_->draw(seed, replicate, s.reference_persons, s.selection.slots);
  Synthesizer::Scratch& synthesis = s.reference_synthesis;
  if (synthesis.columns.empty()) synthesis = synthesizer->scratch();
  for (std::size_t begin = 0; begin < sample.n; begin += Synthesizer::kBlock) {
    const std::size_t n = std::min(Synthesizer::kBlock, sample.n - begin);
    synthesizer->make(std::span(s.reference_persons).subspan(begin, n), seed,
                      reference_->purpose_of_answers(), reference_->replicate_of_answers(replicate),
                      synthesis);
    for (VariableId id : reference_->asked())
      std::copy_n(synthesis.columns[index(id)].begin(), n,
                  sample.columns[index(id)].begin() + static_cast<std::ptrdiff_t>(begin));
  }
  return made;
}

StudyResults Study::run(const StudyOptions& options, const StudyProgress& progress) const {
  const int threads = thread_count(options.threads);
  StudyResults results;
  results.scenario = scenario_->name;
  results.title = scenario_->title;
  results.title_zh = scenario_->title_zh;
  results.scenario_toml = scenario_->toml_text;
  results.scenario_hash = scenario_->hash;
  results.population_size = frame_.finite() ? std::to_string(frame_.size()) : "superpopulation";
  results.population_kind = "synthetic";
  results.seed = static_cast<std::uint64_t>(options.seed);
  results.sample_size = scenario_->sample_size;
  results.replicates = options.replicates;
  results.run.threads = static_cast<std::uint32_t>(threads);

  auto start = Clock::now();
  constexpr std::uint64_t kTallied = 20'000'000;
  const Tally tally = options.tally.value_or(frame_.size() <= kTallied ? Tally::yes : Tally::no);
  const auto truths =
      make_truths(population_, frame_, plan_, options.seed, tally, threads, [&](double f) {
        if (progress) progress("population", f);
      });
  results.run.truth_seconds = seconds_since(start);

  const Benchmarks benchmarks = make_benchmarks(*this);
  const ReplicatePlan plan(*scenario_, plan_);
  describe_estimands(plan_, truths, results);
  describe_estimators(plan_, plan, truths, 0, results);
  const Synthesizer synthesizer = sample_synthesizer(plan.variables());
  const std::optional<Synthesizer> reference = reference_synthesizer();
  start = Clock::now();
  std::vector<ReplicateResults> replicates(options.replicates);
  PerWorker<Scratch> scratches(threads, [&] { return scratch(synthesizer); });
  std::atomic<std::uint32_t> done{0};
  std::mutex reporting;
  parallel_for(options.replicates, threads, [&](std::uint64_t i, std::size_t worker) {
    const auto r = static_cast<std::uint32_t>(i);
    Benchmarks known = benchmarks;
    known.set_reference(draw_reference(options.seed, Replicate{r},
                                       reference ? &*reference : nullptr, scratches[worker]));
    replicates[r] =
        plan.run(draw_sample(options.seed, Replicate{r}, synthesizer, scratches[worker]),
                 options.seed, r, std::move(known));
    const std::uint32_t finished = ++done;
    if (!progress) return;
    const std::lock_guard lock(reporting);
    progress("replicates", static_cast<double>(finished) / options.replicates);
  });
  results.run.replicate_seconds = seconds_since(start);
  measure(replicates, results);
  make_profile(*this, plan, replicates, results);
  results.reproduction = make_reproduction(population_, replicates);
  return results;
}

}  // namespace steelyard
