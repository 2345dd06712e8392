#pragma once

// Answers of a domain by cell: made once per domain and answer, used by every weighting, functional
// and interval, so that one estimate costs O(occupied cells), not O(respondents).

#include <cstdint>
#include <span>
#include <vector>

#include "core/sample.hpp"

namespace steelyard {

/// Respondents that meet every condition, in order. Cost O(n) a condition.
std::vector<std::uint32_t> domain_rows(const Sample& sample, const Domain& domain);

/// Weighted total at each level: sum over cells of g × base weight.
std::vector<double> level_totals(const Tabulation& tabulation, const Weights& weights);

/// Tabulates the answers of one sample; keeps its scratch between calls (one a thread).
class Tabulator {
 public:
  /// The references must outlive the tabulator.
  Tabulator(const Sample& sample, const CellIndex& cells) : sample_(sample), cells_(cells) {}

  /// @param answers  one variable (of a continuous one the moments), or two (joint level = level of
  /// the first × levels of the second
  /// + level of the second)
  /// @param rows     the domain's respondents; those to whom an answer does not apply are left out
  Tabulation tabulate(std::span<const VariableId> answers, std::span<const std::uint32_t> rows);

 private:
  Tabulation moments(VariableId answer, std::span<const std::uint32_t> rows);

  const Sample& sample_;
  const CellIndex& cells_;
  std::vector<double> sums_, squares_;
};

}  // namespace steelyard
