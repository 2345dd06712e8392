#include "sim/population/root_law.hpp"

#include <algorithm>
#include <map>

#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

/// A cell of a table with persons in it must be possible under the seeds.
void check_support(const Clique& root, const MarginTable& table,
                   const std::map<VariableId, VariableId>& to_root) {
  std::vector<std::size_t> at;
  for (VariableId id : table.variables) at.push_back(root.position(to_root.at(id)));
  std::map<std::vector<LevelCode>, double> mass;
  std::vector<LevelCode> key(at.size());
  for (std::size_t c = 0; c < root.cells; ++c) {
    for (std::size_t k = 0; k < at.size(); ++k) key[k] = root.code(c, at[k]);
    mass[key] += root.p[c];
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto begin = table.codes.begin() + static_cast<std::ptrdiff_t>(row * at.size());
    key.assign(begin, begin + static_cast<std::ptrdiff_t>(at.size()));
    if (table.values[row] > 0 && !(mass[key] > 0))
      throw Contradiction(table.place, "table " + table.id,
                          "line " + std::to_string(table.lines[row]) +
                              " has persons where the seeds' structural zeros leave nobody",
                          "give a seed a positive weight there, or set its zeros = \"sampling\"");
  }
}

}  // namespace

RootLaw::RootLaw(const Scenario& scenario) : scenario_(&scenario) {
  const Scenario& s = *scenario_;
  Schema roots;
  std::map<VariableId, VariableId> to_root;
  for (VariableId id : s.root) {
    Variable v = s.schema[id];
    v.group_of.reset();
    v.group_map.clear();
    to_root[id] = roots.add(std::move(v));
  }
  const auto is_root = [&](const auto& ids) {
    return std::all_of(ids.begin(), ids.end(), [&](VariableId id) { return to_root.contains(id); });
  };
  VariableSet all;
  for (std::size_t i = 0; i < roots.size(); ++i) all.push_back(roots.id(i));
  JunctionTree tree(roots, {}, all);
  std::vector<BlockConstraint> blocks;
  for (MarginTable table : s.tables) {
    if (table.side != Side::population) continue;
    if (!is_root(table.variables))
      throw UserError(table.place, "table " + table.id,
                      "is on the population's side but names a variable outside population.root",
                      "set side = \"answers\", or add it to the root");
    for (VariableId& id : table.variables) id = to_root[id];
    if (table.role == TableRole::seed)
      multiply_seed(tree, table);
    else
      blocks.push_back(make_block(tree, table));
  }
  tree.calibrate();
  for (const MarginTable& table : s.tables)
    if (table.role == TableRole::margin && table.side == Side::population)
      check_support(tree.root(), table, to_root);
  std::vector<MeanConstraint> constraints;
  for (std::size_t i = 0; i < s.numbers.size(); ++i) {
    PublishedNumber n = s.numbers[i];
    if (n.use != Use::fit || n.view != View::population) continue;
    if (!is_root(variables_of(n)))
      throw UserError(n.place, n.id,
                      "describes the population but names a variable outside population.root",
                      "add it to the root");
    for (VariableId& id : n.quantity) id = to_root[id];
    for (Condition& c : n.scope) c.variable = to_root[c.variable];
    for (Condition& c : n.other_scope) c.variable = to_root[c.variable];
    MeanConstraint k{i, 0, group_scope(roots, tree.root(), n, n.scope, {}), {}, n.lower, n.upper, 1,
                     0, 0};
    if (n.statistic == Statistic::mean_difference)
      k.other_groups = group_scope(roots, tree.root(), n, n.other_scope, {});
    k.scale = spread(k.groups);
    k.importance = n.importance;
    step_inside(k);
    constraints.push_back(std::move(k));
  }
  report_ = fit(tree, constraints, blocks, {});
  p_ = tree.root().p;  // one clique, every state possible: the dense cross
}

std::vector<double> RootLaw::share(std::span<const VariableId> variables) const {
  const Scenario& s = *scenario_;
  std::size_t groups = 1;
  for (VariableId id : variables) groups *= s.schema[id].size();
  std::vector<double> shares(groups, 0.0);
  std::vector<std::size_t> level(s.root.size(), 0);
  for (double p : p_) {
    std::size_t g = 0;
    for (VariableId id : variables) {
      const Variable& v = s.schema[id];
      const bool direct =
          std::find(s.root.begin(), s.root.end(), id) != s.root.end() || !v.group_of;
      const auto at = static_cast<std::size_t>(
          std::find(s.root.begin(), s.root.end(), direct ? id : *v.group_of) - s.root.begin());
      EXPECTS(at < s.root.size());
      g = g * v.size() + (direct ? level[at] : v.group_map[level[at]]);
    }
    shares[g] += p;
    for (std::size_t k = level.size(); k-- > 0;) {
      if (++level[k] < s.schema[s.root[k]].size()) break;
      level[k] = 0;
    }
  }
  return shares;
}

bool is_weighting_share(const Scenario& s, const PublishedNumber& n) {
  return n.use == Use::fit && n.view == View::sample && n.statistic == Statistic::share &&
         n.scope.empty() && n.quantity == s.weighting_view_cross && n.levels.size() == 1;
}

std::vector<double> view_factor(const Scenario& s, const RootLaw& root) {
  if (s.weighting_view_cross.empty()) return {};
  if (s.weighting_view_cross.size() != 1)
    throw UserError({(s.folder / "scenario.toml").string()}, "weighting_view",
                    "is over several variables, whose sample shares no number can give",
                    "use a post-stratification on one variable");
  const std::vector<double> census = root.share(s.weighting_view_cross);
  std::vector<double> sample_share(census.size(), -1);
  double sum = 0;
  for (const PublishedNumber& n : s.numbers)
    if (is_weighting_share(s, n)) {
      sample_share[n.levels[0]] = n.value;
      sum += n.value;
    }
  for (std::size_t v = 0; v < sample_share.size(); ++v)
    if (sample_share[v] < 0)
      throw UserError({(s.folder / "scenario.toml").string()}, "weighting_view",
                      "the sample's share of \"" + s.schema[s.weighting_view_cross[0]].levels[v] +
                          "\" is not given",
                      "give every level of the weighting variable in the view \"sample\", so "
                      "that the weighting can be undone");
  std::vector<double> factor(census.size());
  for (std::size_t v = 0; v < census.size(); ++v)
    factor[v] = census[v] > 0 ? sample_share[v] / sum / census[v] : 0.0;
  return factor;
}

std::pair<double, double> as_mean(const Scenario& s, const RootLaw& root,
                                  const PublishedNumber& n) {
  double unit = 1;
  if (n.statistic == Statistic::count) unit = 1 / static_cast<double>(s.reported_size);
  if (n.statistic == Statistic::ratio_to_population) {
    const auto shares = root.share(n.quantity);
    unit = 0;
    for (LevelCode level : n.levels) unit += shares[level];
  }
  return {n.lower * unit, n.upper * unit};
}

}  // namespace steelyard
