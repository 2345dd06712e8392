#include "estimators/functionals/numeric_answer.hpp"

namespace steelyard {
namespace {

class OfLevels final : public Functional {
 public:
  OfLevels(NumericAnswer answer, LevelsEstimate of_levels)
      : answer_(std::move(answer)), estimate_(of_levels) {}
  std::vector<VariableId> variables() const override { return {answer_.variable}; }
  bool uses_value_rule() const override { return answer_.bucketed; }
  std::vector<double> fixed_values(std::size_t) const override { return answer_.values; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    return estimate_(totals, values[0]);
  }
  std::string unit() const override { return answer_.unit; }

 private:
  NumericAnswer answer_;
  LevelsEstimate estimate_;
};

}  // namespace

NumericAnswer numeric_answer(ConfigReader& config, const Schema& schema, const std::string& name,
                             const std::string& hint) {
  NumericAnswer answer;
  answer.variable = schema.require(name, config.place("variable"));
  const Variable& v = schema[answer.variable];
  answer.bucketed = v.kind == VariableKind::bucketed;
  answer.unit = v.unit;
  answer.values = !v.assumed_values.empty() ? v.assumed_values : v.scores;
  if (!answer.bucketed && answer.values.empty())
    config.fail("variable", "= \"" + name + "\" has no numbers for its levels", hint);
  return answer;
}

std::unique_ptr<const Functional> make_of_levels(NumericAnswer answer, LevelsEstimate estimate) {
  return std::make_unique<OfLevels>(std::move(answer), estimate);
}

}  // namespace steelyard
