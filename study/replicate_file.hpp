#pragma once

// Replicate weights in files: columns beside the weights, and the constants of their variance.

#include <string>
#include <vector>

#include "estimators/survey/replicates.hpp"
#include "study/data_source.hpp"

namespace steelyard {

/// variance = scale Σ_r rscales_r (θ_r - c)², c the mean of the θ_r or (mse) the full estimate.
struct ReplicateConstants {
  double scale = 1;
  std::vector<double> rscales;  ///< empty: all 1
  bool mse = false;
  double df = 0;         ///< 0: not given
  bool factors = false;  ///< columns multiply the weights, instead of replacing them
};

/// "scale=0.0625,mse=true,df=15,factors=true", or a JSON file with those keys and rscales, such as
/// `weigh` writes beside replicate weights. @param option  that gave it, for messages
ReplicateConstants read_replicate_constants(const std::string& text,
                                            const std::string& option = "--replicate-constants");
/// @throws UserError if there are rscales, and not one for each of the columns
void require_rscales(const ReplicateConstants& constants, std::size_t columns,
                     const std::string& option = "--replicate-constants");
std::string replicate_constants_json(const ReplicateConstants& constants,
                                     const std::string& method);

/// Columns that a pattern such as "rep*" names, in the order of the file.
/// @throws UserError if there are none
std::vector<std::string> replicate_column_names(const DataSource& data, const std::string& pattern,
                                                const std::string& option = "--replicate-weights");

}  // namespace steelyard
