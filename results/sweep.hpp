#pragma once

// What a sweep leaves behind: a study's measures at points of its dials, and what moves them.

#include <optional>
#include <string>
#include <vector>

#include "results/results.hpp"

namespace steelyard {

struct DialRecord {
  std::string key, source;
  double base = 0, lower = 0, upper = 0;
};

/// A difference between conditions on the same random numbers, with its Monte Carlo error.
struct PairedChange {
  double change = 0, mcse = 0;
};

/// One estimator's change from the base condition.
struct BaseChange {
  PairedChange mean_estimate, bias, rmse, coverage;
};

/// One point of a sweep. Condition 0 is the scenario as it stands.
struct ConditionRecord {
  std::vector<double> values;                  ///< by dial
  std::string failure;                         ///< why there is no result; empty: there is one
  std::vector<double> truths;                  ///< by estimand
  std::vector<PerformanceRecord> performance;  ///< by estimator
  std::vector<BaseChange> changes;             ///< by estimator
};

enum class SweepMeasure : std::uint8_t { truth, mean_estimate, bias, rmse, coverage };
inline constexpr SweepMeasure kSweepMeasures[] = {SweepMeasure::truth, SweepMeasure::mean_estimate,
                                                  SweepMeasure::bias, SweepMeasure::rmse,
                                                  SweepMeasure::coverage};
constexpr const char* to_string(SweepMeasure measure) {
  switch (measure) {
    case SweepMeasure::truth:
      return "truth";
    case SweepMeasure::mean_estimate:
      return "mean_estimate";
    case SweepMeasure::bias:
      return "bias";
    case SweepMeasure::rmse:
      return "rmse";
    case SweepMeasure::coverage:
      return "coverage";
  }
  return "unknown";
}

/// One measure of one estimator (of an estimand's truth: its first estimator) over the conditions.
struct SweepOutput {
  std::uint32_t estimator = 0;
  SweepMeasure measure = SweepMeasure::truth;
  std::string surface;               ///< form of the fitted polynomial; empty: none
  double cv_error = 0, cv_r2 = 0;    ///< of the surface, cross-validated
  double intercept = 0;              ///< of the surface
  std::vector<double> coefficients;  ///< of the surface's terms
};

/// What one dial does to one output.
struct EffectRecord {
  std::uint32_t dial = 0, output = 0;
  double change = 0;  ///< from the lower end of the dial's range to the upper
  double mcse = 0;    ///< Monte Carlo error, paired
  double fit_se = 0;  ///< from the scatter about the linear fit; NaN: one-at-a-time
  /// Parts of the output's variance over the dials' ranges, with 95 % bootstrap limits.
  double first = 0, first_lower = 0, first_upper = 0, total = 0, total_lower = 0, total_upper = 0;
  std::string indices_from;  ///< "saltelli", "surface", or empty: there are none
};

/// A term of a fitted polynomial: P1, P2 or a product of two P1 of dials scaled to [-1, 1].
struct SurfaceTermRecord {
  std::string form;
  std::uint32_t first = 0, second = 0, degree = 1;
};

struct SweepResults {
  std::string scenario, title, title_zh, version, scenario_hash, scenario_toml, design;
  std::uint64_t seed = 0;
  std::uint32_t replicates = 0;
  std::vector<DialRecord> dials;
  std::vector<ConditionRecord> conditions;  ///< the base first
  std::vector<EstimandRecord> estimands;    ///< truths of the first condition with a result
  std::vector<EstimatorRecord> estimators;
  std::vector<SweepOutput> outputs;
  std::vector<EffectRecord> effects;
  std::vector<SurfaceTermRecord> terms;  ///< of all forms, in order

  std::size_t failures() const {
    std::size_t n = 0;
    for (const ConditionRecord& c : conditions) n += !c.failure.empty();
    return n;
  }
};

/// A measure of an estimator in a condition; NaN if it has none.
double measure_of(const ConditionRecord& condition, const EstimatorRecord& estimator,
                  std::size_t index, SweepMeasure measure);

/// One row a condition and estimator; of a condition without a result one row with its reason.
std::string write_conditions_csv(const SweepResults& results);
/// One row a dial and output.
std::string write_effects_csv(const SweepResults& results);
/// One row an output with a fitted surface.
std::string write_surfaces_csv(const SweepResults& results);

}  // namespace steelyard
