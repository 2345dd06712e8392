#pragma once

// The verbs for a user's own file: weigh and estimate. Options as given on the command line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/weighing.hpp"
#include "study/file_estimation.hpp"
#include "study/parallel.hpp"

namespace steelyard {

/// What weigh and estimate share.
struct FileOptions {
  std::string data, margins, method = "raking", missing = "error", lonely = "fail";
  std::string strata, trim_rule, interval, pps, probabilities, joint;
  std::vector<std::string> clusters, fpc, ordered, options;
  std::vector<double> bounds, trim_at;
  std::optional<double> trim, trim_lower, trim_iqr, trim_deff, population;
  std::optional<std::uint64_t> seed;
  std::size_t replicates = 0;
  double rho = 0.5;
  std::string reference, reference_weights, reference_strata, reference_clusters;
  std::string reference_replicates, reference_constants;
  std::vector<std::string> weight_covariates, numeric_covariates;
  bool rescale = false, mse = false, quiet = false, json = false, force = false;
  int threads = 0;
};

struct WeighOptions : FileOptions {
  std::string base, output, report, id, weight_column = "weight", replicate_method;
  bool append = false;
};

struct EstimateOptions : FileOptions {
  std::string weights, output, replicate_columns, replicate_constants, deff;
  std::string proportion_interval = "logit", quantile_rule = "math";
  std::string woodruff_scale = "mean", quantile_interval;
  std::vector<std::string> totals, means, proportions, ratios, quantiles, ginis, by;
  std::vector<std::string> multiple, crosstabs, versus_options;
  std::string contrasts, against, unit, versus_margins, versus_method = "raking";
  std::vector<double> probabilities;
  double level = 0.95;
  std::optional<double> df;
  std::vector<std::string> indices, index_changes, carlson_parkin;
  std::string index_form = "mean", index_interval = "logit", law = "normal";
  double delta = 1, overlap = 0;
  std::optional<double> power_of;
  std::vector<std::string> bucketed, bucket_edges, bucket_levels, known_means;
  std::vector<std::string> regressed, imputed, covariates, impute_statistics = {"mean"};
  std::string regression_scale = "log";
  std::size_t imputations = 20;
  bool bias_indices = false;
  std::vector<std::string> turns_at;
};

struct BucketsOptions {
  std::string tables, meta, output, report;
  std::vector<std::string> rules;
  bool no_errors = false, unfold = false, json = false, force = false, quiet = false;
  int threads = 0;
};

/// Adds the verbs. @param code  what they return
void add_buckets(CLI::App& app, BucketsOptions& options, int& code);
void add_weigh(CLI::App& app, WeighOptions& options, int& code);
void add_estimate(CLI::App& app, EstimateOptions& options, int& code);
/// Options of estimate for ordered and bucketed questions.
void add_questions(CLI::App* verb, EstimateOptions& options);

int weigh_command(const WeighOptions& options);
int estimate_command(const EstimateOptions& options);
int buckets_command(const BucketsOptions& options);

/// The request that the options stand for. @throws UserError
WeighRequest weigh_request(const FileOptions& options, const std::string& base);
FileDesign file_design(const FileOptions& options);
IndexRequest index_request(const EstimateOptions& options);
BucketedRequest bucketed_request(const EstimateOptions& options);
RegressionRequest regression_request(const EstimateOptions& options);
ReplicateOptions replicate_options(const FileOptions& options, const std::string& method);

/// What is always shown of a weighting, as text.
std::string weighing_text(const WeighingRecord& record);
/// The same, whole, as JSON.
std::string weighing_json(const WeighingRecord& record);

/// Where the constants of replicate weights stand: weights.csv -> weights.replicates.json.
std::string replicate_constants_path(const std::string& output);

}  // namespace steelyard
