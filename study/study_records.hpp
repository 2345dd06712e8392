#pragma once

// From replicates to the records of a study's results, whatever the population was made of.

#include <vector>

#include "results/results.hpp"
#include "study/replicate.hpp"
#include "study/truth.hpp"

namespace steelyard {

/// Appends one record an estimand.
void describe_estimands(const StudyPlan& plan, const std::vector<EstimandTruth>& truths,
                        StudyResults& results);

/// Appends one record an estimator of the estimands that were appended last.
/// @param first_estimand  index of the plan's first estimand in the results
void describe_estimators(const StudyPlan& plan, const ReplicatePlan& replicates,
                         const std::vector<EstimandTruth>& truths, std::size_t first_estimand,
                         StudyResults& results);

/// Fills estimates, performance measures, contrasts and failures from all replicates.
/// @param replicates  results.replicates of them, each with all of the results' estimators
void measure(const std::vector<ReplicateResults>& replicates, StudyResults& results);

}  // namespace steelyard
