#pragma once

// Weighted counts of one quantity in buckets: what every bucket rule is given.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace steelyard {

/// Buckets [edge_i, edge_i+1) of one quantity, with the weight that fell in each.
struct BucketTable {
  std::vector<double> edges;    ///< m + 1, increasing, in the quantity's unit; the last may be Inf
  std::vector<double> weights;  ///< m, >= 0, not all zero: counts, weighted counts or shares
  double n = 0;                 ///< observations, for likelihoods, AIC and BIC; > 0
  std::optional<double> known_mean;  ///< overall mean that mean-matching rules reproduce

  std::size_t size() const { return weights.size(); }
  bool open_top() const;
  double total() const;
  /// Weights over their total.
  std::vector<double> shares() const;
};

/// What makes it no table of buckets (with the remedy): edges that do not increase, an open bottom,
/// a negative or infinite weight, nothing in any bucket, a single bucket; nothing if it is sound.
std::optional<std::string> objection(const BucketTable& table);

}  // namespace steelyard
