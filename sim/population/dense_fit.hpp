#pragma once

// Iterative proportional fitting of a table that is small enough to hold all its cells.

#include <cstddef>
#include <vector>

namespace steelyard {

/// A margin of a dense table: `target` over the cross of some axes (row-major, last fastest).
struct DenseMargin {
  std::vector<std::size_t> axes;  ///< ascending, without repeats
  std::vector<double> target;
};

struct DenseFitReport {
  int sweeps = 0;
  double largest_error = 0;  ///< of any margin's cell, as a part of the table's total
  bool converged = false;
};

/// The I-projection of `cells` (row-major over `dims`) onto the margins, in place. The scaling to
/// one margin and the sums of the next are one pass over the table; the longest axis runs
/// innermost, in eight fixed lanes, so the result has the same bits on every machine. A sweep
/// costs one pass a margin. A cell that is zero stays zero.
/// Source: Deming & Stephan (1940), Annals of Mathematical Statistics 11, 427-444.
/// @param tolerance  largest error, as a part of the total, at which it stops
DenseFitReport fit_dense(std::vector<double>& cells, const std::vector<std::size_t>& dims,
                         const std::vector<DenseMargin>& margins, double tolerance = 1e-10,
                         int max_sweeps = 1000);

}  // namespace steelyard
