#include "estimators/functionals/linear.hpp"
#include "estimators/functionals/numeric_answer.hpp"

namespace steelyard {
namespace {

NumericAnswer read_answer(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text(
      "variable", {.help = "a bucketed or counted answer, or one with assumed_values or scores"});
  if (config.is_documenting()) return {};
  return numeric_answer(config, schema, name, "give it assumed_values, scores or edges");
}

}  // namespace

FunctionalInfo mean_info() {
  return {"mean", "weighted mean of an answer's numbers",
          "Hájek (1971); Särndal, Swensson & Wretman (1992), section 5.7",
          [](ConfigReader& config, const Schema& schema) {
            return make_of_levels(read_answer(config, schema), mean_of_levels);
          }};
}

}  // namespace steelyard
