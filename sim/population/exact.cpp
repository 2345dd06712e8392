#include "sim/population/exact.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/timing.hpp"
#include "sim/population/dense_fit.hpp"
#include "sim/population/integerise.hpp"

namespace steelyard {
namespace {

/// The whole numbers that a cell may hold: its expectation, or the two beside it.
void add_bounds(IntegerMargin& margin, double expected) {
  const double nearest = std::round(expected);
  const bool whole = std::abs(expected - nearest) < 1e-6;
  margin.lower.push_back(static_cast<std::int64_t>(whole ? nearest : std::floor(expected)));
  margin.upper.push_back(static_cast<std::int64_t>(whole ? nearest : std::ceil(expected)));
}

}  // namespace

ExactCounts exact_counts(const Population& population, std::uint64_t size) {
  const auto start = Clock::now();
  const Scenario& s = population.scenario();
  const Clique& root = population.law().root();
  ExactCounts exact;
  std::vector<std::size_t> dims;
  for (VariableId id : s.root) dims.push_back(s.schema[id].size());
  std::vector<std::uint32_t> state;
  std::vector<double> expected(project(s.schema, root, s.root, state), 0.0);
  for (std::size_t c = 0; c < root.cells; ++c) expected[state[c]] += root.p[c];
  const auto axis_of = [&](VariableId id) {
    return static_cast<std::size_t>(std::find(s.root.begin(), s.root.end(), id) - s.root.begin());
  };
  std::vector<IntegerMargin> margins;
  std::vector<std::string> names;
  std::vector<DenseMargin> tables;
  std::set<std::vector<std::size_t>> given;
  for (const MarginTable& table : s.tables) {
    if (table.role != TableRole::margin || table.side != Side::population) continue;
    IntegerMargin margin;
    for (VariableId id : table.variables) margin.axes.push_back(axis_of(id));
    std::sort(margin.axes.begin(), margin.axes.end());
    std::size_t cells = 1;
    for (std::size_t axis : margin.axes) cells *= dims[axis];
    std::vector<double> target(cells, 0.0);
    double total = 0;
    for (double value : table.values) total += value;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      std::size_t at = 0;
      for (std::size_t axis : margin.axes)
        for (std::size_t k = 0; k < table.variables.size(); ++k)
          if (axis_of(table.variables[k]) == axis)
            at = at * dims[axis] + table.codes[row * table.variables.size() + k];
      target[at] += table.values[row] / total * static_cast<double>(size);
    }
    for (double value : target) add_bounds(margin, value);
    tables.push_back({margin.axes, std::move(target)});
    if (margin.lower == margin.upper) given.insert(margin.axes);  // holds its own margins
    ++exact.tables;
    exact.cells += cells;
    names.push_back("table \"" + table.id + "\"");
    margins.push_back(std::move(margin));
  }
  // The law meets its tables to a part of the whole; here a person counts.
  if (!tables.empty()) fit_dense(expected, dims, tables, 0.01 / static_cast<double>(size), 200);
  // One- and two-way margins of the law, where no table gives them.
  for (std::size_t a = 0; a < dims.size(); ++a)
    for (std::size_t b = a; b < dims.size(); ++b) {
      IntegerMargin margin;
      margin.axes = a == b ? std::vector{a} : std::vector{a, b};
      const bool implied = std::any_of(given.begin(), given.end(), [&](const auto& axes) {
        return std::includes(axes.begin(), axes.end(), margin.axes.begin(), margin.axes.end());
      });
      if (implied) continue;  // by a table that holds them
      std::vector<double> sums(a == b ? dims[a] : dims[a] * dims[b], 0.0);
      double total = 0;
      for (std::size_t cell = 0; cell < expected.size(); ++cell) {
        std::size_t rest = cell, code[2] = {0, 0};
        for (std::size_t axis = dims.size(); axis-- > 0; rest /= dims[axis]) {
          if (axis == a) code[0] = rest % dims[axis];
          if (axis == b) code[1] = rest % dims[axis];
        }
        sums[a == b ? code[0] : code[0] * dims[b] + code[1]] += expected[cell];
        total += expected[cell];
      }
      for (double x : sums) add_bounds(margin, x / total * static_cast<double>(size));
      names.push_back("margin " + s.schema[s.root[a]].name +
                      (a == b ? "" : " by " + s.schema[s.root[b]].name));
      margins.push_back(std::move(margin));
    }
  const Integerisation made = integerise(expected, dims, margins, static_cast<std::int64_t>(size));
  exact.moves = made.moves;
  exact.left = made.violation;
  for (std::size_t m : made.unmet) exact.unmet.push_back(names[m]);
  // Each state of the root variables is one cell of the root clique.
  for (std::size_t c = 0; c < root.cells; ++c)
    exact.persons.push_back(static_cast<std::uint64_t>(made.counts[state[c]]));
  exact.seconds = seconds_since(start);
  return exact;
}

}  // namespace steelyard
