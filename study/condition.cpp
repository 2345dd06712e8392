#include "study/condition.hpp"

namespace steelyard {

PreparedCondition::PreparedCondition(const std::string& scenario,
                                     const std::vector<std::string>& settings,
                                     Population::Unmet unmet) {
  if (is_model_scenario(scenario)) {
    model_ = std::make_unique<const ModelStudy>(scenario, settings);
    return;
  }
  scenario_ = std::make_unique<const Scenario>(load_scenario(scenario, settings));
  study_ = std::make_unique<const Study>(*scenario_, unmet);
}

const Scenario& PreparedCondition::scenario() const {
  return model_ ? model_->scenario() : *scenario_;
}

const StudyPlan& PreparedCondition::plan() const {
  return model_ ? model_->plan() : study_->plan();
}

StudyResults PreparedCondition::run(const StudyOptions& options,
                                    const StudyProgress& progress) const {
  return model_ ? model_->run(options, progress) : study_->run(options, progress);
}

void check_settings(const std::string& scenario, const std::vector<std::string>& settings) {
  if (is_model_scenario(scenario))
    (void)ModelStudy(scenario, settings);
  else
    (void)plan_study(load_scenario(scenario, settings));
}

}  // namespace steelyard
