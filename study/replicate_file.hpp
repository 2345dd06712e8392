#pragma once

// Replicate weights as columns of a file, with the constants of their variance beside them.

#include <string>
#include <vector>

#include "core/data_file.hpp"
#include "estimators/survey/replicates.hpp"

namespace steelyard {

/// Columns that match "prefix*", in the file's order. @throws UserError if fewer than two do
std::vector<std::string> replicate_column_names(const DataFile& file, const std::string& pattern);

/// "scale = ..." and so on, as TOML.
std::string replicate_constants_text(const ReplicateDesign& design, const std::string& method);

/// Final replicate weights with the constants read from a file that replicate_constants_text wrote.
/// @throws UserError for missing weights or constants that do not fit
ReplicateDesign given_replicate_weights(std::vector<std::vector<double>> weights,
                                        const std::string& constants, const std::string& file);

}  // namespace steelyard
