#include "estimators/weighting/margin_report.hpp"

#include <cmath>

#include "estimators/weighting/start.hpp"

namespace steelyard {

Result<std::vector<MarginRow>> margin_report(const Weights& weights, const CellIndex& index,
                                             const Benchmarks& benchmarks,
                                             const MarginVariables& margins) {
  auto made = make_auxiliary(margins, index, benchmarks);
  if (!made) return made.failure();
  const Auxiliary& x = made.value();
  std::vector<double> w(index.cells), before(x.columns()), after(x.columns());
  for (std::size_t c = 0; c < index.cells; ++c) w[c] = index.weight[c] * weights.factor[c];
  x.transpose_multiply(starting_weights(index, x).weight, before);
  x.transpose_multiply(w, after);
  std::vector<MarginRow> rows;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    const std::size_t b = x.block_of(j);
    MarginRow& row = rows.emplace_back();
    for (VariableId id : x.variables[b])
      row.margin += (row.margin.empty() ? "" : "*") + benchmarks.schema()[id].name;
    if (x.blocks[b].number.empty()) row.level = x.describe(j);
    row.target = x.targets[j];
    row.before = before[j];
    row.after = after[j];
    row.relative_error =
        (after[j] - x.targets[j]) / (x.targets[j] != 0 ? std::abs(x.targets[j]) : x.scale[j]);
  }
  return rows;
}

}  // namespace steelyard
