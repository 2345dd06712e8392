#pragma once

// What a table says of its distribution for certain: sharp bounds over all laws with its shares.

#include "core/errors.hpp"
#include "estimators/buckets/bucket_table.hpp"

namespace steelyard {

struct Range {
  double lower, upper;
};

/// The table with its open bucket, if any, closed at `multiple` times its lower edge.
/// @pre multiple > 1 and, if the top is open, its lower edge > 0
BucketTable capped(BucketTable table, double multiple);

/// [sum p l, sum p u]: all mass at the lower or upper edges; Inf with a populated open bucket.
/// Source: Manski (2003), Partial Identification of Probability Distributions, chapter 1.
Range mean_bounds(const BucketTable& table);

/// The bucket that holds the u-quantile, as the smallest x with F(x) >= u. @pre 0 < u < 1
Range quantile_bounds(const BucketTable& table, double u);

/// Bounds on the Gini coefficient, sharp whatever the mean; NaN if the first edge is negative.
/// Lower: the first k buckets at their upper edges, the others at their lower ones, best k. Upper:
/// mass at edges alone; 1 with a populated open bucket, else by Dinkelbach's iteration on
/// (e_0 + ∫ S²) / (e_0 + ∫ S), S = q/2 held within each bucket's shares.
/// Source: least and greatest E min(X, X') = e_0 + ∫ S² given the shares, checked by linear and
/// quadratic programs; Dinkelbach (1967), Management Science 13, 492-498; the question: Cowell
/// (1991), Journal of Econometrics 48, 1-14. Cost O(m) and a few iterations.
Range gini_bounds(const BucketTable& table);

/// The same among the laws of that mean. Lower: each bucket at one point, the lowest buckets
/// raised first. Upper: mass at edges, the survival within a bucket held at a common level.
/// Fails: infeasible (no such mean in the buckets).
/// Source: as gini_bounds; Gastwirth (1972), Review of Economics and Statistics 54, 306-316.
Result<Range> gini_bounds_given_mean(const BucketTable& table, double mean);

}  // namespace steelyard
