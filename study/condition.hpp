#pragma once

// One setting of a scenario's numbers, made ready to run, whatever its population is made of.

#include <memory>
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

/// Reads the scenario with these settings and its study, without making a population.
/// @throws UserError for settings that cannot be
void check_settings(const std::string& scenario, const std::vector<std::string>& settings);

}  // namespace steelyard
