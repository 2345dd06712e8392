#pragma once

// How bad selection on the answer could be for the means and shares of a user's own file.

#include <string>
#include <utility>
#include <vector>

namespace steelyard {

struct FileEstimate;
struct PreparedFile;

struct BiasRequest {
  bool indices = false;
  /// What the estimate of a column would have to be for a conclusion to turn.
  std::vector<std::pair<std::string, double>> turns_at;
};

/// Lines for every mean and proportion, of the whole file: "mub" and "smub" (or "mubp") with the
/// dial φ as level; with a turning point "tipping_phi", "tipping_ddc", "tipping_selection".
/// @throws UserError without a weighting to take the population from, for a turning point of a
/// column that is not estimated
void estimate_bias(const PreparedFile& file, const BiasRequest& request,
                   std::vector<FileEstimate>& rows, std::vector<std::string>& notes);

}  // namespace steelyard
