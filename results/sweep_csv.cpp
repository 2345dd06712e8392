#include <cmath>
#include <limits>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "results/sweep.hpp"

namespace steelyard {
namespace {

std::string field(const std::string& text) { return csv_field(text); }
std::string field(const char* text) { return csv_field(text); }
std::string field(double value) { return std::isnan(value) ? std::string{} : shortest(value); }
std::string field(std::size_t value) { return std::to_string(value); }
std::string field(std::uint32_t value) { return std::to_string(value); }

template <typename... Fields>
void fields(std::string& text, const Fields&... values) {
  ((text += text.empty() || text.back() == '\n' ? "" : ",", text += field(values)), ...);
}

std::string names(const SweepResults& r, std::uint32_t estimator) {
  const EstimatorRecord& m = r.estimators[estimator];
  const EstimandRecord& e = r.estimands[m.estimand];
  std::string text;
  fields(text, e.estimand, e.domain, m.weighting, m.value_rule, m.interval);
  return text;
}

/// A truth is of no estimator.
std::string names(const SweepResults& r, const SweepOutput& output) {
  if (output.measure != SweepMeasure::truth) return names(r, output.estimator);
  const EstimandRecord& e = r.estimands[r.estimators[output.estimator].estimand];
  std::string text;
  fields(text, e.estimand, e.domain, "-", "-", "-");
  return text;
}

}  // namespace

double measure_of(const ConditionRecord& c, const EstimatorRecord& estimator, std::size_t index,
                  SweepMeasure measure) {
  if (!c.failure.empty()) return std::numeric_limits<double>::quiet_NaN();
  const PerformanceRecord& p = c.performance[index];
  switch (measure) {
    case SweepMeasure::truth:
      return c.truths[estimator.estimand];
    case SweepMeasure::mean_estimate:
      return p.mean_estimate;
    case SweepMeasure::bias:
      return p.bias;
    case SweepMeasure::rmse:
      return p.rmse;
    case SweepMeasure::coverage:
      return p.coverage;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::string write_conditions_csv(const SweepResults& r) {
  std::string text = "condition";
  for (const DialRecord& dial : r.dials) fields(text, dial.key);
  text +=
      ",estimand,domain,weighting,value_rule,interval,truth,mean_estimate,bias,bias_mcse,rmse,"
      "rmse_mcse,coverage,coverage_mcse,bias_change,bias_change_mcse,rmse_change,rmse_change_mcse,"
      "coverage_change,coverage_change_mcse,failures,replicates,status\n";
  for (std::size_t c = 0; c < r.conditions.size(); ++c) {
    const ConditionRecord& condition = r.conditions[c];
    std::string beginning;
    fields(beginning, c);
    for (double value : condition.values) fields(beginning, value);
    if (!condition.failure.empty()) {
      text += beginning + std::string(22, ',') + csv_field(condition.failure) + "\n";
      continue;
    }
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    constexpr PairedChange kNoChange{kNone, kNone};
    for (std::uint32_t i = 0; i < r.estimators.size(); ++i) {
      const PerformanceRecord& p = condition.performance[i];
      const BaseChange change = condition.changes.empty()
                                    ? BaseChange{kNoChange, kNoChange, kNoChange, kNoChange}
                                    : condition.changes[i];
      text += beginning + "," + names(r, i);
      fields(text, p.truth, p.mean_estimate, p.bias, p.bias_mcse, p.rmse, p.rmse_mcse, p.coverage,
             p.coverage_mcse, change.bias.change, change.bias.mcse, change.rmse.change,
             change.rmse.mcse, change.coverage.change, change.coverage.mcse, p.failures,
             p.replicates, "ok");
      text += '\n';
    }
  }
  return text;
}

std::string write_effects_csv(const SweepResults& r) {
  std::string text =
      "dial,lower,upper,estimand,domain,weighting,value_rule,interval,measure,change,change_mcse,"
      "change_fit_se,first_order,first_order_lower,first_order_upper,total,total_lower,total_upper,"
      "indices_from\n";
  for (const EffectRecord& e : r.effects) {
    const SweepOutput& output = r.outputs[e.output];
    const DialRecord& dial = r.dials[e.dial];
    fields(text, dial.key, dial.lower, dial.upper);
    text += "," + names(r, output);
    fields(text, to_string(output.measure), e.change, e.mcse, e.fit_se, e.first, e.first_lower,
           e.first_upper, e.total, e.total_lower, e.total_upper, e.indices_from);
    text += '\n';
  }
  return text;
}

std::string write_surfaces_csv(const SweepResults& r) {
  std::string text = "estimand,domain,weighting,value_rule,interval,measure,form,cv_error,cv_r2\n";
  for (const SweepOutput& output : r.outputs) {
    if (output.surface.empty()) continue;
    text += names(r, output);
    fields(text, to_string(output.measure), output.surface, output.cv_error, output.cv_r2);
    text += '\n';
  }
  return text;
}

}  // namespace steelyard
