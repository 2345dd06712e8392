#pragma once

// Smooth densities on a fine grid of equal cells: the smoothing EM, and the penalised composite
// link model. Cells need not end at the buckets' edges.

#include "core/errors.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard {

/// Cells of equal width from the first edge to the last, or to `top` where the table is open.
struct SmoothGrid {
  double top = 0;   ///< end of an open bucket, above its lower edge; unused in a closed table
  double cell = 0;  ///< wanted width; taken so that a whole number (2 to 5000) fills the range
};

/// EMS: spread each bucket's mass over its cells in proportion to the density, smooth by a Gaussian
/// kernel whose columns are normalised over the grid, repeat until nothing moves; a last spreading
/// makes the buckets' shares exact. Found: par:top, par:cell, par:h, iterations.
/// Fails: infeasible (grid), no_convergence (cells still move by 1e-13 after 20,000 steps).
/// Source: Silverman, Jones, Wilson & Nychka (1990), JRSS B 52, 271-324; the deterministic limit of
/// Gross, Rendtel, Schmid, Schmon & Tzavidis (2017), JRSS A 180, 161-183.
/// Cost: cells × bandwidth / cell a step.
Result<BucketFit> smoothing_em(const BucketTable& table, SmoothGrid grid, double bandwidth);

/// PCLM: cell means γ that maximise the Poisson log-likelihood of the counts n p less
/// lambda/2 |second differences of ln γ|². Shares of buckets are smoothed, not kept. Found:
/// par:lambda, effective_dimension, penalised_loglik, deviance, bic, fitted:1 to fitted:m.
/// Fails: infeasible (grid), no_convergence.
/// Source: Eilers (2007), Statistical Modelling 7, 239-254; Rizzi, Gampe & Eilers (2015), Am. J.
/// Epidemiology 182, 138-147. Cost: buckets² × cells a step.
Result<BucketFit> composite_link(const BucketTable& table, SmoothGrid grid, double lambda);

}  // namespace steelyard
