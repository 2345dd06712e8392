#include "sim/population/margin_program.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
/// Numbers are relaxed by this part of their spread before any is called contradictory.
constexpr double kSlack = 1e-7;

}  // namespace

SubSchema::SubSchema(const Schema& whole, const VariableSet& wanted) {
  std::set<VariableId> needed;
  const std::function<void(VariableId)> need = [&](VariableId id) {
    if (!needed.insert(id).second) return;
    for (const Condition& c : whole[id].universe) need(c.variable);
  };
  for (VariableId id : wanted) need(id);
  to_sub.assign(whole.size(), std::nullopt);
  std::uint16_t next = 0;
  for (VariableId id : needed) to_sub[index(id)] = VariableId{next++};
  for (VariableId id : needed) {
    Variable v = whole[id];
    for (Condition& c : v.universe) c.variable = *to_sub[index(c.variable)];
    if (v.group_of) {
      if (needed.contains(*v.group_of)) {
        v.group_of = to_sub[index(*v.group_of)];
      } else {
        v.group_of.reset();
        v.group_map.clear();
      }
    }
    schema.add(std::move(v));
  }
}

VariableSet SubSchema::translate(const VariableSet& set) const {
  VariableSet sub;
  for (VariableId id : set) sub.push_back(*to_sub[index(id)]);
  std::sort(sub.begin(), sub.end());
  return sub;
}

PublishedNumber SubSchema::translate(PublishedNumber n) const {
  for (VariableId& id : n.quantity) id = *to_sub[index(id)];
  for (Domain* domain : {&n.scope, &n.other_scope})
    for (Condition& c : *domain) c.variable = *to_sub[index(c.variable)];
  return n;
}

MarginProgram::MarginProgram(const Schema& whole, std::span<const LinearMargin> margins,
                             double respondents)
    : margins_(margins.begin(), margins.end()), respondents_(respondents) {
  if (margins_.empty()) {  // everything is possible
    total_ = program_.add_column(respondents, respondents, {});
    return;
  }
  VariableSet all;
  for (const LinearMargin& m : margins_)
    all.insert(all.end(), m.variables.begin(), m.variables.end());
  const SubSchema sub(whole, all);
  std::vector<VariableSet> generators;
  for (const LinearMargin& m : margins_) generators.push_back(sub.translate(m.variables));
  const JunctionTree tree(sub.schema, generators, {});

  // Rows of each cell, clique by clique.
  std::vector<std::vector<std::vector<LinearProgram::Entry>>> entries;
  for (const Clique& c : tree.cliques()) entries.emplace_back(c.cells);
  for (std::size_t i = 1; i < tree.cliques().size(); ++i) {
    const Clique& c = tree.cliques()[i];
    std::vector<std::size_t> row(c.separator_states);
    for (std::size_t& r : row) r = program_.add_row(0, 0);
    for (std::size_t k = 0; k < c.cells; ++k) entries[i][k].push_back({row[c.separator_of[k]], 1});
    for (std::size_t k = 0; k < c.parent_separator_of.size(); ++k)
      entries[c.parent][k].push_back({row[c.parent_separator_of[k]], -1});
  }
  const std::size_t total_row = program_.add_row(0, 0);
  for (auto& cell : entries[0]) cell.push_back({total_row, 1});

  std::vector<std::vector<LinearProgram::Entry>> scope_entries;  // of the scopes' size columns
  std::vector<std::vector<LinearProgram::Entry>> value_entries;  // of the sums of values
  std::vector<std::size_t> scope_of;
  std::map<std::string, std::size_t> known_scopes;
  std::vector<std::size_t> respondent_rows;
  for (const LinearMargin& m : margins_) {
    const PublishedNumber n = sub.translate(m.what);
    const std::size_t home = tree.home(sub.translate(m.variables));
    const Clique& clique = tree.cliques()[home];
    std::vector<double> weight;
    if (!m.view_weight.empty()) {
      VariableSet cross;
      for (VariableId id : m.view_cross) cross.push_back(*sub.to_sub[index(id)]);
      std::vector<std::uint32_t> state;
      project(sub.schema, clique, cross, state);
      for (std::uint32_t s : state) weight.push_back(m.view_weight[s]);
    }
    const auto groups = group_scope(sub.schema, clique, n, n.scope, weight);
    // Two numbers about the same people share the column of that scope's size.
    std::vector<std::uint32_t> inside;
    for (const auto& g : groups) inside.insert(inside.end(), g.cells.begin(), g.cells.end());
    std::sort(inside.begin(), inside.end());
    std::string key(reinterpret_cast<const char*>(inside.data()),
                    inside.size() * sizeof(std::uint32_t));
    key += std::to_string(home) + (weight.empty() ? "" : "w");
    const auto [at, fresh] = known_scopes.emplace(std::move(key), scope_entries.size());
    if (fresh) {
      const std::size_t size_row = program_.add_row(0, 0);
      for (const auto& g : groups)
        for (std::uint32_t c : g.cells) entries[home][c].push_back({size_row, g.weight});
      respondent_rows.push_back(program_.add_row(0, kInfinity));
      scope_entries.push_back({{size_row, -1}, {respondent_rows.back(), 1}});
    }
    scope_of.push_back(at->second);
    const std::size_t value_row = program_.add_row(0, 0);
    for (const auto& g : groups)
      if (g.value != 0)
        for (std::uint32_t c : g.cells)
          entries[home][c].push_back({value_row, g.weight * g.value / m.spread});
    Row row;
    std::vector<LinearProgram::Entry> value{{value_row, -1}};
    row.lower = std::isfinite(m.lower) ? program_.add_row(0, kInfinity) : kNone;
    row.upper = std::isfinite(m.upper) ? program_.add_row(-kInfinity, 0) : kNone;
    for (std::size_t r : {row.lower, row.upper})
      if (r != kNone) {
        value.push_back({r, 1});
        scope_entries[at->second].push_back({r, -1});  // the bound; see set_relaxation
      }
    value_entries.push_back(std::move(value));
    rows_.push_back(row);
  }

  // Cells that no row tells apart are one column.
  std::unordered_map<std::string, std::size_t> seen;
  for (auto& clique : entries)
    for (auto& cell : clique) {
      std::string key(reinterpret_cast<const char*>(cell.data()),
                      cell.size() * sizeof(LinearProgram::Entry));
      if (!seen.emplace(std::move(key), 0).second) continue;
      program_.add_column(0, kInfinity, cell);
    }
  for (const auto& entry : scope_entries)
    scopes_.push_back(program_.add_column(0, kInfinity, entry));
  std::vector<LinearProgram::Entry> total{{total_row, -1}};
  for (std::size_t r : respondent_rows) total.push_back({r, -1 / respondents});
  total_ = program_.add_column(respondents, respondents, total);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    row.scope = scopes_[scope_of[i]];
    row.value = program_.add_column(-kInfinity, kInfinity, value_entries[i]);
    row.below = row.lower == kNone ? kNone : program_.add_column(0, 0, {{row.lower, 1}});
    row.above = row.upper == kNone ? kNone : program_.add_column(0, 0, {{row.upper, -1}});
  }
  set_relaxation(0, RelaxationUnit::points);
}

double MarginProgram::unit_of(std::size_t i, RelaxationUnit unit) const {
  return unit == RelaxationUnit::points ? LinearMargin::kPoint : margins_[i].width;
}

void MarginProgram::set_relaxation(double relaxation, RelaxationUnit unit) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const LinearMargin& m = margins_[i];
    const Row& row = rows_[i];
    const double r = relaxation * unit_of(i, unit) + kSlack;
    // An entry of exactly zero would leave the matrix.
    const auto entry = [](double x) { return x == 0 ? 1e-300 : x; };
    if (row.lower != kNone)
      program_.set_entry(row.lower, row.scope, entry(-(m.lower / m.spread - r)));
    if (row.upper != kNone)
      program_.set_entry(row.upper, row.scope, entry(-(m.upper / m.spread + r)));
  }
}

double MarginProgram::scaled_mean(std::size_t i) const {
  return program_.column_value(rows_[i].value) / program_.column_value(rows_[i].scope);
}

bool MarginProgram::feasible(double relaxation, RelaxationUnit unit) {
  set_relaxation(relaxation, unit);
  return program_.solve() == LinearProgram::Outcome::optimal;
}

std::vector<std::size_t> MarginProgram::proof() {
  std::vector<std::size_t> members;
  if (feasible()) return members;
  const std::vector<double> ray = program_.farkas();
  double largest = 0;
  for (double x : ray) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    double weight = 0;
    for (std::size_t r : {rows_[i].lower, rows_[i].upper})
      if (r != kNone && !ray.empty()) weight = std::max(weight, std::abs(ray[r]));
    if (ray.empty() || weight > 1e-9 * largest) members.push_back(i);
  }
  return members;
}

double MarginProgram::largest_relaxation(RelaxationUnit unit) {
  if (feasible(0, unit)) return 0;
  double low = 0, high = 1;
  while (!feasible(high, unit)) {
    low = high;
    high *= 4;
    if (high > 1e6) return kInfinity;
  }
  while (high - low > 1e-4 * high) {
    const double middle = 0.5 * (low + high);
    (feasible(middle, unit) ? high : low) = middle;
  }
  return high;
}

MarginProgram::Relaxed MarginProgram::sum_relaxation(RelaxationUnit unit,
                                                     std::span<const std::size_t> movable) {
  set_relaxation(0, unit);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (movable.empty() || std::find(movable.begin(), movable.end(), i) != movable.end())
      for (std::size_t c : {rows_[i].below, rows_[i].above})
        if (c != kNone) program_.set_column(c, 0, kInfinity);
  std::vector<double> size(rows_.size(), 1.0);
  Relaxed best;
  best.sum = kInfinity;
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < rows_.size(); ++i)
      for (std::size_t c : {rows_[i].below, rows_[i].above})
        if (c != kNone) program_.set_cost(c, 1 / (unit_of(i, unit) * std::max(size[i], 1.0)));
    if (program_.solve() != LinearProgram::Outcome::optimal) break;
    Relaxed now;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const LinearMargin& m = margins_[i];
      size[i] = program_.column_value(rows_[i].scope);
      const double mean = scaled_mean(i) * m.spread;
      now.means.push_back(mean);
      const auto beyond = [&](double gap) { return gap > 2 * kSlack * m.spread ? gap : 0.0; };
      now.gap.emplace_back(beyond(m.lower - mean), beyond(mean - m.upper));
      now.sum += (now.gap[i].first + now.gap[i].second) / m.spread / unit_of(i, unit);
    }
    if (now.sum < best.sum * (1 - 1e-9))
      best = std::move(now);
    else if (round > 1)
      break;
  }
  for (const Row& row : rows_)
    for (std::size_t c : {row.below, row.above})
      if (c != kNone) {
        program_.set_column(c, 0, 0);
        program_.set_cost(c, 0);
      }
  return best;
}

std::optional<std::pair<double, double>> MarginProgram::range(std::size_t target,
                                                              std::optional<std::size_t> over) {
  set_relaxation(0, RelaxationUnit::points);
  const Row& row = rows_[target];
  // Their own bounds do not count. What the ratio is taken over (the scope, or the other margin's
  // sum of values) has size `respondents`, the whole any size.
  std::vector<const Row*> free{&row};
  if (over) free.push_back(&rows_[*over]);
  for (const Row* r : free) {
    if (r->lower != kNone) program_.set_row(r->lower, -kInfinity, kInfinity);
    if (r->upper != kNone) program_.set_row(r->upper, -kInfinity, kInfinity);
  }
  const std::size_t norm = over ? rows_[*over].value : row.scope;
  const double unit = margins_[target].spread / (over ? margins_[*over].spread : 1);
  program_.set_column(total_, 0, kInfinity);
  program_.set_column(norm, respondents_, respondents_);
  std::optional<std::pair<double, double>> answer;
  double end[2] = {0, 0};
  bool ok = true;
  for (int side = 0; side < 2 && ok; ++side) {
    program_.set_cost(row.value, side == 0 ? 1 : -1);
    ok = program_.solve() == LinearProgram::Outcome::optimal;
    if (ok) end[side] = program_.column_value(row.value) / respondents_ * unit;
  }
  if (ok) answer = {end[0], end[1]};
  program_.set_cost(row.value, 0);
  if (over)
    program_.set_column(norm, -kInfinity, kInfinity);
  else
    program_.set_column(norm, 0, kInfinity);
  program_.set_column(total_, respondents_, respondents_);
  for (const Row* r : free) {
    if (r->lower != kNone) program_.set_row(r->lower, 0, kInfinity);
    if (r->upper != kNone) program_.set_row(r->upper, -kInfinity, 0);
  }
  return answer;
}

}  // namespace steelyard
