#include "core/sums.hpp"
#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

/// Σ w y, or how many persons have some levels. Only weights that sum to the population (calibrated
/// ones, or base weights) give the population's total.
class Total final : public Functional {
 public:
  Total(ConfigReader& config, const Schema& schema) {
    const std::string name = config.text("variable", {.help = "the answer"});
    const Texts levels = config.texts(
        "levels", {.required = false,
                   .help = "how many persons have these levels; left out: total of the numbers"});
    if (config.is_documenting()) return;
    variable_ = schema.require(name, config.place("variable"));
    const Variable& v = schema[variable_];
    if (!levels.empty()) {
      unit_ = "persons";
      values_.assign(v.size(), 0.0);
      for (const std::string& level : levels)
        values_[schema.require_level(variable_, level, config.place("levels"))] = 1.0;
      return;
    }
    unit_ = v.unit;
    bucketed_ = v.kind == VariableKind::bucketed;
    continuous_ = v.kind == VariableKind::continuous;
    values_ = !v.assumed_values.empty() ? v.assumed_values : v.scores;
    if (!bucketed_ && !continuous_ && values_.empty())
      config.fail("variable", "= \"" + name + "\" has no numbers for its levels",
                  "give it assumed_values, scores or edges, or name levels to be counted");
  }
  std::vector<VariableId> variables() const override { return {variable_}; }
  bool uses_value_rule() const override { return bucketed_; }
  std::vector<double> fixed_values(std::size_t) const override { return values_; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    return continuous_ ? total_of_moments(totals) : total_of_levels(totals, values[0]);
  }
  std::string unit() const override { return unit_; }

 private:
  VariableId variable_{};
  bool bucketed_ = false, continuous_ = false;
  std::string unit_;
  std::vector<double> values_;
};

}  // namespace

FunctionalInfo total_info() {
  return {"total", "weighted total of an answer's numbers, or persons with some levels",
          "Horvitz & Thompson (1952), JASA 47, 663-685",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Functional> {
            return std::make_unique<Total>(config, schema);
          }};
}

}  // namespace steelyard
