#include "cli/open_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text.hpp"
#include "sim/models/model_scenario.hpp"

namespace steelyard {

OpenStudy::OpenStudy(const std::string& scenario, const std::vector<std::string>& settings,
                     const std::vector<std::string>& conditions)
    : only_(conditions) {
  if (is_model_scenario(scenario)) {
    model_ = std::make_unique<const ModelStudy>(scenario, settings, conditions);
    return;
  }
  if (!conditions.empty())
    throw UserError({}, "--condition", "is for populations by formulas", "leave it out");
  scenario_ = std::make_unique<const Scenario>(load_scenario(scenario, settings));
}

void OpenStudy::fit(bool accept, bool quiet) {
  if (model_) return;
  if (!quiet)
    fmt::print(stderr, "fitting {} published numbers and {} tables\n", scenario_->numbers.size(),
               scenario_->tables.size());
  study_ = std::make_unique<const Study>(
      *scenario_, accept ? Population::Unmet::accept : Population::Unmet::refuse);
}

const Scenario& OpenStudy::scenario() const { return model_ ? model_->scenario() : *scenario_; }

const StudyPlan& OpenStudy::plan() const { return model_ ? model_->plan() : study_->plan(); }

std::size_t OpenStudy::conditions() const { return model_ ? model_->conditions() : 1; }

std::unique_ptr<StudySession> OpenStudy::session(const StudyOptions& options) const {
  return model_ ? model_->session(options) : study_->session(options);
}

std::vector<ResolvedEntry> OpenStudy::resolved() const {
  std::vector<ResolvedEntry> entries = resolve(scenario());
  if (!only_.empty()) entries.push_back({"--condition", join(only_, "; "), {}});
  return entries;
}

bool OpenStudy::keeps_numbers(const ScenarioGrowth& added) const {
  const auto is_new = [&](const std::string& name) {
    return std::find(added.weightings.begin(), added.weightings.end(), name) !=
           added.weightings.end();
  };
  std::set<VariableId> all, before;
  const auto& weightings = plan().weightings;
  bool has_view = false;
  for (const auto& weighting : weightings) {
    has_view |= weighting.name == scenario().weighting_view;
    for (VariableId id : weighting.plugin->variables()) {
      all.insert(id);
      if (!is_new(weighting.name)) before.insert(id);
    }
  }
  return all == before && (has_view || !is_new(weightings.front().name));
}

}  // namespace steelyard
