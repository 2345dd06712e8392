#include "estimators/functionals/numeric_answer.hpp"

namespace steelyard {
namespace {

class OfLevels final : public Functional {
 public:
  OfLevels(NumericAnswer answer, LevelsEstimate of_levels, MomentsEstimate of_moments,
           double divisor)
      : answer_(std::move(answer)),
        of_levels_(of_levels),
        of_moments_(of_moments),
        divisor_(divisor) {}
  std::vector<VariableId> variables() const override { return {answer_.variable}; }
  bool uses_value_rule() const override { return answer_.bucketed; }
  std::vector<double> fixed_values(std::size_t) const override { return answer_.values; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    auto made = answer_.continuous ? of_moments_(totals) : of_levels_(totals, values[0]);
    if (!made || divisor_ == 1) return made;
    made.value().estimate /= divisor_;
    for (double& influence : made.value().influence) influence /= divisor_;
    return made;
  }
  std::string unit() const override { return answer_.unit; }

 private:
  NumericAnswer answer_;
  LevelsEstimate of_levels_;
  MomentsEstimate of_moments_;
  double divisor_;
};

}  // namespace

NumericAnswer numeric_answer(ConfigReader& config, const Schema& schema, const std::string& name,
                             const std::string& hint) {
  NumericAnswer answer;
  answer.variable = schema.require(name, config.place("variable"));
  const Variable& v = schema[answer.variable];
  answer.bucketed = v.kind == VariableKind::bucketed;
  answer.continuous = v.kind == VariableKind::continuous;
  answer.unit = v.unit;
  answer.values = !v.assumed_values.empty() ? v.assumed_values : v.scores;
  if (!answer.bucketed && !answer.continuous && answer.values.empty())
    config.fail("variable", "= \"" + name + "\" has no numbers for its levels", hint);
  return answer;
}

std::unique_ptr<const Functional> make_of_levels(NumericAnswer answer, LevelsEstimate of_levels,
                                                 MomentsEstimate of_moments, double divisor) {
  return std::make_unique<OfLevels>(std::move(answer), of_levels, of_moments, divisor);
}

}  // namespace steelyard
