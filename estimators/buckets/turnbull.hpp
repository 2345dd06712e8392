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

/// Masses below are 0: the optimum is on the boundary there, up to the EM's last steps.
inline constexpr double kZeroMass = 1e-9;

/// Covariance of the masses when `n` persons gave these answers, m × m, row-major: inverse of the
/// observed information n Σ_r f_r a_r a_r'/P_r² of masses above 0 that sum to 1 (f_r: share of the
/// answer r, a_r: its innermost intervals, P_r: their mass); 0 for masses at 0, which are taken as
/// known to be there. Without overlaps (diag p - pp')/n. Who is asked which brackets is taken as
/// it was. The inverse exists, and the masses are unique: with F_j the mass up to the j-th
/// interval, some answer ends with each and tells F_j - F_i for an earlier i, so every F_j is known
/// in turn.
/// @pre masses = innermost_masses(answers), n > 0
/// Fails: singular_matrix (weights so unequal that rounding hides the smallest).
/// Sources: Turnbull (1976), JRSS B 38, 290-295; Gentleman & Geyer (1994), Biometrika 81, 618-623.
/// Cost O(m³ + answers m²).
Result<std::vector<double>> mass_covariance(std::span<const IntervalCount> answers,
                                            const InnermostMasses& masses, double n);

/// The innermost intervals as buckets, gaps between them as empty ones; weights are masses times
/// the total weight of the answers, n as given.
BucketTable bucket_table(const InnermostMasses& masses, double total, double n);
/// A covariance of masses as one of that table's shares: gaps have none.
std::vector<double> share_covariance(const InnermostMasses& masses,
                                     std::span<const double> covariance);

}  // namespace steelyard
