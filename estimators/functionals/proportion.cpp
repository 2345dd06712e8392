#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

class Proportion final : public Functional {
 public:
  Proportion(ConfigReader& config, const Schema& schema) {
    const std::string name = config.text("variable", {.help = "the answer"});
    const Texts levels = config.texts("levels", {.help = "the levels whose share is wanted"});
    if (config.is_documenting()) return;
    variable_ = schema.require(name, config.place("variable"));
    values_.assign(schema[variable_].size(), 0.0);
    for (const std::string& level : levels)
      values_[schema.require_level(variable_, level, config.place("levels"))] = 1.0;
    if (levels.empty()) config.fail("levels", "is empty", "name at least one level");
  }
  std::vector<VariableId> variables() const override { return {variable_}; }
  bool uses_value_rule() const override { return false; }
  bool is_share() const override { return true; }
  std::vector<double> fixed_values(std::size_t) const override { return values_; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    return mean_of_levels(totals, values[0]);
  }
  std::string unit() const override { return "%"; }  // shares in [0, 1]; shown in per cent

 private:
  VariableId variable_{};
  std::vector<double> values_;
};

}  // namespace

FunctionalInfo proportion_info() {
  return {"proportion", "share of some levels of an answer",
          "Särndal, Swensson & Wretman (1992), section 5.7",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Functional> {
            return std::make_unique<Proportion>(config, schema);
          }};
}

}  // namespace steelyard
