#pragma once

// The linearized standard error, for methods that build on it.

#include "estimators/intervals/interval_method.hpp"
#include "estimators/intervals/limits.hpp"

namespace steelyard {

/// Linearization made ready for one sample and one weighting: what the plug-in of that name uses.
std::unique_ptr<const PreparedInterval> prepare_linearization(const WeightedSample& sample,
                                                              const IntervalOptions& options);

}  // namespace steelyard
