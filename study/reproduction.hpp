#pragma once

// Every published number beside what the fitted law expects and what the simulated survey reports.

#include <vector>

#include "results/results.hpp"
#include "sim/population/population.hpp"
#include "study/replicate.hpp"

namespace steelyard {

/// One record a published number of the sample, in the scenario's order. Numbers are in the units
/// in which they were printed. A number is reproduced if its expectation under the fitted law lies
/// in its interval. A simulated mean more than three Monte Carlo standard errors outside is noted
/// (one in 370 is, by chance); more than 4.5, and the number counts as contradicted.
std::vector<ReproductionRecord> make_reproduction(const Population& population,
                                                  const std::vector<ReplicateResults>& replicates);

}  // namespace steelyard
