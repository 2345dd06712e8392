#pragma once

// Respondents and population on the cross of a model's variables, and which of its cells a domain
// holds.

#include <cstdint>
#include <vector>

#include "core/sample.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

/// Conditions as far as the cells tell them; the others are counted.
class CellConditions {
 public:
  CellConditions(const CellIndex& cells, const Schema& schema) : cells_(cells), schema_(schema) {}
  /// Cells where a condition of `domain` fails are out. @return conditions that cells do not tell
  std::size_t restrict(const Domain& domain, std::vector<std::uint8_t>& inside) const;

 private:
  const CellIndex& cells_;
  const Schema& schema_;
};

/// The respondents' cells on fewer variables. Codes, weight and weight_squared are filled.
struct CoarseCells {
  CellIndex index;
  std::vector<std::uint32_t> coarse_of;  ///< by cell of the finer index
};
CoarseCells coarsen(const CellIndex& index, const std::vector<VariableId>& variables);

/// Cells of the cross with a positive total, row-major; nothing if no benchmark holds it.
std::optional<CellIndex> population_cells(const Benchmarks& benchmarks,
                                          const std::vector<VariableId>& variables);

}  // namespace steelyard
