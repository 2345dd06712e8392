#pragma once

// A scenario opened to be run, whichever way its population is made.

#include <memory>
#include <string>
#include <vector>

#include "core/resolved.hpp"
#include "study/engine.hpp"
#include "study/model_study.hpp"

namespace steelyard {

class OpenStudy {
 public:
  /// Reads and validates; fits nothing yet.
  /// @param conditions  of a population by formulas; empty: all
  /// @throws UserError as load_scenario and ModelStudy
  OpenStudy(const std::string& scenario, const std::vector<std::string>& settings,
            const std::vector<std::string>& conditions);

  /// Fits the population, if it is fitted. @throws UserError, NegativeAnswer as Study
  void fit(bool accept, bool quiet);

  const Scenario& scenario() const;
  const StudyPlan& plan() const;  ///< after fit()
  std::size_t conditions() const;
  const Study* synthetic() const { return study_.get(); }  ///< null: drawn by formulas
  std::unique_ptr<StudySession> session(const StudyOptions& options) const;

  /// Every value that decides what is computed, the choice of conditions among them.
  std::vector<ResolvedEntry> resolved() const;
  /// Whether what is done stays valid to the bit when this is added: a weighting whose variables
  /// make the cells of all others finer changes the order of their sums, and one that takes the
  /// place of the report's own changes what is published.
  bool keeps_numbers(const ScenarioGrowth& added) const;

 private:
  std::vector<std::string> only_;
  std::unique_ptr<const Scenario> scenario_;
  std::unique_ptr<const Study> study_;
  std::unique_ptr<const ModelStudy> model_;
};

}  // namespace steelyard
