#include "study/engine.hpp"

#include <algorithm>
#include <cmath>

#include "core/resolved.hpp"
#include "core/sums.hpp"
#include "core/timing.hpp"
#include "estimators/survey/reference_design.hpp"
#include "study/parallel.hpp"
#include "study/replicate.hpp"
#include "study/reproduction.hpp"
#include "study/selection_measures.hpp"
#include "study/study_records.hpp"
#include "study/study_run.hpp"

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
      stale_(read_stale_benchmarks(scenario, plan_.benchmarks)),
      reference_measurement_(scenario, PopulationKind::synthetic, Reporting::reference) {
  ConfigReader root = scenario.reader();
  if (auto section = root.section("reference")) {
    reference_.emplace(*section, population_, frame_);
    section->finish();
    for (const auto& margin : reference_->margins())
      reference_margins_.push_back({margin, population_totals(population_, frame_, margin)});
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

std::optional<Synthesizer> Study::reference_synthesizer(const Population& population) const {
  if (!reference_) return std::nullopt;
  return Synthesizer(population, reference_measurement_.needed(reference_->asked()),
                     reference_measurement_.values());
}

Result<std::shared_ptr<const ReferenceSample>> Study::draw_reference(Seed seed, Replicate replicate,
                                                                     const Synthesizer* synthesizer,
                                                                     Scratch& s) const {
  if (!reference_) return std::shared_ptr<const ReferenceSample>();
  ReferenceDraw& drawn = s.reference;
  reference_->draw(seed, replicate, drawn, s.selection.slots);
  // Weights and their variances keep the reference sample, so each replicate has its own.
  auto made = std::make_shared<ReferenceSample>();
  Sample& sample = made->sample;
  sample.schema = &scenario_->schema;
  sample.n = drawn.persons.size();
  sample.columns.resize(scenario_->schema.size());
  sample.base_weights = drawn.weights;
  made->stratum = drawn.stratum;
  made->unit = drawn.unit;
  made->unit_prob = drawn.unit_prob;
  made->within_share = drawn.within_share;
  for (VariableId id : synthesizer->made()) sample.columns[index(id)].resize(sample.n);
  s.reference_values.resize(scenario_->schema.size());
  for (VariableId id : synthesizer->latents()) s.reference_values[index(id)].resize(sample.n);
  Synthesizer::Scratch& synthesis = s.reference_synthesis;
  if (synthesis.columns.empty()) synthesis = synthesizer->scratch();
  for (std::size_t begin = 0; begin < sample.n; begin += Synthesizer::kBlock) {
    const std::size_t n = std::min(Synthesizer::kBlock, sample.n - begin);
    synthesizer->make(std::span(drawn.persons).subspan(begin, n), seed,
                      reference_->purpose_of_answers(), reference_->replicate_of_answers(replicate),
                      synthesis);
    const auto to = static_cast<std::ptrdiff_t>(begin);
    for (VariableId id : synthesizer->made())
      std::copy_n(synthesis.columns[index(id)].begin(), n, sample.columns[index(id)].begin() + to);
    for (std::size_t k = 0; k < synthesizer->latents().size(); ++k)
      std::copy_n(synthesis.latent_values[k].begin(), n,
                  s.reference_values[index(synthesizer->latents()[k])].begin() + to);
  }
  ReportedAnswers answers{&sample, drawn.persons, s.reference_values};
  reference_measurement_.apply(answers, seed, replicate);
  for (VariableId id : synthesizer->made())
    if (std::find(reference_->asked().begin(), reference_->asked().end(), id) ==
        reference_->asked().end())
      sample.columns[index(id)].clear();
  if (!reference_margins_.empty()) {
    made->calibrated_to = reference_margins_;
    made->design_weights = drawn.weights;
    if (auto failure = calibrate_reference(*made)) return *failure;
  }
  return std::shared_ptr<const ReferenceSample>(std::move(made));
}

namespace {

class SyntheticSession final : public StudySession {
 public:
  SyntheticSession(const Study& study, const StudyOptions& options)
      : study_(&study),
        options_(options),
        threads_(thread_count(options.threads)),
        benchmarks_(make_benchmarks(study)),
        plan_(study.scenario(), study.plan()),
        synthesizer_(study.sample_synthesizer(plan_.variables())),
        reference_(study.reference_synthesizer(study.population())),
        scratches_(threads_, [this] { return study_->scratch(synthesizer_); }) {
    append_estimator_names(study.plan(), plan_, estimators_);
  }

  std::size_t conditions() const override { return 1; }
  const Texts& estimators() const override { return estimators_; }
  std::size_t first_estimator(std::size_t condition) const override {
    return condition * estimators_.size();
  }

  ReplicateResults replicate(std::size_t, std::uint32_t number, std::size_t worker,
                             std::span<const std::uint8_t> wanted) override {
    Study::Scratch& scratch = scratches_[worker];
    Benchmarks known = benchmarks_;
    const auto reference = study_->draw_reference(options_.seed, Replicate{number},
                                                  reference_ ? &*reference_ : nullptr, scratch);
    if (reference) known.set_reference(reference.value());
    return plan_.run(study_->draw_sample(options_.seed, Replicate{number}, synthesizer_, scratch),
                     options_.seed, number, std::move(known), wanted,
                     reference ? nullptr : &reference.failure());
  }

  StudyResults describe(const StudyProgress& progress) override {
    const Scenario& scenario = study_->scenario();
    const PopulationFrame& frame = study_->frame();
    StudyResults results;
    results.scenario = scenario.name;
    results.title = scenario.title;
    results.title_zh = scenario.title_zh;
    results.scenario_toml = scenario.toml_text;
    results.scenario_hash = scenario.hash;
    results.scenario_resolved = resolved_text(resolve(scenario));
    results.population_size = frame.finite() ? std::to_string(frame.size()) : "superpopulation";
    results.population_kind = "synthetic";
    results.seed = static_cast<std::uint64_t>(options_.seed);
    results.sample_size = scenario.sample_size;
    results.run.threads = static_cast<std::uint32_t>(threads_);
    const auto start = Clock::now();
    constexpr std::uint64_t kTallied = 20'000'000;
    const Tally tally = options_.tally.value_or(frame.size() <= kTallied ? Tally::yes : Tally::no);
    const auto truths = make_truths(study_->population(), frame, study_->plan(), options_.seed,
                                    tally, threads_, [&](double f) {
                                      if (progress) progress("population", f);
                                    });
    results.run.truth_seconds = seconds_since(start);
    describe_estimands(study_->plan(), truths, results);
    describe_estimators(study_->plan(), plan_, truths, 0, results);
    return results;
  }

  void conclude(const std::vector<ReplicateResults>& replicates, StudyResults& results) override {
    measure(replicates, results);
    make_profile(*study_, plan_, replicates, results);
    results.reproduction = make_reproduction(study_->population(), replicates);
    Texts numbers;
    for (const PublishedNumber& n : study_->scenario().numbers) numbers.push_back(n.id);
    record_survey(replicates, std::move(numbers), results);
    const SurveySize size{
        0, study_->frame().finite() ? static_cast<double>(study_->frame().size()) : 0,
        static_cast<double>(results.sample_size)};
    measure_selection({&size, 1}, results);
  }

 private:
  const Study* study_;
  StudyOptions options_;
  int threads_;
  Benchmarks benchmarks_;
  ReplicatePlan plan_;
  Synthesizer synthesizer_;
  std::optional<Synthesizer> reference_;
  PerWorker<Study::Scratch> scratches_;
  Texts estimators_;
};

}  // namespace

std::unique_ptr<StudySession> Study::session(const StudyOptions& options) const {
  return std::make_unique<SyntheticSession>(*this, options);
}

StudyResults Study::run(const StudyOptions& options, const StudyProgress& progress) const {
  const auto made = session(options);
  ReplicateLedger ledger(made->estimators(), options.replicates);
  return run_study(*made, ledger, {.replicates = options.replicates, .threads = options.threads},
                   progress);
}

}  // namespace steelyard
