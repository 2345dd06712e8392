#pragma once

// From weights to whole households.

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.hpp"
#include "sim/households/zone_fit.hpp"

namespace steelyard {

/// What a column of the incidence counts.
struct ColumnKind {
  std::size_t control = 0;  ///< columns of one control share this
  bool household = true;    ///< counts households; otherwise persons
  bool controlled = true;   ///< takes part in the rounding
};

/// Whole households of one zone: exactly `households` in total; household columns as near to the
/// rounded `aims` as swaps can bring them, then person columns.
///   1. The aims of a household control whose levels divide the households are rounded by largest
///      remainders so that they sum to `households`; other household aims to the nearest number.
///   2. Each seed household gets the whole part of its weight; the remainders are drawn
///      systematically, in the order of the household columns, from a random start.
///   3. One household is exchanged for another (of positive weight) as long as this lowers
///      sum importance |count - aim|, where a household column weighs 100 times a person column.
/// @param weights  n, >= 0
/// @param aims     k counts, or kNoTarget
/// @return n counts that sum to `households` (all 0 if every weight is 0)
/// Cost O(households × entries) a pass of step 3, at most 20 passes. Source of 2: Madow (1949),
/// Ann. Math. Stat. 20, 333-354.
std::vector<std::uint32_t> integerise(const Incidence& incidence, std::span<const double> weights,
                                      std::span<const double> aims,
                                      std::span<const ColumnKind> kinds,
                                      std::span<const double> importance, std::uint64_t households,
                                      Stream& stream);

/// Rounds `values` so that they sum to `total`: whole parts, then the largest remainders (the first
/// of equals); where the whole parts already exceed it, the smallest remainders lose one.
std::vector<std::uint64_t> round_to_total(std::span<const double> values, std::uint64_t total);

}  // namespace steelyard
