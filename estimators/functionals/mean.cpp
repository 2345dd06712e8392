#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

/// Bucketed answers are turned into numbers by a value rule; others have a number a level.
class Mean final : public Functional {
 public:
  Mean(ConfigReader& config, const Schema& schema) {
    const std::string name = config.text(
        "variable",
        {.help = "a number, a bucketed or counted answer, or one with assumed_values or scores"});
    known_size_ = config.real(
        "known_size", {.min = 0,
                       .fallback = 0,
                       .help = "persons in the domain, where known: Σ w y over it instead of over "
                               "Σ w (Horvitz-Thompson's mean instead of Hájek's)"});
    if (config.is_documenting()) return;
    variable_ = schema.require(name, config.place("variable"));
    const Variable& v = schema[variable_];
    bucketed_ = v.kind == VariableKind::bucketed;
    continuous_ = v.kind == VariableKind::continuous;
    unit_ = v.unit;
    values_ = !v.assumed_values.empty() ? v.assumed_values : v.scores;
    if (!bucketed_ && !continuous_ && values_.empty())
      config.fail("variable", "= \"" + name + "\" has no numbers for its levels",
                  "give it assumed_values, scores or edges");
  }
  std::vector<VariableId> variables() const override { return {variable_}; }
  bool uses_value_rule() const override { return bucketed_; }
  std::vector<double> fixed_values(std::size_t) const override { return values_; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    if (!(known_size_ > 0))
      return continuous_ ? mean_of_moments(totals) : mean_of_levels(totals, values[0]);
    auto made = continuous_ ? total_of_moments(totals) : total_of_levels(totals, values[0]);
    if (!made) return made;
    made.value().estimate /= known_size_;
    for (double& influence : made.value().influence) influence /= known_size_;
    return made;
  }
  std::string unit() const override { return unit_; }

 private:
  VariableId variable_{};
  bool bucketed_ = false, continuous_ = false;
  double known_size_ = 0;
  std::string unit_;
  std::vector<double> values_;
};

}  // namespace

FunctionalInfo mean_info() {
  return {"mean", "weighted mean of an answer's numbers",
          "Hájek (1971); Särndal, Swensson & Wretman (1992), section 5.7",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Functional> {
            return std::make_unique<Mean>(config, schema);
          }};
}

}  // namespace steelyard
