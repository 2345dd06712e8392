#pragma once

// Weightings that model answers, replicate by replicate: the models fitted again.

#include <map>
#include <span>
#include <vector>

#include "estimators/intervals/interval_method.hpp"

namespace steelyard {

/// Not thread-safe: it keeps the replicate's weights between calls. The references must outlive it.
class ModelledReplicates {
 public:
  /// @pre weighting.models_answers()
  ModelledReplicates(const Weighting& weighting, const Sample& sample,
                     std::span<const AnswerRows> tables);

  /// Totals of each table, or why its answer cannot be modelled.
  /// @param index    cells with the replicate's weights
  /// @param w        n replicate weights, base weights in them
  /// @param kept     rows of the reference sample that are in the replicate
  /// @param weights  what the weighting made of the cells
  std::vector<Result<std::vector<double>>> totals(const CellIndex& index,
                                                  const Benchmarks& benchmarks,
                                                  std::span<const double> w,
                                                  std::span<const std::uint32_t> kept,
                                                  const Weights& weights);

 private:
  const Weighting& weighting_;
  std::span<const AnswerRows> tables_;
  Sample weighted_;
  std::vector<std::uint32_t> everybody_;
};

}  // namespace steelyard
