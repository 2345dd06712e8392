#pragma once

// The reference sample of a user's own file: another file with design weights and the covariates.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data_file.hpp"
#include "core/sample.hpp"
#include "estimators/survey/replicates.hpp"

namespace steelyard {

struct ReferenceRequest {
  std::string file;                     ///< empty: there is none
  std::string weights;                  ///< column of design weights, above 0
  std::string strata;                   ///< column; empty: one stratum
  std::string clusters;                 ///< column of primary units; empty: every row is one
  std::vector<std::string> covariates;  ///< columns of both files
  std::vector<std::string> numeric;     ///< those of them that are numbers
  std::string replicate_columns;        ///< of its replicate weights: a prefix and *; empty: none
  std::string replicate_constants;      ///< see read_replicate_constants
  bool is_number(const std::string& covariate) const;
};

/// Levels of a covariate in both files together.
inline constexpr std::size_t kMaxReferenceLevels = 250;

/// The reference file as it was read.
struct ReferenceFile {
  std::string name;
  std::size_t n = 0;
  std::vector<double> weights;               ///< n
  std::vector<std::uint32_t> stratum, unit;  ///< n, or empty
  std::vector<std::string> covariates;
  std::vector<ColumnData> columns;  ///< by covariate
  /// As its replicate weights say, in factors of `weights`; nothing: it has none.
  std::optional<ReplicateDesign> replicates;

  /// Null: no such covariate, or a number.
  const LevelColumn* levels(const std::string& covariate) const;
};

/// @throws UserError naming file and row: a column that it lacks, a weight that is missing or not
/// above 0, a row without an answer to a covariate, stratum or cluster, a replicate weight that is
/// missing or below 0
ReferenceFile read_reference_file(const ReferenceRequest& request, int threads);

/// In the terms of the data's schema. @pre the schema has every covariate, with all its levels
std::shared_ptr<const ReferenceSample> reference_sample(const ReferenceFile& file,
                                                        const Schema& schema);

}  // namespace steelyard
