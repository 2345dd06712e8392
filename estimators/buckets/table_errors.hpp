#pragma once

// Sampling errors of what a bucket rule says: any statistic is a function of the bucket shares, so
// its variance follows from theirs. What the buckets themselves hide is not a sampling error: see
// the spread over rules and the bounds.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estimators/buckets/law.hpp"
#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// One number of a law.
struct LawStatistic {
  std::string name;
  std::function<double(const Law&)> of;
  /// Its derivative by each share of the table, up to a constant. Empty: by differences.
  std::function<std::vector<double>(const BucketTable&)> by_share;
};

/// A statistic's value and slopes at a table.
struct StatisticSlopes {
  double value = 0;
  std::vector<double> by_share;  ///< m values g_k with Σ p_k g_k = 0; 0 where the bucket is empty
  /// unsupported: the statistic is infinite or undefined; as the rule: a fit nearby fails.
  std::optional<Failure> failure;
};

struct TableSlopes {
  std::shared_ptr<const Law> law;
  std::vector<StatisticSlopes> statistics;
};

/// Statistics of the law that a rule makes of a table, and how they move with the shares: central
/// differences of order four, steps of 1/256 of each share, all statistics from the same fits. An
/// empty bucket has no slope and needs none: nobody is there to vary. A statistic that jumps or
/// bends at these shares (the midpoint rule's quantiles) has no meaningful slope.
/// @pre no objection(table)
/// Fails as the rule does. Cost: 1 + 4 m laws; of fitted families none but the first is a fit.
Result<TableSlopes> table_slopes(const BucketRule& rule, const BucketTable& table,
                                 std::span<const LawStatistic> statistics);
/// The same from the rule's fit to the table.
TableSlopes table_slopes(const BucketRule& rule, const BucketTable& table, const BucketFit& fit,
                         std::span<const LawStatistic> statistics);

/// Covariance of shares from n persons drawn at random: (diag(p) - pp')/n, m × m, row-major. Under
/// weights n may be the effective number (Σw)²/Σw² as a rough guide (Kish 1965).
std::vector<double> multinomial_covariance(std::span<const double> shares, double n);
double kish_effective_n(std::span<const double> w);

/// g'Vg of each statistic for a table without persons. @param covariance  of the shares, m × m
/// @return one row a statistic, t limits with `df` (infinite: normal). Fails as table_slopes.
Result<std::vector<EstimateRow>> table_errors(const BucketRule& rule, const BucketTable& table,
                                              std::span<const LawStatistic> statistics,
                                              std::span<const double> covariance, double df,
                                              double level);
/// The same from the rule's fit to the table.
std::vector<EstimateRow> table_errors(const BucketRule& rule, const BucketTable& table,
                                      const BucketFit& fit,
                                      std::span<const LawStatistic> statistics,
                                      std::span<const double> covariance, double df, double level);

/// A question answered in buckets.
struct BucketQuestion {
  std::size_t column = 0;     ///< of SurveyData: bucket numbers 0 ... m - 1, NaN where not answered
  std::vector<double> edges;  ///< m + 1
  std::optional<double> known_mean;
};

/// Final weights by bucket in a domain. @return n = respondents
BucketTable table_of(const SurveyData& data, const BucketQuestion& question, std::size_t domain);

/// Shares of all buckets as requests (one a bucket) on the data that comes with them, for
/// estimate_all, JointEstimates and cross-wave comparisons.
struct ShareRequests {
  SurveyData data;
  std::vector<EstimateRequest> requests;
};
ShareRequests share_requests(const SurveyData& data, const BucketQuestion& question);

/// Linearized values: column s holds θ_s + g_b(i) for each person i, with the θ and g of the
/// person's domain, so that its weighted mean is θ_s and the mean's linearized variance (strata,
/// primary units, calibration and all) is that of θ_s. Any comparison of means then compares θ.
/// Statistics may depend on the domain: statistics(domain, law), `count` of them. Failures by
/// statistic and domain, statistics slowest; those columns are missing there.
struct LinearizedTable {
  SurveyData data;
  std::vector<EstimateRequest> requests;  ///< one mean a statistic
  std::vector<std::optional<Failure>> failures;
  std::vector<std::size_t> n;                    ///< by domain: persons with an answer
  std::vector<std::shared_ptr<const Law>> laws;  ///< by domain; null where the rule fails
};
using StatisticsOfLaw = std::function<std::vector<LawStatistic>(std::size_t, const Law&)>;
LinearizedTable linearized_table(const SurveyData& data, const BucketQuestion& question,
                                 const BucketRule& rule, const StatisticsOfLaw& statistics,
                                 std::size_t count);

/// One row a statistic and domain, statistics slowest. With replicates the rule is fitted anew to
/// every replicate's shares. Cost: 1 + 4 m fits a domain and O(n) a statistic, or 1 + R fits.
/// Sources: Binder (1983), International Statistical Review 51, 279-292; Wolter (2007).
std::vector<EstimateRow> estimate_table(const SurveyData& data, const BucketQuestion& question,
                                        const BucketRule& rule,
                                        std::span<const LawStatistic> statistics,
                                        const EstimationOptions& options);

struct TableQuantile {
  /// Limits: the interval of F at the quantile, inverted through the law's own F (Woodruff 1952,
  /// JASA 47, 635-646); NaN where it leaves (0, 1). se: their width over 2t. With
  /// QuantileInterval::replicates: t interval from the replicates' quantiles (without replicates:
  /// from the quantile's slopes).
  EstimateRow row;
  double se_cdf = 0;     ///< of F at the quantile
  double se_linear = 0;  ///< se_cdf over the density there; NaN for a law of points
};

/// One a probability and domain, probabilities slowest. Score intervals (QuantileInterval::score)
/// need the answers themselves: unsupported.
std::vector<TableQuantile> estimate_table_quantiles(const SurveyData& data,
                                                    const BucketQuestion& question,
                                                    const BucketRule& rule,
                                                    std::span<const double> probabilities,
                                                    const EstimationOptions& options);

}  // namespace steelyard
