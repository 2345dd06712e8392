#pragma once

// Exact quantiles of the continuous truth behind a bucketed answer.

#include <memory>
#include <vector>

#include "estimators/buckets/piecewise.hpp"
#include "sim/population/population.hpp"

namespace steelyard {

/// The distribution of a latent variable over a domain: a mixture, over the groups of its law, of
/// the law inside each bucket.
class LatentQuantile {
 public:
  /// @param asked  a bucketed variable; of one that asks the same value as another, that value's
  /// @throws UserError if the variable has no latent law
  LatentQuantile(const Population& population, const Domain& domain, VariableId asked);

  /// The x at which the share at or below reaches p, as the law's tables have it; NaN for an empty
  /// domain. p up to 1 - 2^-27 of an open bucket. Cost O(groups) a step of a bracketing search.
  double at(double p) const;

  /// The whole distribution as a law of uniform pieces between its quantiles: 256 of equal mass a
  /// closed bucket; in an open one 64 in each octave of the tail probability down to 2^-26, and
  /// what is rarer in one piece whose mean is the tables'. Cost 10^4 calls of at().
  std::shared_ptr<const Law> law() const;
  /// Its pieces by bucket, of which some may have none.
  std::vector<std::vector<Segment>> pieces() const;

 private:
  const LatentLaw* law_;
  std::vector<double> edges_;
  std::size_t buckets_ = 0;
  std::vector<double> mass_;  ///< groups × buckets, of sum 1
};

/// The true law inside each bucket of an answer, under other shares of the buckets: what an
/// estimator would know whose only errors are in those shares.
class ReweightedLaw {
 public:
  /// @param asked  as for LatentQuantile; the buckets are its own
  ReweightedLaw(const Population& population, const Domain& domain, VariableId asked);

  /// @param totals  by bucket
  /// @return fails: empty_domain; infeasible (a negative total, or one in a bucket that nobody of
  /// the domain is in)
  Result<std::shared_ptr<const Law>> law(std::span<const double> totals) const;

 private:
  std::vector<std::vector<Segment>> pieces_;  ///< by bucket, of sum 1
};

}  // namespace steelyard
