#pragma once

// Final weights of the replicates, the weighting done again in each.

#include <optional>
#include <span>

#include "estimators/survey/estimation.hpp"
#include "estimators/survey/reference_replicates.hpp"

namespace steelyard {

/// Not thread-safe: it keeps the cells' weights and the reference sample between calls. The
/// references must outlive it.
class ReplicateWeigher {
 public:
  ReplicateWeigher(const SurveyData& data, const ReplicateDesign& design);
  /// Final weights of replicate r in `w`, n; why there are none. Cost O(n) and the weighting's.
  std::optional<Failure> weigh(std::size_t r, std::span<double> w);
  /// What the weighting makes of the cells in replicate r, and in `w` the weights that it starts
  /// from; cells(), benchmarks() and reference_rows() are then the replicate's. @pre the data have
  /// a weighting, and the design gives factors
  Result<Weights> weights(std::size_t r, std::span<double> w);

  const CellIndex& cells() const { return index_; }
  const Benchmarks& benchmarks() const { return *benchmarks_; }
  /// Rows of the reference sample that are in the replicate.
  std::span<const std::uint32_t> reference_rows() const {
    return reference_ ? reference_->kept() : std::span<const std::uint32_t>();
  }

 private:
  const SurveyData& data_;
  const ReplicateDesign& design_;
  CellIndex index_;
  std::optional<Benchmarks> benchmarks_;         ///< with the replicate's reference sample
  std::optional<ReferenceResampler> reference_;  ///< of a weighting that needs one
};

}  // namespace steelyard
