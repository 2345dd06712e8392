#pragma once

// One setting of a scenario's numbers, made ready to run, whatever its population is made of.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "study/engine.hpp"
#include "study/model_study.hpp"

namespace steelyard {

/// A scenario with some of its numbers changed. All conditions that run with one seed draw from the
/// same random numbers, replicate by replicate, so that their differences are paired.
class PreparedCondition {
 public:
  /// Fits the population, or reads the formulas.
  /// @throws UserError for settings that cannot be; NegativeAnswer for a population that cannot be
  /// fitted
  PreparedCondition(const std::string& scenario, const std::vector<std::string>& settings,
                    Population::Unmet unmet = Population::Unmet::refuse);

  const Scenario& scenario() const;
  const StudyPlan& plan() const;
  StudyResults run(const StudyOptions& options, const StudyProgress& progress = {}) const;

 private:
  std::unique_ptr<const Scenario> scenario_;
  std::unique_ptr<const Study> study_;
  std::unique_ptr<const ModelStudy> model_;
};

/// A study, or why there is none.
struct ConditionOutcome {
  std::optional<StudyResults> results;
  std::string failure;
};

/// Runs n conditions of a scenario: as many as threads are made ready at once, then each is run
/// with all threads. What the scenario answers to impossible numbers (a population that cannot be
/// fitted) is an outcome; other exceptions are thrown on.
/// @param settings  of condition i; its UserErrors are outcomes as well
/// @param finished  called in the order of i
/// @param progress  conditions done, a fraction of the present one among them
void run_each_condition(const std::string& scenario, std::size_t n,
                        const std::function<std::vector<std::string>(std::size_t)>& settings,
                        Population::Unmet unmet, const StudyOptions& options,
                        const std::function<void(std::size_t, ConditionOutcome)>& finished,
                        const std::function<void(double)>& progress = {});

/// How a scenario calls itself.
struct ScenarioTitle {
  std::string name, title, title_zh;
};
/// From [scenario] alone. @throws UserError if it cannot be read
ScenarioTitle title_of_scenario(const std::string& scenario);

/// Reads the scenario with these settings and its study, without making a population.
/// @throws UserError for settings that cannot be
void check_settings(const std::string& scenario, const std::vector<std::string>& settings);

}  // namespace steelyard
