// Weights and replicate weights as the columns of a user's file give them.

#include <fmt/format.h>

#include <cmath>

#include "estimators/survey/reference_replicates.hpp"
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
    throw UserError({}, "--replicate-weights",
                    "are final weights, so they go without --margins and --reference",
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
  require_rscales(constants, weights.size());
  ReplicateDesign made = given_replicates(std::move(weights), !constants.factors, constants.scale,
                                          constants.rscales, constants.mse, constants.df);
  if (constants.df == 0) made.df = replicate_rank(data, made);
  return made;
}

ReplicateDesign with_reference_replicates(ReplicateDesign own, const WeighedFile* weighed,
                                          const std::optional<ReplicateOptions>& options) {
  if (weighed == nullptr || !weighed->weighting->needs_reference()) return own;
  if (weighed->reference_replicates)
    return join_replicates(std::move(own), *weighed->reference_replicates,
                           Joining::one_after_another);
  if (!options)
    throw UserError({}, "--replicate-weights", "do not say how the reference sample is drawn again",
                    "pass --reference-replicate-weights, or --interval METHOD in their place");
  ReplicateOptions theirs = *options;
  if (theirs.seed)  // the two samples' draws are independent
    theirs.seed = Seed{Stream({*theirs.seed, purpose("reference replicates"), {}, {}}).bits64()};
  auto made = reference_replicates(*weighed->benchmarks->reference(), theirs);
  if (!made) throw NegativeAnswer(made.failure().detail);
  return join_replicates(
      std::move(own), std::move(made.value()),
      draws_independently(theirs.method) ? Joining::side_by_side : Joining::one_after_another);
}

}  // namespace steelyard
