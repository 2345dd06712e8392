#include "cli/sample_text.hpp"

#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {

std::string sample_csv(const Sample& sample) {
  const Schema& schema = *sample.schema;
  std::string text = "respondent";
  std::vector<std::size_t> asked;
  for (std::size_t k = 0; k < schema.size(); ++k) {
    const bool number = k < sample.numbers.size() && sample.numbers[k].size() == sample.n;
    if (!number && !sample.has(schema.id(k))) continue;
    asked.push_back(k);
    text += "," + csv_field(schema[schema.id(k)].name);
  }
  const bool weighted = !sample.base_weights.empty();
  text += weighted ? ",design_weight\n" : "\n";
  for (std::size_t i = 0; i < sample.n; ++i) {
    text += std::to_string(i + 1);
    for (std::size_t k : asked) {
      const Variable& v = schema[schema.id(k)];
      text += ',';
      if (v.kind == VariableKind::continuous)
        text += std::isnan(sample.numbers[k][i]) ? "" : shortest(sample.numbers[k][i]);
      else if (const LevelCode code = sample.columns[k][i]; code < v.size())
        text += csv_field(v.levels[code]);
    }
    if (weighted) text += "," + shortest(sample.base_weights[i]);
    text += '\n';
  }
  return text;
}

}  // namespace steelyard
