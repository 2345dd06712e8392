#pragma once

// Whole persons whose margins are met to the person.

#include <cstdint>
#include <vector>

namespace steelyard {

/// What a margin's cells may hold: between lower and upper persons (equal: exactly so many), over
/// the cross of some axes (row-major, last fastest).
struct IntegerMargin {
  std::vector<std::size_t> axes;  ///< ascending, without repeats
  std::vector<std::int64_t> lower, upper;
};

struct Integerisation {
  std::vector<std::int64_t> counts;  ///< over the dense table's cells; they sum to the total
  std::size_t moves = 0;
  std::int64_t violation_before = 0;  ///< persons outside the margins' bounds, after rounding alone
  std::int64_t violation = 0;         ///< what is left
  std::vector<std::size_t> unmet;     ///< margins with something left
};

/// Rounds an expected table to whole persons and then repairs its margins: one person changes one
/// attribute, or two persons who differ in one attribute exchange another (a move that touches only
/// the margins over both). Every move lowers the sum of all violations; where none does, moves that
/// leave it as it is are tried for a while. Deterministic. Cells expected empty stay empty.
/// About a microsecond a candidate; the moves needed grow with the square root of the cells behind
/// a margin's cell, not with the persons.
/// Source of the exchanges: Diaconis & Sturmfels (1998), Annals of Statistics 26, 363-397.
Integerisation integerise(const std::vector<double>& expected, const std::vector<std::size_t>& dims,
                          const std::vector<IntegerMargin>& margins, std::int64_t total);

}  // namespace steelyard
