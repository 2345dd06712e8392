#pragma once

// Who made how much of a number that several causes make together.

#include <cstddef>
#include <span>
#include <vector>

namespace steelyard {

/// What each of k players adds, by player.
struct Attribution {
  std::vector<double> shapley;  ///< averaged over all orders of coming in; sums to v(all) - v(none)
  std::vector<double> first_in;  ///< v({i}) - v(none): alone
  std::vector<double> last_in;   ///< v(all) - v(all but i): what would go if it alone went
};

/// Shapley values, exactly: phi_i = Σ_S |S|! (k - |S| - 1)! / k! (v(S + i) - v(S)) over the sets S
/// without i. Linear in v. @param value  2^k values; bit i of an index: player i is in
/// Cost O(k 2^k). Source: Shapley (1953), Annals of Mathematics Studies 28, 307-317; of variances
/// Owen (2014), SIAM/ASA JUQ 2, 245-251; Song, Nelson & Staum (2016), SIAM/ASA JUQ 4, 1060-1083.
Attribution attribute(std::span<const double> value, std::size_t players);

}  // namespace steelyard
