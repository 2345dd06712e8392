// Weights and replicate weights as the columns of a user's file give them.

#include <fmt/format.h>

#include <cmath>

#include "study/file_estimation.hpp"
#include "study/replicate_file.hpp"

namespace steelyard {

void check_file_weights(const std::string& file, std::span<const double> weights,
                        std::vector<std::string>& notes) {
  std::size_t negative = 0, positive = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i]))
      throw UserError({file}, {},
                      std::isnan(weights[i]) ? fmt::format("row {} has no weight", i + 1)
                                             : fmt::format("row {} has an infinite weight", i + 1),
                      "remove the row, or give it a weight of 0");
    negative += weights[i] < 0;
    positive += weights[i] > 0;
  }
  if (positive == 0)
    throw UserError({file}, {}, "has no positive weight", "check the column that --weights names");
  if (negative > 0)
    notes.push_back(fmt::format(
        "{} of {} rows have a negative weight; quantiles and Gini coefficients need not make "
        "sense with them",
        negative, weights.size()));
}

ReplicateDesign make_file_replicates(const EstimateFileRequest& request, const std::string& file,
                                     const SurveyData& data, std::span<const std::uint32_t> kept,
                                     std::span<FileReplicate> given) {
  const ReplicateConstants constants = read_replicate_constants(request.replicate_constants);
  if (request.weighting && !constants.factors)
    throw UserError({}, "--replicate-weights", "are final weights, so they go without --margins",
                    "say factors=true if they multiply the base weights and each replicate is to "
                    "be weighted anew");
  std::vector<std::vector<double>> weights;
  for (FileReplicate& replicate : given) {
    for (std::size_t i = 0; i < data.n; ++i)
      if (std::isnan(replicate.weights[i]))
        throw UserError({file}, {},
                        fmt::format("row {} has no replicate weight in column {}",
                                    row_number(kept, i), replicate.name),
                        "every row needs all of them; write 0 for a row that is left out");
    weights.push_back(std::move(replicate.weights));
  }
  if (!constants.rscales.empty() && constants.rscales.size() != weights.size())
    throw UserError({}, "--replicate-constants",
                    fmt::format("has {} rscales for {} replicate columns", constants.rscales.size(),
                                weights.size()),
                    "give one a replicate");
  ReplicateDesign made = given_replicates(std::move(weights), !constants.factors, constants.scale,
                                          constants.rscales, constants.mse, constants.df);
  if (constants.df == 0) made.df = replicate_rank(data, made);
  return made;
}

}  // namespace steelyard
