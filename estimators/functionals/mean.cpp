#include "estimators/functionals/linear.hpp"
#include "estimators/functionals/numeric_answer.hpp"

namespace steelyard {
namespace {

NumericAnswer read_answer(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text(
      "variable",
      {.help = "a number, a bucketed or counted answer, or one with assumed_values or scores"});
  if (config.is_documenting()) return {};
  return numeric_answer(config, schema, name, "give it assumed_values, scores or edges");
}

}  // namespace

FunctionalInfo mean_info() {
  return {"mean", "weighted mean of an answer's numbers",
          "Hájek (1971); Särndal, Swensson & Wretman (1992), section 5.7",
          [](ConfigReader& config, const Schema& schema) {
            NumericAnswer answer = read_answer(config, schema);
            const double size = config.real(
                "known_size",
                {.min = 0,
                 .fallback = 0,
                 .help = "persons in the domain, where known: Σ w y over it instead of over Σ w "
                         "(Horvitz-Thompson's mean instead of Hájek's); 0: it is not"});
            return size > 0
                       ? make_of_levels(std::move(answer), total_of_levels, total_of_moments, size)
                       : make_of_levels(std::move(answer), mean_of_levels, mean_of_moments);
          }};
}

}  // namespace steelyard
