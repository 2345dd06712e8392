#include "estimators/multilevel/population_cells.hpp"

#include <string>
#include <unordered_map>

namespace steelyard {

std::size_t CellConditions::restrict(const Domain& domain,
                                     std::vector<std::uint8_t>& inside) const {
  std::size_t unknown = 0;
  for (const Condition& condition : domain) {
    const Variable& v = schema_[condition.variable];
    auto position = cells_.position(condition.variable);
    // A grouping is known where its finer variable is.
    const bool by_map = !position && v.kind == VariableKind::grouping && v.group_of;
    if (by_map) position = cells_.position(*v.group_of);
    if (!position) {
      ++unknown;
      continue;
    }
    for (std::size_t c = 0; c < cells_.cells; ++c) {
      const std::uint32_t code = cells_.code(c, *position);
      const LevelCode level = by_map ? v.group_map[code] : static_cast<LevelCode>(code);
      if (!condition.holds(level)) inside[c] = 0;
    }
  }
  return unknown;
}

CoarseCells coarsen(const CellIndex& index, const std::vector<VariableId>& variables) {
  CoarseCells out;
  out.index.variables = variables;
  out.index.n = index.n;
  out.index.unit_weights = index.unit_weights;
  std::vector<std::size_t> position;
  for (VariableId id : variables) {
    EXPECTS(index.position(id));
    position.push_back(*index.position(id));
  }
  std::unordered_map<std::string, std::uint32_t> found;
  std::string key(variables.size(), '\0');  // codes are bytes
  for (std::size_t c = 0; c < index.cells; ++c) {
    for (std::size_t v = 0; v < position.size(); ++v)
      key[v] = static_cast<char>(index.code(c, position[v]));
    const auto [at, fresh] = found.try_emplace(key, static_cast<std::uint32_t>(out.index.cells));
    if (fresh) {
      ++out.index.cells;
      for (std::size_t p : position) out.index.codes.push_back(index.code(c, p));
      out.index.weight.push_back(0);
      out.index.weight_squared.push_back(0);
    }
    out.index.weight[at->second] += index.weight[c];
    out.index.weight_squared[at->second] += index.weight_squared[c];
    out.coarse_of.push_back(at->second);
  }
  return out;
}

std::optional<CellIndex> population_cells(const Benchmarks& benchmarks,
                                          const std::vector<VariableId>& variables) {
  const auto totals = benchmarks.margin(variables);
  if (!totals) return std::nullopt;
  CellIndex out;
  out.variables = variables;
  std::vector<std::uint32_t> code(variables.size(), 0);
  for (double value : *totals) {
    if (value > 0) {
      ++out.cells;
      out.weight.push_back(value);
      out.codes.insert(out.codes.end(), code.begin(), code.end());
    }
    for (std::size_t k = code.size(); k-- > 0;) {
      if (++code[k] < benchmarks.schema()[variables[k]].size()) break;
      code[k] = 0;
    }
  }
  return out;
}

}  // namespace steelyard
