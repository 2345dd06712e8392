#include "estimators/weighting/covariate_space.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>

namespace steelyard {
namespace {

/// Columns × cells. @param centre  taken off numbers; empty: nothing is
Eigen::MatrixXd points_of(const Auxiliary& x, std::span<const std::size_t> columns,
                          const Eigen::VectorXd& centre) {
  Eigen::MatrixXd points(static_cast<Eigen::Index>(columns.size()),
                         static_cast<Eigen::Index>(x.cells));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t column = columns[i];
    const Auxiliary::Block& block = x.blocks[x.block_of(column)];
    const double off = centre.size() == 0 ? 0.0 : centre[static_cast<Eigen::Index>(column)];
    for (std::size_t c = 0; c < x.cells; ++c)
      points(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c)) =
          block.number.empty() ? block.offset + block.groups.group_of[c] == column
                               : block.number[c] - off;
  }
  return points;
}

std::vector<double> flat(const Eigen::MatrixXd& points) {
  return {points.data(), points.data() + points.size()};
}

}  // namespace

Result<CovariateSpace> mahalanobis_space(const TwoSamples& samples) {
  Eigen::MatrixXd gram;
  samples.b.gram(samples.reference_index.weight, gram);
  const double size = gram(0, 0);
  const Eigen::VectorXd mean = gram.col(0) / size;
  Eigen::MatrixXd covariance = gram / size - mean * mean.transpose();
  covariance.row(0).setZero();
  covariance.col(0).setZero();
  for (Eigen::Index j = 1; j < covariance.rows(); ++j)  // what rounding leaves of a constant
    if (!(covariance(j, j) > 1e-12 * gram(j, j) / size)) covariance(j, j) = 0;
  const std::vector<std::size_t> kept = independent_columns(covariance);
  if (kept.empty())
    return Failure{FailureKind::singular_matrix,
                   fmt::format("\"{}\" does not vary in the reference sample: there is no "
                               "Mahalanobis distance",
                               samples.describe(samples.columns() - 1))};
  Eigen::MatrixXd part;
  lower_part(covariance, kept, part);
  const Eigen::MatrixXd lower = part.selfadjointView<Eigen::Lower>().llt().matrixL();
  const auto whiten = [&](const Auxiliary& x) {
    Eigen::MatrixXd points = points_of(x, kept, mean);
    lower.triangularView<Eigen::Lower>().solveInPlace(points);
    return flat(points);
  };
  return CovariateSpace{kept.size(), whiten(samples.a), whiten(samples.b)};
}

CovariateSpace euclidean_space(const TwoSamples& samples) {
  std::vector<std::size_t> columns;
  for (std::size_t j = 1; j < samples.columns(); ++j) columns.push_back(j);
  return {columns.size(), flat(points_of(samples.a, columns, {})),
          flat(points_of(samples.b, columns, {}))};
}

}  // namespace steelyard
