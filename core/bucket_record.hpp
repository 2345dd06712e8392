#pragma once

// What bucket rules made of tables: what the command line and the report show.

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steelyard {

/// The statistics of a law, in the order of every array below, and their names in files.
inline constexpr std::array<std::string_view, 10> kBucketStatistics = {
    "mean", "var", "gini", "theil", "mld", "q10", "q25", "q50", "q75", "q90"};
inline constexpr std::size_t kMeanStatistic = 0, kGiniStatistic = 2, kFirstQuantile = 5,
                             kMedianStatistic = 7;

using BucketStatistics = std::array<double, kBucketStatistics.size()>;

/// Lower and upper end of what a statistic can be.
struct BucketBound {
  double lower = std::numeric_limits<double>::quiet_NaN(), upper = lower;
};

struct BucketRuleRecord {
  std::string rule;
  std::string failure;             ///< why there is no law; empty: there is one
  BucketStatistics value{}, se{};  ///< se: NaN where not asked or not possible
  std::vector<std::pair<std::string, double>> found;
  std::vector<std::string> notes;
  std::vector<std::pair<double, double>> density;  ///< points (x, f(x)); empty: a law of points
  double microseconds = 0;
  bool ok() const { return failure.empty(); }
};

/// Masses of innermost intervals, from answers that may overlap.
struct UnfoldedRecord {
  struct Mass {
    double lower, upper, mass, se;  ///< se: NaN where not asked or not possible
  };
  std::string failure;  ///< why there are no masses; empty: there are
  std::vector<Mass> masses;
  double log_likelihood = 0, gradient = 0;
  int iterations = 0;
  std::size_t answers = 0;  ///< rows: an interval each
  std::vector<std::string> notes;
  bool ok() const { return failure.empty(); }
};

struct BucketCaseRecord {
  std::string name;
  std::optional<UnfoldedRecord> turnbull;
  std::vector<double> edges, weights;
  double n = 0;
  std::optional<double> known_mean;
  std::vector<BucketRuleRecord> rules;
  /// Of mean, Gini and quantiles; NaN for other statistics.
  std::array<BucketBound, kBucketStatistics.size()> bounds;
  BucketBound gini_given_mean;  ///< NaN without a known mean
  /// Edges and weights are those of `turnbull`: so are the bounds, given its masses.
  bool unfolded = false;
  /// What is known of a statistic: with the mean, where that narrows it.
  BucketBound known(std::size_t statistic) const {
    if (statistic == kGiniStatistic && gini_given_mean.lower == gini_given_mean.lower)
      return gini_given_mean;
    return bounds[statistic];
  }
};

struct BucketTablesRecord {
  std::string file, meta_file, version;
  std::vector<BucketCaseRecord> cases;
};

}  // namespace steelyard
