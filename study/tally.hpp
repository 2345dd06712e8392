#pragma once

// What the persons of a finite population would have answered, counted person by person.

#include <functional>
#include <vector>

#include "study/truth.hpp"

namespace steelyard {

/// Numbers of the levels of each answer where no latent value and no value rule gives them.
std::vector<std::vector<double>> fixed_means(const Functional& functional);

/// Whether the functional's k-th answer is turned into numbers by a value rule.
bool is_bucketed(const Schema& schema, const Functional& functional, std::size_t k);

/// One DomainTruth an estimand, in persons. Cost O(N × estimands of which a person is in the
/// domain).
std::vector<DomainTruth> tally_domains(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan, Seed seed, int threads,
                                       const std::function<void(double)>& progress);

}  // namespace steelyard
