#pragma once

// Faster fixed points of maps that keep masses positive and their sum: EM and its kin.

#include <vector>

namespace steelyard::detail {

/// From s0 and two steps of the map, s1 and s2, to where it seems to go: s0 + 2 a r + a² v with
/// r = s1 - s0, v = s2 - s1 - r, a = |r| / |v|; masses kept positive, of sum 1. False: no leap is
/// longer than the steps themselves.
/// Source: Varadhan & Roland (2008), Scandinavian Journal of Statistics 35, 335-353 (SQUAREM, S3).
bool extrapolate(const std::vector<double>& s0, const std::vector<double>& s1,
                 const std::vector<double>& s2, std::vector<double>& target);

}  // namespace steelyard::detail
