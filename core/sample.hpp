#pragma once

// What an estimator is given: respondents' answers, and what is known of the population.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/schema.hpp"

namespace steelyard {

/// Respondents' answers in columns of bytes. It never holds a latent value or a truth.
struct Sample {
  const Schema* schema = nullptr;
  std::size_t n = 0;
  std::vector<std::vector<LevelCode>> columns;  ///< by variable id; empty: not asked in this sample
  std::vector<std::vector<double>> numbers;     ///< by id of a continuous variable; may be empty
  std::vector<double> base_weights;             ///< n weights >= 0, or empty: all equal to 1

  std::span<const LevelCode> column(VariableId id) const { return columns[index(id)]; }
  bool has(VariableId id) const {
    return index(id) < columns.size() && columns[index(id)].size() == n;
  }
};

/// Population totals over the cross of some variables.
struct MarginTotals {
  std::vector<VariableId> variables;
  std::vector<double> totals;  ///< persons; row-major over the variables' levels, last fastest
};

/// A probability sample beside the main one, with the same schema: who is in the population, by
/// people who were selected with known probabilities. Some variables may not have been asked in it.
struct ReferenceSample {
  Sample sample;                       ///< base_weights: n weights > 0, of the design or calibrated
  std::vector<std::uint32_t> stratum;  ///< n, numbered from 0; empty: one stratum
  std::vector<std::uint32_t> unit;     ///< n, primary unit; empty: every row is one of its own
  /// n, of selection of the row's primary unit without replacement, in (0, 1]; empty: as if drawn
  /// with replacement.
  std::vector<double> unit_prob;
  /// n, share of the primary unit's persons that were drawn from it at random, in (0, 1]; empty:
  /// all of them. Goes with unit_prob.
  std::vector<double> within_share;
  /// What the weights were calibrated to, from design_weights; empty: they are the design's.
  std::vector<MarginTotals> calibrated_to;
  std::vector<double> design_weights;  ///< n; empty without calibrated_to
};

/// What estimators may know of the population: totals, and a reference sample.
class Benchmarks {
 public:
  using Table = MarginTotals;

  explicit Benchmarks(const Schema& schema) : schema_(&schema) {}
  void add(Table table);
  std::span<const Table> tables() const { return tables_; }
  /// The population total of a continuous variable.
  void add_number(VariableId id, double total) { numbers_.push_back({id, total}); }
  std::optional<double> number(VariableId id) const;
  const Schema& schema() const { return *schema_; }
  void set_reference(std::shared_ptr<const ReferenceSample> reference) {
    reference_ = std::move(reference);
  }
  /// Null: there is none.
  const std::shared_ptr<const ReferenceSample>& reference() const { return reference_; }

  /// Totals over the cross of `variables` (row-major, last fastest), summed out of a table that
  /// holds them all; nothing if no table does.
  std::optional<std::vector<double>> margin(std::span<const VariableId> variables) const;

 private:
  const Schema* schema_;
  std::vector<Table> tables_;
  std::vector<std::pair<VariableId, double>> numbers_;
  std::shared_ptr<const ReferenceSample> reference_;
};

/// Respondents collapsed into the occupied cells of the cross of some variables. Weightings on
/// benchmarks give one factor a cell, so they work on cells and never on respondents. With a
/// continuous variable among them every respondent is a cell.
struct CellIndex {
  std::vector<VariableId> variables;  ///< those with levels
  std::size_t cells = 0;
  std::vector<std::uint32_t> codes;        ///< cells × variables, row-major
  std::vector<std::uint32_t> cell_of;      ///< n: the cell of each respondent
  std::vector<double> weight;              ///< cells: sum of base weights d
  std::vector<double> weight_squared;      ///< cells: sum of d²
  std::vector<std::uint32_t> respondents;  ///< cells: how many
  std::vector<VariableId> number_variables;
  std::vector<std::vector<double>> numbers;  ///< by number variable: its value in each cell
  std::vector<std::uint32_t> cluster_of;     ///< cells: whose members share one factor; or empty
  std::size_t n = 0;
  bool unit_weights = true;  ///< all base weights equal 1

  std::uint32_t code(std::size_t cell, std::size_t position) const {
    return codes[cell * variables.size() + position];
  }
  /// Position of a variable in `variables`; nothing if the index was made without it.
  std::optional<std::size_t> position(VariableId id) const;
  /// The same of a continuous variable in `number_variables`.
  std::optional<std::size_t> number_position(VariableId id) const;
};

/// A column of level codes as bytes or as two bytes each.
struct CodeView {
  std::span<const std::uint8_t> narrow;
  std::span<const std::uint16_t> wide;
  std::uint32_t operator[](std::size_t i) const { return narrow.empty() ? wide[i] : narrow[i]; }
};

/// Cost O(n) plus the size of the full cross (at most 2^26 cells; a larger one is sorted instead).
CellIndex make_cell_index(const Sample& sample, std::span<const VariableId> variables);

/// The same for columns that are not a Sample's: one view and one number of states a variable.
/// @param weights  n base weights, or empty: all equal to 1
CellIndex make_cell_index(std::size_t n, std::span<const VariableId> variables,
                          std::span<const CodeView> columns, std::span<const std::uint32_t> states,
                          std::span<const double> weights);

/// Makes every respondent a cell of its own (numbers and clusters that differ within a cell).
void one_cell_each(CellIndex& index, std::span<const double> weights);

/// Sums of other base weights by cell; the cells stay. Cost O(n).
void reweigh_cells(CellIndex& index, std::span<const double> weights);

/// Groups of cells by the cross of some of the index's variables: the group of each cell, groups
/// numbered row-major over the levels (as Benchmarks::margin does).
struct CellGroups {
  std::vector<std::uint32_t> group_of;  ///< cells
  std::size_t groups = 0;
};
CellGroups group_cells(const CellIndex& index, const Schema& schema,
                       std::span<const VariableId> variables);

/// Answers of the respondents in a domain, tabulated by cell: everything that any functional of
/// an answer needs, whatever the weighting. Of a continuous answer y that is moments: "levels" 0
/// and 1 hold Σ d and Σ d y, and the squared weights Σ d², Σ d² y, Σ d² y².
struct Tabulation {
  bool moments = false;
  std::size_t levels = 0;
  std::size_t respondents = 0;       ///< in the domain, with an applicable answer
  std::vector<std::uint32_t> cells;  ///< occupied cells, ascending
  std::vector<double> weight;        ///< occupied × levels: sum of base weights d
  /// The same of d²; empty if all d = 1. Of moments occupied × 3, never empty.
  std::vector<double> weight_squared;
  std::span<const double> squared() const {
    return weight_squared.empty() ? weight : weight_squared;
  }
};

/// Calibration variables by cell: indicators of the groups of a margin, or one numeric column.
struct CalibrationBlock {
  CellGroups groups;           ///< indicators of these groups; or,
  std::vector<double> number;  ///< if not empty, one column with these values
  std::size_t size() const { return number.empty() ? groups.groups : 1; }
};

/// A model whose predictions are one column of a calibration and whose coefficients β were fitted
/// in the same sample, by Σ d p (y - μ(p'β)) = 0 over those who answered. All by cell.
struct AssistingModel {
  std::size_t column = 0;               ///< that column
  double multiplier = 0;                ///< λ of that column, in w = d (a + x'λ)
  std::vector<CalibrationBlock> terms;  ///< p
  std::vector<double> slope;            ///< dμ/d(p'β)
  std::vector<double> residual;         ///< y - μ; 0 where not answered
  std::vector<std::uint8_t> answered;
  std::vector<double> shift;  ///< by column of p: d(T - Σ w μ)/dβ, T the predictions' target
};

/// The equation that the coefficients θ of a stage's factor g(x'θ) solve in two samples,
///   U(θ) = Σ_A d_i u_i x_i - Σ_B d_j v_j x_j = 0
/// over the respondents A and a reference sample B, as a variance needs it. x are the stage's
/// blocks in A, `blocks` in B.
struct ReferenceEquation {
  std::vector<double> slope;  ///< by cell of A: dg/d(x'θ)
  std::vector<double> score;  ///< by cell of A: u
  /// Columns × columns, row-major: -dU/dθ. Columns that depend on others have zero rows.
  std::vector<double> jacobian;
  std::vector<CalibrationBlock> blocks;  ///< x by cell of B
  std::vector<std::uint32_t> cell_of;    ///< by row of B
  std::vector<double> reference_score;   ///< by row of B: v
  /// Where there are more equations than coefficients, θ solves K U + Σ_m K_m U_m = 0 in place of
  /// U = 0, U_m the same sums with scores of their own; `jacobian` is that of this sum.
  struct Moment {
    std::vector<double> score, reference_score;  ///< as those of U
  };
  std::vector<Moment> others;
  /// K, K_1, ...: columns × columns each, row-major; empty: U alone.
  std::vector<std::vector<double>> combination;
};

/// One step of a weighting as its variance needs it: weights before it × factor = weights after
/// it. Columns are those of the blocks, in order.
struct WeightStage {
  std::vector<CalibrationBlock> blocks;  ///< what it is calibrated on; empty: the factor is fixed
  std::vector<double> factor;   ///< by cell; empty in an only stage: it is that of the weights
  std::vector<double> penalty;  ///< ridge penalty by column; empty: targets are met exactly
  std::vector<double> q;        ///< relative weight of each cell in the distance; empty: 1
  std::optional<AssistingModel> model;
  /// In place of a calibration: the factor's coefficients come from this equation.
  std::optional<ReferenceEquation> equation;
  /// Columns × columns, row-major: covariance of the errors of the targets; empty: known exactly.
  std::vector<double> target_covariance;
};

/// One weight per respondent, w_i = d_i g(cell of i), and what is needed for its variance.
struct Weights {
  std::vector<double> factor;       ///< g, one a cell
  std::vector<WeightStage> stages;  ///< first to last; empty: g is fixed
  int iterations = 0;
  double largest_margin_error = 0;  ///< relative to the population total
  std::size_t at_bounds = 0;        ///< cells whose factor is on a bound
  std::vector<std::string> notes;   ///< collapsed cells and the like
  /// By cell: estimated probability π of being in the sample. The respondents are then a Poisson
  /// sample, V = Σ (1 - π) (w e)²; empty: drawn with replacement.
  std::vector<double> participation;
  /// The sample that stages with an equation refer to; null: there is none.
  std::shared_ptr<const ReferenceSample> reference;
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
