#pragma once

// A log-linear law over many variables, held as the tables of a junction tree: never the full
// cross-product. Cells that the schema rules out (universes, groupings) are not stored.
// Source: Lauritzen & Spiegelhalter (1988), JRSS B 50, 157-224.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/sample.hpp"
#include "core/schema.hpp"

namespace steelyard {

using VariableSet = std::vector<VariableId>;  ///< sorted, without repeats

/// One clique: its possible cells and their probabilities.
struct Clique {
  VariableSet variables;
  std::size_t cells = 0;
  std::vector<LevelCode> codes;  ///< cells × variables, row-major
  std::vector<double> p;         ///< cells
  std::size_t parent = 0;        ///< index of a clique before this one; the root: itself
  VariableSet separator;         ///< shared with the parent
  std::size_t separator_states = 1;
  std::vector<std::uint32_t> separator_of;         ///< cells: state of the separator
  std::vector<std::uint32_t> parent_separator_of;  ///< cells of the parent: state of the separator

  LevelCode code(std::size_t cell, std::size_t position) const {
    return codes[cell * variables.size() + position];
  }
  std::size_t position(VariableId id) const;
  bool contains(std::span<const VariableId> set) const;
};

/// Cliques in an order in which every parent comes before its children; clique 0 is the root.
/// After `calibrate`, every clique's p is the marginal law of its variables.
class JunctionTree {
 public:
  /// Triangulates the graph of the generators (min-fill) and joins its cliques to a tree.
  /// Each variable's universe, and what a grouping groups, are generators by themselves.
  /// @param root  these variables stand together in clique 0
  /// @param names  of the generators, for messages; may be empty
  /// @throws UserError naming the variables, and what ties them, if a clique has more than 2^24
  /// possible cells (it is refused before memory is taken)
  JunctionTree(const Schema& schema, std::vector<VariableSet> generators, VariableSet root,
               const std::vector<std::string>& names = {});

  const Schema& schema() const { return *schema_; }
  std::span<Clique> cliques() { return cliques_; }
  std::span<const Clique> cliques() const { return cliques_; }
  Clique& root() { return cliques_[0]; }
  const Clique& root() const { return cliques_[0]; }
  std::span<const std::size_t> children(std::size_t clique) const { return children_[clique]; }

  /// The smallest clique that holds the variables; cliques().size() if none does.
  std::size_t home(std::span<const VariableId> variables) const;

  /// Makes every clique the marginal of the normalised product of all tables (cliques as
  /// potentials).
  void calibrate();
  /// Makes the tables of a calibrated tree potentials, whose product is the same law: every clique
  /// but the root conditional on its separator.
  void make_potentials();
  /// Passes on what has changed at the root, all other conditional laws kept.
  void distribute();
  /// Makes `to` agree with its neighbour `from` on their separator, keeping to's conditional law.
  void pass(std::size_t from, std::size_t to);

  /// Joint law of `targets` and the domain: probabilities over the cross of the targets' states
  /// (row-major, last fastest); they sum to P(domain). Exact; cost at most one sweep over all
  /// cells for each joint level of all targets but one.
  std::vector<double> query(const Domain& domain, std::span<const VariableId> targets) const;

  std::size_t cells() const;

 private:
  void enumerate(Clique& clique, const std::function<void()>& too_large) const;
  [[noreturn]] void refuse(const Clique& clique, const std::vector<VariableSet>& generators,
                           const std::vector<std::string>& names, const VariableSet& root) const;
  std::vector<double> evidence_query(const Domain& domain, std::span<const VariableId> targets,
                                     std::size_t home) const;

  const Schema* schema_;
  std::vector<Clique> cliques_;
  std::vector<std::vector<std::size_t>> children_;
};

/// State of the cross of `set` in each cell of the clique, row-major over states, last fastest.
/// Returns the number of states of the cross.
std::size_t project(const Schema& schema, const Clique& clique, std::span<const VariableId> set,
                    std::vector<std::uint32_t>& state_of);

}  // namespace steelyard
