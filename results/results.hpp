#pragma once

// What a study leaves behind. The store (store.hpp) writes it to HDF5 and reads it back; the report
// and the CSV files are made from it alone.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace steelyard {

/// One quantity to be estimated, over one domain, with its truth.
struct EstimandRecord {
  std::string estimand, domain;  ///< names: "mean_income", "occupation=construction"
  std::string label, label_zh;   ///< "Mean monthly income", "每月收入均值"
  std::string domain_label, domain_label_zh;
  std::string unit;  ///< of every number below: "CNY per month", "%", "index points"
  double truth = 0;  ///< what estimates are measured against
  double truth_superpopulation = 0;  ///< under the population's law
  double truth_finite = 0;           ///< over the synthesised persons; NaN if they were not tallied
  double truth_finite_se = 0;        ///< sd of truth_finite over possible finite populations
  /// Standard deviation of one person's influence on the truth; in the store with /selection. NaN:
  /// not known.
  double unit_sd = std::numeric_limits<double>::quiet_NaN();
  bool headline = false;  ///< shown in the terminal summary and first in the report
};

/// One estimator of one estimand.
struct EstimatorRecord {
  std::uint32_t estimand = 0;  ///< index into estimands
  std::string weighting, value_rule,
      interval;            ///< value_rule "-" where no bucket is turned into a number
  bool reference = false;  ///< the report's own procedure
  double rule_bias =
      0;  ///< what the value rule alone does: its value on the whole population minus truth
};

/// Performance measures with Monte Carlo standard errors. Source: Morris, White & Crowther (2019),
/// table 6.
struct PerformanceRecord {
  double truth = 0, mean_estimate = 0, bias = 0, bias_mcse = 0, rel_bias_pct = 0, sd = 0,
         sd_mcse = 0;
  double mean_se = 0, rmse = 0, rmse_mcse = 0, coverage = 0, coverage_mcse = 0, mean_width = 0;
  std::uint32_t failures = 0, replicates = 0;
  double mean_us = 0;  ///< wall time a replicate, microseconds
};

/// How bad selection was for one estimator. Source: Meng (2018), Annals of Applied Statistics 12.
struct SelectionRecord {
  std::uint32_t estimator = 0;   ///< index into estimators
  double unit_sd = 0;            ///< σ: standard deviation of one person's influence on the truth
  double weights_cv = 0;         ///< of the weights among respondents, root mean square
  double ddc = 0, ddc_mcse = 0;  ///< data defect correlation
  double effective_n = 0,
         effective_n_mcse = 0;  ///< simple random sample with the same MSE, σ²/MSE
};

/// An estimator against the report's own procedure on the same samples.
struct ContrastRecord {
  std::uint32_t estimator = 0, reference = 0;  ///< indices into estimators
  double bias_difference = 0,
         bias_difference_mcse = 0;                     ///< mean of (estimate - reference estimate)
  double mse_difference = 0, mse_difference_mcse = 0;  ///< MSE minus the reference's, paired
  std::uint32_t replicates = 0;
};

enum class ReproductionStatus : std::uint8_t { reproduced, contradicted, not_modelled };

/// The enumerator's name, as it stands in the store and in reproduction.csv.
constexpr const char* to_string(ReproductionStatus status) {
  switch (status) {
    case ReproductionStatus::reproduced:
      return "reproduced";
    case ReproductionStatus::contradicted:
      return "contradicted";
    case ReproductionStatus::not_modelled:
      return "not_modelled";
  }
  return "unknown";
}

/// One published number beside what the population and the simulated survey give.
struct ReproductionRecord {
  std::string id, scope, quantity, level, reported, unit, provenance, source, note;
  double lower = 0, upper = 0, expected = 0, simulated = 0,
         simulated_mcse = 0;  ///< NaN where not modelled
  ReproductionStatus status = ReproductionStatus::reproduced;
};

/// A one-way table of the population, the sample as drawn, and the sample after the report's
/// weighting.
struct ProfileRecord {
  std::string variable, label, label_zh, level, level_label, level_label_zh;
  double population_share = 0, sample_share = 0, weighted_share = 0;
};

/// What a value rule does to an estimand apart from selection: on the whole population, and over
/// simple random samples of it.
struct RuleEffectRecord {
  std::uint32_t estimand = 0;  ///< index into estimands
  std::string value_rule;
  bool of_study = false;  ///< one of the study's own; the others are shown beside them
  double truth = 0;       ///< under the population's law
  double value = 0;       ///< under the rule on the whole population's shares; NaN if it has none
  double bias = 0, bias_mcse = 0, rmse = 0,
         rmse_mcse = 0;  ///< over the samples; NaN if none were drawn
  std::uint32_t failures = 0, samples = 0;
  std::string status;  ///< "ok", or why there is no value

  /// One of the numbers above in % of the truth's size, its sign kept.
  double percent(double number) const { return 100 / std::abs(truth) * number; }
};

struct FailureRecord {
  std::uint32_t replicate = 0, estimator = 0;
  std::string kind, detail;
};

/// Why the numbers are what they are: everything here may differ between two equal runs.
struct RunRecord {
  std::string started_utc, host, cpu, compiler, git_revision;
  std::uint32_t threads = 0;
  double setup_seconds = 0, truth_seconds = 0, replicate_seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
};

struct StudyResults {
  std::string scenario, title, title_zh, version;
  std::string sources;          ///< of the program: see ProgramId; empty: not known
  std::string scenario_toml;    ///< the text that was run, --set changes applied
  std::string scenario_hash;    ///< of scenario.toml and every file it names
  std::string population_size;  ///< "10000000" or "superpopulation"
  std::string population_kind;  ///< "synthetic": fitted to published numbers; "model": by formulas
  std::uint64_t seed = 0, sample_size = 0;
  std::uint32_t replicates = 0;
  std::uint32_t planned_replicates = 0;  ///< how many were asked for
  std::string ended;                     ///< why there are fewer; empty: there are not
  std::string
      scenario_resolved;  ///< every value that decides what is computed: "key = value" lines
  std::vector<EstimandRecord> estimands;
  std::vector<EstimatorRecord> estimators;
  /// estimators × replicates, row-major; NaN where the estimate failed.
  std::vector<double> estimate, se, lower, upper;
  std::vector<PerformanceRecord> performance;  ///< one an estimator
  std::vector<SelectionRecord> selection;      ///< one an estimator, or none
  std::vector<ContrastRecord> contrasts;
  std::vector<ReproductionRecord> reproduction;
  std::vector<ProfileRecord> profile;
  std::vector<RuleEffectRecord> rule_effects;
  std::vector<FailureRecord> failures;
  /// What each simulated survey would have printed: by published number, and by row of `profile`,
  /// × replicates, row-major; NaN where it could not.
  std::vector<std::string> survey_numbers;  ///< identifiers of the published numbers
  std::vector<double> survey_published, survey_profile_sample, survey_profile_weighted;
  /// estimators × replicates: cv² of the respondents' weights; NaN where there are none.
  std::vector<double> survey_weights_cv2;
  RunRecord run;

  double at(const std::vector<double>& values, std::size_t estimator, std::size_t replicate) const {
    return values[estimator * replicates + replicate];
  }
};

}  // namespace steelyard
