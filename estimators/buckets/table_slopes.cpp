#include <fmt/format.h>

#include <cmath>

#include "core/sums.hpp"
#include "estimators/buckets/table_errors.hpp"

namespace steelyard {
namespace {

/// Relative step: the truncation error is of order step⁴, and the rounding of a fit (or the
/// tolerance of an iterated one) is divided by the step only.
constexpr double kStep = 1.0 / 256;

Failure not_finite(const std::string& name, double value) {
  return {FailureKind::unsupported, fmt::format("the {} of the fitted law is {}", name,
                                                std::isnan(value) ? "undefined" : "infinite")};
}

/// Adds a constant so that Σ p g = 0.
void centre(std::span<const double> shares, std::vector<double>& slopes) {
  Sum mean;
  for (std::size_t k = 0; k < shares.size(); ++k) mean.add(shares[k] * slopes[k]);
  for (std::size_t k = 0; k < shares.size(); ++k)
    slopes[k] = shares[k] > 0 ? slopes[k] - mean.value() : 0.0;
}

/// Slopes of those without a formula, by bucket k.
void difference(const BucketRule& rule, const BucketTable& table, const BucketFit& here,
                std::size_t k, double share, std::span<const LawStatistic> statistics,
                std::vector<StatisticSlopes>& out) {
  const double weights[] = {8, -8, -1, 1}, moves[] = {1, -1, 2, -2};
  for (int side = 0; side < 4; ++side) {
    const auto law = law_nearby(rule, table, here, k, table.weights[k] * moves[side] * kStep);
    for (std::size_t s = 0; s < statistics.size(); ++s) {
      if (statistics[s].by_share || out[s].failure) continue;
      if (!law) {
        out[s].failure =
            Failure{law.failure().kind,
                    fmt::format("no slope: with bucket {} changed by {:g} % the rule fails: {}",
                                k + 1, 100 * moves[side] * kStep, law.failure().detail)};
        continue;
      }
      const double value = statistics[s].of(*law.value());
      if (!std::isfinite(value)) out[s].failure = not_finite(statistics[s].name, value);
      out[s].by_share[k] += weights[side] * value / (12 * kStep * share);
    }
  }
}

}  // namespace

Result<TableSlopes> table_slopes(const BucketRule& rule, const BucketTable& table,
                                 std::span<const LawStatistic> statistics) {
  EXPECTS(!objection(table));
  const auto fit = rule.fit(table);
  if (!fit) return fit.failure();
  return table_slopes(rule, table, fit.value(), statistics);
}

TableSlopes table_slopes(const BucketRule& rule, const BucketTable& table, const BucketFit& fit,
                         std::span<const LawStatistic> statistics) {
  TableSlopes out{fit.law, std::vector<StatisticSlopes>(statistics.size())};
  const std::vector<double> shares = table.shares();
  bool differences = false;
  for (std::size_t s = 0; s < statistics.size(); ++s) {
    StatisticSlopes& slopes = out.statistics[s];
    slopes.value = statistics[s].of(*out.law);
    slopes.by_share.assign(table.size(), 0.0);
    if (!std::isfinite(slopes.value))
      slopes.failure = not_finite(statistics[s].name, slopes.value);
    else if (statistics[s].by_share)
      slopes.by_share = statistics[s].by_share(table);
    else
      differences = true;
  }
  if (differences)
    for (std::size_t k = 0; k < table.size(); ++k)
      if (shares[k] > 0) difference(rule, table, fit, k, shares[k], statistics, out.statistics);
  for (StatisticSlopes& slopes : out.statistics) centre(shares, slopes.by_share);
  return out;
}

std::vector<double> multinomial_covariance(std::span<const double> shares, double n) {
  EXPECTS(n > 0);
  const std::size_t m = shares.size();
  std::vector<double> out(m * m);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < m; ++j)
      out[i * m + j] = shares[i] * ((i == j ? 1.0 : 0.0) - shares[j]) / n;
  return out;
}

double kish_effective_n(std::span<const double> w) {
  Sum sum, squares;
  for (const double weight : w) {
    sum.add(weight);
    squares.add(weight * weight);
  }
  return sum.value() * sum.value() / squares.value();
}

Result<std::vector<EstimateRow>> table_errors(const BucketRule& rule, const BucketTable& table,
                                              std::span<const LawStatistic> statistics,
                                              std::span<const double> covariance, double df,
                                              double level) {
  const auto fit = rule.fit(table);
  if (!fit) return fit.failure();
  return table_errors(rule, table, fit.value(), statistics, covariance, df, level);
}

std::vector<EstimateRow> table_errors(const BucketRule& rule, const BucketTable& table,
                                      const BucketFit& fit,
                                      std::span<const LawStatistic> statistics,
                                      std::span<const double> covariance, double df, double level) {
  const std::size_t m = table.size();
  EXPECTS(covariance.size() == m * m);
  const TableSlopes slopes = table_slopes(rule, table, fit, statistics);
  std::vector<EstimateRow> rows;
  for (std::size_t s = 0; s < statistics.size(); ++s) {
    const StatisticSlopes& of = slopes.statistics[s];
    EstimateRow row;
    row.request = s;
    row.n = static_cast<std::size_t>(std::llround(table.n));
    row.estimate = of.value;
    row.df = df;
    row.deff = row.deff_wr = std::nan("");
    Sum variance;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < m; ++j)
        variance.add(of.by_share[i] * covariance[i * m + j] * of.by_share[j]);
    row.se = of.failure ? std::nan("") : std::sqrt(std::max(0.0, variance.value()));
    row.lower = row.estimate - t_quantile(level, df) * row.se;
    row.upper = row.estimate + t_quantile(level, df) * row.se;
    row.failure = of.failure;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace steelyard
