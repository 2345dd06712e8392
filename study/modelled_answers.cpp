#include "study/modelled_answers.hpp"

#include <algorithm>

#include "estimators/tabulate.hpp"

namespace steelyard {

std::optional<std::vector<std::uint32_t>> reference_rows(const ReferenceSample* reference,
                                                         const Domain& domain) {
  if (reference == nullptr || !std::all_of(domain.begin(), domain.end(), [&](const Condition& c) {
        return reference->sample.has(c.variable);
      }))
    return std::nullopt;
  return domain_rows(reference->sample, domain);
}

Result<std::unique_ptr<const ModelledAnswer>> model_sampled_answer(
    const Weighting& weighting, const CellIndex& cells, const Benchmarks& benchmarks,
    const Weights& weights, const SampledAnswer& answer, std::shared_ptr<const void>* kept) {
  if (weighting.needs_reference() && !answer.reference_rows)
    return Failure{FailureKind::unsupported,
                   "the reference sample does not know who is in the domain"};
  return weighting.model_answer(
      cells, benchmarks, weights,
      {answer.answers, answer.table,
       answer.reference_rows ? std::span<const std::uint32_t>(*answer.reference_rows)
                             : std::span<const std::uint32_t>(),
       &answer.domain, &answer.everybody, kept});
}

}  // namespace steelyard
