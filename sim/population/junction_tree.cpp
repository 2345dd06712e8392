#include "sim/population/junction_tree.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMaxCells = std::size_t{1} << 24;

void sort_unique(VariableSet& set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

VariableSet intersection(const VariableSet& a, const VariableSet& b) {
  VariableSet both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

/// Elimination cliques of the generators' graph under the min-fill order.
std::vector<VariableSet> triangulate(std::size_t n, const std::vector<VariableSet>& generators) {
  std::vector<std::set<std::size_t>> adjacent(n);
  for (const VariableSet& g : generators)
    for (VariableId a : g)
      for (VariableId b : g)
        if (a != b) adjacent[index(a)].insert(index(b));
  std::vector<bool> gone(n, false);
  std::vector<VariableSet> cliques;
  const auto fill = [&](std::size_t v) {
    std::size_t missing = 0;
    for (std::size_t a : adjacent[v])
      for (std::size_t b : adjacent[v])
        if (a < b && !adjacent[a].contains(b)) ++missing;
    return missing;
  };
  for (std::size_t step = 0; step < n; ++step) {
    std::size_t best = n, best_fill = 0;
    for (std::size_t v = 0; v < n; ++v) {
      if (gone[v]) continue;
      const std::size_t f = fill(v);
      if (best == n || f < best_fill ||
          (f == best_fill && adjacent[v].size() < adjacent[best].size())) {
        best = v;
        best_fill = f;
      }
    }
    VariableSet clique{VariableId{static_cast<std::uint16_t>(best)}};
    for (std::size_t a : adjacent[best]) {
      clique.push_back(VariableId{static_cast<std::uint16_t>(a)});
      for (std::size_t b : adjacent[best])
        if (a != b) adjacent[a].insert(b);
    }
    for (std::size_t a : adjacent[best]) adjacent[a].erase(best);
    adjacent[best].clear();
    gone[best] = true;
    sort_unique(clique);
    cliques.push_back(std::move(clique));
  }
  std::vector<VariableSet> maximal;
  for (std::size_t i = 0; i < cliques.size(); ++i) {
    const bool inside = std::any_of(cliques.begin(), cliques.end(), [&](const VariableSet& other) {
      return &other != &cliques[i] && other.size() > cliques[i].size() &&
             std::includes(other.begin(), other.end(), cliques[i].begin(), cliques[i].end());
    });
    if (!inside) maximal.push_back(cliques[i]);
  }
  return maximal;
}

}  // namespace

std::size_t Clique::position(VariableId id) const {
  return static_cast<std::size_t>(std::lower_bound(variables.begin(), variables.end(), id) -
                                  variables.begin());
}

bool Clique::contains(std::span<const VariableId> set) const {
  return std::all_of(set.begin(), set.end(), [&](VariableId id) {
    return std::binary_search(variables.begin(), variables.end(), id);
  });
}

std::size_t project(const Schema& schema, const Clique& clique, std::span<const VariableId> set,
                    std::vector<std::uint32_t>& state_of) {
  state_of.assign(clique.cells, 0);
  std::size_t states = 1;
  for (VariableId id : set) {
    const auto n = static_cast<std::uint32_t>(schema[id].states());
    const std::size_t at = clique.position(id);
    for (std::size_t c = 0; c < clique.cells; ++c)
      state_of[c] = state_of[c] * n + clique.code(c, at);
    states *= n;
  }
  return states;
}

JunctionTree::JunctionTree(const Schema& schema, std::vector<VariableSet> generators,
                           VariableSet root, const std::vector<std::string>& names)
    : schema_(&schema) {
  sort_unique(root);
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const Variable& v = schema[schema.id(i)];
    VariableSet own{schema.id(i)};
    for (const Condition& condition : v.universe) own.push_back(condition.variable);
    if (v.group_of) own.push_back(*v.group_of);
    generators.push_back(std::move(own));
  }
  generators.push_back(root);
  for (VariableSet& g : generators) sort_unique(g);
  const std::vector<VariableSet> sets = triangulate(schema.size(), generators);

  // Maximum-weight spanning tree from the root clique (Prim): separators as large as can be.
  std::size_t first = sets.size();
  for (std::size_t i = 0; i < sets.size(); ++i)
    if (std::includes(sets[i].begin(), sets[i].end(), root.begin(), root.end()) &&
        (first == sets.size() || sets[i].size() < sets[first].size()))
      first = i;
  ENSURES(first < sets.size());
  std::vector<std::size_t> order{first};
  std::vector<bool> placed(sets.size(), false);
  placed[first] = true;
  std::vector<std::size_t> parent(sets.size(), 0);
  while (order.size() < sets.size()) {
    std::size_t best = sets.size(), best_parent = 0, best_shared = 0;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (placed[i]) continue;
      for (std::size_t j = 0; j < order.size(); ++j) {
        const std::size_t shared = intersection(sets[i], sets[order[j]]).size();
        if (best == sets.size() || shared > best_shared) {
          best = i;
          best_parent = j;
          best_shared = shared;
        }
      }
    }
    placed[best] = true;
    parent[order.size()] = best_parent;
    order.push_back(best);
  }
  cliques_.resize(sets.size());
  children_.resize(sets.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    Clique& clique = cliques_[i];
    clique.variables = sets[order[i]];
    clique.parent = i == 0 ? 0 : parent[i];
    enumerate(clique, [&] { refuse(clique, generators, names, root); });
    if (i == 0) continue;
    children_[clique.parent].push_back(i);
    const Clique& up = cliques_[clique.parent];
    clique.separator = intersection(clique.variables, up.variables);
    clique.separator_states = project(schema, clique, clique.separator, clique.separator_of);
    project(schema, up, clique.separator, clique.parent_separator_of);
  }
}

void JunctionTree::refuse(const Clique& clique, const std::vector<VariableSet>& generators,
                          const std::vector<std::string>& names, const VariableSet& root) const {
  const auto list = [&](const VariableSet& set) {
    std::vector<std::string> variables;
    for (VariableId id : set) variables.push_back((*schema_)[id].name);
    return join(variables, ", ");
  };
  // The largest of the margins inside it are what ties it together.
  std::vector<std::pair<double, std::string>> ties;
  const auto consider = [&](const VariableSet& set, const std::string& name) {
    if (set.size() < 2 || !clique.contains(set)) return;
    double cells = 1;
    for (VariableId id : set) cells *= static_cast<double>((*schema_)[id].states());
    ties.emplace_back(-cells, name + " (" + list(set) + ")");
  };
  for (std::size_t g = 0; g < std::min(names.size(), generators.size()); ++g)
    consider(generators[g], names[g]);
  consider(root, "population.root");
  std::sort(ties.begin(), ties.end());
  std::vector<std::string> told;
  for (const auto& [cells, text] : ties)
    if (told.size() < 5 && std::find(told.begin(), told.end(), text) == told.end())
      told.push_back(text);
  throw UserError({}, "population",
                  "the variables " + list(clique.variables) +
                      " are tied into one table of more than 2^24 cells" +
                      (told.empty() ? "" : ", by " + join(told, "; ")),
                  "remove one of these, or split it into margins over fewer variables");
}

void JunctionTree::enumerate(Clique& clique, const std::function<void()>& too_large) const {
  const std::size_t k = clique.variables.size();
  std::vector<LevelCode> codes(k);
  // Rules that can be judged once position `last` is set.
  struct Rule {
    std::size_t subject;
    bool grouping;
    std::vector<std::pair<std::size_t, const Condition*>> conditions;
    std::size_t fine = 0;
    std::size_t known_conditions = 0;
  };
  std::vector<std::vector<Rule>> rules(k);
  for (std::size_t s = 0; s < k; ++s) {
    const Variable& v = (*schema_)[clique.variables[s]];
    if (v.group_of && clique.contains({&*v.group_of, 1})) {
      const std::size_t fine = clique.position(*v.group_of);
      rules[std::max(s, fine)].push_back({s, true, {}, fine, 0});
    }
    if (v.has_universe()) {
      Rule rule{s, false, {}, 0, 0};
      std::size_t last = s;
      for (const Condition& condition : v.universe)
        if (clique.contains({&condition.variable, 1})) {
          rule.conditions.emplace_back(clique.position(condition.variable), &condition);
          last = std::max(last, rule.conditions.back().first);
        }
      rule.known_conditions = v.universe.size();
      rules[last].push_back(std::move(rule));
    }
  }
  const auto allowed = [&](const Rule& rule) {
    const Variable& v = (*schema_)[clique.variables[rule.subject]];
    if (rule.grouping) return v.group_map[codes[rule.fine]] == codes[rule.subject];
    const bool applies = codes[rule.subject] != v.not_applicable();
    const bool known_true =
        std::all_of(rule.conditions.begin(), rule.conditions.end(),
                    [&](const auto& c) { return c.second->holds(codes[c.first]); });
    if (!known_true) return !applies;
    return applies || rule.conditions.size() < rule.known_conditions;
  };
  // Counted first, so that a table too large is refused before memory is taken.
  bool counting = true;
  std::function<void(std::size_t)> extend = [&](std::size_t at) {
    if (at == k) {
      if (counting && ++clique.cells > kMaxCells) too_large();
      if (!counting) clique.codes.insert(clique.codes.end(), codes.begin(), codes.end());
      return;
    }
    for (std::size_t state = 0; state < (*schema_)[clique.variables[at]].states(); ++state) {
      codes[at] = static_cast<LevelCode>(state);
      if (std::all_of(rules[at].begin(), rules[at].end(), allowed)) extend(at + 1);
    }
  };
  extend(0);
  clique.codes.reserve(clique.cells * k);
  counting = false;
  extend(0);
  clique.p.assign(clique.cells, 1.0);
}

std::size_t JunctionTree::home(std::span<const VariableId> variables) const {
  std::size_t best = cliques_.size();
  for (std::size_t i = 0; i < cliques_.size(); ++i)
    if (cliques_[i].contains(variables) &&
        (best == cliques_.size() || cliques_[i].cells < cliques_[best].cells))
      best = i;
  return best;
}

void JunctionTree::pass(std::size_t from, std::size_t to) {
  const bool down = to != 0 && cliques_[to].parent == from;
  const Clique& edge = cliques_[down ? to : from];
  Clique& target = cliques_[to];
  const Clique& source = cliques_[from];
  const auto& source_state = down ? edge.parent_separator_of : edge.separator_of;
  const auto& target_state = down ? edge.separator_of : edge.parent_separator_of;
  std::vector<double> wanted(edge.separator_states, 0.0), present(edge.separator_states, 0.0);
  for (std::size_t c = 0; c < source.cells; ++c) wanted[source_state[c]] += source.p[c];
  for (std::size_t c = 0; c < target.cells; ++c) present[target_state[c]] += target.p[c];
  for (std::size_t s = 0; s < wanted.size(); ++s)
    wanted[s] = present[s] > 0 ? wanted[s] / present[s] : 0.0;
  for (std::size_t c = 0; c < target.cells; ++c) target.p[c] *= wanted[target_state[c]];
}

void JunctionTree::calibrate() {
  // Collect: each child hands its separator table up and becomes a conditional law.
  for (std::size_t i = cliques_.size(); i-- > 1;) {
    Clique& clique = cliques_[i];
    Clique& up = cliques_[clique.parent];
    std::vector<double> message(clique.separator_states, 0.0);
    for (std::size_t c = 0; c < clique.cells; ++c) message[clique.separator_of[c]] += clique.p[c];
    for (std::size_t c = 0; c < clique.cells; ++c) {
      const double m = message[clique.separator_of[c]];
      clique.p[c] = m > 0 ? clique.p[c] / m : 0.0;
    }
    double largest = 0;
    for (double m : message) largest = std::max(largest, m);
    for (std::size_t c = 0; c < up.cells; ++c)
      up.p[c] *= message[clique.parent_separator_of[c]] / largest;
  }
  double sum = 0;
  for (double p : root().p) sum += p;
  for (double& p : root().p) p /= sum;
  for (std::size_t i = 1; i < cliques_.size(); ++i) {
    Clique& clique = cliques_[i];
    const Clique& up = cliques_[clique.parent];
    std::vector<double> law(clique.separator_states, 0.0);
    for (std::size_t c = 0; c < up.cells; ++c) law[clique.parent_separator_of[c]] += up.p[c];
    for (std::size_t c = 0; c < clique.cells; ++c) clique.p[c] *= law[clique.separator_of[c]];
  }
}

void JunctionTree::make_potentials() {
  for (std::size_t i = 1; i < cliques_.size(); ++i) {
    Clique& clique = cliques_[i];
    std::vector<double> mass(clique.separator_states, 0.0);
    for (std::size_t c = 0; c < clique.cells; ++c) mass[clique.separator_of[c]] += clique.p[c];
    for (std::size_t c = 0; c < clique.cells; ++c) {
      const double m = mass[clique.separator_of[c]];
      clique.p[c] = m > 0 ? clique.p[c] / m : 0.0;
    }
  }
}

void JunctionTree::distribute() {
  for (std::size_t i = 1; i < cliques_.size(); ++i) pass(cliques_[i].parent, i);
}

std::size_t JunctionTree::cells() const {
  return std::accumulate(cliques_.begin(), cliques_.end(), std::size_t{0},
                         [](std::size_t sum, const Clique& c) { return sum + c.cells; });
}

std::vector<double> JunctionTree::query(const Domain& domain,
                                        std::span<const VariableId> targets) const {
  const std::size_t at = home(targets);
  if (at < cliques_.size()) return evidence_query(domain, targets, at);
  // The targets are spread over the tree: fix the first one, level by level.
  std::vector<double> joint;
  const Variable& v = (*schema_)[targets[0]];
  for (std::size_t state = 0; state < v.states(); ++state) {
    Domain fixed = domain;
    fixed.push_back({targets[0], {static_cast<LevelCode>(state)}});
    const auto part = query(fixed, targets.subspan(1));
    joint.insert(joint.end(), part.begin(), part.end());
  }
  return joint;
}

std::vector<double> JunctionTree::evidence_query(const Domain& domain,
                                                 std::span<const VariableId> targets,
                                                 std::size_t home) const {
  // Evidence is entered where its variable stands; only cliques on a path from evidence to the
  // target's clique carry a message.
  const std::size_t n = cliques_.size();
  std::vector<std::vector<const Condition*>> evidence(n);
  const Clique& target = cliques_[home];
  for (const Condition& condition : domain) {
    const VariableId id = condition.variable;
    evidence[target.contains({&id, 1}) ? home : this->home({&id, 1})].push_back(&condition);
  }
  std::vector<bool> active(n, false);  // the subtree below holds evidence or the target
  for (std::size_t i = n; i-- > 0;) {
    if (!evidence[i].empty() || i == home) active[i] = true;
    if (active[i]) active[cliques_[i].parent] = true;
  }
  std::vector<std::vector<double>> belief(n);
  const auto enter = [&](std::size_t i) {
    belief[i] = cliques_[i].p;
    for (const Condition* condition : evidence[i]) {
      const std::size_t position = cliques_[i].position(condition->variable);
      for (std::size_t c = 0; c < cliques_[i].cells; ++c)
        if (!condition->holds(cliques_[i].code(c, position))) belief[i][c] = 0;
    }
  };
  for (std::size_t i = 0; i < n; ++i)
    if (active[i]) enter(i);
  const auto send = [&](std::size_t from, std::size_t to) {
    const bool down = to != 0 && cliques_[to].parent == from;
    const Clique& edge = cliques_[down ? to : from];
    const auto& source_state = down ? edge.parent_separator_of : edge.separator_of;
    const auto& target_state = down ? edge.separator_of : edge.parent_separator_of;
    std::vector<double> message(edge.separator_states, 0.0), prior(edge.separator_states, 0.0);
    for (std::size_t c = 0; c < cliques_[from].cells; ++c) {
      message[source_state[c]] += belief[from][c];
      prior[source_state[c]] += cliques_[from].p[c];
    }
    for (std::size_t s = 0; s < message.size(); ++s)
      message[s] = prior[s] > 0 ? message[s] / prior[s] : 0.0;
    for (std::size_t c = 0; c < cliques_[to].cells; ++c) belief[to][c] *= message[target_state[c]];
  };
  std::vector<bool> above(n, false);  // on the path from the root to the target
  for (std::size_t i = home;; i = cliques_[i].parent) {
    above[i] = true;
    if (i == 0) break;
  }
  for (std::size_t i = n; i-- > 1;)
    if (active[i] && !above[i]) send(i, cliques_[i].parent);
  for (std::size_t i = 1; i < n; ++i)
    if (above[i]) send(cliques_[i].parent, i);

  std::vector<std::uint32_t> state;
  std::vector<double> law(project(*schema_, target, targets, state), 0.0);
  for (std::size_t c = 0; c < target.cells; ++c) law[state[c]] += belief[home][c];
  return law;
}

}  // namespace steelyard
