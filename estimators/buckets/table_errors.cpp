#include "estimators/buckets/table_errors.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "estimators/survey/derived_columns.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The bucket of a row, if it has one.
std::optional<std::size_t> bucket_of(const SurveyData& data, const BucketQuestion& question,
                                     std::size_t i) {
  const double bucket = data.columns[question.column][i];
  if (std::isnan(bucket)) return std::nullopt;
  EXPECTS(bucket >= 0 && bucket < static_cast<double>(question.edges.size() - 1) &&
          bucket == std::floor(bucket));
  return static_cast<std::size_t>(bucket);
}

Failure unsound(const std::string& objection) {
  return {FailureKind::unsupported, "the table of the domain " + objection};
}

/// A row for statistic s in domain k that has no estimate.
EstimateRow failed_row(std::size_t s, std::size_t k, std::size_t n, Failure failure) {
  EstimateRow row;
  row.request = s;
  row.domain = k;
  row.n = n;
  row.estimate = row.se = row.lower = row.upper = row.df = row.deff = row.deff_wr = kNan;
  row.failure = std::move(failure);
  return row;
}

/// The tables of a domain in every replicate, and the degrees of freedom.
class ReplicateTables {
 public:
  ReplicateTables(const SurveyData& data, const BucketQuestion& question,
                  const EstimationOptions& options)
      : question_(question), replicates_(*options.replicates), domains_(data.domains.size()) {
    const ShareRequests shares = share_requests(data, question);
    rows_ = estimate_all(shares.data, shares.requests, options, &theta_);
  }
  /// Why the shares of a domain have no standard errors; also their degrees of freedom.
  std::optional<Failure> failure(std::size_t domain) const { return rows_[domain].failure; }
  double df(std::size_t domain) const { return rows_[domain].df; }

  /// values[s][r]: statistic s of the rule's law in replicate r; why not.
  std::optional<Failure> fit(const BucketRule& rule, std::size_t domain, double n,
                             std::span<const LawStatistic> statistics,
                             std::vector<std::vector<double>>& values) const {
    const std::size_t m = question_.edges.size() - 1, replicates = replicates_.replicates;
    values.assign(statistics.size(), std::vector<double>(replicates));
    BucketTable table{question_.edges, std::vector<double>(m), n, question_.known_mean};
    for (std::size_t r = 0; r < replicates; ++r) {
      if (!replicates_.rscales.empty() && replicates_.rscales[r] <= 0) continue;
      for (std::size_t b = 0; b < m; ++b)
        table.weights[b] = theta_[(b * domains_ + domain) * replicates + r];
      const auto wrong = objection(table);
      const auto fit = wrong ? Result<BucketFit>(unsound(*wrong)) : rule.fit(table);
      if (!fit)
        return Failure{fit.failure().kind, fmt::format("replicate {} of {}: {}", r + 1, replicates,
                                                       fit.failure().detail)};
      for (std::size_t s = 0; s < statistics.size(); ++s) {
        values[s][r] = statistics[s].of(*fit.value().law);
        if (!std::isfinite(values[s][r]))
          return Failure{FailureKind::unsupported,
                         fmt::format("replicate {} of {}: the {} is infinite or undefined", r + 1,
                                     replicates, statistics[s].name)};
      }
    }
    return std::nullopt;
  }

 private:
  const BucketQuestion& question_;
  const ReplicateDesign& replicates_;
  std::size_t domains_;
  std::vector<EstimateRow> rows_;
  std::vector<double> theta_;
};

/// Estimates of the statistics that each domain's law asks for, by statistic and domain.
std::vector<EstimateRow> replicated(const SurveyData& data, const BucketQuestion& question,
                                    const BucketRule& rule, const StatisticsOfLaw& statistics,
                                    std::size_t count, const EstimationOptions& options,
                                    std::vector<std::shared_ptr<const Law>>& laws) {
  const ReplicateTables replicates(data, question, options);
  const std::size_t domains = data.domains.size();
  laws.assign(domains, nullptr);
  std::vector<EstimateRow> rows(count * domains);
  std::vector<std::vector<double>> values;
  for (std::size_t k = 0; k < domains; ++k) {
    const BucketTable table = table_of(data, question, k);
    const auto n = static_cast<std::size_t>(table.n);
    const auto wrong = objection(table);
    const auto fit = wrong ? Result<BucketFit>(unsound(*wrong)) : rule.fit(table);
    std::optional<Failure> failure = replicates.failure(k);
    std::vector<LawStatistic> list;
    if (!failure && !fit) failure = fit.failure();
    if (fit) {
      laws[k] = fit.value().law;
      list = statistics(k, *laws[k]);
      if (!failure) failure = replicates.fit(rule, k, table.n, list, values);
    }
    for (std::size_t s = 0; s < count; ++s) {
      EstimateRow& row = rows[s * domains + k];
      row = failed_row(s, k, n, failure.value_or(Failure{}));
      if (fit) row.estimate = list[s].of(*laws[k]);
      if (failure) continue;
      row.failure.reset();
      row.df = replicates.df(k);
      row.se = std::sqrt(options.replicates->variance(values[s], row.estimate));
      const double half = t_quantile(options.level, row.df) * row.se;
      row.lower = row.estimate - half;
      row.upper = row.estimate + half;
    }
  }
  return rows;
}

std::vector<EstimateRow> linearized(const SurveyData& data, const BucketQuestion& question,
                                    const BucketRule& rule, const StatisticsOfLaw& statistics,
                                    std::size_t count, const EstimationOptions& options,
                                    std::vector<std::shared_ptr<const Law>>& laws) {
  const LinearizedTable table = linearized_table(data, question, rule, statistics, count);
  laws = table.laws;
  std::vector<EstimateRow> rows = estimate_all(table.data, table.requests, options);
  for (std::size_t j = 0; j < rows.size(); ++j)
    if (table.failures[j])
      rows[j] =
          failed_row(rows[j].request, rows[j].domain, table.n[rows[j].domain], *table.failures[j]);
  return rows;
}

}  // namespace

BucketTable table_of(const SurveyData& data, const BucketQuestion& question, std::size_t domain) {
  BucketTable table{question.edges, std::vector<double>(question.edges.size() - 1), 0,
                    question.known_mean};
  for (std::size_t i = 0; i < data.n; ++i)
    if (domain_of_row(data, i) == domain)
      if (const auto bucket = bucket_of(data, question, i)) {
        table.weights[*bucket] += data.w[i];
        table.n += 1;
      }
  return table;
}

ShareRequests share_requests(const SurveyData& data, const BucketQuestion& question) {
  const std::size_t m = question.edges.size() - 1;
  ShareRequests out{with_columns(data, level_indicators(data.columns[question.column], m)), {}};
  for (std::size_t b = 0; b < m; ++b)
    out.requests.push_back({.statistic = SurveyStatistic::proportion,
                            .variable = "bucket",
                            .level = fmt::format("{}", b + 1),
                            .y = b});
  return out;
}

LinearizedTable linearized_table(const SurveyData& data, const BucketQuestion& question,
                                 const BucketRule& rule, const StatisticsOfLaw& statistics,
                                 std::size_t count) {
  const std::size_t domains = data.domains.size();
  std::vector<std::vector<StatisticSlopes>> slopes(domains);
  std::vector<std::optional<Failure>> failed(domains);
  LinearizedTable out;
  out.laws.resize(domains);
  std::vector<std::string> names(count);
  for (std::size_t k = 0; k < domains; ++k) {
    const BucketTable table = table_of(data, question, k);
    out.n.push_back(static_cast<std::size_t>(table.n));
    const auto wrong = objection(table);
    const auto fit = wrong ? Result<BucketFit>(unsound(*wrong)) : rule.fit(table);
    if (!fit) {
      failed[k] = table.n > 0 ? fit.failure()
                              : Failure{FailureKind::empty_domain, "no respondent in the domain"};
      continue;
    }
    const auto list = statistics(k, *fit.value().law);
    auto made = table_slopes(rule, table, list);
    if (!made) {
      failed[k] = made.failure();
      continue;
    }
    out.laws[k] = made.value().law;
    slopes[k] = std::move(made.value().statistics);
    EXPECTS(list.size() == count);
    for (std::size_t s = 0; s < count; ++s) names[s] = list[s].name;
  }
  std::vector<std::vector<double>> columns(count, std::vector<double>(data.n, kNan));
  for (std::size_t i = 0; i < data.n; ++i) {
    const std::size_t k = domain_of_row(data, i);
    if (k >= domains || failed[k]) continue;
    if (const auto bucket = bucket_of(data, question, i))
      for (std::size_t s = 0; s < count; ++s)
        if (!slopes[k][s].failure)
          columns[s][i] = slopes[k][s].value + slopes[k][s].by_share[*bucket];
  }
  out.data = with_columns(data, std::move(columns));
  for (std::size_t s = 0; s < count; ++s) {
    out.requests.push_back({.statistic = SurveyStatistic::mean, .variable = names[s], .y = s});
    for (std::size_t k = 0; k < domains; ++k)
      out.failures.push_back(failed[k] ? failed[k] : slopes[k][s].failure);
  }
  return out;
}

std::vector<EstimateRow> estimate_table(const SurveyData& data, const BucketQuestion& question,
                                        const BucketRule& rule,
                                        std::span<const LawStatistic> statistics,
                                        const EstimationOptions& options) {
  const auto same = [&](std::size_t, const Law&) {
    return std::vector<LawStatistic>(statistics.begin(), statistics.end());
  };
  std::vector<std::shared_ptr<const Law>> laws;
  return options.replicates
             ? replicated(data, question, rule, same, statistics.size(), options, laws)
             : linearized(data, question, rule, same, statistics.size(), options, laws);
}

std::vector<TableQuantile> estimate_table_quantiles(const SurveyData& data,
                                                    const BucketQuestion& question,
                                                    const BucketRule& rule,
                                                    std::span<const double> probabilities,
                                                    const EstimationOptions& options) {
  const bool direct = options.quantiles == QuantileInterval::replicates;
  // The share below the domain's quantile, which stays where it is while the shares move.
  const auto shares_below = [&](std::size_t, const Law& law) {
    std::vector<LawStatistic> list;
    for (const double p : probabilities) {
      const double at = law.quantile(p);
      if (direct)
        list.push_back({"quantile", [p](const Law& of) { return of.quantile(p); }, {}});
      else
        list.push_back({"share below", [at](const Law& of) { return of.cdf(at); }, {}});
    }
    return list;
  };
  std::vector<std::shared_ptr<const Law>> laws;
  const std::vector<EstimateRow> rows =
      options.replicates
          ? replicated(data, question, rule, shares_below, probabilities.size(), options, laws)
          : linearized(data, question, rule, shares_below, probabilities.size(), options, laws);
  std::vector<TableQuantile> out;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    TableQuantile made{rows[j], kNan, kNan};
    EstimateRow& row = made.row;
    if (!row.failure && (options.quantiles == QuantileInterval::score ||
                         options.quantiles == QuantileInterval::score_unweighted_rank))
      row.failure = Failure{FailureKind::unsupported,
                            "score intervals need the answers themselves, not their buckets"};
    if (row.failure || direct) {
      out.push_back(std::move(made));
      continue;
    }
    const Law& law = *laws[row.domain];
    const double share = row.estimate;
    made.se_cdf = row.se;
    row.estimate = law.quantile(probabilities[row.request]);
    made.se_linear = made.se_cdf / law.density(row.estimate);
    const Limits p = proportion_limits(share, made.se_cdf, options.woodruff,
                                       {.level = options.level, .df = row.df, .n = row.n});
    const auto limit = [&](double at) { return at > 0 && at < 1 ? law.quantile(at) : kNan; };
    row.lower = limit(p.lower);
    row.upper = limit(p.upper);
    row.se = (row.upper - row.lower) / (2 * t_quantile(options.level, row.df));
    row.deff = row.deff_wr = kNan;
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace steelyard
