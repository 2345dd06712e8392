#include "sim/measurement/rounded_values.hpp"

#include <algorithm>

namespace steelyard {

LevelCode bucket_of(std::span<const double> edges, double value) {
  // Inner edges alone decide.
  const auto inner = edges.subspan(1, edges.size() - 2);
  return static_cast<LevelCode>(std::upper_bound(inner.begin(), inner.end(), value) -
                                inner.begin());
}

RoundedValues::RoundedValues(const ConfigReader& config, const Schema& schema,
                             const std::string& variable)
    : answer_(require_answer(config, "variable", schema, variable)),
      value_(schema.value_of(answer_)),
      edges_(schema[answer_].edges) {
  if (schema[answer_].kind != VariableKind::bucketed)
    config.fail("variable", "names \"" + variable + "\", which is not bucketed",
                "values are rounded of answers in buckets alone");
}

void RoundedValues::apply(ReportedAnswers& answers, const SourceStreams& streams) const {
  std::vector<LevelCode>& column = answers.sample->columns[index(answer_)];
  const std::vector<double>& value = answers.values[index(value_)];
  EXPECTS(value.size() == column.size());
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column[i] + 2u > edges_.size()) continue;
    const LevelCode truth = bucket_of(edges_, value[i]);
    const LevelCode reported = report(value[i], truth, streams.row(i));
    if (reported != truth) column[i] = reported;
  }
}

}  // namespace steelyard
