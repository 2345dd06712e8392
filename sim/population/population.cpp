#include "sim/population/population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/sums.hpp"
#include "core/timing.hpp"
#include "sim/measurement/measurement.hpp"
#include "sim/population/constraints.hpp"

namespace steelyard {

Population::Population(const Scenario& scenario, Unmet unmet)
    : scenario_(&scenario), reported_(Measurement(scenario).reported()) {
  const auto start = Clock::now();
  root_law_ = std::make_unique<RootLaw>(scenario);
  fit_.population = root_law_->report();
  fit_.population_seconds = seconds_since(start);
  fit_answers(unmet);
  derive_laws();
  for (const LatentSpec& spec : scenario.latents)
    latents_.emplace_back(spec, *weighted_, survey_size(scenario));
}

Population::Population(const Population& other)
    : scenario_(other.scenario_),
      reported_(other.reported_),
      root_law_(std::make_unique<RootLaw>(*other.root_law_)),
      population_(std::make_unique<JunctionTree>(*other.population_)),
      sample_(std::make_unique<JunctionTree>(*other.sample_)),
      weighted_(std::make_unique<JunctionTree>(*other.weighted_)),
      view_factor_(other.view_factor_),
      latents_(other.latents_),
      fit_(other.fit_) {}

void Population::replace_laws(JunctionTree population, JunctionTree sample, JunctionTree weighted) {
  *population_ = std::move(population);
  *sample_ = std::move(sample);
  *weighted_ = std::move(weighted);
}

void Population::replace_latent(LatentLaw law) {
  for (LatentLaw& present : latents_)
    if (present.variable() == law.variable()) present = std::move(law);
}

const LatentLaw* Population::latent(VariableId id) const {
  for (const LatentLaw& law : latents_)
    if (law.variable() == id) return &law;
  return nullptr;
}

std::vector<VariableSet> Population::generators(std::vector<std::string>& names) const {
  const Scenario& s = *scenario_;
  std::vector<VariableSet> sets;
  for (const MarginTable& table : s.tables)
    if (table.side == Side::answers) {
      sets.emplace_back(table.variables);
      names.push_back("table \"" + table.id + "\"");
    }
  for (const PublishedNumber& n : s.numbers) {
    if (n.use != Use::fit || n.view == View::population || n.quantity.empty()) continue;
    VariableSet set = variables_of(n);
    if (n.view == View::sample)
      set.insert(set.end(), s.weighting_view_cross.begin(), s.weighting_view_cross.end());
    sets.push_back(std::move(set));
    names.push_back("number [" + n.id + "]");
  }
  for (const LatentSpec& latent : s.latents) {
    VariableSet set = latent.group;
    set.push_back(latent.variable);
    sets.push_back(std::move(set));
    names.push_back("the latent law of " + s.schema[latent.variable].name);
  }
  return sets;
}

void Population::fit_answers(Unmet unmet) {
  const auto start = Clock::now();
  seed_answers();
  view_factor_ = view_factor(*scenario_, *root_law_);
  const std::vector<BlockConstraint> blocks = weighting_block();
  std::vector<MeanConstraint> constraints;
  for (std::size_t i = 0; i < scenario_->numbers.size(); ++i) {
    const PublishedNumber& n = scenario_->numbers[i];
    if (n.use != Use::fit || n.view == View::population || n.quantity.empty()) continue;
    if (!view_factor_.empty() && is_weighting_share(*scenario_, n)) continue;  // met by the block
    constraints.push_back(answers_constraint(i));
  }
  JunctionTree& tree = *weighted_;
  if (unmet == Unmet::refuse) check_support(constraints);
  const JunctionTree prior = tree;
  fit_.answers = steelyard::fit(tree, constraints, blocks, {});
  fit_.answers_seconds = seconds_since(start);
  fit_.divergence = divergence(tree, prior);
  fit_.cliques = tree.cliques().size();
  fit_.cells = tree.cells();
  for (const Clique& c : tree.cliques())
    fit_.largest_clique = std::max(fit_.largest_clique, c.cells);
  refuse_unmet(unmet);
}

/// The answers' law before any number: seeds, and the population's law of the root variables.
void Population::seed_answers() {
  const Scenario& s = *scenario_;
  // Groupings of root variables stand with them: seeds and domains on regions need no provinces.
  VariableSet root_set(s.root.begin(), s.root.end());
  for (std::size_t i = 0; i < s.schema.size(); ++i) {
    const auto& fine = s.schema[s.schema.id(i)].group_of;
    if (fine && std::find(s.root.begin(), s.root.end(), *fine) != s.root.end())
      root_set.push_back(s.schema.id(i));
  }
  std::vector<std::string> names;
  auto sets = generators(names);
  weighted_ = std::make_unique<JunctionTree>(s.schema, std::move(sets), root_set, names);
  JunctionTree& tree = *weighted_;
  for (const MarginTable& table : s.tables)
    if (table.side == Side::answers) multiply_seed(tree, table);
  tree.calibrate();
  Clique& root = tree.root();
  std::vector<std::uint32_t> root_state;
  const std::size_t states = project(s.schema, root, s.root, root_state);
  std::vector<double> present(states, 0.0);
  for (std::size_t c = 0; c < root.cells; ++c) present[root_state[c]] += root.p[c];
  for (std::size_t c = 0; c < root.cells; ++c)
    root.p[c] = present[root_state[c]] > 0
                    ? root.p[c] * root_law_->p()[root_state[c]] / present[root_state[c]]
                    : 0.0;
  tree.distribute();
}

/// The weighted view has the census shares of the report's weighting cells.
std::vector<BlockConstraint> Population::weighting_block() const {
  const Scenario& s = *scenario_;
  if (view_factor_.empty()) return {};
  BlockConstraint block;
  block.name = "weighting view";
  block.clique = 0;
  block.target = share(s.weighting_view_cross);
  project(s.schema, weighted_->root(), s.weighting_view_cross, block.state_of);
  return {std::move(block)};
}

/// The number as a constraint on the weighted law, in its own view.
MeanConstraint Population::answers_constraint(std::size_t i) const {
  const Scenario& s = *scenario_;
  const JunctionTree& tree = *weighted_;
  const PublishedNumber& n = s.numbers[i];
  const bool own_view = n.view == View::sample && !view_factor_.empty();
  VariableSet set = variables_of(n);
  if (own_view) {
    set.insert(set.end(), s.weighting_view_cross.begin(), s.weighting_view_cross.end());
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
  }
  MeanConstraint k;
  k.number = i;
  k.clique = tree.home(set);
  const Clique& clique = tree.cliques()[k.clique];
  std::vector<double> cell_weight;
  if (own_view) {
    std::vector<std::uint32_t> state;
    project(s.schema, clique, s.weighting_view_cross, state);
    for (std::uint32_t v : state) cell_weight.push_back(view_factor_[v]);
  }
  k.groups = group_scope(s.schema, clique, n, n.scope, cell_weight, reported_);
  if (n.statistic == Statistic::mean_difference)
    k.other_groups = group_scope(s.schema, clique, n, n.other_scope, cell_weight, reported_);
  std::tie(k.lower, k.upper) = as_mean(s, *root_law_, n);
  k.scale = spread(k.groups);
  k.importance = n.importance;
  step_inside(k);
  return k;
}

/// Every number must be possible in the cells that the seeds leave: structural zeros stay zero.
void Population::check_support(const std::vector<MeanConstraint>& constraints) const {
  std::string complaint;
  for (const MeanConstraint& k : constraints) {
    const std::vector<double>& p = weighted_->cliques()[k.clique].p;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const MeanConstraint::Group& g : k.groups) {
      double mass = 0;
      for (std::uint32_t c : g.cells) mass += p[c];
      if (!(mass > 0)) continue;
      low = std::min(low, g.value);
      high = std::max(high, g.value);
    }
    const PublishedNumber& n = scenario_->numbers[k.number];
    const char* problem = low > high              ? "nobody can be in its scope"
                          : k.lower > high + 1e-9 ? "nobody can have what it counts"
                          : k.upper < low - 1e-9  ? "nobody can lack what it counts"
                                                  : nullptr;
    if (problem && k.other_groups.empty()) complaint += support_complaint(n, problem);
  }
  if (!complaint.empty())
    throw NegativeAnswer("numbers without support; correct a universe, a seed or the number:\n" +
                         complaint);
}

std::string Population::support_complaint(const PublishedNumber& n, const char* problem) const {
  const bool misreported = std::any_of(n.quantity.begin(), n.quantity.end(), [&](VariableId id) {
    return !reported_[index(id)].empty();
  });
  if (misreported)
    return fmt::format(
        "{}:{}: [{}] {} {} = {}: no true shares give it, by how \"{}\" is misreported "
        "(keep_observed)\n",
        n.place.file, n.place.line, n.id, n.quantity_text, n.level_text, n.printed,
        n.quantity_text);
  return fmt::format("{}:{}: [{}] {} {} = {}: {}, by universes and structural zeros\n",
                     n.place.file, n.place.line, n.id, n.quantity_text, n.level_text, n.printed,
                     problem);
}

void Population::refuse_unmet(Unmet unmet) const {
  const Scenario& s = *scenario_;
  std::string complaint;
  for (const FitReport* report : {&fit_.population, &fit_.answers})
    for (const FitReport::Unmet& u : report->unmet) {
      const PublishedNumber& n = s.numbers[u.number];
      if (std::isfinite(n.importance)) continue;  // allowed to yield; check lists it
      const double percent = n.statistic == Statistic::share ? 100 : 1;
      complaint += fmt::format("{}:{}: [{}] {} {} = {} is missed by {:.4g} {}\n", n.place.file,
                               n.place.line, n.id, n.quantity_text, n.level_text, n.printed,
                               u.violation * percent, n.unit);
    }
  for (const FitReport* report : {&fit_.population, &fit_.answers})
    if (report->largest_block_error > 1e-6)
      complaint += fmt::format("table \"{}\" is missed by {:.3g} % of its total in a cell\n",
                               report->worst_block, 100 * report->largest_block_error);
  if (!complaint.empty() && unmet == Unmet::refuse)
    throw NegativeAnswer(
        "the published numbers cannot all be met; exclude or widen some, or pass --accept:\n" +
        complaint);
}

void Population::derive_laws() {
  const Scenario& s = *scenario_;
  population_ = std::make_unique<JunctionTree>(*weighted_);
  sample_ = std::make_unique<JunctionTree>(*weighted_);
  Clique& p = population_->root();
  Clique& q = sample_->root();
  std::vector<std::uint32_t> state;
  const std::size_t states = project(s.schema, p, s.root, state);
  std::vector<double> weighted(states, 0.0);
  for (std::size_t c = 0; c < p.cells; ++c) weighted[state[c]] += p.p[c];
  for (std::size_t c = 0; c < p.cells; ++c)
    p.p[c] = weighted[state[c]] > 0 ? p.p[c] * root_law_->p()[state[c]] / weighted[state[c]] : 0.0;
  double covered = 0;
  for (double x : p.p) covered += x;
  if (covered < 1 - 1e-9)
    throw UserError(
        {(s.folder / "scenario.toml").string()}, "population",
        fmt::format("{:.3g} of the population is in root cells that no answers are defined for",
                    1 - covered),
        "remove the structural zeros of the seeds there");
  population_->distribute();

  if (!view_factor_.empty()) {
    std::vector<std::uint32_t> cell;
    project(s.schema, q, s.weighting_view_cross, cell);
    for (std::size_t c = 0; c < q.cells; ++c) q.p[c] *= view_factor_[cell[c]];
  }
  if (!s.selection.empty()) {
    q.p = p.p;
    for (const SelectionOdds& odds : s.selection) {
      std::vector<std::uint32_t> cell;
      std::vector<double> factor(project(s.schema, q, odds.variables, cell), 0.0);
      for (std::size_t row = 0; row < odds.odds.size(); ++row) {
        std::size_t at = 0;
        for (std::size_t k = 0; k < odds.variables.size(); ++k)
          at = at * s.schema[odds.variables[k]].states() +
               odds.codes[row * odds.variables.size() + k];
        factor[at] = odds.odds[row];
      }
      for (std::size_t c = 0; c < q.cells; ++c) q.p[c] *= factor[cell[c]];
    }
  }
  double sum = 0;
  for (double x : q.p) sum += x;
  for (double& x : q.p) x /= sum;
  sample_->distribute();
}

std::vector<double> Population::share(std::span<const VariableId> variables) const {
  return root_law_->share(variables);
}

Population::Mass Population::mass_of(const JunctionTree& law, const PublishedNumber& n,
                                     const Domain& scope, std::size_t which) const {
  const Schema& schema = scenario_->schema;
  const ReportedAs truly;
  const ReportedAs& reported = &law == population_.get() ? truly : reported_;
  // Conditions on what is misreported are weights of true levels; the others stay conditions.
  Domain rest;
  std::vector<VariableId> targets;
  std::vector<std::vector<double>> inside;
  for (const Condition& c : scope) {
    if (reported.empty() || reported[index(c.variable)].empty()) {
      rest.push_back(c);
      continue;
    }
    targets.push_back(c.variable);
    inside.push_back(scope_probabilities(schema, c, reported));
  }
  const VariableId answer = n.quantity.empty() ? scenario_->root[0] : n.quantity[which];
  const auto at =
      static_cast<std::size_t>(std::find(targets.begin(), targets.end(), answer) - targets.begin());
  if (at == targets.size()) targets.push_back(answer);
  const auto values = n.quantity.empty() ? std::vector<double>(schema[answer].states(), 1.0)
                                         : values_in_scope(schema, n, scope, which, reported);
  const auto joint = law.query(rest, targets);
  Mass mass;
  std::vector<std::size_t> code(targets.size(), 0);
  for (const double p : joint) {
    double weight = p;
    for (std::size_t k = 0; k < inside.size(); ++k) weight *= inside[k][code[k]];
    if (code[at] < values.size()) {
      mass.share += weight;
      mass.sum += weight * values[code[at]];
    }
    for (std::size_t k = code.size(); k-- > 0;) {
      if (++code[k] < schema[targets[k]].states()) break;
      code[k] = 0;
    }
  }
  return mass;
}

double Population::expected(const PublishedNumber& n) const {
  const auto size = static_cast<double>(scenario_->reported_size);
  if (n.quantity.empty()) return mass_of(*sample_, n, n.scope, 0).share * size;
  const JunctionTree& law = n.view == View::population ? *population_
                            : n.view == View::sample   ? *sample_
                                                       : *weighted_;
  switch (n.statistic) {
    case Statistic::share:
    case Statistic::mean:
    case Statistic::index:
      return mean_of(law, n, n.scope, 0);
    case Statistic::difference:
      return mean_of(law, n, n.scope, 0) - mean_of(law, n, n.scope, 1);
    case Statistic::mean_difference:
      return mean_of(law, n, n.scope, 0) - mean_of(law, n, n.other_scope, 0);
    case Statistic::ratio_to_population:
      return mean_of(law, n, n.scope, 0) / mean_of(*population_, n, n.scope, 0);
    case Statistic::count:
      return mass_of(law, n, n.scope, 0).sum * size;
  }
  return 0;
}

double Population::persons() const {
  if (scenario_->population_size) return static_cast<double>(*scenario_->population_size);
  for (const MarginTable& table : scenario_->tables)
    if (table.role == TableRole::margin) return total(table.values);
  return 1;
}

}  // namespace steelyard
