#pragma once

// Diffusion indices: base + slope × the weighted mean score of an ordered answer, with balances,
// disagreement, composites and comparisons under a survey design.

#include <span>
#include <string>
#include <vector>

#include "estimators/indices/carlson_parkin.hpp"
#include "estimators/indices/index_inference.hpp"
#include "estimators/survey/contrasts.hpp"

namespace steelyard {

struct IndexQuestion {
  std::string name;
  std::size_t column = 0;      ///< of SurveyData: level numbers 0 ... , NaN where not asked
  std::vector<double> scores;  ///< by level, e.g. 1, .5, 0, -.5, -1; NaN: "don't know", left out
};

struct IndexOptions {
  EstimationOptions estimation;
  double base = 50, slope = 50;  ///< 50 + 50 × mean score; 0 and 100: the net balance
  double line = 50;              ///< of no change
  IndexInterval interval = IndexInterval::logit;
};

/// One question in one domain.
struct IndexRow {
  EstimateRow row;             ///< the index, its limits by the options' interval
  std::vector<double> shares;  ///< by level, of those with a score; 0 for levels without
  double positive = 0, neutral = 0, negative = 0;  ///< shares by the sign of the score
  double balance = 0;                              ///< 100 (positive - negative)
  double disagreement = 0;          ///< sqrt(P + N - (P - N)²): 0 all agree, 1 half up, half down
  std::size_t dont_know = 0;        ///< answers without a score
  double dont_know_share = 0;       ///< of the weight of all answers
  double above_line = 0;            ///< above_line_probability of the index
  double above_line_bootstrap = 0;  ///< above_line_share of the replicates; NaN if they have none
};

/// Standard deviation of answers scored 1, 0, -1 with these shares.
double disagreement(double up, double down);

/// Indices of one file, kept so that they can be combined and compared: persons who answer several
/// questions, primary units and the calibration are in every covariance.
class IndexEstimates {
 public:
  /// Rows without an index hold their failure in row.failure. The design must outlive it.
  static IndexEstimates make(const SurveyData& data, std::span<const IndexQuestion> questions,
                             const IndexOptions& options);

  /// Questions slowest.
  const std::vector<IndexRow>& rows() const { return rows_; }
  std::size_t at(std::size_t question, std::size_t domain) const {
    return joint_.at(question, domain);
  }
  /// The indices alone, in the order of rows(): for linear(), ratio(), covariance() and, between
  /// quarters, across_waves().
  const JointEstimates& joint() const { return joint_; }

  /// Index a minus index b (two domains, or two questions of the same persons).
  Result<ContrastRow> difference(std::size_t a, std::size_t b) const;
  /// Σ c_q index_q in a domain; limits by the options' interval, over the composite's own range.
  /// @param coefficients  one a question; 0 leaves it out
  Result<ContrastRow> composite(std::span<const double> coefficients, std::size_t domain) const;

 private:
  IndexEstimates(JointEstimates joint) : joint_(std::move(joint)) {}

  std::size_t domains_ = 1;
  IndexOptions options_;
  std::vector<Limits> range_;  ///< by question: lowest and highest value of an answer
  std::vector<IndexRow> rows_;
  JointEstimates joint_;
};

/// Shares of a question's levels (those without a score left out) as requests, one a level.
struct AnswerShares {
  SurveyData data;
  std::vector<EstimateRequest> requests;
};
AnswerShares answer_shares(const SurveyData& data, const IndexQuestion& question);

/// Shares with a score above and below zero in a domain, for carlson_parkin, with their covariance.
struct UpDown {
  std::size_t n = 0;  ///< respondents with a score
  double up = 0, down = 0;
  AnswerCovariance covariance;
  double df = 0;
};
/// By domain.
std::vector<Result<UpDown>> up_and_down(const SurveyData& data, const IndexQuestion& question,
                                        const EstimationOptions& options);
Result<UpDown> up_and_down(const SurveyData& data, const IndexQuestion& question,
                           const EstimationOptions& options, std::size_t domain);

}  // namespace steelyard
