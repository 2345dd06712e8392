#include "results/csv.hpp"

#include <cmath>
#include <limits>

#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/text.hpp"
#include "results/worlds.hpp"

namespace steelyard {
namespace {

std::string field(const std::string& text) { return csv_field(text); }
std::string field(const char* text) { return csv_field(text); }
std::string field(double value) { return std::isnan(value) ? std::string{} : shortest(value); }
std::string field(std::uint32_t value) { return std::to_string(value); }

template <typename... Fields>
void row(std::string& text, const Fields&... fields) {
  const char* separator = "";
  ((text += separator, text += field(fields), separator = ","), ...);
  text += '\n';
}

}  // namespace

std::string write_performance_csv(const StudyResults& results) {
  EXPECTS(results.performance.size() == results.estimators.size());
  std::string text =
      "estimand,domain,weighting,value_rule,interval,truth,mean_estimate,bias,bias_mcse,rel_bias_"
      "pct,"
      "sd,mean_se,rmse,rmse_mcse,coverage,coverage_mcse,mean_width,failures,replicates,mean_us,"
      "ddc,ddc_mcse,effective_n,effective_n_mcse\n";
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const SelectionRecord none{
      .ddc = kNaN, .ddc_mcse = kNaN, .effective_n = kNaN, .effective_n_mcse = kNaN};
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    const EstimatorRecord& estimator = results.estimators[i];
    const EstimandRecord& estimand = results.estimands[estimator.estimand];
    const PerformanceRecord& p = results.performance[i];
    const SelectionRecord& s = results.selection.empty() ? none : results.selection[i];
    row(text, estimand.estimand, estimand.domain, estimator.weighting, estimator.value_rule,
        estimator.interval, p.truth, p.mean_estimate, p.bias, p.bias_mcse, p.rel_bias_pct, p.sd,
        p.mean_se, p.rmse, p.rmse_mcse, p.coverage, p.coverage_mcse, p.mean_width, p.failures,
        p.replicates, p.mean_us, s.ddc, s.ddc_mcse, s.effective_n, s.effective_n_mcse);
  }
  return text;
}

std::string write_reproduction_csv(const StudyResults& results) {
  std::string text =
      "id,scope,quantity,level,reported,lower,upper,expected,simulated,simulated_mcse,status,"
      "note\n";
  for (const ReproductionRecord& r : results.reproduction)
    row(text, r.id, r.scope, r.quantity, r.level, r.reported, r.lower, r.upper, r.expected,
        r.simulated, r.simulated_mcse, to_string(r.status), r.note);
  return text;
}

std::string write_rule_effects_csv(const StudyResults& results) {
  std::string text =
      "estimand,domain,value_rule,of_study,truth,value,error,error_pct,bias,bias_mcse,bias_pct,"
      "rmse,rmse_mcse,failures,samples,status\n";
  for (const RuleEffectRecord& r : results.rule_effects) {
    const EstimandRecord& estimand = results.estimands[r.estimand];
    const double error = r.value - r.truth;
    row(text, estimand.estimand, estimand.domain, r.value_rule, r.of_study ? "yes" : "no", r.truth,
        r.value, error, 100 * error / r.truth, r.bias, r.bias_mcse, 100 * r.bias / r.truth, r.rmse,
        r.rmse_mcse, r.failures, r.samples, r.status);
  }
  return text;
}

std::string write_contrasts_csv(const StudyResults& results) {
  std::string text =
      "estimand,domain,weighting,value_rule,interval,reference_weighting,reference_value_rule,"
      "bias_difference,bias_difference_mcse,mse_difference,mse_difference_mcse,rule_bias,"
      "replicates\n";
  for (const ContrastRecord& c : results.contrasts) {
    const EstimatorRecord& estimator = results.estimators[c.estimator];
    const EstimatorRecord& reference = results.estimators[c.reference];
    const EstimandRecord& estimand = results.estimands[estimator.estimand];
    row(text, estimand.estimand, estimand.domain, estimator.weighting, estimator.value_rule,
        estimator.interval, reference.weighting, reference.value_rule, c.bias_difference,
        c.bias_difference_mcse, c.mse_difference, c.mse_difference_mcse, estimator.rule_bias,
        c.replicates);
  }
  return text;
}

std::string write_worlds_csv(const WorldsResults& results) {
  std::string text =
      "world,dial,subject,value,largest_change,estimand,domain,unit,truth,truth_neutral,weighting,"
      "value_rule,interval,mean_estimate,bias,bias_mcse,rel_bias_pct,rmse,rmse_mcse,coverage,"
      "coverage_mcse,failures,replicates\n";
  const StudyResults& s = results.study;
  for (const WorldRecord& w : results.worlds)
    for (std::size_t i = 0; i < s.estimators.size(); ++i) {
      const EstimatorRecord& estimator = s.estimators[i];
      const EstimandRecord& e = s.estimands[estimator.estimand];
      const PerformanceRecord& p = w.performance[i];
      row(text, w.name, w.dial, w.subject, w.value, w.largest_change, e.estimand, e.domain, e.unit,
          p.truth, results.worlds[0].truths[estimator.estimand], estimator.weighting,
          estimator.value_rule, estimator.interval, p.mean_estimate, p.bias, p.bias_mcse,
          p.rel_bias_pct, p.rmse, p.rmse_mcse, p.coverage, p.coverage_mcse, p.failures,
          p.replicates);
    }
  return text;
}

std::string write_bounds_csv(const WorldsResults& results) {
  std::string text = "estimand,domain,unit,lower,upper,edge_lower,edge_upper,expected_in_view\n";
  for (const BoundsRecord& b : results.bounds) {
    const EstimandRecord& e = results.study.estimands[b.estimand];
    row(text, e.estimand, e.domain, e.unit, b.lower, b.upper, b.edge_lower, b.edge_upper,
        b.expected);
  }
  return text;
}

}  // namespace steelyard
