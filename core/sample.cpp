#include "core/sample.hpp"

#include <algorithm>
#include <numeric>

namespace steelyard {

void Benchmarks::add(Table table) { tables_.push_back(std::move(table)); }

std::optional<std::vector<double>> Benchmarks::margin(std::span<const VariableId> variables) const {
  for (const Table& table : tables_) {
    std::vector<std::size_t> stride(table.variables.size(), 0);
    std::size_t groups = 1, found = 0;
    for (std::size_t v = variables.size(); v-- > 0;) {
      const auto at = std::find(table.variables.begin(), table.variables.end(), variables[v]);
      if (at == table.variables.end()) break;
      stride[static_cast<std::size_t>(at - table.variables.begin())] = groups;
      groups *= (*schema_)[variables[v]].size();
      ++found;
    }
    if (found != variables.size()) continue;
    std::vector<double> totals(groups, 0.0);
    std::vector<std::size_t> level(table.variables.size(), 0);
    std::size_t group = 0;
    for (double value : table.totals) {
      totals[group] += value;
      for (std::size_t k = level.size(); k-- > 0;) {
        group += stride[k];
        if (++level[k] < (*schema_)[table.variables[k]].size()) break;
        group -= stride[k] * level[k];
        level[k] = 0;
      }
    }
    return totals;
  }
  return std::nullopt;
}

std::optional<std::size_t> CellIndex::position(VariableId id) const {
  const auto at = std::find(variables.begin(), variables.end(), id);
  if (at == variables.end()) return std::nullopt;
  return static_cast<std::size_t>(at - variables.begin());
}

CellIndex make_cell_index(const Sample& sample, std::span<const VariableId> variables) {
  CellIndex index;
  index.variables.assign(variables.begin(), variables.end());
  index.n = sample.n;
  index.unit_weights = sample.base_weights.empty();
  index.cell_of.resize(sample.n);
  std::vector<std::uint64_t> key(sample.n, 0);
  std::uint64_t cross = 1;
  for (VariableId id : variables) {
    const std::uint64_t states = (*sample.schema)[id].states();
    const auto column = sample.column(id);
    for (std::size_t i = 0; i < sample.n; ++i) key[i] = key[i] * states + column[i];
    cross *= states;
  }
  std::vector<std::uint64_t> occupied;
  if (cross <= (std::uint64_t{1} << 26)) {
    std::vector<std::uint32_t> cell(cross, 0);
    for (std::uint64_t k : key) cell[k] = 1;
    for (std::uint64_t k = 0; k < cross; ++k)
      if (cell[k]) {
        cell[k] = static_cast<std::uint32_t>(occupied.size());
        occupied.push_back(k);
      }
    for (std::size_t i = 0; i < sample.n; ++i) index.cell_of[i] = cell[key[i]];
  } else {
    occupied = key;
    std::sort(occupied.begin(), occupied.end());
    occupied.erase(std::unique(occupied.begin(), occupied.end()), occupied.end());
    for (std::size_t i = 0; i < sample.n; ++i)
      index.cell_of[i] = static_cast<std::uint32_t>(
          std::lower_bound(occupied.begin(), occupied.end(), key[i]) - occupied.begin());
  }
  index.cells = occupied.size();
  index.codes.resize(index.cells * variables.size());
  for (std::size_t c = 0; c < index.cells; ++c) {
    std::uint64_t rest = occupied[c];
    for (std::size_t v = variables.size(); v-- > 0;) {
      const std::uint64_t states = (*sample.schema)[variables[v]].states();
      index.codes[c * variables.size() + v] = static_cast<LevelCode>(rest % states);
      rest /= states;
    }
  }
  index.weight.assign(index.cells, 0.0);
  index.weight_squared.assign(index.cells, 0.0);
  for (std::size_t i = 0; i < sample.n; ++i) {
    const double d = index.unit_weights ? 1.0 : sample.base_weights[i];
    index.weight[index.cell_of[i]] += d;
    index.weight_squared[index.cell_of[i]] += d * d;
  }
  return index;
}

CellGroups group_cells(const CellIndex& index, const Schema& schema,
                       std::span<const VariableId> variables) {
  CellGroups groups;
  groups.group_of.assign(index.cells, 0);
  groups.groups = 1;
  for (VariableId id : variables) {
    const auto position = index.position(id);
    EXPECTS(position.has_value());
    const auto levels = static_cast<std::uint32_t>(schema[id].size());
    for (std::size_t c = 0; c < index.cells; ++c)
      groups.group_of[c] = groups.group_of[c] * levels + index.code(c, *position);
    groups.groups *= levels;
  }
  return groups;
}

}  // namespace steelyard
