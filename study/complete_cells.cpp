#include "study/complete_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/missing.hpp"

namespace steelyard {

CompleteCells::CompleteCells(const Sample& sample, std::span<const VariableId> variables)
    : unanswered_(sample.schema->size()) {
  std::vector<VariableId> complete;
  for (VariableId id : variables) {
    std::ptrdiff_t missing = 0;
    if (sample.has(id))
      missing = std::count(sample.column(id).begin(), sample.column(id).end(), kMissing);
    else if (index(id) < sample.numbers.size())
      missing = std::count_if(sample.numbers[index(id)].begin(), sample.numbers[index(id)].end(),
                              [](double x) { return std::isnan(x); });
    if (missing == 0)
      complete.push_back(id);
    else
      unanswered_[index(id)] =
          fmt::format("{} respondents left \"{}\" unanswered, which the weighting needs", missing,
                      (*sample.schema)[id].name);
  }
  cells_ = make_cell_index(sample, complete);
}

Result<Weights> CompleteCells::weigh(const Weighting& weighting,
                                     const Benchmarks& benchmarks) const {
  for (VariableId id : weighting.variables())
    if (!unanswered_[index(id)].empty())
      return Failure{FailureKind::unsupported, unanswered_[index(id)]};
  return weighting.weigh(cells_, benchmarks);
}

}  // namespace steelyard
