#pragma once

// What can be said when each bucket's mean is known: bounds on the Gini coefficient, the two-thirds
// rule, and the split histogram; and Sheppard's corrections of moments from midpoints.

#include <memory>
#include <span>

#include "core/errors.hpp"
#include "estimators/buckets/bucket_table.hpp"
#include "estimators/buckets/piecewise.hpp"

namespace steelyard {

struct GroupedGini {
  double mean;
  double lower;       ///< no inequality within buckets
  double upper;       ///< each bucket's mass at its edges; an open one's at its edge and far away
  double two_thirds;  ///< lower + 2/3 (upper - lower)
};

/// @param means  m, each inside its bucket (ignored where a bucket is empty)
/// Fails: infeasible (a mean outside its bucket).
/// Source: Gastwirth (1972), Review of Economics and Statistics 54, 306-316; two-thirds: Cowell &
/// Mehta (1982), Review of Economic Studies 49, 273-290.
Result<GroupedGini> grouped_gini(const BucketTable& table, std::span<const double> means);

/// The law with two uniform parts in each bucket that meet at the bucket's mean, and a Pareto tail
/// of that mean in a populated open bucket; keeps all masses and means.
/// Fails: infeasible (a mean outside its bucket or on its edge).
/// Source: Cowell & Mehta (1982).
Result<std::shared_ptr<const PiecewiseLaw>> split_histogram(const BucketTable& table,
                                                            std::span<const double> means);

/// Central moments of the midpoints of equally wide closed buckets, and as corrected for grouping
/// a density with high contact at both ends.
struct SheppardMoments {
  double mean, m2, m3, m4;
  double corrected_m2;    ///< m2 - h²/12
  double corrected_m3;    ///< m3
  double corrected_m4;    ///< m4 - h² m2 / 2 + 7 h⁴ / 240
  double uniform_within;  ///< m2 + h²/12: the variance if uniform inside buckets
};

/// Fails: unsupported (an open bucket, unequal widths).
/// Source: Sheppard (1898), Proc. London Math. Society 29, 353-380.
Result<SheppardMoments> sheppard_moments(const BucketTable& table);

}  // namespace steelyard
