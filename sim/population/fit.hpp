#pragma once

// The I-projection of a junction tree's law onto what published numbers allow.

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/margin.hpp"
#include "sim/population/junction_tree.hpp"

namespace steelyard {

/// "The mean of `value` in the scope lies in [lower, upper]". A share is the mean of an indicator.
/// Cells are grouped by their value and by their weight in the number's view.
struct MeanConstraint {
  struct Group {
    double value = 0, weight = 1;
    std::vector<std::uint32_t> cells;
  };
  std::size_t number = 0;  ///< index into the scenario's numbers
  std::size_t clique = 0;
  std::vector<Group> groups;        ///< the cells in the scope
  std::vector<Group> other_groups;  ///< mean_difference: the scope that is subtracted
  double lower = 0, upper = 0;
  double scale = 1;                   ///< the spread of the values: 1 for a share
  double pull_up = 0, pull_down = 0;  ///< dual variables, >= 0
  /// What it is worth to meet the margin: the fit minimises the divergence plus importance times
  /// the distance from the interval (in scale, times the share of the scope). Infinite: it is met.
  double importance = std::numeric_limits<double>::infinity();
};

/// A margin that is met exactly: `target` over the states of some variables of one clique.
struct BlockConstraint {
  std::string name;
  std::size_t clique = 0;
  std::vector<std::uint32_t> state_of;  ///< cells
  std::vector<double> target;           ///< states; sums to one
};

struct FitOptions {
  int max_sweeps = 4000;
  double tolerance = 1e-6;  ///< largest violation, relative to the constraint's scale
  /// Length of a dual step relative to the exact one, in (0, 2): above 1 fewer sweeps are needed
  /// (successive over-relaxation: Young 1954, Trans. AMS 76, 92-111).
  double relaxation = 1.6;
};

struct FitReport {
  struct Unmet {
    std::size_t number = 0;
    double violation = 0;  ///< in the number's own units
  };
  int sweeps = 0;
  double largest_violation = 0;    ///< relative to scale
  double largest_block_error = 0;  ///< of a share
  std::string worst_block;         ///< the table with that error
  std::vector<Unmet> unmet;
};

/// Cyclic dual ascent: iterative proportional fitting for blocks (Deming & Stephan 1940), and for
/// each interval the exponential tilt whose dual variable is clipped at zero (Dykstra 1985, Ann.
/// Prob. 13, 975-984; Csiszár 1975, Ann. Prob. 3, 146-158). A tour of the tree keeps the clique
/// being fitted up to date (Jiroušek & Přeučil 1995, CSDA 19, 177-189).
/// Every number that is not met within the tolerance is listed, never silent.
FitReport fit(JunctionTree& tree, std::vector<MeanConstraint>& constraints,
              const std::vector<BlockConstraint>& blocks, const FitOptions& options);

/// Kullback-Leibler divergence of one tree's law from another's on the same cliques, in nats:
/// that of the cliques less that of the separators. Infinite where q is zero and p is not.
double divergence(const JunctionTree& p, const JunctionTree& q);

/// The mean that a constraint speaks of, under the tree's present law (NaN for an empty scope).
double constraint_mean(const JunctionTree& tree, const MeanConstraint& constraint);

}  // namespace steelyard
