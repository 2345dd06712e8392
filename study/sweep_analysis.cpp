#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "study/paired.hpp"
#include "study/parallel.hpp"
#include "study/sensitivity.hpp"
#include "study/sweep.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Reads every part once: measures, and changes from the base.
class PartsReader {
 public:
  PartsReader(const SweepPlan& plan, const SweepParts& parts, SweepResults& results)
      : out_(results) {
    std::optional<StudyResults> base;
    for (std::size_t c = 0; c < plan.values.size(); ++c) {
      ConditionRecord record;
      record.values = plan.values[c];
      auto study = parts.read(c, record.failure);
      if (study) {
        take(*study, record);
        if (base) record.changes = paired_changes(*base, *study);
        if (c == 0) base = std::move(study);
      }
      out_.conditions.push_back(std::move(record));
    }
  }

 private:
  void take(const StudyResults& study, ConditionRecord& record) {
    if (out_.estimands.empty()) {
      out_.estimands = study.estimands;
      out_.estimators = study.estimators;
      out_.scenario = study.scenario;
      out_.title = study.title;
      out_.title_zh = study.title_zh;
      out_.scenario_hash = study.scenario_hash;
      out_.scenario_toml = study.scenario_toml;
    }
    if (study.estimands.size() != out_.estimands.size() ||
        study.estimators.size() != out_.estimators.size())
      throw UserError({}, "sweep", "a condition has other estimands or estimators than the first",
                      "let dials change numbers only");
    for (const EstimandRecord& e : study.estimands) record.truths.push_back(e.truth);
    record.performance = study.performance;
  }

  SweepResults& out_;
};

/// Combinations of conditions that are each dial's change from end to end: dials × conditions.
std::vector<double> effect_weights(const SweepPlan& plan, const SweepResults& results,
                                   const std::vector<std::size_t>& good,
                                   const SurfaceFitter& fitter) {
  const std::size_t n = results.conditions.size(), dials = plan.dials.size();
  std::vector<double> weights;
  if (plan.design == SweepDesign::one_at_a_time) {
    weights.assign(dials * n, 0.0);
    std::size_t c = 1;
    for (std::size_t k = 0; k < dials; ++k) {
      const std::size_t levels = std::max<std::size_t>(plan.dials.list()[k].levels, 2);
      weights[k * n + c] = -1;
      weights[k * n + c + levels - 1] = 1;
      c += levels;
    }
    return weights;
  }
  const std::vector<double> of_good = fitter.end_to_end_weights();
  if (of_good.empty()) return {};
  weights.assign(dials * n, 0.0);
  for (std::size_t k = 0; k < dials; ++k)
    for (std::size_t i = 0; i < good.size(); ++i)
      weights[k * n + good[i]] = of_good[k * good.size() + i];
  return weights;
}

/// Points in [0, 1] of the design's conditions that have results.
std::vector<double> unit_points(const SweepPlan& plan, const std::vector<std::size_t>& conditions) {
  std::vector<double> unit;
  for (std::size_t c : conditions)
    for (std::size_t k = 0; k < plan.dials.size(); ++k) {
      const Dial& dial = plan.dials.list()[k];
      unit.push_back((plan.values[c][k] - dial.lower) / (dial.upper - dial.lower));
    }
  return unit;
}

void list_outputs(SweepResults& results) {
  std::vector<bool> seen(results.estimands.size(), false);
  for (std::uint32_t i = 0; i < results.estimators.size(); ++i)
    for (SweepMeasure measure : kSweepMeasures) {
      const std::uint32_t e = results.estimators[i].estimand;
      if (measure == SweepMeasure::truth) {
        if (seen[e]) continue;
        seen[e] = true;
      }
      SweepOutput output;
      output.estimator = i;
      output.measure = measure;
      results.outputs.push_back(output);
    }
}

/// Everything that is known of one output's effects, but for Monte Carlo errors.
class OutputAnalysis {
 public:
  OutputAnalysis(const SweepPlan& plan, const SweepResults& results,
                 const std::vector<std::size_t>& good, const SurfaceFitter& fitter,
                 const std::vector<double>& weights, const BootstrapCounts& counts)
      : plan_(plan),
        results_(results),
        good_(good),
        fitter_(fitter),
        weights_(weights),
        counts_(counts) {}

  void analyse(SweepOutput& output, std::span<EffectRecord> effects) const {
    std::vector<double> values;
    for (const ConditionRecord& c : results_.conditions)
      values.push_back(
          measure_of(c, results_.estimators[output.estimator], output.estimator, output.measure));
    const std::size_t dials = effects.size();
    for (std::size_t k = 0; k < dials; ++k) effects[k].change = change(k, values);
    output.cv_error = output.cv_r2 = kNone;
    if (plan_.design == SweepDesign::one_at_a_time || !varies(output, values)) return;
    std::vector<double> of_good;
    for (std::size_t c : good_) of_good.push_back(values[c]);
    const bool whole =
        std::all_of(of_good.begin(), of_good.end(), [](double x) { return std::isfinite(x); });
    if (whole && !of_good.empty()) fit(of_good, output, effects);
    if (plan_.design != SweepDesign::saltelli) return;
    set_shares(variance_shares(std::span(values).subspan(1), dials, counts_), "saltelli", effects);
  }

 private:
  /// Whether an output differs between conditions by more than rounding: bias of the same persons
  /// about a truth that moves with them does not.
  bool varies(const SweepOutput& output, const std::vector<double>& values) const {
    double low = kNone, high = kNone, size = 0;
    for (std::size_t c : good_) {
      if (std::isnan(values[c])) continue;
      low = std::isnan(low) ? values[c] : std::min(low, values[c]);
      high = std::isnan(high) ? values[c] : std::max(high, values[c]);
      const std::uint32_t e = results_.estimators[output.estimator].estimand;
      size = std::max(size, std::abs(results_.conditions[c].truths[e]));
    }
    if (output.measure == SweepMeasure::coverage) size = 1;
    return high - low > 1e-11 * size;
  }

  double change(std::size_t dial, const std::vector<double>& values) const {
    if (weights_.empty()) return kNone;
    double sum = 0;
    for (std::size_t c = 0; c < values.size(); ++c)
      if (const double w = weights_[dial * values.size() + c]; w != 0) sum += w * values[c];
    return sum;
  }

  void fit(const std::vector<double>& values, SweepOutput& output,
           std::span<EffectRecord> effects) const {
    const ResponseSurface surface = fitter_.fit(values);
    output.surface = surface.form;
    output.cv_error = surface.cv_error;
    output.cv_r2 = surface.cv_r2;
    output.intercept = surface.intercept;
    output.coefficients = surface.coefficients;
    const auto errors = fitter_.end_to_end_errors(values);
    for (std::size_t k = 0; k < effects.size(); ++k) effects[k].fit_se = errors[k];
    constexpr double kHolds = 0.9;  ///< of cross-validated R²
    if (surface.form.empty() || !(surface.cv_r2 >= kHolds)) return;
    set_shares(surface_shares(surface, fitter_.terms(surface.form), effects.size()), "surface",
               effects);
  }

  static void set_shares(const std::vector<VarianceShare>& shares, const char* from,
                         std::span<EffectRecord> effects) {
    for (std::size_t k = 0; k < effects.size(); ++k) {
      if (std::isnan(shares[k].first)) continue;
      EffectRecord& e = effects[k];
      e.first = shares[k].first;
      e.first_lower = shares[k].first_lower;
      e.first_upper = shares[k].first_upper;
      e.total = shares[k].total;
      e.total_lower = shares[k].total_lower;
      e.total_upper = shares[k].total_upper;
      e.indices_from = from;
    }
  }

  const SweepPlan& plan_;
  const SweepResults& results_;
  const std::vector<std::size_t>& good_;
  const SurfaceFitter& fitter_;
  const std::vector<double>& weights_;
  const BootstrapCounts& counts_;
};

/// Monte Carlo errors of the effects, from every replicate of the conditions in their weights.
void add_errors(const SweepParts& parts, const std::vector<double>& weights, std::size_t dials,
                SweepResults& results) {
  const std::size_t n = results.conditions.size();
  PairedCombinations combinations(dials, results.estimators.size(), results.replicates);
  for (std::size_t c = 0; c < n; ++c) {
    std::vector<double> of_condition;
    for (std::size_t k = 0; k < dials; ++k) of_condition.push_back(weights[k * n + c]);
    if (!results.conditions[c].failure.empty() ||
        std::all_of(of_condition.begin(), of_condition.end(), [](double w) { return w == 0; }))
      continue;
    std::string reason;
    combinations.add(*parts.read(c, reason), of_condition);
  }
  for (EffectRecord& effect : results.effects) {
    const SweepOutput& output = results.outputs[effect.output];
    if (std::isnan(effect.change)) continue;
    switch (output.measure) {
      case SweepMeasure::truth:
        effect.mcse = 0;
        break;
      case SweepMeasure::mean_estimate:
      case SweepMeasure::bias:
        effect.mcse = combinations.bias(effect.dial, output.estimator).mcse;
        break;
      case SweepMeasure::rmse:
        effect.mcse = combinations.rmse(effect.dial, output.estimator).mcse;
        break;
      case SweepMeasure::coverage:
        effect.mcse = combinations.coverage(effect.dial, output.estimator).mcse;
        break;
    }
  }
}

void list_terms(const SurfaceFitter& fitter, SweepResults& results) {
  for (const char* form : {"linear", "quadratic, no interactions", "quadratic"})
    for (const SurfaceTerm& t : fitter.terms(form))
      results.terms.push_back({form, static_cast<std::uint32_t>(t.first),
                               static_cast<std::uint32_t>(t.second),
                               static_cast<std::uint32_t>(t.degree)});
}

}  // namespace

SweepResults analyse_sweep(const SweepPlan& plan, const SweepParts& parts, int threads) {
  SweepResults results;
  results.design = to_string(plan.design);
  results.seed = static_cast<std::uint64_t>(plan.seed);
  results.replicates = plan.replicates;
  for (const Dial& d : plan.dials.list())
    results.dials.push_back({d.key, d.source, d.base, d.lower, d.upper});
  const PartsReader reading(plan, parts, results);
  list_outputs(results);
  std::vector<std::size_t> good;
  for (std::size_t c = 1; c < results.conditions.size(); ++c)
    if (results.conditions[c].failure.empty()) good.push_back(c);
  const std::size_t dials = plan.dials.size();
  const SurfaceFitter fitter(unit_points(plan, good), dials);
  const std::vector<double> weights = effect_weights(plan, results, good, fitter);
  const BootstrapCounts counts(plan.base, plan.base == 0 ? 0 : plan.bootstrap, plan.seed);
  EffectRecord none{.change = kNone,
                    .mcse = kNone,
                    .fit_se = kNone,
                    .first = kNone,
                    .first_lower = kNone,
                    .first_upper = kNone,
                    .total = kNone,
                    .total_lower = kNone,
                    .total_upper = kNone,
                    .indices_from = {}};
  results.effects.assign(results.outputs.size() * dials, none);
  const OutputAnalysis analysis(plan, results, good, fitter, weights, counts);
  parallel_for(results.outputs.size(), threads, [&](std::uint64_t o, std::size_t) {
    const auto effects = std::span(results.effects).subspan(o * dials, dials);
    for (std::size_t k = 0; k < dials; ++k) {
      effects[k].dial = static_cast<std::uint32_t>(k);
      effects[k].output = static_cast<std::uint32_t>(o);
    }
    analysis.analyse(results.outputs[o], effects);
  });
  if (plan.design != SweepDesign::one_at_a_time) list_terms(fitter, results);
  if (!weights.empty()) add_errors(parts, weights, dials, results);
  return results;
}

}  // namespace steelyard
