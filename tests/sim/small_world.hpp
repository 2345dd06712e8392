#pragma once

// Small schemas and dense reference arithmetic for the population tests.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "sim/population/fit.hpp"

namespace steelyard::testing {

inline Schema chain_schema(std::size_t variables, std::size_t levels) {
  Schema schema;
  for (std::size_t i = 0; i < variables; ++i) {
    Variable v;
    v.name = "v" + std::to_string(i);
    for (std::size_t k = 0; k < levels; ++k) v.levels.push_back("l" + std::to_string(k));
    schema.add(v);
  }
  return schema;
}

/// The full joint of a calibrated tree: product of cliques over product of separators.
inline std::vector<double> dense_joint(const JunctionTree& tree) {
  const Schema& schema = tree.schema();
  std::size_t cells = 1;
  for (const Variable& v : schema.variables()) cells *= v.states();
  std::vector<double> joint(cells, 0.0);
  std::vector<std::vector<std::vector<double>>> tables;  // clique: dense lookup, separator marginal
  for (const Clique& c : tree.cliques()) {
    std::vector<std::uint32_t> state;
    std::vector<double> dense(project(schema, c, c.variables, state), 0.0);
    for (std::size_t i = 0; i < c.cells; ++i) dense[state[i]] = c.p[i];
    std::vector<double> separator(c.separator_states, 0.0);
    if (!c.separator_of.empty())
      for (std::size_t i = 0; i < c.cells; ++i) separator[c.separator_of[i]] += c.p[i];
    tables.push_back({dense, separator});
  }
  std::vector<std::size_t> code(schema.size());
  for (std::size_t cell = 0; cell < cells; ++cell) {
    std::size_t rest = cell;
    for (std::size_t v = schema.size(); v-- > 0;) {
      code[v] = rest % schema[schema.id(v)].states();
      rest /= schema[schema.id(v)].states();
    }
    double p = 1;
    for (std::size_t k = 0; k < tree.cliques().size(); ++k) {
      const Clique& c = tree.cliques()[k];
      std::size_t at = 0, separator = 0;
      for (VariableId id : c.variables) at = at * schema[id].states() + code[index(id)];
      for (VariableId id : c.separator)
        separator = separator * schema[id].states() + code[index(id)];
      const double q = tables[k][0][at];
      if (q == 0) {
        p = 0;
        break;
      }
      p *= k == 0 ? q : q / tables[k][1][separator];
    }
    joint[cell] = p;
  }
  return joint;
}

inline void random_potentials(JunctionTree& tree, std::uint64_t seed) {
  Stream stream({Seed{seed}, purpose("potentials"), {}, {}});
  for (Clique& c : tree.cliques())
    for (double& p : c.p) p = 0.1 + stream.uniform();
  tree.calibrate();
}

}  // namespace steelyard::testing
