#pragma once

// Calibration: weights nearest to d, in a distance, whose totals are the benchmarks'.

#include <optional>
#include <span>
#include <vector>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

enum class DistanceKind { linear, raking, logit, truncated_linear, truncated_raking };

struct CalibrationOptions {
  DistanceKind distance = DistanceKind::linear;
  /// Bounds of g = w/d: of the logit (L < 1 < U) and of the truncated distances.
  double lower = 0, upper = 0;
  /// Truncated distances: bounds by cell instead; both or neither.
  std::vector<double> lowers, uppers;
  /// Ridge: column j may miss its target by penalty[j] × its multiplier. Empty: met exactly.
  std::vector<double> penalty;
  /// Linear distance by cell: (w - d)² / (d q). Empty: q = 1.
  std::vector<double> q;
  double tolerance = 1e-10;  ///< largest error, relative to each column's scale
  int max_iterations = 100;
};

struct Calibrated {
  std::vector<double> factor;  ///< g by cell
  std::vector<double> lambda;  ///< multiplier of each column; zero for redundant ones
  int iterations = 0;
  MarginError error;
  std::vector<std::size_t> redundant;  ///< columns with weight that depend on those before them
};

/// Solves X'(d g) + penalty λ = targets with g = F(q Xλ) by Newton's method on the convex dual,
/// with step halving. F is the inverse of the distance's derivative: 1 + u; exp u; Deville &
/// Särndal's logit; the first two cut to the bounds.
/// @param d  starting weight of each cell, >= 0
/// Fails: no_convergence, with the worst column and by how much it is missed; singular_matrix when
/// a redundant column contradicts the others.
/// Cost O(cells × blocks² + columns³) an iteration, 4 to 8 iterations.
/// Source: Deville & Särndal (1992), JASA 87, 376-382, section 2; penalised: Rao & Singh (1997),
/// Proc. ASA Survey Research Methods; Beaumont & Bocci (2008), Metron 66, 5-20.
Result<Calibrated> calibrate(const Auxiliary& x, std::span<const double> d,
                             const CalibrationOptions& options);

/// Columns that the margins before them fix in this sample, beyond the one level a margin that the
/// population total fixes; in words, or empty.
std::string describe_redundant(const Auxiliary& x, std::span<const std::size_t> redundant);

}  // namespace steelyard
