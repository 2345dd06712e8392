#pragma once

// Weightings that model answers, on one sample: what every user of them asks in the same way.

#include <memory>
#include <optional>
#include <vector>

#include "estimators/weighting/weighting.hpp"

namespace steelyard {

/// Rows of a reference sample in a domain; nothing: there is none, or it cannot tell who is in it.
std::optional<std::vector<std::uint32_t>> reference_rows(const ReferenceSample* reference,
                                                         const Domain& domain);

/// One answer over one domain, as a sample has it. The references must outlive the call.
struct SampledAnswer {
  std::span<const VariableId> answers;
  const Domain& domain;
  const Tabulation& table;      ///< of the domain's respondents
  const Tabulation& everybody;  ///< of all respondents
  const std::optional<std::vector<std::uint32_t>>& reference_rows;
};

/// What the weighting makes of it. @pre weighting.models_answers()
/// @param kept  see AnswerToModel
/// @return null: the weights give the totals; fails: as Weighting::model_answer
Result<std::unique_ptr<const ModelledAnswer>> model_sampled_answer(
    const Weighting& weighting, const CellIndex& cells, const Benchmarks& benchmarks,
    const Weights& weights, const SampledAnswer& answer, std::shared_ptr<const void>* kept);

}  // namespace steelyard
