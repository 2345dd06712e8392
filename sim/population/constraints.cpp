#include "sim/population/constraints.hpp"

#include <algorithm>
#include <map>

namespace steelyard {

void multiply_seed(JunctionTree& tree, const MarginTable& seed) {
  const std::size_t home = tree.home(seed.variables);
  ENSURES(home < tree.cliques().size());
  Clique& clique = tree.cliques()[home];
  std::vector<std::uint32_t> state;
  std::vector<double> weight(project(tree.schema(), clique, seed.variables, state), 1.0);
  for (std::size_t row = 0; row < seed.rows(); ++row) {
    std::size_t s = 0;
    for (std::size_t k = 0; k < seed.variables.size(); ++k)
      s = s * tree.schema()[seed.variables[k]].states() +
          seed.codes[row * seed.variables.size() + k];
    weight[s] = seed.values[row];
  }
  for (std::size_t c = 0; c < clique.cells; ++c) clique.p[c] *= weight[state[c]];
}

BlockConstraint make_block(const JunctionTree& tree, const MarginTable& table) {
  BlockConstraint block;
  block.name = table.id;
  block.clique = tree.home(table.variables);
  const Clique& clique = tree.cliques()[block.clique];
  block.target.assign(project(tree.schema(), clique, table.variables, block.state_of), 0.0);
  double sum = 0;
  for (double value : table.values) sum += value;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::size_t s = 0;
    for (std::size_t k = 0; k < table.variables.size(); ++k)
      s = s * tree.schema()[table.variables[k]].states() +
          table.codes[row * table.variables.size() + k];
    block.target[s] = table.values[row] / sum;
  }
  return block;
}

std::vector<double> level_values(const Schema& schema, const PublishedNumber& n,
                                 std::size_t which) {
  if (!n.level_numbers.empty()) return n.level_numbers;
  const Variable& v = schema[n.quantity[which]];
  std::vector<double> values(v.size(), 0.0);
  for (std::size_t level = 0; level < v.size(); ++level) {
    switch (n.statistic) {
      case Statistic::share:
      case Statistic::count:
      case Statistic::ratio_to_population:
        values[level] = std::find(n.levels.begin(), n.levels.end(),
                                  static_cast<LevelCode>(level)) != n.levels.end()
                            ? 1.0
                            : 0.0;
        break;
      case Statistic::mean:
      case Statistic::mean_difference:
        values[level] = v.assumed_values[level];
        break;
      case Statistic::index:
      case Statistic::difference:
        values[level] = 50 + 50 * v.scores[level];
        break;
    }
  }
  return values;
}

std::vector<double> expected_values(const Schema& schema, const PublishedNumber& n,
                                    std::size_t which, const ReportedAs& reported) {
  std::vector<double> values = level_values(schema, n, which);
  const std::size_t id = index(n.quantity[which]);
  if (id >= reported.size() || reported[id].empty()) return values;
  std::vector<double> expected(values.size(), 0.0);
  for (std::size_t t = 0; t < values.size(); ++t)
    for (std::size_t r = 0; r < values.size(); ++r)
      expected[t] += reported[id][t * values.size() + r] * values[r];
  return expected;
}

namespace {

bool misreported(const ReportedAs& reported, VariableId id) {
  return index(id) < reported.size() && !reported[index(id)].empty();
}

}  // namespace

std::vector<double> scope_probabilities(const Schema& schema, const Condition& condition,
                                        const ReportedAs& reported) {
  const std::size_t levels = schema[condition.variable].size();
  std::vector<double> p(schema[condition.variable].states(), 0.0);
  for (std::size_t t = 0; t < levels; ++t)
    for (const LevelCode r : condition.levels)
      p[t] += misreported(reported, condition.variable)
                  ? reported[index(condition.variable)][t * levels + r]
                  : (t == r ? 1.0 : 0.0);
  return p;
}

std::vector<double> values_in_scope(const Schema& schema, const PublishedNumber& n,
                                    const Domain& scope, std::size_t which,
                                    const ReportedAs& reported) {
  const VariableId answer = n.quantity[which];
  const auto own = std::find_if(scope.begin(), scope.end(),
                                [&](const Condition& c) { return c.variable == answer; });
  if (own == scope.end() || !misreported(reported, answer))
    return expected_values(schema, n, which, reported);
  const std::vector<double> values = level_values(schema, n, which),
                            inside = scope_probabilities(schema, *own, reported);
  std::vector<double> conditional(values.size(), 0.0);
  for (std::size_t t = 0; t < values.size(); ++t)
    for (const LevelCode r : own->levels)
      if (inside[t] > 0)
        conditional[t] += reported[index(answer)][t * values.size() + r] * values[r] / inside[t];
  return conditional;
}

VariableSet variables_of(const PublishedNumber& n) {
  VariableSet set(n.quantity.begin(), n.quantity.end());
  for (const Condition& c : n.scope) set.push_back(c.variable);
  for (const Condition& c : n.other_scope) set.push_back(c.variable);
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  return set;
}

std::vector<MeanConstraint::Group> group_scope(const Schema& schema, const Clique& clique,
                                               const PublishedNumber& n, const Domain& scope,
                                               const std::vector<double>& cell_weight,
                                               const ReportedAs& reported) {
  std::vector<std::vector<double>> values;
  for (std::size_t k = 0; k < n.quantity.size(); ++k)
    values.push_back(values_in_scope(schema, n, scope, k, reported));
  std::map<std::pair<double, double>, std::vector<std::uint32_t>> groups;
  std::vector<std::vector<double>> inside;
  std::vector<std::size_t> position;
  for (const Condition& condition : scope) {
    inside.push_back(scope_probabilities(schema, condition, reported));
    position.push_back(clique.position(condition.variable));
  }
  for (std::size_t c = 0; c < clique.cells; ++c) {
    double weight = cell_weight.empty() ? 1.0 : cell_weight[c];
    for (std::size_t k = 0; k < scope.size(); ++k) weight *= inside[k][clique.code(c, position[k])];
    if (!(weight > 0)) continue;
    double value = 0;
    bool applies = true;
    for (std::size_t k = 0; k < n.quantity.size(); ++k) {
      const LevelCode level = clique.code(c, clique.position(n.quantity[k]));
      if (level >= values[k].size())
        applies = false;
      else
        value += (k == 0 ? 1 : -1) * values[k][level];
    }
    if (!applies) continue;
    groups[{value, weight}].push_back(static_cast<std::uint32_t>(c));
  }
  std::vector<MeanConstraint::Group> list;
  for (auto& [key, cells] : groups) list.push_back({key.first, key.second, std::move(cells)});
  return list;
}

void step_inside(MeanConstraint& k) {
  if (!(k.upper > k.lower)) return;
  const double margin = std::min(2e-6 * k.scale, 0.05 * (k.upper - k.lower));
  k.lower += margin;
  k.upper -= margin;
}

double spread(const std::vector<MeanConstraint::Group>& groups) {
  double low = groups.empty() ? 0 : groups[0].value, high = low;
  for (const auto& g : groups) {
    low = std::min(low, g.value);
    high = std::max(high, g.value);
  }
  return std::max(high - low, 1e-300);
}

}  // namespace steelyard
