#pragma once

// The respondents and a reference sample on the columns of one model of participation.

#include <memory>
#include <span>
#include <vector>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// Columns: 1, then indicators of all levels of each categorical term (or of a cross of terms) and
/// the value of each continuous one. Indicators depend linearly on the 1; solvers leave out what
/// depends on the columns before it. Targets of both matrices are zero.
struct TwoSamples {
  Auxiliary a, b;                ///< by cell of the respondents, of the reference sample
  std::vector<double> weight_a;  ///< Σ d by cell
  std::vector<double> base_a;    ///< by cell: Σ d²/Σ d, the base weight if all of a cell have one
  CellIndex reference_index;
  std::shared_ptr<const ReferenceSample> reference;

  std::size_t columns() const { return a.columns(); }
  /// The column's name: "(intercept)", "region=north", "income".
  std::string describe(std::size_t column) const { return a.describe(column); }
  /// The term of a block: "region × age".
  std::string term_name(std::size_t block) const;
  /// Stage blocks of the respondents and, for an equation, of the reference sample.
  std::vector<CalibrationBlock> blocks_a() const { return blocks_of(a); }
  std::vector<CalibrationBlock> blocks_b() const { return blocks_of(b); }

 private:
  static std::vector<CalibrationBlock> blocks_of(const Auxiliary& x);
};

/// Key `covariates`: terms of a model, as margins are read.
MarginVariables read_covariates(ConfigReader& config, const Schema& schema);

/// Fails: unsupported (no reference sample; a covariate that was not asked in it, or that does not
/// apply to somebody), empty_cell (a level, or a combination that one term crosses, that only one
/// of the samples has: there is no overlap to estimate from; named). Cost O(n_A + n_B) a term.
Result<TwoSamples> make_two_samples(const MarginVariables& terms, const CellIndex& index,
                                    const Benchmarks& benchmarks);

}  // namespace steelyard
