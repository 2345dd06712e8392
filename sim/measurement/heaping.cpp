#include <fmt/format.h>

#include <cmath>

#include "sim/measurement/rounded_values.hpp"

namespace steelyard::measurement_kinds {
namespace {

/// The step to which somebody rounds; 0: not at all.
double step_of(std::span<const double> steps, std::span<const double> shares, Stream stream) {
  double below = 0;
  const double u = stream.uniform();
  for (std::size_t k = 0; k < steps.size(); ++k)
    if (u < (below += shares[k])) return steps[k];
  return 0;
}

double rounded(double value, double step) { return step * std::floor(value / step + 0.5); }

class Heaping final : public RoundedValues {
 public:
  Heaping(const ConfigReader& config, const Schema& schema, const std::string& variable,
          std::vector<double> steps, std::vector<double> shares)
      : RoundedValues(config, schema, variable),
        steps_(std::move(steps)),
        shares_(std::move(shares)) {}

 private:
  LevelCode report(double value, LevelCode truth, Stream stream) const override {
    const double step = step_of(steps_, shares_, stream);
    return step > 0 ? bucket_of(edges(), rounded(value, step)) : truth;
  }

  std::vector<double> steps_, shares_;
};

/// The same of a number, which is reported as it is rounded.
class HeapedNumber final : public MeasurementModel {
 public:
  HeapedNumber(VariableId answer, std::vector<double> steps, std::vector<double> shares)
      : answer_(answer), steps_(std::move(steps)), shares_(std::move(shares)) {}

  std::vector<VariableId> changes() const override { return {answer_}; }
  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    std::vector<double>& column = answers.sample->numbers[index(answer_)];
    for (std::size_t i = 0; i < column.size(); ++i)
      if (const double step = step_of(steps_, shares_, streams.row(i)); step > 0)
        column[i] = rounded(column[i], step);
  }
  std::string objection() const override { return "no published number is of a number"; }

 private:
  VariableId answer_;
  std::vector<double> steps_, shares_;
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "a bucketed answer, or a number"});
  std::vector<double> steps = config.reals(
      "steps", {.help = "values are rounded to the nearest multiple of one of these, halves up"});
  std::vector<double> shares =
      config.reals("shares", {.help = "of people who round to each step; the others do not round"});
  if (config.is_documenting()) return nullptr;
  if (steps.size() != shares.size() || steps.empty())
    config.fail("shares", fmt::format("has {} numbers for {} steps", shares.size(), steps.size()),
                "give one a step");
  double sum = 0;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    if (!(steps[k] > 0))
      config.fail("steps", fmt::format("holds {}", steps[k]), "steps are above 0");
    if (!(shares[k] >= 0)) config.fail("shares", fmt::format("holds {}", shares[k]), "use 0 to 1");
    sum += shares[k];
  }
  if (sum > 1 + 1e-9)
    config.fail("shares", fmt::format("sum to {:.10g}", sum), "they are parts of all people");
  const VariableId answer = require_value(config, schema, name);
  if (schema[answer].kind == VariableKind::continuous)
    return std::make_unique<HeapedNumber>(answer, std::move(steps), std::move(shares));
  return std::make_unique<Heaping>(config, schema, name, std::move(steps), std::move(shares));
}

}  // namespace

MeasurementInfo heaping_info() {
  return {"heaping", "values are rounded to multiples of one of several steps before their bucket",
          "Heitjan & Rubin (1990), JASA 85, 304-314", ErrorComponent::misreport, make};
}

}  // namespace steelyard::measurement_kinds
