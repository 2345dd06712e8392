#pragma once

// Weights of a file, written as a file: a row for each of its rows.

#include <filesystem>
#include <string>
#include <vector>

#include "study/weigh_file.hpp"

namespace steelyard {

struct WeightsFileOptions {
  std::string id;                               ///< column that names the rows; empty: their number
  bool append = false;                          ///< all columns of the data file, then the weights
  std::string weight = "weight";                ///< title of the column
  std::string replicate_prefix = "rep";         ///< titles rep1, rep2, ...
  std::vector<std::vector<double>> replicates;  ///< final weights of the kept rows
  int threads = 1;
};

/// Writes `path` (CSV). Rows that do not take part have weight 0.
/// @throws UserError for a column that stands in the file already, or an id that HDF5 has not
void write_weights(const std::filesystem::path& path, const WeighedFile& weighed,
                   const DataSource& data, const WeightsFileOptions& options);

}  // namespace steelyard
