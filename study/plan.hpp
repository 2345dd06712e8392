#pragma once

// What a study computes from every sample: the estimands and the estimators of a scenario.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "estimators/functionals/functional.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/values/value_rule.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

/// One functional over one domain.
struct PlannedEstimand {
  std::string id, domain_name, label, label_zh, domain_label, domain_label_zh, unit;
  std::shared_ptr<const Functional> functional;
  Domain domain;
  bool headline = false;
  /// The scenario's own statement of the true value, for a population drawn anew in each replicate.
  std::optional<double> truth;
  Place truth_place;
};

template <typename Plugin>
struct Named {
  std::string name, method;
  std::unique_ptr<const Plugin> plugin;
};

struct StudyPlan {
  std::vector<Named<Weighting>> weightings;
  std::vector<Named<ValueRule>> value_rules;
  std::vector<Named<IntervalMethod>> intervals;
  std::vector<PlannedEstimand> estimands;
  std::vector<std::vector<VariableId>>
      benchmarks;  ///< margins of the population that are known, each a full cross
  std::size_t reference_weighting = 0, reference_value_rule = 0;
  std::uint32_t replicates = 200;
};

/// Reads the study's sections of scenario.toml, and reports every key in it that nobody reads.
/// @throws UserError for an unknown method, a benchmark that no one gives, a rule that does not
/// apply
StudyPlan plan_study(const Scenario& scenario);

}  // namespace steelyard
