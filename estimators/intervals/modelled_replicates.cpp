#include "estimators/intervals/modelled_replicates.hpp"

#include <numeric>

#include "estimators/survey/reference_replicates.hpp"
#include "estimators/tabulate.hpp"

namespace steelyard {

ModelledReplicates::ModelledReplicates(const Weighting& weighting, const Sample& sample,
                                       std::span<const AnswerRows> tables)
    : weighting_(weighting), tables_(tables), weighted_(sample), everybody_(sample.n) {
  EXPECTS(weighting.models_answers());
  std::iota(everybody_.begin(), everybody_.end(), 0u);
}

std::vector<Result<std::vector<double>>> ModelledReplicates::totals(
    const CellIndex& index, const Benchmarks& benchmarks, std::span<const double> w,
    std::span<const std::uint32_t> kept, const Weights& weights) {
  weighted_.base_weights.assign(w.begin(), w.end());
  CellIndex cells = index;
  cells.unit_weights = false;
  Tabulator tabulator(weighted_, cells);
  /// Of each answer: everybody's, and what the weighting learnt from them.
  struct Learnt {
    Tabulation everybody;
    std::shared_ptr<const void> kept;
  };
  std::map<std::vector<VariableId>, Learnt> learnt;
  std::vector<Result<std::vector<double>>> out;
  for (const AnswerRows& t : tables_) {
    const Tabulation table = tabulator.tabulate(t.answers, t.rows);
    const std::vector<std::uint32_t> reference_rows = places_of(t.reference_rows, kept);
    AnswerToModel answer{t.answers, table, reference_rows, t.domain};
    if (t.domain != nullptr) {
      const std::vector<VariableId> key(t.answers.begin(), t.answers.end());
      auto at = learnt.find(key);
      if (at == learnt.end())
        at = learnt.emplace(key, Learnt{tabulator.tabulate(t.answers, everybody_), nullptr}).first;
      answer.everybody = &at->second.everybody;
      answer.kept = &at->second.kept;
    }
    const auto made = weighting_.model_answer(cells, benchmarks, weights, answer);
    if (made) {
      const auto modelled = made.value()->totals();
      out.emplace_back(std::vector<double>(modelled.begin(), modelled.end()));
    } else {
      out.emplace_back(made.failure());
    }
  }
  return out;
}

}  // namespace steelyard
