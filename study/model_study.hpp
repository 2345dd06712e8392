#pragma once

// Studies whose population is a model: drawn by formulas, so that published simulation studies can
// be run as they were printed.

#include <memory>
#include <string>
#include <vector>

#include "sim/measurement/measurement.hpp"
#include "sim/models/model_population.hpp"
#include "study/engine.hpp"
#include "study/model_truths.hpp"
#include "study/published_measures.hpp"
#include "study/replicate.hpp"

namespace steelyard {

/// One setting of a study with several: the scenario with other parameters.
struct ModelCondition {
  std::string name, label, label_zh;
  ModelScenario model;
  StudyPlan plan;
  std::unique_ptr<const Measurement> measurement, reference_measurement;
  std::vector<StaleBenchmark> stale;
};

/// A model scenario made ready to run under each of its conditions ([[condition]]; none: as it
/// stands). All conditions have the same estimands and estimators; replicate r of each draws from
/// the same random numbers, so that their differences are paired.
class ModelStudy {
 public:
  /// @param only  names of the conditions to run; empty: all
  /// @throws UserError as load_model_scenario and plan_study; where conditions contradict each
  /// other or have no such name, or published.csv names what the study does not have
  explicit ModelStudy(const std::string& name_or_folder,
                      const std::vector<std::string>& settings = {},
                      const std::vector<std::string>& only = {});

  const Scenario& scenario() const { return conditions_.front()->model.scenario; }
  const StudyPlan& plan() const { return conditions_.front()->plan; }
  std::size_t conditions() const { return conditions_.size(); }
  const std::vector<PublishedMeasure>& published() const { return published_; }
  const ModelCondition& condition(std::size_t c) const { return *conditions_[c]; }

  /// Estimands of condition c follow those of c - 1; with several, a condition's name begins the
  /// name of the domain. A population is made once a condition, or in each replicate
  /// (population.draw), then measured against [[estimand]] truth or the value among
  /// kTruthPersons persons. Progress is of replicates over all conditions.
  /// @throws UserError from formulas, designs and models
  StudyResults run(const StudyOptions& options, const StudyProgress& progress = {}) const;
  /// Ready to make replicates; of the options it uses seed and threads. The study must outlive it.
  /// Memory: the populations of all conditions that are drawn once.
  std::unique_ptr<StudySession> session(const StudyOptions& options) const;

  /// Persons drawn to know the truth of a population that is drawn anew in each replicate.
  static constexpr std::uint64_t kTruthPersons = 5'000'000;

 private:
  std::vector<std::unique_ptr<const ModelCondition>> conditions_;
  std::vector<PublishedMeasure> published_;
};

}  // namespace steelyard
