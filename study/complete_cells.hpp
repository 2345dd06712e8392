#pragma once

// Cells of the answers that everybody gave, and which weightings need others.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estimators/weighting/weighting.hpp"

namespace steelyard {

/// A cell index over those of some variables that no respondent left unanswered.
class CompleteCells {
 public:
  CompleteCells() = default;
  /// Cost as make_cell_index.
  CompleteCells(const Sample& sample, std::span<const VariableId> variables);

  const CellIndex& cells() const { return cells_; }
  /// Weights, or the variable that a weighting needs and some left unanswered.
  Result<Weights> weigh(const Weighting& weighting, const Benchmarks& benchmarks) const;

 private:
  CellIndex cells_;
  std::vector<std::string> unanswered_;  ///< by variable id: why it is left out; else empty
};

}  // namespace steelyard
