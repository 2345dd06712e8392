#pragma once

// Exact quantiles of the continuous truth behind a bucketed answer.

#include <vector>

#include "sim/population/population.hpp"

namespace steelyard {

/// The distribution of a latent variable over a domain: a mixture, over the groups of its law, of
/// the law inside each bucket.
class LatentQuantile {
 public:
  /// @throws UserError if the variable has no latent law
  LatentQuantile(const Population& population, const Domain& domain, VariableId variable);

  /// The x at which the share at or below reaches p, as the law's tables have it; NaN for an empty
  /// domain. p up to 1 - 2^-27 of an open bucket. Cost O(groups) a step of a bracketing search.
  double at(double p) const;

 private:
  const LatentLaw* law_;
  std::size_t buckets_ = 0;
  std::vector<double> mass_;  ///< groups × buckets, of sum 1
};

}  // namespace steelyard
