#pragma once

// Ordered and bucketed questions of a user's file: how they are written on the command line, and
// what the levels of a column mean.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data_file.hpp"
#include "core/random.hpp"
#include "estimators/buckets/interval_regression.hpp"
#include "estimators/buckets/law.hpp"
#include "estimators/indices/carlson_parkin.hpp"
#include "estimators/indices/index_inference.hpp"

namespace steelyard {

struct IndexRequest {
  std::vector<std::string> indices;  ///< "column:level=score,...", a score of none: no opinion
  std::vector<std::string> changes;  ///< "a,b": index b minus index a
  bool net_balance = false;          ///< 100 × mean score instead of 50 + 50 × mean score
  IndexInterval interval = IndexInterval::logit;
  std::vector<std::string> carlson_parkin;  ///< "column:up=level|level,same=...,down=..."
  double threshold = 1;                     ///< of perception, for carlson_parkin
  PerceptionLaw law;
  std::optional<double> power_of;  ///< a change of the index
  double overlap = 0;              ///< correlation of the index's two waves, for power_of
};

struct BucketedRequest {
  std::vector<std::string> bucketed;     ///< "column:rule"
  std::vector<std::string> edges;        ///< "column=0,2000,...,inf"
  std::vector<std::string> levels;       ///< "column=level,level,...", from the lowest bucket up
  std::vector<std::string> known_means;  ///< "column=mean", for rules that need it
};

/// Interval regressions of bucketed columns, and imputations by them.
struct RegressionRequest {
  std::vector<std::string> regressed, imputed;  ///< columns
  std::vector<std::string> covariates;          ///< "column" or "column=reference level"
  IntervalScale scale = IntervalScale::logarithm;
  std::size_t imputations = 20;
  std::vector<std::string> statistics = {"mean"};  ///< mean, median, gini, q10, ...
  std::optional<Seed> seed;
};

/// Parts between separators that are outside double quotes, trimmed and without quotes.
std::vector<std::string> split_quoted(std::string_view text, char separator);
/// "name<separator>rest"; nothing if either is empty.
std::optional<std::pair<std::string, std::string>> name_and_rest(const std::string& text,
                                                                 char separator);

/// A question whose levels have scores; NaN: no opinion.
struct ScoredQuestion {
  std::string option, column;  ///< option: for messages
  std::vector<std::pair<std::string, double>> scores;
};
/// @throws UserError: not of that form, a score that is no number, a level twice, fewer than two
/// different scores
ScoredQuestion parse_index(const std::string& text);
/// Scores 1, 0 and -1. @throws UserError also for a side without a level
ScoredQuestion parse_up_same_down(const std::string& text);

struct BucketedQuestion {
  std::string column, rule;
  std::vector<double> edges;          ///< empty: the levels say them
  std::vector<std::string> levels;    ///< empty: all of the column
  std::optional<double> known_mean;   ///< where the rule needs it
  std::string option = "--bucketed";  ///< for messages
};

/// A column that an amount is regressed on.
struct CovariateQuestion {
  std::string column;
  std::optional<std::string> reference;  ///< its levels are compared with this one
};

/// What is estimated of imputed amounts.
struct ImputedStatistic {
  SurveyStatistic statistic = SurveyStatistic::mean;
  double p = 0.5;  ///< of a quantile
};

/// All of a request.
struct FileQuestions {
  std::vector<ScoredQuestion> indices, quantified;
  std::vector<BucketedQuestion> bucketed, regressed, imputed;
  std::vector<CovariateQuestion> covariates;
  std::vector<ImputedStatistic> statistics;  ///< of imputed amounts

  /// Columns read as levels, those of covariates apart.
  std::vector<std::string> columns() const;
};
/// @throws UserError: as each; a column with two indices, a change of what has no index; a bucket
/// rule that is unknown (naming the nearest) or lacks the overall mean it needs; edges that do not
/// fit the levels; covariates of nothing; imputations without a seed
FileQuestions parse_questions(const IndexRequest& index, const BucketedRequest& bucketed,
                              const RegressionRequest& regression);
/// The part of it that buckets are of.
void parse_buckets(const BucketedRequest& bucketed, const RegressionRequest& regression,
                   FileQuestions& out);
/// "a,b": the numbers of two indices. @throws UserError
std::pair<std::size_t, std::size_t> parse_change(const std::string& text,
                                                 const std::vector<ScoredQuestion>& indices);

/// A question's levels as they are in a file.
struct PlacedLevels {
  std::vector<double> number;  ///< by row; NaN: no answer
  std::vector<double> scores;  ///< of scored questions, by number
  std::vector<double> edges;   ///< of bucketed ones
  std::vector<std::string> notes;
};
/// Numbers are those of `column`, then levels that nobody chose. A level without a score has none.
/// @throws UserError: a level that the column lacks while it has others that are not named, nobody
/// with a score
PlacedLevels place(const ScoredQuestion& question, const LevelColumn& column,
                   const std::string& file);
/// Numbers are those of the buckets, from the lowest up.
/// @throws UserError: as above; levels that cannot be read as buckets, gaps, overlaps
PlacedLevels place(const BucketedQuestion& question, const LevelColumn& column,
                   const std::string& file);

/// "0-2000", "2,000 to 5,000", "2000_5000", "20000+", "under 2000", "over_20000", ">= 20000", and in
/// Chinese "2000元以下", "8000-2万元", "2万元以上"; lower edge 0 if none is said, upper edge infinite.
/// Nothing if it is none of these.
std::optional<Limits> read_bucket(std::string_view level);

}  // namespace steelyard
