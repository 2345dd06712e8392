#include "estimators/indices/diffusion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "estimators/survey/derived_columns.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Level of row i that has a score; nothing if it has none or there is no answer.
std::optional<std::size_t> scored_level(const SurveyData& data, const IndexQuestion& question,
                                        std::size_t i) {
  const double level = data.columns[question.column][i];
  if (std::isnan(level)) return std::nullopt;
  EXPECTS(level >= 0 && level < static_cast<double>(question.scores.size()));
  const auto at = static_cast<std::size_t>(level);
  return std::isnan(question.scores[at]) ? std::nullopt : std::optional(at);
}

/// Shares, balance and "don't know" of a question by domain.
class AnswerCounts {
 public:
  AnswerCounts(const SurveyData& data, const IndexQuestion& question)
      : levels_(question.scores.size()),
        weight_(data.domains.size() * levels_),
        unscored_(data.domains.size()),
        squares_(data.domains.size()),
        dont_know_(data.domains.size()) {
    for (std::size_t i = 0; i < data.n; ++i) {
      const std::size_t k = domain_of_row(data, i);
      if (k >= data.domains.size() || std::isnan(data.columns[question.column][i])) continue;
      if (const auto level = scored_level(data, question, i)) {
        weight_[k * levels_ + *level] += data.w[i];
        squares_[k] += data.w[i] * data.w[i];
      } else {
        unscored_[k] += data.w[i];
        ++dont_know_[k];
      }
    }
  }

  void describe(std::size_t k, const IndexQuestion& question, IndexRow& row) const {
    const auto first = weight_.begin() + static_cast<std::ptrdiff_t>(k * levels_);
    row.shares.assign(first, first + static_cast<std::ptrdiff_t>(levels_));
    double scored = 0;
    for (const double weight : row.shares) scored += weight;
    for (double& share : row.shares) share = scored > 0 ? share / scored : 0.0;
    for (std::size_t l = 0; l < levels_; ++l) {
      const double score = question.scores[l];
      if (std::isnan(score)) continue;
      (score > 0 ? row.positive : score < 0 ? row.negative : row.neutral) += row.shares[l];
    }
    row.balance = 100 * (row.positive - row.negative);
    row.disagreement = disagreement(row.positive, row.negative);
    row.dont_know = dont_know_[k];
    row.dont_know_share = unscored_[k] > 0 ? unscored_[k] / (unscored_[k] + scored) : 0.0;
  }

  /// (Σw)²/Σw² of those with a score.
  double kish_n(std::size_t k) const {
    double scored = 0;
    for (std::size_t l = 0; l < levels_; ++l) scored += weight_[k * levels_ + l];
    return scored * scored / squares_[k];
  }

 private:
  std::size_t levels_;
  std::vector<double> weight_, unscored_, squares_;
  std::vector<std::size_t> dont_know_;
};

Limits range_of(const IndexQuestion& question, const IndexOptions& options) {
  Limits range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const double score : question.scores)
    if (!std::isnan(score)) {
      range.lower = std::min(range.lower, options.base + options.slope * score);
      range.upper = std::max(range.upper, options.base + options.slope * score);
    }
  return range;
}

}  // namespace

double disagreement(double up, double down) {
  const double balance = up - down;
  return std::sqrt(std::max(0.0, up + down - balance * balance));
}

IndexEstimates IndexEstimates::make(const SurveyData& data,
                                    std::span<const IndexQuestion> questions,
                                    const IndexOptions& options) {
  std::vector<std::vector<double>> columns;
  std::vector<EstimateRequest> requests;
  for (const IndexQuestion& question : questions) {
    auto& column = columns.emplace_back(data.n, kNan);
    for (std::size_t i = 0; i < data.n; ++i)
      if (const auto level = scored_level(data, question, i))
        column[i] = options.base + options.slope * question.scores[*level];
    requests.push_back(
        {.statistic = SurveyStatistic::mean, .variable = question.name, .y = columns.size() - 1});
  }
  const SurveyData scored = with_columns(data, std::move(columns));
  IndexEstimates out(JointEstimates::make(scored, requests, options.estimation));
  out.domains_ = data.domains.size();
  out.options_ = options;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const IndexQuestion& question = questions[q];
    const AnswerCounts counts(data, question);
    const Limits range = out.range_.emplace_back(range_of(question, options));
    std::vector<double> values(question.scores.size());
    for (std::size_t l = 0; l < values.size(); ++l)
      values[l] = options.base + options.slope * question.scores[l];
    for (std::size_t k = 0; k < out.domains_; ++k) {
      IndexRow row;
      row.row = out.joint_.rows()[out.at(q, k)];
      row.above_line = row.above_line_bootstrap = kNan;
      counts.describe(k, question, row);
      if (!row.row.failure) {
        // A single answer is that value exactly, which a weighted mean is up to rounding only.
        const auto single = std::find(row.shares.begin(), row.shares.end(), 1.0);
        if (single != row.shares.end()) {
          row.row.estimate = values[static_cast<std::size_t>(single - row.shares.begin())];
          row.row.se = 0;
        }
        const IndexEvidence evidence{.estimate = row.row.estimate,
                                     .se = row.row.se,
                                     .df = row.row.df,
                                     .level = options.estimation.level,
                                     .range = range,
                                     .n = static_cast<double>(row.row.n),
                                     .kish_n = counts.kish_n(k),
                                     .values = values,
                                     .shares = row.shares};
        const Limits limits = index_limits(options.interval, evidence);
        row.row.lower = limits.lower;
        row.row.upper = limits.upper;
        row.above_line =
            above_line_probability(row.row.estimate, row.row.se, row.row.df, options.line);
        if (const ReplicateDesign* replicates = options.estimation.replicates) {
          const auto share = above_line_share(
              *replicates, out.joint_.replicate_values(out.at(q, k)), options.line);
          if (share) row.above_line_bootstrap = share.value();
        }
      }
      out.rows_.push_back(std::move(row));
    }
  }
  return out;
}

Result<ContrastRow> IndexEstimates::difference(std::size_t a, std::size_t b) const {
  const Term terms[] = {{a, 1}, {b, -1}};
  return joint_.linear(terms);
}

Result<ContrastRow> IndexEstimates::composite(std::span<const double> coefficients,
                                              std::size_t domain) const {
  EXPECTS(coefficients.size() == range_.size());
  std::vector<Term> terms;
  Limits range{0, 0};
  double n = std::numeric_limits<double>::infinity();
  for (std::size_t q = 0; q < coefficients.size(); ++q) {
    const double c = coefficients[q];
    if (c == 0) continue;
    terms.push_back({at(q, domain), c});
    range.lower += std::min(c * range_[q].lower, c * range_[q].upper);
    range.upper += std::max(c * range_[q].lower, c * range_[q].upper);
    n = std::min(n, static_cast<double>(rows_[at(q, domain)].row.n));
  }
  if (terms.empty())
    return Failure{FailureKind::unsupported, "a composite index needs a question with a weight"};
  auto made = joint_.linear(terms);
  // Of a composite there are no answers whose shares a Dirichlet law could have.
  const IndexInterval method =
      options_.interval == IndexInterval::dirichlet ? IndexInterval::wilson : options_.interval;
  if (made && made.value().se > 0) {
    ContrastRow& row = made.value();
    const Limits limits = index_limits(method, {.estimate = row.estimate,
                                                .se = row.se,
                                                .df = row.df,
                                                .level = options_.estimation.level,
                                                .range = range,
                                                .n = n,
                                                .kish_n = n,
                                                .values = {},
                                                .shares = {}});
    row.lower = limits.lower;
    row.upper = limits.upper;
  }
  return made;
}

AnswerShares answer_shares(const SurveyData& data, const IndexQuestion& question) {
  std::vector<double> level(data.n, kNan);
  for (std::size_t i = 0; i < data.n; ++i)
    if (const auto scored = scored_level(data, question, i))
      level[i] = static_cast<double>(*scored);
  AnswerShares out{with_columns(data, level_indicators(level, question.scores.size())), {}};
  for (std::size_t l = 0; l < question.scores.size(); ++l)
    out.requests.push_back({.statistic = SurveyStatistic::proportion,
                            .variable = question.name,
                            .level = std::to_string(l + 1),
                            .y = l});
  return out;
}

std::vector<Result<UpDown>> up_and_down(const SurveyData& data, const IndexQuestion& question,
                                        const EstimationOptions& options) {
  std::vector<std::vector<double>> columns(2, std::vector<double>(data.n, kNan));
  for (std::size_t i = 0; i < data.n; ++i)
    if (const auto level = scored_level(data, question, i)) {
      columns[0][i] = question.scores[*level] > 0;
      columns[1][i] = question.scores[*level] < 0;
    }
  std::vector<EstimateRequest> requests;
  for (std::size_t side = 0; side < 2; ++side)
    requests.push_back({.statistic = SurveyStatistic::proportion,
                        .variable = question.name,
                        .level = side == 0 ? "up" : "down",
                        .y = side});
  const auto joint =
      JointEstimates::make(with_columns(data, std::move(columns)), requests, options);
  std::vector<Result<UpDown>> out;
  for (std::size_t k = 0; k < data.domains.size(); ++k) {
    const std::vector<std::size_t> both{joint.at(0, k), joint.at(1, k)};
    const auto covariance = joint.covariance(both);
    if (!covariance) {
      out.emplace_back(covariance.failure());
      continue;
    }
    const std::vector<double>& v = covariance.value();
    const EstimateRow &up = joint.rows()[both[0]], &down = joint.rows()[both[1]];
    out.emplace_back(UpDown{up.n, up.estimate, down.estimate, {v[0], v[1], v[3]}, up.df});
  }
  return out;
}

Result<UpDown> up_and_down(const SurveyData& data, const IndexQuestion& question,
                           const EstimationOptions& options, std::size_t domain) {
  return up_and_down(data, question, options)[domain];
}

}  // namespace steelyard
