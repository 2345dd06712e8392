#pragma once

// What an estimator is given: respondents' answers, and what is known of the population.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/schema.hpp"

namespace steelyard {

/// Respondents' answers in columns of bytes. It never holds a latent value or a truth.
struct Sample {
  const Schema* schema = nullptr;
  std::size_t n = 0;
  std::vector<std::vector<LevelCode>> columns;  ///< by variable id; empty: not asked in this sample
  std::vector<double> base_weights;             ///< n weights > 0, or empty: all equal to 1

  std::span<const LevelCode> column(VariableId id) const { return columns[index(id)]; }
  bool has(VariableId id) const {
    return index(id) < columns.size() && columns[index(id)].size() == n;
  }
};

/// Population totals that estimators may know.
class Benchmarks {
 public:
  struct Table {
    std::vector<VariableId> variables;
    std::vector<double> totals;  ///< persons; row-major over the variables' levels, last fastest
  };

  explicit Benchmarks(const Schema& schema) : schema_(&schema) {}
  void add(Table table);
  std::span<const Table> tables() const { return tables_; }
  const Schema& schema() const { return *schema_; }

  /// Totals over the cross of `variables` (row-major, last fastest), summed out of a table that
  /// holds them all; nothing if no table does.
  std::optional<std::vector<double>> margin(std::span<const VariableId> variables) const;

 private:
  const Schema* schema_;
  std::vector<Table> tables_;
};

/// Respondents collapsed into the occupied cells of the cross of some variables. Weightings on
/// benchmarks give one factor a cell, so they work on cells and never on respondents.
struct CellIndex {
  std::vector<VariableId> variables;
  std::size_t cells = 0;
  std::vector<LevelCode> codes;        ///< cells × variables, row-major
  std::vector<std::uint32_t> cell_of;  ///< n: the cell of each respondent
  std::vector<double> weight;          ///< cells: sum of base weights d
  std::vector<double> weight_squared;  ///< cells: sum of d²
  std::size_t n = 0;
  bool unit_weights = true;  ///< all base weights equal 1

  LevelCode code(std::size_t cell, std::size_t position) const {
    return codes[cell * variables.size() + position];
  }
  /// Position of a variable in `variables`; nothing if the index was made without it.
  std::optional<std::size_t> position(VariableId id) const;
};

/// Cost O(n) plus the size of the full cross (at most 2^26 cells; a larger one is sorted instead).
CellIndex make_cell_index(const Sample& sample, std::span<const VariableId> variables);

/// Groups of cells by the cross of some of the index's variables: the group of each cell, groups
/// numbered row-major over the levels (as Benchmarks::margin does).
struct CellGroups {
  std::vector<std::uint32_t> group_of;  ///< cells
  std::size_t groups = 0;
};
CellGroups group_cells(const CellIndex& index, const Schema& schema,
                       std::span<const VariableId> variables);

/// Answers of the respondents in a domain, tabulated by cell: everything that any functional of
/// a categorical answer needs, whatever the weighting.
struct Tabulation {
  std::size_t levels = 0;
  std::size_t respondents = 0;         ///< in the domain, with an applicable answer
  std::vector<std::uint32_t> cells;    ///< occupied cells, ascending
  std::vector<double> weight;          ///< occupied × levels: sum of base weights d
  std::vector<double> weight_squared;  ///< the same of d²; empty if all d = 1
  std::span<const double> squared() const {
    return weight_squared.empty() ? weight : weight_squared;
  }
};

/// One weight per respondent, w_i = d_i g(cell of i), and what is needed for its variance.
struct Weights {
  std::vector<double> factor;             ///< g, one a cell
  std::vector<CellGroups> calibrated_on;  ///< the margins that are met; empty: none
  int iterations = 0;
  double largest_margin_error = 0;  ///< relative to the population total
  std::vector<std::string> notes;   ///< collapsed cells and the like
};

/// A point estimate and its influence: d estimate / d (weighted total at level k).
struct PointEstimate {
  double estimate = 0;
  std::vector<double> influence;
};

struct Interval {
  double se = 0, lower = 0, upper = 0, df = 0;
};

}  // namespace steelyard
