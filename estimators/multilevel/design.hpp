#pragma once

// The columns of a multilevel model by cell: fixed terms, and groups whose effects are drawn from a
// normal law around nothing.

#include <Eigen/Dense>
#include <cstdint>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// η = β0 + fixed terms + trends + one effect b ~ N(0, σ²) of each group.
struct MultilevelTerms {
  /// A variable's levels as numbers, times one coefficient: a predictor of groups.
  struct Trend {
    VariableId variable;
    std::vector<double> values;  ///< one a level
  };
  MarginVariables fixed;   ///< variables, or crosses
  MarginVariables groups;  ///< the same; each has a variance of its own
  std::vector<Trend> trends;

  std::vector<VariableId> variables() const;
};

/// The model's columns in a sample. Fixed columns that depend on those before them are left out;
/// groups without a respondent have no column. A term of groups of which the sample has one, or the
/// same ones as a term before it, is left out too: its variance could not be told.
struct MultilevelDesign {
  Auxiliary fixed;                ///< 1, fixed terms, trends; all columns
  Auxiliary random;               ///< a block each of `groups`; the levels that were seen
  std::vector<std::size_t> kept;  ///< the fixed columns that have a coefficient
  /// Fixed columns × kept: each as a combination of those kept.
  Eigen::MatrixXd dependence;
  std::vector<std::vector<std::uint32_t>>
      column_of;          ///< by block and level: its column, or kUnseen
  MultilevelTerms terms;  ///< those that are in it

  static constexpr std::uint32_t kUnseen = ~std::uint32_t{0};
  std::size_t cells() const { return fixed.cells; }
  std::size_t groups() const { return random.blocks.size(); }
  std::size_t effects() const { return random.columns(); }
  std::span<const std::uint32_t> group(std::size_t k) const {
    return random.blocks[k].groups.group_of;
  }
};

/// @param weight  by cell; only cells with a positive weight decide what is seen
/// Fails: unsupported (a variable that does not apply to somebody), empty_domain (no weight).
/// Cost O(cells × terms² + fixed columns³).
Result<MultilevelDesign> make_multilevel_design(const MultilevelTerms& terms,
                                                const CellIndex& index, const Schema& schema,
                                                std::span<const double> weight);

/// The same columns in the cells to predict. Levels of groups that were not seen have columns after
/// those that were, one a level.
struct TargetCells {
  Auxiliary fixed, random;
  std::vector<std::size_t> seen;  ///< by block: how many of its columns the sample has
  std::size_t cells() const { return fixed.cells; }
};

/// Fails: empty_cell (a fixed term whose effect the sample cannot tell; named), unsupported.
Result<TargetCells> make_target_cells(const MultilevelDesign& design, const CellIndex& population,
                                      const Schema& schema, std::span<const double> weight);

}  // namespace steelyard
