#pragma once

// What is true of a population by formulas, and what estimators may know of it.

#include <vector>

#include "sim/models/model_population.hpp"
#include "study/stale_benchmarks.hpp"
#include "study/truth.hpp"

namespace steelyard {

/// The truth of every estimand among the persons of a model population.
/// @throws UserError for a functional of a law: it has no truth here
std::vector<EstimandTruth> model_truths(const ModelPopulation& population, const StudyPlan& plan);

/// What everybody in one estimand's domain would have answered. Cost O(N).
/// @throws UserError for a functional of a law
DomainTruth model_truth(const ModelPopulation& population, const PlannedEstimand& e);

/// The totals under [[benchmark]]. @param stale  errors of the totals; empty: as they are
Benchmarks model_benchmarks(const ModelPopulation& population, const Schema& schema,
                            const StudyPlan& plan, const std::vector<StaleBenchmark>& stale);

}  // namespace steelyard
