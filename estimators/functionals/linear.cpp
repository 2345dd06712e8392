#include "estimators/functionals/linear.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// sum_j totals[j] d value[j] / d total[k], for every k; zero without a jacobian.
std::vector<double> through_values(std::span<const double> totals, const BucketValues& values) {
  const std::size_t n = totals.size();
  std::vector<double> sums(n, 0.0);
  if (values.jacobian.empty()) return sums;
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t k = 0; k < n; ++k) sums[k] += totals[j] * values.jacobian[j * n + k];
  return sums;
}

}  // namespace

std::optional<Failure> without_weight(std::span<const double> totals, double weight) {
  if (weight > 0) return std::nullopt;
  if (std::all_of(totals.begin(), totals.end(), [](double t) { return t == 0; }))
    return Failure{FailureKind::empty_domain, "no respondent in the domain"};
  return Failure{FailureKind::infeasible,
                 fmt::format("the weights of the domain's respondents sum to {:.6g}; an estimate "
                             "needs a sum above zero (bound the weights, or use a larger domain)",
                             weight)};
}

Result<PointEstimate> mean_of_levels(std::span<const double> totals, const BucketValues& values) {
  EXPECTS(totals.size() == values.value.size());
  const double weight = total(totals);
  if (auto failure = without_weight(totals, weight)) return *failure;
  double sum = 0;
  for (std::size_t j = 0; j < totals.size(); ++j) sum += totals[j] * values.value[j];
  PointEstimate estimate{sum / weight, through_values(totals, values)};
  for (std::size_t k = 0; k < totals.size(); ++k)
    estimate.influence[k] = (values.value[k] - estimate.estimate + estimate.influence[k]) / weight;
  return estimate;
}

Result<PointEstimate> total_of_levels(std::span<const double> totals, const BucketValues& values) {
  EXPECTS(totals.size() == values.value.size());
  if (auto failure = without_weight(totals, total(totals))) return *failure;
  PointEstimate estimate{0, through_values(totals, values)};
  for (std::size_t k = 0; k < totals.size(); ++k) {
    estimate.estimate += totals[k] * values.value[k];
    estimate.influence[k] += values.value[k];
  }
  return estimate;
}

Result<PointEstimate> mean_of_moments(std::span<const double> totals) {
  EXPECTS(totals.size() == 2);
  if (auto failure = without_weight(totals, totals[0])) return *failure;
  const double mean = totals[1] / totals[0];
  return PointEstimate{mean, {-mean / totals[0], 1 / totals[0]}};
}

Result<PointEstimate> total_of_moments(std::span<const double> totals) {
  EXPECTS(totals.size() == 2);
  if (auto failure = without_weight(totals, totals[0])) return *failure;
  return PointEstimate{totals[1], {0, 1}};
}

Result<PointEstimate> ratio_of_levels(std::span<const double> totals, const BucketValues& numerator,
                                      const BucketValues& denominator) {
  const std::size_t rows = numerator.value.size(), columns = denominator.value.size();
  EXPECTS(totals.size() == rows * columns);
  std::vector<double> row_totals(rows, 0.0), column_totals(columns, 0.0);
  for (std::size_t j = 0; j < totals.size(); ++j) {
    row_totals[j / columns] += totals[j];
    column_totals[j % columns] += totals[j];
  }
  if (auto failure = without_weight(totals, total(totals))) return *failure;
  double above = 0, below = 0;
  for (std::size_t i = 0; i < rows; ++i) above += row_totals[i] * numerator.value[i];
  for (std::size_t j = 0; j < columns; ++j) below += column_totals[j] * denominator.value[j];
  if (below == 0) return Failure{FailureKind::unsupported, "the denominator's total is zero"};
  const std::vector<double> through_above = through_values(row_totals, numerator),
                            through_below = through_values(column_totals, denominator);
  PointEstimate estimate{above / below, std::vector<double>(totals.size())};
  for (std::size_t j = 0; j < totals.size(); ++j) {
    const double up = numerator.value[j / columns] + through_above[j / columns];
    const double down = denominator.value[j % columns] + through_below[j % columns];
    estimate.influence[j] = (up - estimate.estimate * down) / below;
  }
  return estimate;
}

}  // namespace steelyard
