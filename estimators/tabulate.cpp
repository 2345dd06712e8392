#include "estimators/tabulate.hpp"

#include <algorithm>
#include <cmath>

namespace steelyard {

std::vector<std::uint32_t> domain_rows(const Sample& sample, const Domain& domain) {
  std::vector<std::uint32_t> rows(sample.n);
  for (std::size_t i = 0; i < sample.n; ++i) rows[i] = static_cast<std::uint32_t>(i);
  for (const Condition& condition : domain) {
    bool wanted[256] = {};
    for (LevelCode level : condition.levels) wanted[level] = true;
    const LevelCode* column = sample.column(condition.variable).data();
    std::size_t kept = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      rows[kept] = rows[r];
      kept += wanted[column[rows[r]]];
    }
    rows.resize(kept);
  }
  return rows;
}

std::vector<double> level_totals(const Tabulation& tabulation, const Weights& weights) {
  std::vector<double> totals(tabulation.levels, 0.0);
  const double* weight = tabulation.weight.data();
  for (std::uint32_t cell : tabulation.cells) {
    const double g = weights.factor[cell];
    for (std::size_t level = 0; level < tabulation.levels; ++level)
      totals[level] += g * weight[level];
    weight += tabulation.levels;
  }
  return totals;
}

Tabulation Tabulator::tabulate(std::span<const VariableId> answers,
                               std::span<const std::uint32_t> rows) {
  EXPECTS(answers.size() == 1 || answers.size() == 2);
  const Schema& schema = *sample_.schema;
  if (answers.size() == 1 && schema[answers[0]].kind == VariableKind::continuous)
    return moments(answers[0], rows);
  const std::size_t first_size = schema[answers[0]].size();
  const std::size_t second_size = answers.size() == 2 ? schema[answers[1]].size() : 1;
  const LevelCode* first = sample_.column(answers[0]).data();
  const LevelCode* second = answers.size() == 2 ? sample_.column(answers[1]).data() : nullptr;
  Tabulation table;
  table.levels = first_size * second_size;
  sums_.assign(cells_.cells * table.levels, 0.0);
  if (!cells_.unit_weights) squares_.assign(sums_.size(), 0.0);
  std::vector<bool> occupied(cells_.cells, false);
  for (std::uint32_t i : rows) {
    std::size_t level = first[i];
    if (level >= first_size) continue;
    if (second) {
      if (second[i] >= second_size) continue;
      level = level * second_size + second[i];
    }
    const std::uint32_t cell = cells_.cell_of[i];
    const std::size_t at = cell * table.levels + level;
    occupied[cell] = true;
    ++table.respondents;
    if (cells_.unit_weights) {
      sums_[at] += 1;
    } else {
      const double d = sample_.base_weights[i];
      sums_[at] += d;
      squares_[at] += d * d;
    }
  }
  for (std::size_t cell = 0; cell < cells_.cells; ++cell) {
    if (!occupied[cell]) continue;
    table.cells.push_back(static_cast<std::uint32_t>(cell));
    const auto begin = static_cast<std::ptrdiff_t>(cell * table.levels),
               end = begin + static_cast<std::ptrdiff_t>(table.levels);
    table.weight.insert(table.weight.end(), sums_.begin() + begin, sums_.begin() + end);
    if (!cells_.unit_weights)
      table.weight_squared.insert(table.weight_squared.end(), squares_.begin() + begin,
                                  squares_.begin() + end);
  }
  return table;
}

/// Σ d, Σ d y by cell, and Σ d², Σ d² y, Σ d² y²; a value that is missing (NaN) is left out.
Tabulation Tabulator::moments(VariableId answer, std::span<const std::uint32_t> rows) {
  const std::span<const double> y = sample_.numbers[index(answer)];
  EXPECTS(y.size() == sample_.n);
  Tabulation table;
  table.moments = true;
  table.levels = 2;
  sums_.assign(cells_.cells * 2, 0.0);
  squares_.assign(cells_.cells * 3, 0.0);
  std::vector<bool> occupied(cells_.cells, false);
  for (const std::uint32_t i : rows) {
    if (std::isnan(y[i])) continue;
    const std::uint32_t cell = cells_.cell_of[i];
    const double d = cells_.unit_weights ? 1.0 : sample_.base_weights[i];
    occupied[cell] = true;
    ++table.respondents;
    sums_[2 * cell] += d;
    sums_[2 * cell + 1] += d * y[i];
    squares_[3 * cell] += d * d;
    squares_[3 * cell + 1] += d * d * y[i];
    squares_[3 * cell + 2] += d * d * y[i] * y[i];
  }
  for (std::size_t cell = 0; cell < cells_.cells; ++cell) {
    if (!occupied[cell]) continue;
    table.cells.push_back(static_cast<std::uint32_t>(cell));
    for (std::size_t k = 0; k < 2; ++k) table.weight.push_back(sums_[2 * cell + k]);
    for (std::size_t k = 0; k < 3; ++k) table.weight_squared.push_back(squares_[3 * cell + k]);
  }
  return table;
}

}  // namespace steelyard
