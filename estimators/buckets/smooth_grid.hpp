#pragma once

// The cells of a smooth density, their parts in each bucket, and the law they make.

#include <memory>
#include <span>
#include <vector>

#include "estimators/buckets/smooth.hpp"

namespace steelyard::detail {

/// The part of a cell that lies in a bucket.
struct Piece {
  std::size_t bucket, cell;
  double lower, upper;
  double part;  ///< of the cell
};

struct Cells {
  double start, top, width;
  std::size_t n, buckets;     ///< buckets: without an open one that holds nothing
  std::vector<Piece> pieces;  ///< in order
};

Result<Cells> make_cells(const BucketTable& table, SmoothGrid grid);

/// Uniform within pieces of these masses.
std::shared_ptr<const Law> grid_law(const Cells& cells, std::span<const double> mass);

/// The default end of an open bucket: three times its lower edge, as in R's smicd. A matter of
/// choice, which the fit reports.
Result<double> default_top(const BucketTable& table);

/// Width of one of at least `least` cells, and as many as put `a_bucket` in the narrowest
/// populated bucket; 1000 at most.
double default_cell(const BucketTable& table, double top, double least, double a_bucket);

}  // namespace steelyard::detail
