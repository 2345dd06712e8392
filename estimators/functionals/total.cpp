#include "estimators/functionals/linear.hpp"
#include "estimators/functionals/numeric_answer.hpp"

namespace steelyard {
namespace {

/// A person with one of the levels counts 1, others 0.
NumericAnswer counted_levels(ConfigReader& config, const Schema& schema, const std::string& name,
                             const Texts& levels) {
  NumericAnswer answer;
  answer.variable = schema.require(name, config.place("variable"));
  answer.unit = "persons";
  answer.values.assign(schema[answer.variable].size(), 0.0);
  for (const std::string& level : levels)
    answer.values[schema.require_level(answer.variable, level, config.place("levels"))] = 1.0;
  return answer;
}

NumericAnswer read_answer(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "the answer"});
  const Texts levels = config.texts(
      "levels", {.required = false,
                 .help = "how many persons have these levels; left out: total of the numbers"});
  if (config.is_documenting()) return {};
  if (!levels.empty()) return counted_levels(config, schema, name, levels);
  return numeric_answer(config, schema, name,
                        "give it assumed_values, scores or edges, or name levels to be counted");
}

}  // namespace

/// Σ w y, or how many persons have some levels. Only weights that sum to the population (calibrated
/// ones, or base weights) give the population's total.
FunctionalInfo total_info() {
  return {"total", "weighted total of an answer's numbers, or persons with some levels",
          "Horvitz & Thompson (1952), JASA 47, 663-685",
          [](ConfigReader& config, const Schema& schema) {
            return make_of_levels(read_answer(config, schema), total_of_levels);
          }};
}

}  // namespace steelyard
