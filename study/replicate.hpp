#pragma once

// One replicate: everything that is computed from one sample.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "results/results.hpp"
#include "study/plan.hpp"

namespace steelyard {

/// Where each estimator of a study takes its pieces from.
struct EstimatorPlan {
  std::uint32_t estimand = 0, weighting = 0, value_rule = 0, interval = 0;
  bool uses_rule = false;
};

/// Results of one replicate, in estimator order.
struct ReplicateResults {
  std::vector<double> estimate, se, lower, upper, seconds;
  std::vector<double> weights_cv2;  ///< cv² of the respondents' weights; NaN: there are none
  std::vector<double>
      published;  ///< by published number: what the simulated survey reports, NaN if it cannot
  std::vector<double> profile_sample, profile_weighted;  ///< by root level: shares
  std::vector<FailureRecord> failures;
};

/// Its columns with one number an estimator, and the others.
inline constexpr std::vector<double> ReplicateResults::*kEstimatorColumns[] = {
    &ReplicateResults::estimate, &ReplicateResults::se,      &ReplicateResults::lower,
    &ReplicateResults::upper,    &ReplicateResults::seconds, &ReplicateResults::weights_cv2};
inline constexpr std::vector<double> ReplicateResults::*kSurveyColumns[] = {
    &ReplicateResults::published, &ReplicateResults::profile_sample,
    &ReplicateResults::profile_weighted};

/// The fixed part of every replicate: which answers are tabulated over which domains, once each.
class ReplicatePlan {
 public:
  /// The references must outlive it.
  ReplicatePlan(const Scenario& scenario, const StudyPlan& plan);

  const std::vector<EstimatorPlan>& estimators() const { return estimators_; }
  /// Every variable that a replicate reads.
  const std::vector<VariableId>& variables() const { return variables_; }
  /// Variables whose one-way shares are recorded for the report.
  const std::vector<VariableId>& profile() const { return profile_; }

  /// @param seed        of the study; with the replicate's number it decides what resampling draws
  /// @param benchmarks  with this replicate's reference sample, if there is one
  /// @param wanted      by estimator: 0 if it need not be made, so that its numbers are NaN; the
  ///                    others are the same to the bit. Empty: all
  /// @param no_reference  why there is no reference sample in this replicate; null: nothing failed
  ReplicateResults run(const Sample& sample, Seed seed, std::uint32_t replicate,
                       Benchmarks benchmarks, std::span<const std::uint8_t> wanted = {},
                       const Failure* no_reference = nullptr) const;

 private:
  struct Task {
    std::size_t domain = 0;
    std::vector<VariableId> answers;
  };
  struct PublishedTask {
    std::size_t number = 0;
    std::size_t first = 0, second = 0;  ///< tasks; second for differences
    std::vector<double> values, second_values;
  };

  struct Working;
  std::vector<std::vector<bool>> pairs_of(std::span<const std::uint8_t> wanted) const;
  void weigh(const Sample& sample, Working& shared) const;
  void record_weights(const Working& shared, ReplicateResults& out) const;
  void tabulate(const Sample& sample, Working& shared) const;
  void model(std::size_t task, Working& shared) const;
  void prepare(const Sample& sample, Seed seed, std::uint32_t replicate, Working& shared) const;
  struct Laws;
  const Laws& laws(const EstimatorPlan& plan, std::size_t task, Working& shared) const;
  std::optional<Failure> estimate(std::size_t i, Working& shared, ReplicateResults& out) const;
  void publish(const Working& shared, ReplicateResults& out) const;
  void record_profile(const Working& shared, ReplicateResults& out) const;

  std::size_t task_for(const Domain& domain, std::vector<VariableId> answers);
  void need(VariableId id);
  void plan_published();

  const Scenario* scenario_;
  const StudyPlan* plan_;
  std::vector<Domain> domains_;
  std::vector<Task> tasks_;
  std::vector<std::size_t> estimand_task_;  ///< tasks of estimands come first
  std::vector<bool> last_of_table_;  ///< by estimator: none after it has its task and weighting
  std::size_t estimand_tasks_ = 0;
  std::vector<EstimatorPlan> estimators_;
  std::vector<PublishedTask> published_;
  std::vector<VariableId> variables_, cell_variables_, profile_;
  std::vector<std::size_t> profile_task_;
  bool models_answers_ = false;
  std::size_t view_weighting_ = 0;  ///< the weighting of the report's weighted tables
};

}  // namespace steelyard
