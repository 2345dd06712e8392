#include "study/study_records.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "results/performance.hpp"

namespace steelyard {

void describe_estimands(const StudyPlan& plan, const std::vector<EstimandTruth>& truths,
                        StudyResults& results) {
  for (std::size_t e = 0; e < plan.estimands.size(); ++e) {
    const PlannedEstimand& planned = plan.estimands[e];
    EstimandRecord record;
    record.estimand = planned.id;
    record.domain = planned.domain_name;
    record.label = planned.label;
    record.label_zh = planned.label_zh;
    record.domain_label = planned.domain_label;
    record.domain_label_zh = planned.domain_label_zh;
    record.unit = planned.unit;
    record.headline = planned.headline;
    record.truth_superpopulation = truths[e].superpopulation;
    record.truth_finite = truths[e].finite;
    record.truth_finite_se = truths[e].finite_se;
    record.unit_sd = truths[e].unit_sd;
    record.truth = std::isnan(truths[e].finite) ? truths[e].superpopulation : truths[e].finite;
    results.estimands.push_back(std::move(record));
  }
}

void describe_estimators(const StudyPlan& p, const ReplicatePlan& replicates,
                         const std::vector<EstimandTruth>& truths, std::size_t first_estimand,
                         StudyResults& results) {
  // Of each estimand's intervals the first is the reference's.
  std::vector<std::uint32_t> first(p.estimands.size(), std::numeric_limits<std::uint32_t>::max());
  for (const EstimatorPlan& planned : replicates.estimators())
    first[planned.estimand] = std::min(first[planned.estimand], planned.interval);
  for (const EstimatorPlan& planned : replicates.estimators()) {
    EstimatorRecord record;
    record.estimand = static_cast<std::uint32_t>(first_estimand + planned.estimand);
    record.weighting = p.weightings[planned.weighting].name;
    record.value_rule = planned.uses_rule ? p.value_rules[planned.value_rule].name : "-";
    record.interval = p.intervals[planned.interval].name;
    record.reference = planned.weighting == p.reference_weighting &&
                       (!planned.uses_rule || planned.value_rule == p.reference_value_rule) &&
                       planned.interval == first[planned.estimand];
    const EstimandTruth& truth = truths[planned.estimand];
    record.rule_bias =
        (planned.uses_rule ? truth.rule_values[planned.value_rule] : truth.own_value) -
        results.estimands[record.estimand].truth;
    results.estimators.push_back(std::move(record));
  }
}

void measure(const std::vector<ReplicateResults>& replicates, StudyResults& results) {
  const std::size_t n = results.estimators.size(), r = replicates.size();
  for (auto* column : {&results.estimate, &results.se, &results.lower, &results.upper})
    column->resize(n * r);
  for (std::size_t i = 0; i < n; ++i) {
    double seconds = 0;
    for (std::size_t k = 0; k < r; ++k) {
      results.estimate[i * r + k] = replicates[k].estimate[i];
      results.se[i * r + k] = replicates[k].se[i];
      results.lower[i * r + k] = replicates[k].lower[i];
      results.upper[i * r + k] = replicates[k].upper[i];
      seconds += replicates[k].seconds[i];
    }
    const auto row = [&](const std::vector<double>& values) {
      return std::span(values).subspan(i * r, r);
    };
    PerformanceRecord record =
        performance(results.estimands[results.estimators[i].estimand].truth, row(results.estimate),
                    row(results.se), row(results.lower), row(results.upper));
    record.mean_us = seconds / static_cast<double>(r) * 1e6;
    results.performance.push_back(record);
  }
  std::vector<std::uint32_t> reference(results.estimands.size(), 0);
  for (std::size_t i = 0; i < n; ++i)
    if (results.estimators[i].reference)
      reference[results.estimators[i].estimand] = static_cast<std::uint32_t>(i);
  for (std::size_t i = 0; i < n; ++i) {
    if (results.estimators[i].reference) continue;
    const std::uint32_t base = reference[results.estimators[i].estimand];
    ContrastRecord record = contrast(results.estimands[results.estimators[i].estimand].truth,
                                     std::span(results.estimate).subspan(i * r, r),
                                     std::span(results.estimate).subspan(base * r, r));
    record.estimator = static_cast<std::uint32_t>(i);
    record.reference = base;
    results.contrasts.push_back(record);
  }
  for (const ReplicateResults& replicate : replicates)
    results.failures.insert(results.failures.end(), replicate.failures.begin(),
                            replicate.failures.end());
}

}  // namespace steelyard
