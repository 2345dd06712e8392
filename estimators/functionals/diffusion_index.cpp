#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

/// 50 + 50 × mean score; 50 is the no-change line.
class DiffusionIndex final : public Functional {
 public:
  DiffusionIndex(ConfigReader& config, const Schema& schema) {
    const std::string name =
        config.text("variable", {.help = "an ordered answer with scores between -1 and 1"});
    if (config.is_documenting()) return;
    variable_ = schema.require(name, config.place("variable"));
    if (schema[variable_].scores.empty())
      config.fail("variable", "= \"" + name + "\" has no scores", "give it scores, one a level");
    for (double score : schema[variable_].scores) values_.push_back(50 + 50 * score);
  }
  std::vector<VariableId> variables() const override { return {variable_}; }
  bool uses_value_rule() const override { return false; }
  std::vector<double> fixed_values(std::size_t) const override { return values_; }
  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues> values) const override {
    return mean_of_levels(totals, values[0]);
  }
  std::string unit() const override { return "index points"; }

 private:
  VariableId variable_{};
  std::vector<double> values_;
};

}  // namespace

FunctionalInfo diffusion_index_info() {
  return {"diffusion_index", "50 + 50 times the mean score of a change question",
          "the report, section 5; OECD (2003), Business Tendency Surveys: A Handbook",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Functional> {
            return std::make_unique<DiffusionIndex>(config, schema);
          }};
}

}  // namespace steelyard
