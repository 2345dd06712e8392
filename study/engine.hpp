#pragma once

// Runs a study: replicate after replicate on all cores, each a pure function of (seed, replicate).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "results/results.hpp"
#include "sim/measurement/measurement.hpp"
#include "sim/selection/reference_selection.hpp"
#include "study/plan.hpp"
#include "study/session.hpp"
#include "study/stale_benchmarks.hpp"
#include "study/truth.hpp"

namespace steelyard {

struct StudyOptions {
  Seed seed{};
  std::uint32_t replicates = 200;
  int threads = 0;  ///< 0: all cores
  /// Whether the finite population's own truth is tallied; nothing: if it has at most 20 million
  /// persons. Otherwise the truth is the law's, which differs by truth_finite_se at most or so.
  std::optional<Tally> tally = {};
};

/// One scenario made ready to run.
class Study {
 public:
  /// @throws UserError, NegativeAnswer as Population and plan_study
  explicit Study(const Scenario& scenario, Population::Unmet unmet = Population::Unmet::refuse);

  const Scenario& scenario() const { return *scenario_; }
  const Population& population() const { return population_; }
  const PopulationFrame& frame() const { return frame_; }
  const Selection& selection() const { return selection_; }
  const StudyPlan& plan() const { return plan_; }

  /// Memory that draws share, one a thread.
  struct Scratch {
    std::vector<PersonRef> persons;
    Selection::Scratch selection;
    Synthesizer::Scratch synthesis;
    Sample sample;
    std::vector<std::vector<double>> values;  ///< by variable id: latent values that errors need
    ReferenceDraw reference;
    std::vector<std::vector<double>> reference_values;
    Synthesizer::Scratch reference_synthesis;
  };
  Scratch scratch(const Synthesizer& synthesizer) const;

  /// Errors of the benchmarks that estimators are given.
  const std::vector<StaleBenchmark>& stale_benchmarks() const { return stale_; }
  const Measurement& measurement() const { return measurement_; }
  /// Makes respondents' answers to these questions, and what their errors depend on.
  Synthesizer sample_synthesizer(std::span<const VariableId> asked) const;

  /// Draws a sample with the synthesizer's variables, as they are reported, into the scratch; valid
  /// until the next draw. @param synthesizer  of sample_synthesizer, if there are errors
  const Sample& draw_sample(Seed seed, Replicate replicate, const Synthesizer& synthesizer,
                            Scratch& scratch) const;

  /// A reference sample of its own memory, as its answers are reported; null: the scenario has
  /// none. Fails: where its weights cannot be calibrated.
  Result<std::shared_ptr<const ReferenceSample>> draw_reference(Seed seed, Replicate replicate,
                                                                const Synthesizer* synthesizer,
                                                                Scratch& scratch) const;
  /// Makes what the reference sample's respondents are asked; nothing: there is none.
  /// @param population  this study's, or one of another world
  std::optional<Synthesizer> reference_synthesizer(const Population& population) const;

  /// Ready to make replicates; of the options it uses seed, threads and tally. The study must
  /// outlive it.
  std::unique_ptr<StudySession> session(const StudyOptions& options) const;
  /// All replicates in this process, and nothing kept on the way.
  StudyResults run(const StudyOptions& options, const StudyProgress& progress = {}) const;

 private:
  const Scenario* scenario_;
  Population population_;
  PopulationFrame frame_;
  Selection selection_;
  Measurement measurement_;
  StudyPlan plan_;
  std::vector<StaleBenchmark> stale_;
  std::optional<ReferenceSelection> reference_;
  Measurement reference_measurement_;
  std::vector<MarginTotals> reference_margins_;  ///< that its weights are calibrated to
};

}  // namespace steelyard
