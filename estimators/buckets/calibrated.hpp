#pragma once

// Families whose shape is kept inside every bucket, and whose bucket masses are the observed ones.

#include <optional>
#include <span>

#include "core/size_distribution.hpp"
#include "estimators/buckets/bucket_table.hpp"
#include "estimators/buckets/panel_law.hpp"

namespace steelyard {

/// A family's law with its weight in a mixture.
struct Shape {
  SizeDistribution law;
  double weight;
};

/// The law of density sum_m w_m p_i g_m(x) / G_m(bucket i) in every bucket i: of all laws with the
/// observed bucket masses the nearest, in relative entropy, to the family's (one shape).
/// With a mean below its own, tilted by exp(-r x), one r > 0 for all buckets, so that it is met:
/// again the nearest in relative entropy. With a larger one and a populated open bucket from l no
/// nearest law exists (a vanishing mass far out would do): there the excess over l of the open
/// bucket is stretched by a factor, and closed buckets stay as they are. Without an open bucket r <
/// 0.
/// @param shapes  positive laws (not the normal); weights of sum 1
/// @pre no objection(table), edges[0] >= 0
/// Fails: unbounded_tail (a shape has no mean and the populated top is open; without a mean only),
/// infeasible (the mean is outside what the buckets allow), no_convergence.
/// Bucket masses to 1e-13, the mean to 1e-11. Cost: about 30 us a shape, with a mean about ten
/// times that. Source: Deville & Särndal (1992), JASA 87, 376-382 (raking distance), applied to
/// densities.
Result<std::shared_ptr<const Law>> calibrated_law(std::span<const Shape> shapes,
                                                  const BucketTable& table,
                                                  std::optional<double> mean);

}  // namespace steelyard
