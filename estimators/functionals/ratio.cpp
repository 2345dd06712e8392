#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

/// Total of one answer over total of another, over the respondents who have both.
class Ratio final : public Functional {
 public:
  Ratio(ConfigReader& config, const Schema& schema) {
    for (const char* key : {"numerator", "denominator"}) {
      const std::string name = config.text(key, {.help = "a bucketed or counted answer"});
      if (config.is_documenting()) continue;
      const VariableId id = schema.require(name, config.place(key));
      const Variable& v = schema[id];
      if (v.kind != VariableKind::bucketed && v.assumed_values.empty())
        config.fail(key, "= \"" + name + "\" has no numbers for its levels",
                    "give it assumed_values or edges");
      bucketed_ |= v.kind == VariableKind::bucketed;
      unit_ += (unit_.empty() ? "" : " / ") + v.unit;
      variables_.push_back(id);
      values_.push_back(v.assumed_values);
    }
    if (!config.is_documenting() && variables_[0] == variables_[1])
      config.fail("denominator", "is the numerator", "name another answer");
  }
  std::vector<VariableId> variables() const override { return variables_; }
  bool uses_value_rule() const override { return bucketed_; }
  std::vector<double> fixed_values(std::size_t position) const override {
    return values_[position];
  }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    return ratio_of_levels(totals, values[0], values[1]);
  }
  std::string unit() const override { return unit_; }

 private:
  std::vector<VariableId> variables_;
  std::vector<std::vector<double>> values_;
  bool bucketed_ = false;
  std::string unit_;
};

}  // namespace

FunctionalInfo ratio_info() {
  return {"ratio", "total of one answer over total of another",
          "Särndal, Swensson & Wretman (1992), section 5.6",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Functional> {
            return std::make_unique<Ratio>(config, schema);
          }};
}

}  // namespace steelyard
