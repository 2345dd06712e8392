#pragma once

// Final weights of the replicates, the weighting done again in each.

#include <optional>
#include <span>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// Not thread-safe: it keeps the cells' weights between calls. The references must outlive it.
class ReplicateWeigher {
 public:
  ReplicateWeigher(const SurveyData& data, const ReplicateDesign& design);
  /// Final weights of replicate r in `w`, n; why there are none. Cost O(n) and the weighting's.
  std::optional<Failure> weigh(std::size_t r, std::span<double> w);

 private:
  const SurveyData& data_;
  const ReplicateDesign& design_;
  CellIndex index_;
};

}  // namespace steelyard
