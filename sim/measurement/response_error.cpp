#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "sim/measurement/rounded_values.hpp"

namespace steelyard::measurement_kinds {
namespace {

struct Error {
  double factor = 1, shift = 0, sd = 0, share = 1;
};

/// Reported = factor × value + shift + noise, of a share of the people.
class ResponseError final : public MeasurementModel {
 public:
  ResponseError(const Schema& schema, VariableId answer, const Error& error, Domain among)
      : answer_(answer), error_(error), among_(std::move(among)) {
    if (schema[answer].kind != VariableKind::bucketed) return;
    value_ = schema.value_of(answer);
    edges_ = schema[answer].edges;
  }

  std::vector<VariableId> changes() const override { return {answer_}; }
  std::vector<VariableId> reads() const override {
    std::vector<VariableId> ids;
    for (const Condition& c : among_) ids.push_back(c.variable);
    return ids;
  }
  std::vector<VariableId> values() const override {
    return value_ ? std::vector{*value_} : std::vector<VariableId>{};
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    Sample& sample = *answers.sample;
    for (std::size_t i = 0; i < sample.n; ++i) {
      if (!std::all_of(among_.begin(), among_.end(),
                       [&](const Condition& c) { return c.holds(sample.column(c.variable)[i]); }))
        continue;
      Stream stream = streams.row(i);
      if (!(stream.uniform() < error_.share)) continue;
      const auto reported = [&](double value) {
        const double noise =
            error_.sd > 0 ? boost::random::normal_distribution<double>(0, error_.sd)(stream) : 0;
        return error_.factor * value + error_.shift + noise;
      };
      if (!value_) {
        double& number = sample.numbers[index(answer_)][i];
        number = reported(number);
        continue;
      }
      LevelCode& code = sample.columns[index(answer_)][i];
      if (code + 2u > edges_.size()) continue;
      double& value = answers.values[index(*value_)][i];
      const LevelCode before = bucket_of(edges_, value);
      value = reported(value);
      if (const LevelCode now = bucket_of(edges_, value); now != before) code = now;
    }
  }

  std::string objection() const override {
    return "it depends on where values lie inside their buckets, which is known only after the fit";
  }

 private:
  VariableId answer_;
  std::optional<VariableId> value_;  ///< of a bucketed answer: whose values are behind it
  std::vector<double> edges_;
  Error error_;
  Domain among_;
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "a number, or a bucketed answer"});
  Error error;
  error.factor = config.real("factor", {.fallback = 1, .help = "times the true value"});
  error.shift = config.real("shift", {.fallback = 0, .help = "added, in the variable's unit"});
  error.sd = config.real(
      "sd", {.min = 0, .fallback = 0, .help = "of a normal error, in the variable's unit"});
  error.share =
      config.real("share", {.min = 0, .max = 1, .fallback = 1, .help = "of people who err"});
  const std::string among = config.text(
      "among", {.fallback = "", .help = "who errs: variable=level & ...; empty: anybody"});
  if (config.is_documenting()) return nullptr;
  for (const auto& [key, value] :
       {std::pair{"factor", error.factor}, {"shift", error.shift}, {"sd", error.sd}})
    if (!std::isfinite(value)) config.fail(key, "is not finite", "give a number");
  const VariableId answer = require_value(config, schema, name);
  return std::make_unique<ResponseError>(schema, answer, error,
                                         schema.parse_domain(among, config.place("among")));
}

}  // namespace

MeasurementInfo response_error_info() {
  return {"response_error", "numbers reported too high or low, by a shift, a factor and noise",
          "Hansen, Hurwitz & Bershad (1961), Bulletin of the ISI 38 (2), 359-374",
          ErrorComponent::misreport, make};
}

}  // namespace steelyard::measurement_kinds
