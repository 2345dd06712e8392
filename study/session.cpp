#include "study/session.hpp"

#include <fmt/format.h>

#include <map>

namespace steelyard {
namespace {

std::string estimator_name(const std::string& estimand, const std::string& domain,
                           const std::string& weighting, const std::string& rule,
                           const std::string& interval) {
  return fmt::format("{}@{}, {}, {}, {}", estimand, domain, weighting, rule, interval);
}

/// An estimand may stand twice, for instance with "by" naming a variable twice.
void number_repeated(Texts& names) {
  std::map<std::string, int> seen;
  for (std::string& name : names)
    if (const int before = seen[name]++; before > 0) name += fmt::format(" #{}", before + 1);
}

}  // namespace

void append(const ReplicateResults& from, std::size_t first_estimator, ReplicateResults& to) {
  const auto add = [&](std::vector<double> ReplicateResults::*column) {
    (to.*column).insert((to.*column).end(), (from.*column).begin(), (from.*column).end());
  };
  for (const auto column : kEstimatorColumns) add(column);
  for (const auto column : kSurveyColumns) add(column);
  for (FailureRecord failure : from.failures) {
    failure.estimator += static_cast<std::uint32_t>(first_estimator);
    to.failures.push_back(std::move(failure));
  }
}

Texts estimator_names(const StudyResults& results) {
  Texts names;
  for (const EstimatorRecord& e : results.estimators)
    names.push_back(estimator_name(results.estimands[e.estimand].estimand,
                                   results.estimands[e.estimand].domain, e.weighting, e.value_rule,
                                   e.interval));
  number_repeated(names);
  return names;
}

void append_estimator_names(const StudyPlan& plan, const ReplicatePlan& replicates, Texts& names) {
  Texts own;
  for (const EstimatorPlan& e : replicates.estimators())
    own.push_back(estimator_name(
        plan.estimands[e.estimand].id, plan.estimands[e.estimand].domain_name,
        plan.weightings[e.weighting].name, e.uses_rule ? plan.value_rules[e.value_rule].name : "-",
        plan.intervals[e.interval].name));
  number_repeated(own);
  names.insert(names.end(), own.begin(), own.end());
}

}  // namespace steelyard
