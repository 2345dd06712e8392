#pragma once

// What the persons of a finite population would have answered, counted person by person.

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "study/truth.hpp"

namespace steelyard {

/// Numbers of the levels of each answer where no latent value and no value rule gives them.
std::vector<std::vector<double>> fixed_means(const Functional& functional);

/// Whether the true numbers of the functional's k-th answer are latent values: it is bucketed, and
/// turned into numbers by a value rule, or its quantile is wanted.
bool is_bucketed(const Schema& schema, const Functional& functional, std::size_t k);

/// Where the quantile of an estimand's latent values is looked for.
struct QuantileWindow {
  double lower = 0, upper = 0;
};

/// One DomainTruth an estimand, in persons. Cost O(N × estimands of which a person is in the
/// domain).
/// @param windows  by estimand; values inside are kept, and a quantile outside its window is +-inf:
///                 the side on which it lies
std::vector<DomainTruth> tally_domains(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan,
                                       std::span<const std::optional<QuantileWindow>> windows,
                                       Seed seed, int threads,
                                       const std::function<void(double)>& progress);

}  // namespace steelyard
