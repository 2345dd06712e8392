#include "sim/population/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

/// Multiplies exp(strength x score) into a law and makes it a law again. The tree is calibrated on
/// entry and on return.
void tilt_law(JunctionTree& tree, const std::vector<ScorePart>& score, double strength) {
  tree.make_potentials();
  for (const ScorePart& part : score) {
    Clique& clique = tree.cliques()[tree.home({&part.variable, 1})];
    const std::size_t at = clique.position(part.variable);
    for (std::size_t c = 0; c < clique.cells; ++c) {
      const LevelCode level = clique.code(c, at);
      if (level < part.values.size()) clique.p[c] *= std::exp(strength * part.values[level]);
    }
  }
  tree.calibrate();
}

/// Gives the root clique the law `wanted` over some of its variables, everything else conditional
/// on them kept.
void set_root(JunctionTree& tree, std::span<const VariableId> variables,
              const std::vector<double>& wanted) {
  Clique& root = tree.root();
  std::vector<std::uint32_t> state;
  std::vector<double> present(project(tree.schema(), root, variables, state), 0.0);
  for (std::size_t c = 0; c < root.cells; ++c) present[state[c]] += root.p[c];
  for (std::size_t c = 0; c < root.cells; ++c)
    root.p[c] = present[state[c]] > 0 ? root.p[c] * wanted[state[c]] / present[state[c]] : 0.0;
  tree.distribute();
}

std::vector<double> root_shares(const JunctionTree& tree, std::span<const VariableId> variables) {
  std::vector<std::uint32_t> state;
  std::vector<double> shares(project(tree.schema(), tree.root(), variables, state), 0.0);
  for (std::size_t c = 0; c < tree.root().cells; ++c) shares[state[c]] += tree.root().p[c];
  return shares;
}

}  // namespace

const char* to_string(World::Dial dial) {
  switch (dial) {
    case World::Dial::neutral:
      return "neutral";
    case World::Dial::selection:
      return "selection";
    case World::Dial::tilt:
      return "tilt";
    case World::Dial::tail:
      return "tail";
    case World::Dial::association:
      return "association";
  }
  return "unknown";
}

Population in_world(const Population& neutral, const World& world) {
  Population other(neutral);
  const Scenario& s = neutral.scenario();
  if (world.dial == World::Dial::selection) {
    for (const ScorePart& part : world.score)
      if (std::find(s.root.begin(), s.root.end(), part.variable) != s.root.end())
        throw UserError({(s.folder / "scenario.toml").string()}, "worlds.score",
                        "is over \"" + s.schema[part.variable].name +
                            "\", whose shares the census fixes in every world",
                        "score answers that are not in population.root");
    const std::vector<double> census = root_shares(neutral.law(), s.root),
                              sampled = root_shares(neutral.sample_law(), s.root),
                              weighted = root_shares(neutral.weighted_law(), s.root);
    JunctionTree population = neutral.law();
    tilt_law(population, world.score, -world.value);
    set_root(population, s.root, census);
    // The sample out of this population by this selection: odds r(x) exp(g s(y)), with r solved so
    // that the root cells are sampled as they were.
    JunctionTree sample = population;
    tilt_law(sample, world.score, world.value);
    JunctionTree view = sample;
    set_root(sample, s.root, sampled);
    set_root(view, s.root, weighted);
    other.replace_laws(std::move(population), std::move(sample), std::move(view));
  }
  if (world.dial == World::Dial::tilt || world.dial == World::Dial::tail) {
    bool found = false;
    for (const LatentSpec& spec : s.latents) {
      if (spec.variable != world.variables[0]) continue;
      found = true;
      LatentSpec changed = spec;
      if (world.dial == World::Dial::tilt)
        changed.tilt = world.value;
      else {
        changed.tail_index = world.value;
        changed.pareto_tail = false;
      }
      other.replace_latent(LatentLaw(changed, neutral.weighted_law(), survey_size(s)));
    }
    if (!found)
      throw UserError({(s.folder / "scenario.toml").string()}, "worlds",
                      "\"" + s.schema[world.variables[0]].name + "\" has no latent law",
                      "name a bucketed variable with latent = { ... }");
  }
  return other;
}

Scenario with_association(const Scenario& scenario, const World& world) {
  const VariableId a = world.variables[0], b = world.variables[1];
  const auto tied = [&](const VariableSet& set) {
    return std::find(set.begin(), set.end(), a) != set.end() &&
           std::find(set.begin(), set.end(), b) != set.end();
  };
  const Place place{(scenario.folder / "scenario.toml").string()};
  const std::string pair = scenario.schema[a].name + " and " + scenario.schema[b].name;
  for (const MarginTable& t : scenario.tables)
    if (t.role == TableRole::margin && tied(t.variables))
      throw UserError(place, "worlds.association", pair + " are tied by table \"" + t.id + "\"",
                      "choose a pair that no margin ties");
  for (const PublishedNumber& n : scenario.numbers)
    if (n.use == Use::fit && tied(variables_of(n)))
      throw UserError(place, "worlds.association", pair + " are tied by number \"" + n.id + "\"",
                      "choose a pair that no margin ties");
  Scenario other = scenario;
  // A seed over the same two variables is multiplied, so that the neutral dial changes nothing.
  MarginTable seed;
  seed.id = "association of " + pair;
  seed.role = TableRole::seed;
  seed.side = Side::answers;
  seed.provenance = Provenance::assumed;
  seed.source = world.source;
  seed.variables = {a, b};
  seed.place = place;
  const Variable &x = scenario.schema[a], &y = scenario.schema[b];
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < y.size(); ++j) {
      seed.codes.push_back(static_cast<LevelCode>(i));
      seed.codes.push_back(static_cast<LevelCode>(j));
      const double u = static_cast<double>(i) - 0.5 * static_cast<double>(x.size() - 1);
      const double v = static_cast<double>(j) - 0.5 * static_cast<double>(y.size() - 1);
      seed.values.push_back(std::exp(world.value * u * v));
      seed.lines.push_back(0);
    }
  other.tables.push_back(std::move(seed));
  return other;
}

}  // namespace steelyard
