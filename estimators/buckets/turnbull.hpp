#pragma once

// Shares from answers in overlapping brackets (unfolding brackets, several bracket sets): the
// nonparametric maximum likelihood estimate, as a table that any bucket rule can then take.

#include <span>
#include <vector>

#include "core/errors.hpp"
#include "estimators/buckets/bucket_table.hpp"

namespace steelyard {

/// An answer known to lie in [lower, upper), and the weight of those who gave it.
struct IntervalCount {
  double lower, upper;  ///< lower < upper; upper may be Inf
  double weight;        ///< >= 0
};

/// The masses of the innermost intervals: outside them the likelihood wants nothing; where inside
/// them the mass lies it cannot tell.
struct InnermostMasses {
  std::vector<double> lower, upper, mass;  ///< increasing, not overlapping; of sum 1
  double log_likelihood = 0;               ///< sum of weight ln(mass of the answer's interval)
  double gradient = 0;  ///< largest breach of the first-order conditions, a unit of weight
  int iterations = 0;   ///< evaluations of the EM step
};

/// Source: Turnbull (1976), JRSS B 38, 290-295 (EM); Gentleman & Geyer (1994), Biometrika 81,
/// 618-623 (first-order conditions: d_j <= 1, with equality where mass > 0); acceleration: Varadhan
/// & Roland (2008), Scandinavian Journal of Statistics 35, 335-353 (SQUAREM, S3).
/// Fails: infeasible (no answer; an interval that is empty or reversed), no_convergence (conditions
/// not met to 1e-12 within 100,000 steps).
/// Cost: sort, then O(intervals + innermost) a step.
Result<InnermostMasses> innermost_masses(std::span<const IntervalCount> answers);

/// The innermost intervals as buckets, gaps between them as empty ones; weights are masses times
/// the total weight of the answers, n as given.
BucketTable bucket_table(const InnermostMasses& masses, double total, double n);

}  // namespace steelyard
