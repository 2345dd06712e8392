#include "results/performance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/errors.hpp"
#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double count(std::span<const double> values) { return static_cast<double>(values.size()); }

double mean(std::span<const double> values) {
  return values.empty() ? kNaN : total(values) / count(values);
}

/// Sample standard deviation (divisor R - 1) about `centre`, the mean of `values`.
double deviation(std::span<const double> values, double centre) {
  if (values.size() < 2) return kNaN;
  Sum squares;
  for (double value : values) squares.add((value - centre) * (value - centre));
  return std::sqrt(squares.value() / (count(values) - 1));
}

double mean_error(std::span<const double> values, double centre) {
  return values.size() < 2 ? kNaN : deviation(values, centre) / std::sqrt(count(values));
}

/// A limit may be infinite; a compensated sum of infinities would be NaN.
double mean_width(std::span<const double> widths) {
  for (double width : widths)
    if (std::isinf(width)) return width;
  return mean(widths);
}

bool any(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
}

/// The replicates in which the estimator gave all that it gives.
struct Successes {
  std::vector<double> estimates, ses, widths;
  std::uint32_t covered = 0;
  bool has_interval = false;
};

Successes successes(double truth, std::span<const double> estimates, std::span<const double> ses,
                    std::span<const double> lowers, std::span<const double> uppers) {
  const bool has_se = any(ses);
  Successes result{.has_interval = any(lowers) || any(uppers)};
  for (std::size_t r = 0; r < estimates.size(); ++r) {
    if (!std::isfinite(estimates[r]) || (has_se && !std::isfinite(ses[r]))) continue;
    if (result.has_interval && (std::isnan(lowers[r]) || std::isnan(uppers[r]))) continue;
    result.estimates.push_back(estimates[r]);
    if (has_se) result.ses.push_back(ses[r]);
    if (!result.has_interval) continue;
    result.widths.push_back(uppers[r] - lowers[r]);
    if (lowers[r] <= truth && truth <= uppers[r]) ++result.covered;
  }
  return result;
}

}  // namespace

PerformanceRecord performance(double truth, std::span<const double> estimates,
                              std::span<const double> ses, std::span<const double> lowers,
                              std::span<const double> uppers) {
  EXPECTS(ses.size() == estimates.size());
  EXPECTS(lowers.size() == estimates.size() && uppers.size() == estimates.size());
  const Successes good = successes(truth, estimates, ses, lowers, uppers);
  const double n = count(good.estimates);
  PerformanceRecord record;
  record.truth = truth;
  record.replicates = static_cast<std::uint32_t>(good.estimates.size());
  record.failures = static_cast<std::uint32_t>(estimates.size() - good.estimates.size());
  record.mean_estimate = mean(good.estimates);
  record.bias = record.mean_estimate - truth;
  record.bias_mcse = mean_error(good.estimates, record.mean_estimate);
  record.rel_bias_pct = truth == 0 ? kNaN : 100 * record.bias / truth;
  record.sd = deviation(good.estimates, record.mean_estimate);
  record.sd_mcse = record.replicates < 2 ? kNaN : record.sd / std::sqrt(2 * (n - 1));
  record.mean_se = mean(good.ses);

  std::vector<double> squares;
  squares.reserve(good.estimates.size());
  for (double estimate : good.estimates) squares.push_back((estimate - truth) * (estimate - truth));
  const double mse = mean(squares);
  record.rmse = std::sqrt(mse);
  // Without any error there is nothing to divide by, and nothing to be unsure of.
  record.rmse_mcse = mean_error(squares, mse) / (record.rmse == 0 ? 1 : 2 * record.rmse);

  const bool covers = good.has_interval && record.replicates > 0;
  const double coverage = covers ? good.covered / n : kNaN;
  record.coverage = coverage;
  record.coverage_mcse = record.replicates < 2 ? kNaN : std::sqrt(coverage * (1 - coverage) / n);
  record.mean_width = mean_width(good.widths);
  return record;
}

ContrastRecord contrast(double truth, std::span<const double> estimates,
                        std::span<const double> reference_estimates) {
  EXPECTS(estimates.size() == reference_estimates.size());
  std::vector<double> differences, squares;
  for (std::size_t r = 0; r < estimates.size(); ++r) {
    const double mine = estimates[r], other = reference_estimates[r];
    if (!std::isfinite(mine) || !std::isfinite(other)) continue;
    differences.push_back(mine - other);
    // (t-T)² - (t'-T)², without the cancellation of two large squares.
    squares.push_back((mine - other) * ((mine - truth) + (other - truth)));
  }
  ContrastRecord record;
  record.replicates = static_cast<std::uint32_t>(differences.size());
  record.bias_difference = mean(differences);
  record.bias_difference_mcse = mean_error(differences, record.bias_difference);
  record.mse_difference = mean(squares);
  record.mse_difference_mcse = mean_error(squares, record.mse_difference);
  return record;
}

}  // namespace steelyard
