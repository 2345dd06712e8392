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

std::optional<double> Benchmarks::number(VariableId id) const {
  for (const auto& [variable, total] : numbers_)
    if (variable == id) return total;
  return std::nullopt;
}

std::optional<std::size_t> CellIndex::position(VariableId id) const {
  const auto at = std::find(variables.begin(), variables.end(), id);
  if (at == variables.end()) return std::nullopt;
  return static_cast<std::size_t>(at - variables.begin());
}

std::optional<std::size_t> CellIndex::number_position(VariableId id) const {
  const auto at = std::find(number_variables.begin(), number_variables.end(), id);
  if (at == number_variables.end()) return std::nullopt;
  return static_cast<std::size_t>(at - number_variables.begin());
}

namespace {

/// Keys of rows in the full cross, made a block at a time so that they need no array of their own.
constexpr std::size_t kBlock = 4096;

class Keys {
 public:
  Keys(std::span<const CodeView> columns, std::span<const std::uint32_t> states)
      : columns_(columns), states_(states) {}
  /// Keys of rows first ... first + count - 1.
  void fill(std::size_t first, std::size_t count, std::uint64_t* key) const {
    std::fill(key, key + count, 0);
    for (std::size_t v = 0; v < columns_.size(); ++v) {
      const std::uint64_t states = states_[v];
      if (!columns_[v].narrow.empty()) {
        const std::uint8_t* column = columns_[v].narrow.data() + first;
        for (std::size_t i = 0; i < count; ++i) key[i] = key[i] * states + column[i];
      } else {
        const std::uint16_t* column = columns_[v].wide.data() + first;
        for (std::size_t i = 0; i < count; ++i) key[i] = key[i] * states + column[i];
      }
    }
  }
  template <typename Use>  // use(row, key)
  void each(std::size_t n, Use&& use) const {
    std::uint64_t key[kBlock];
    for (std::size_t first = 0; first < n; first += kBlock) {
      const std::size_t count = std::min(kBlock, n - first);
      fill(first, count, key);
      for (std::size_t i = 0; i < count; ++i) use(first + i, key[i]);
    }
  }

 private:
  std::span<const CodeView> columns_;
  std::span<const std::uint32_t> states_;
};

}  // namespace

void reweigh_cells(CellIndex& index, std::span<const double> weights) {
  index.unit_weights = weights.empty();
  index.weight.assign(index.cells, 0.0);
  index.weight_squared.assign(index.cells, 0.0);
  if (weights.empty()) {
    for (std::size_t c = 0; c < index.cells; ++c)
      index.weight[c] = index.weight_squared[c] = index.respondents[c];
    return;
  }
  for (std::size_t i = 0; i < index.n; ++i) {
    const double d = weights[i];
    index.weight[index.cell_of[i]] += d;
    index.weight_squared[index.cell_of[i]] += d * d;
  }
}

CellIndex make_cell_index(std::size_t n, std::span<const VariableId> variables,
                          std::span<const CodeView> columns, std::span<const std::uint32_t> states,
                          std::span<const double> weights) {
  CellIndex index;
  index.variables.assign(variables.begin(), variables.end());
  index.n = n;
  index.cell_of.resize(n);
  const Keys keys(columns, states);
  double cross = 1;
  for (std::uint32_t s : states) cross *= s;
  std::vector<std::uint64_t> occupied;
  if (cross <= 0x1p26) {
    std::vector<std::uint32_t> cell(static_cast<std::size_t>(cross), 0);
    keys.each(n, [&](std::size_t i, std::uint64_t key) {
      index.cell_of[i] = static_cast<std::uint32_t>(key);
      ++cell[key];
    });
    for (std::size_t k = 0; k < cell.size(); ++k)
      if (cell[k]) {
        index.respondents.push_back(cell[k]);
        cell[k] = static_cast<std::uint32_t>(occupied.size());
        occupied.push_back(k);
      }
    for (std::uint32_t& c : index.cell_of) c = cell[c];
  } else {
    EXPECTS(cross < 0x1p64);
    occupied.reserve(n);
    keys.each(n, [&](std::size_t, std::uint64_t key) { occupied.push_back(key); });
    std::sort(occupied.begin(), occupied.end());
    occupied.erase(std::unique(occupied.begin(), occupied.end()), occupied.end());
    index.respondents.assign(occupied.size(), 0);
    keys.each(n, [&](std::size_t i, std::uint64_t key) {
      index.cell_of[i] = static_cast<std::uint32_t>(
          std::lower_bound(occupied.begin(), occupied.end(), key) - occupied.begin());
      ++index.respondents[index.cell_of[i]];
    });
  }
  index.cells = occupied.size();
  index.codes.resize(index.cells * variables.size());
  for (std::size_t c = 0; c < index.cells; ++c) {
    std::uint64_t rest = occupied[c];
    for (std::size_t v = variables.size(); v-- > 0;) {
      index.codes[c * variables.size() + v] = static_cast<std::uint32_t>(rest % states[v]);
      rest /= states[v];
    }
  }
  reweigh_cells(index, weights);
  return index;
}

CellIndex make_cell_index(const Sample& sample, std::span<const VariableId> variables) {
  std::vector<VariableId> levelled, numeric;
  std::vector<CodeView> columns;
  std::vector<std::uint32_t> states;
  for (VariableId id : variables) {
    if ((*sample.schema)[id].kind == VariableKind::continuous) {
      numeric.push_back(id);
      continue;
    }
    levelled.push_back(id);
    columns.push_back({sample.column(id), {}});
    states.push_back(static_cast<std::uint32_t>((*sample.schema)[id].states()));
  }
  CellIndex index = make_cell_index(sample.n, levelled, columns, states, sample.base_weights);
  if (numeric.empty()) return index;
  index.number_variables = numeric;
  for (VariableId id : numeric) index.numbers.push_back(sample.numbers[steelyard::index(id)]);
  one_cell_each(index, sample.base_weights);
  return index;
}

void one_cell_each(CellIndex& index, std::span<const double> weights) {
  const std::size_t width = index.variables.size();
  std::vector<std::uint32_t> codes(index.n * width);
  for (std::size_t i = 0; i < index.n; ++i)
    std::copy_n(index.codes.begin() + static_cast<std::ptrdiff_t>(index.cell_of[i] * width), width,
                codes.begin() + static_cast<std::ptrdiff_t>(i * width));
  index.codes = std::move(codes);
  index.cells = index.n;
  std::iota(index.cell_of.begin(), index.cell_of.end(), 0u);
  index.respondents.assign(index.n, 1);
  reweigh_cells(index, weights);
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
