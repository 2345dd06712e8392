#pragma once

// Many estimates from one file: totals, means, proportions, ratios, quantiles and Gini
// coefficients over domains, each with its standard error and interval, under a design and a
// weighting.

#include <optional>
#include <string>
#include <vector>

#include "estimators/survey/linearizer.hpp"
#include "estimators/survey/quantiles.hpp"
#include "estimators/survey/replicates.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

enum class SurveyStatistic { total, mean, proportion, ratio, quantile, gini };
const char* to_string(SurveyStatistic statistic);

enum class QuantileInterval {
  woodruff,               ///< interval of F(q), inverted
  replicates,             ///< t interval with the variance of the replicates' quantiles
  score,                  ///< Francisco-Fuller inversion of the score test
  score_unweighted_rank,  ///< the same, its ends read off at their unweighted rank, as in R's
                          ///< survey
};

/// One thing to estimate, in every domain. Columns are numbers of SurveyData::columns.
struct EstimateRequest {
  SurveyStatistic statistic = SurveyStatistic::mean;
  std::string variable, level;  ///< as printed
  std::size_t y = 0, x = 0;     ///< x: denominator of a ratio
  double p = 0.5;               ///< of a quantile
};

/// Everything about the file that estimates depend on. Missing answers are NaN: their rows are
/// outside the domain but stay in the design.
struct SurveyData {
  std::size_t n = 0;
  std::vector<std::vector<double>> columns;
  std::vector<std::uint32_t> domain_of;  ///< n; >= domains.size(): in none. Empty: all in one
  std::vector<std::string> domains = {""};
  const SurveyDesign* design = nullptr;
  std::vector<double> d;  ///< weights before calibration, as the index has them
  /// What replicates multiply d by before they weigh: population / n where all d are 1, since that
  /// is what everybody starts from.
  double start_scale = 1;
  std::vector<double> w;  ///< final weights
  /// The calibration, if there was one; `weighting` is done again in every replicate.
  const CellIndex* index = nullptr;
  const Weights* weights = nullptr;
  const Weighting* weighting = nullptr;
  const Benchmarks* benchmarks = nullptr;
};

struct EstimationOptions {
  double level = 0.95;
  std::optional<double> df;  ///< instead of the design's
  /// Degrees of freedom from the primary units and strata with a row of positive weight in the
  /// domain (never more than the design's or the replicates'), as R's degf() of a subset.
  bool domain_df = false;
  ProportionInterval proportions = ProportionInterval::xlogit;
  QuantileRule rule = QuantileRule::math;
  QuantileInterval quantiles = QuantileInterval::woodruff;
  ProportionInterval woodruff = ProportionInterval::mean;  ///< scale of the inverted interval
  const ReplicateDesign* replicates = nullptr;             ///< null: linearization
};

struct EstimateRow {
  std::size_t request = 0, domain = 0;
  std::size_t n = 0;  ///< respondents in the domain with an answer
  double estimate = 0, se = 0, lower = 0, upper = 0, df = 0;
  double deff = 0;     ///< against simple random sampling without replacement; NaN if undefined
  double deff_wr = 0;  ///< with replacement
  std::optional<Failure> failure;  ///< why there is no estimate, or no standard error
};

/// One row a request and domain, requests slowest. With replicates also θ_r if `replicate_values`
/// is given: requests × domains × replicates (of a quantile with a Woodruff interval: linearized,
/// so that their variance is the interval's).
std::vector<EstimateRow> estimate_all(const SurveyData& data,
                                      std::span<const EstimateRequest> requests,
                                      const EstimationOptions& options,
                                      std::vector<double>* replicate_values = nullptr);

/// Final weights of every replicate (R columns of n), weighted anew in each. Fails as the weighting
/// does, naming the replicate.
Result<std::vector<std::vector<double>>> replicate_weights(const SurveyData& data,
                                                           const ReplicateDesign& replicates);

/// Estimates with the influence of every row of the file, final weight included: the covariance of
/// two estimates is the design's covariance of the totals of their u.
struct InfluenceValues {
  std::vector<EstimateRow> rows;  ///< as of estimate_all
  std::vector<std::vector<double>>
      u;  ///< by row: n values w_i (z_i - x_i'β); empty where it failed
};

/// Linearization only. A quantile's influence is that of F there over the density that its interval
/// implies (Francisco & Fuller 1991, Ann. Statist. 19, 454-469). Memory n doubles an estimate.
InfluenceValues influence_values(const SurveyData& data, std::span<const EstimateRequest> requests,
                                 const EstimationOptions& options);

/// Rank of the replicate weights about their mean: what R's survey calls their degrees of freedom.
/// Cost O(n R²).
double replicate_rank(const SurveyData& data, const ReplicateDesign& replicates);

}  // namespace steelyard
