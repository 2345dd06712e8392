#pragma once

// What a weighting is calibrated on: the auxiliary matrix X by cell, in blocks (indicators of the
// groups of a margin, or one numeric column), and the population totals of its columns.

#include <Eigen/Dense>
#include <span>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/sample.hpp"

namespace steelyard {

using MarginVariables = std::vector<std::vector<VariableId>>;

/// Reads `key` as a list of margins, each a variable or a list of variables to be crossed. A
/// continuous variable stands alone: its total is the benchmark.
MarginVariables read_margins(ConfigReader& config, std::string_view key, const Schema& schema,
                             std::string_view help);

/// All variables of the margins, each once.
std::vector<VariableId> variables_of(const MarginVariables& margins);

/// "sex=male, age=16_20".
std::string describe_group(const Schema& schema, std::span<const VariableId> variables,
                           std::size_t group);

/// X of `cells` rows and `targets.size()` columns. A row has one 1 in each block of indicators.
struct Auxiliary {
  struct Block : CalibrationBlock {
    std::size_t offset = 0;  ///< its first column
  };
  std::size_t cells = 0;
  std::vector<Block> blocks;
  std::vector<double> targets;     ///< population total of each column
  std::vector<double> scale;       ///< what an error of each column is measured against
  std::vector<std::string> names;  ///< of blocks of one numeric column; empty for indicators
  const Schema* schema = nullptr;
  MarginVariables variables;  ///< of each block

  std::size_t columns() const { return targets.size(); }
  void add_groups(CellGroups groups, std::span<const double> totals);
  void add_number(std::vector<double> values, double total);

  /// u = X λ. Cost O(cells × blocks); so are the next two.
  void multiply(std::span<const double> lambda, std::span<double> u) const;
  /// X' v.
  void transpose_multiply(std::span<const double> v, std::span<double> out) const;
  /// X' diag(v) X, lower triangle. Cost O(cells × blocks²).
  void gram(std::span<const double> v, Eigen::MatrixXd& out) const;
  /// "region=north" or "income".
  std::string describe(std::size_t column) const;
  std::size_t block_of(std::size_t column) const;
};

/// The auxiliary matrix of one sample. Fails: unsupported (a variable that does not apply to a
/// respondent, a margin that no benchmark holds), empty_cell (a group with a positive total and no
/// respondent; named).
Result<Auxiliary> make_auxiliary(const MarginVariables& margins, const CellIndex& index,
                                 const Benchmarks& benchmarks);

/// The matrix of these blocks, for residuals; targets are left at zero.
Auxiliary calibrated_matrix(std::span<const CalibrationBlock> blocks, std::size_t cells);

/// Largest |X'(d g) - target| over the columns, each relative to its scale; and where it is.
struct MarginError {
  double error = 0;
  std::size_t column = 0;
};
MarginError largest_error(const Auxiliary& x, std::span<const double> weight,
                          std::span<const double> factor);

/// Columns, in order, that do not depend linearly on those before them. `gram` is X'DX (lower
/// triangle); a column without any weight is never among them.
std::vector<std::size_t> independent_columns(const Eigen::MatrixXd& gram, double tolerance = 1e-10);

/// The lower triangle of those rows and columns of `gram`, whose own upper one is not read.
void lower_part(const Eigen::MatrixXd& gram, std::span<const std::size_t> columns,
                Eigen::MatrixXd& out);

/// The blocks of `x` as an only stage.
WeightStage calibration_stage(Auxiliary&& x);

}  // namespace steelyard
