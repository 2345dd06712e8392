#pragma once

// Which field of StudyResults is which dataset: read by the writer and by the reader, so that they
// cannot differ. docs/results-format.md says the same in words; tests/results/format_test.cpp
// compares.
//
// A unit that begins with "/" names the dataset that holds the unit of each row.

#include <type_traits>

#include "results/results.hpp"

namespace steelyard::layout {

inline constexpr const char* kFiletype = "steelyard study";
inline constexpr std::uint32_t kMajor = 1;  ///< raised when a reader of this version would go wrong
inline constexpr std::uint32_t kMinor = 4;  ///< raised when something is added

inline constexpr const char* kPopulationKind = "population_kind";  ///< since 1.2
inline constexpr const char* kEstimandUnit = "/estimands/unit";

/// `field(name, member, unit)` for each single value in /scenario.
template <typename Visitor>
void scenario_fields(Visitor&& field) {
  field("name", &StudyResults::scenario, "");
  field("title", &StudyResults::title, "");
  field("title_zh", &StudyResults::title_zh, "");
  field("toml", &StudyResults::scenario_toml, "");
  field("hash", &StudyResults::scenario_hash, "");
  field("population_size", &StudyResults::population_size, "persons");
  field(kPopulationKind, &StudyResults::population_kind, "");
  field("seed", &StudyResults::seed, "");
  field("sample_size", &StudyResults::sample_size, "respondents");
  field("replicates", &StudyResults::replicates, "replicates");
}

/// The same, since 1.3.
template <typename Visitor>
void scenario_run_fields(Visitor&& field) {
  field("planned_replicates", &StudyResults::planned_replicates, "replicates");
  field("ended", &StudyResults::ended, "");
  field("resolved", &StudyResults::scenario_resolved, "");
}

/// `field(name, member, unit)` for each single value in /provenance.
template <typename Visitor>
void provenance_fields(Visitor&& field) {
  field("started_utc", &RunRecord::started_utc, "");
  field("host", &RunRecord::host, "");
  field("cpu", &RunRecord::cpu, "");
  field("compiler", &RunRecord::compiler, "");
  field("git_revision", &RunRecord::git_revision, "");
  field("threads", &RunRecord::threads, "threads");
  field("setup_seconds", &RunRecord::setup_seconds, "s");
  field("truth_seconds", &RunRecord::truth_seconds, "s");
  field("replicate_seconds", &RunRecord::replicate_seconds, "s");
  field("peak_memory_bytes", &RunRecord::peak_memory_bytes, "bytes");
}

/// `column(name, member, unit)` for each column of a table; one overload a record.
template <typename Visitor>
void columns(std::type_identity<EstimandRecord>, Visitor&& column) {
  using Record = EstimandRecord;
  column("estimand", &Record::estimand, "");
  column("domain", &Record::domain, "");
  column("label", &Record::label, "");
  column("label_zh", &Record::label_zh, "");
  column("domain_label", &Record::domain_label, "");
  column("domain_label_zh", &Record::domain_label_zh, "");
  column("unit", &Record::unit, "");
  column("truth", &Record::truth, kEstimandUnit);
  column("truth_superpopulation", &Record::truth_superpopulation, kEstimandUnit);
  column("truth_finite", &Record::truth_finite, kEstimandUnit);
  column("truth_finite_se", &Record::truth_finite_se, kEstimandUnit);
  column("headline", &Record::headline, "");
}

template <typename Visitor>
void columns(std::type_identity<EstimatorRecord>, Visitor&& column) {
  using Record = EstimatorRecord;
  column("estimand", &Record::estimand, "");
  column("weighting", &Record::weighting, "");
  column("value_rule", &Record::value_rule, "");
  column("interval", &Record::interval, "");
  column("reference", &Record::reference, "");
  column("rule_bias", &Record::rule_bias, kEstimandUnit);
}

/// All but `mean_us`: a wall time differs between equal runs, so it is in /provenance.
template <typename Visitor>
void columns(std::type_identity<PerformanceRecord>, Visitor&& column) {
  using Record = PerformanceRecord;
  column("truth", &Record::truth, kEstimandUnit);
  column("mean_estimate", &Record::mean_estimate, kEstimandUnit);
  column("bias", &Record::bias, kEstimandUnit);
  column("bias_mcse", &Record::bias_mcse, kEstimandUnit);
  column("rel_bias_pct", &Record::rel_bias_pct, "%");
  column("sd", &Record::sd, kEstimandUnit);
  column("sd_mcse", &Record::sd_mcse, kEstimandUnit);
  column("mean_se", &Record::mean_se, kEstimandUnit);
  column("rmse", &Record::rmse, kEstimandUnit);
  column("rmse_mcse", &Record::rmse_mcse, kEstimandUnit);
  column("coverage", &Record::coverage, "share");
  column("coverage_mcse", &Record::coverage_mcse, "share");
  column("mean_width", &Record::mean_width, kEstimandUnit);
  column("failures", &Record::failures, "replicates");
  column("replicates", &Record::replicates, "replicates");
}

template <typename Visitor>
void columns(std::type_identity<SelectionRecord>, Visitor&& column) {
  using Record = SelectionRecord;
  column("estimator", &Record::estimator, "");
  column("unit_sd", &Record::unit_sd, kEstimandUnit);
  column("weights_cv", &Record::weights_cv, "");
  column("ddc", &Record::ddc, "");
  column("ddc_mcse", &Record::ddc_mcse, "");
  column("effective_n", &Record::effective_n, "respondents");
  column("effective_n_mcse", &Record::effective_n_mcse, "respondents");
}

template <typename Visitor>
void columns(std::type_identity<ContrastRecord>, Visitor&& column) {
  using Record = ContrastRecord;
  column("estimator", &Record::estimator, "");
  column("reference", &Record::reference, "");
  column("bias_difference", &Record::bias_difference, kEstimandUnit);
  column("bias_difference_mcse", &Record::bias_difference_mcse, kEstimandUnit);
  column("mse_difference", &Record::mse_difference, "square of /estimands/unit");
  column("mse_difference_mcse", &Record::mse_difference_mcse, "square of /estimands/unit");
  column("replicates", &Record::replicates, "replicates");
}

template <typename Visitor>
void columns(std::type_identity<ReproductionRecord>, Visitor&& column) {
  using Record = ReproductionRecord;
  column("id", &Record::id, "");
  column("scope", &Record::scope, "");
  column("quantity", &Record::quantity, "");
  column("level", &Record::level, "");
  column("reported", &Record::reported, "");
  column("unit", &Record::unit, "");
  column("provenance", &Record::provenance, "");
  column("source", &Record::source, "");
  column("note", &Record::note, "");
  column("lower", &Record::lower, "/reproduction/unit");
  column("upper", &Record::upper, "/reproduction/unit");
  column("expected", &Record::expected, "/reproduction/unit");
  column("simulated", &Record::simulated, "/reproduction/unit");
  column("simulated_mcse", &Record::simulated_mcse, "/reproduction/unit");
  column("status", &Record::status, "");
}

template <typename Visitor>
void columns(std::type_identity<ProfileRecord>, Visitor&& column) {
  using Record = ProfileRecord;
  column("variable", &Record::variable, "");
  column("label", &Record::label, "");
  column("label_zh", &Record::label_zh, "");
  column("level", &Record::level, "");
  column("level_label", &Record::level_label, "");
  column("level_label_zh", &Record::level_label_zh, "");
  column("population_share", &Record::population_share, "share");
  column("sample_share", &Record::sample_share, "share");
  column("weighted_share", &Record::weighted_share, "share");
}

template <typename Visitor>
void columns(std::type_identity<RuleEffectRecord>, Visitor&& column) {
  using Record = RuleEffectRecord;
  column("estimand", &Record::estimand, "");
  column("value_rule", &Record::value_rule, "");
  column("of_study", &Record::of_study, "");
  column("truth", &Record::truth, kEstimandUnit);
  column("value", &Record::value, kEstimandUnit);
  column("bias", &Record::bias, kEstimandUnit);
  column("bias_mcse", &Record::bias_mcse, kEstimandUnit);
  column("rmse", &Record::rmse, kEstimandUnit);
  column("rmse_mcse", &Record::rmse_mcse, kEstimandUnit);
  column("failures", &Record::failures, "samples");
  column("samples", &Record::samples, "samples");
  column("status", &Record::status, "");
}

template <typename Visitor>
void columns(std::type_identity<FailureRecord>, Visitor&& column) {
  using Record = FailureRecord;
  column("replicate", &Record::replicate, "");
  column("estimator", &Record::estimator, "");
  column("kind", &Record::kind, "");
  column("detail", &Record::detail, "");
}

/// Added with format version 1.1: a table that older files do not have.
inline constexpr const char* kRuleEffects = "/value_rules";
/// With 1.3.
inline constexpr const char* kSelection = "/selection";

/// `table(path, dimension, rows)` for each table of columns.
template <typename Results, typename Visitor>
void tables(Results& results, Visitor&& table) {
  table("/estimands", "estimands", results.estimands);
  table("/estimators", "estimators", results.estimators);
  table("/performance", "estimators", results.performance);
  table(kSelection, "selection", results.selection);
  table("/contrasts", "contrasts", results.contrasts);
  table("/reproduction", "reproduction", results.reproduction);
  table("/profile", "profile", results.profile);
  table(kRuleEffects, "value_rules", results.rule_effects);
  table("/failures", "failures", results.failures);
}

/// `matrix(path, values)` for each estimators × replicates array.
template <typename Results, typename Visitor>
void matrices(Results& results, Visitor&& matrix) {
  matrix("/estimates/estimate", results.estimate);
  matrix("/estimates/se", results.se);
  matrix("/estimates/lower", results.lower);
  matrix("/estimates/upper", results.upper);
}

inline constexpr const char* kSurveyNumbers = "/survey/number";  ///< as all of /survey: since 1.3

/// `matrix(path, dimension, rows, values, unit)` for each array of /survey, rows × replicates.
template <typename Results, typename Visitor>
void survey_matrices(Results& results, Visitor&& matrix) {
  matrix("/survey/published", "numbers", results.survey_numbers.size(), results.survey_published,
         "");
  matrix("/survey/profile_sample", "profile", results.profile.size(), results.survey_profile_sample,
         "share");
  matrix("/survey/profile_weighted", "profile", results.profile.size(),
         results.survey_profile_weighted, "share");
  matrix("/survey/weights_cv2", "estimators", results.estimators.size(), results.survey_weights_cv2,
         "");
}

}  // namespace steelyard::layout
