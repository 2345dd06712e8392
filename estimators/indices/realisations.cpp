#include "estimators/indices/realisations.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <boost/math/distributions/fisher_f.hpp>
#include <cmath>
#include <optional>

#include "core/sums.hpp"

namespace steelyard {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Squared sine of the angle to the other columns below which a column counts as their combination.
constexpr double kDependent = 1e-12;
constexpr int kSteps = 100;

VectorXd vector_of(std::span<const double> values) {
  return Eigen::Map<const VectorXd>(values.data(), static_cast<Index>(values.size()));
}

/// (X'X)⁻¹; nothing if columns depend on each other.
std::optional<MatrixXd> inverse_gram(const MatrixXd& x) {
  const VectorXd size = x.colwise().norm();
  if (!(size.minCoeff() > 0)) return std::nullopt;
  const MatrixXd scaled = x * size.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(scaled.transpose() * scaled);
  if (!(eigen.eigenvalues()[0] > kDependent)) return std::nullopt;
  return size.cwiseInverse().asDiagonal() *
         (scaled.transpose() * scaled).llt().solve(MatrixXd::Identity(x.cols(), x.cols())) *
         size.cwiseInverse().asDiagonal();
}

Failure dependent() {
  return {FailureKind::singular_matrix,
          "the shares up and down move together in every quarter, so their coefficients cannot be "
          "told apart"};
}

RealisationFit finished(const VectorXd& coefficient, const VectorXd& residual,
                        const MatrixXd& inverse) {
  RealisationFit out;
  out.df = static_cast<double>(residual.size() - coefficient.size());
  const double variance = residual.squaredNorm() / out.df;
  out.residual_sd = std::sqrt(variance);
  out.coefficient.assign(coefficient.begin(), coefficient.end());
  for (Index j = 0; j < coefficient.size(); ++j)
    out.se.push_back(std::sqrt(variance * inverse(j, j)));
  return out;
}

Result<RealisationFit> least_squares(const MatrixXd& x, const VectorXd& y) {
  if (y.size() <= x.cols())
    return Failure{FailureKind::unsupported,
                   fmt::format("{} quarters for {} coefficients; give more", y.size(), x.cols())};
  const auto inverse = inverse_gram(x);
  if (!inverse) return dependent();
  const VectorXd coefficient = x.householderQr().solve(y);
  return finished(coefficient, y - x * coefficient, *inverse);
}

/// (α up + β down)/(1 - λ up), and its derivatives.
struct Pesaran {
  VectorXd up, down, actual;

  bool defined(const VectorXd& c) const { return ((1 - c[2] * up.array()) > 0).all(); }
  VectorXd residual(const VectorXd& c) const {
    return actual.array() - (c[0] * up + c[1] * down).array() / (1 - c[2] * up.array());
  }
  MatrixXd slopes(const VectorXd& c) const {
    const Eigen::ArrayXd below = 1 - c[2] * up.array();
    MatrixXd out(up.size(), 3);
    out.col(0) = up.array() / below;
    out.col(1) = down.array() / below;
    out.col(2) = (c[0] * up + c[1] * down).array() * up.array() / below.square();
    return out;
  }
};

}  // namespace

Result<RealisationFit> anderson_regression(std::span<const double> up, std::span<const double> down,
                                           std::span<const double> actual) {
  EXPECTS(up.size() == down.size() && up.size() == actual.size());
  MatrixXd x(static_cast<Index>(up.size()), 2);
  x << vector_of(up), vector_of(down);
  return least_squares(x, vector_of(actual));
}

Result<RealisationFit> pesaran_regression(std::span<const double> up, std::span<const double> down,
                                          std::span<const double> actual) {
  EXPECTS(up.size() == down.size() && up.size() == actual.size());
  const Pesaran model{vector_of(up), vector_of(down), vector_of(actual)};
  MatrixXd x(model.up.size(), 3);
  x << model.up, model.down, model.actual.cwiseProduct(model.up);
  const auto first = least_squares(x, model.actual);
  if (!first) return first.failure();
  VectorXd c = vector_of(first.value().coefficient);
  if (!model.defined(c)) c[2] = 0;
  VectorXd residual = model.residual(c);
  for (int step = 1; step <= kSteps; ++step) {
    const MatrixXd slopes = model.slopes(c);
    const auto inverse = inverse_gram(slopes);
    if (!inverse) return dependent();
    const VectorXd full = slopes.householderQr().solve(residual);
    VectorXd move = full;
    int half = 0;
    for (; half < 60; ++half, move /= 2)
      if (model.defined(c + move) &&
          model.residual(c + move).squaredNorm() <= residual.squaredNorm() * (1 + 1e-14))
        break;
    if (half == 60) break;
    c += move;
    residual = model.residual(c);
    if (half == 0 && (slopes * full).norm() <= 1e-11 * model.actual.norm()) {
      RealisationFit out = finished(c, residual, *inverse_gram(model.slopes(c)));
      out.iterations = step;
      return out;
    }
  }
  return Failure{FailureKind::no_convergence,
                 fmt::format("the nonlinear regression did not converge in {} steps; use "
                             "Anderson's",
                             kSteps)};
}

double quantified(const RealisationFit& fit, double up, double down) {
  EXPECTS(fit.coefficient.size() == 2 || fit.coefficient.size() == 3);
  const double linear = fit.coefficient[0] * up + fit.coefficient[1] * down;
  return fit.coefficient.size() == 2 ? linear : linear / (1 - fit.coefficient[2] * up);
}

Result<ExpectationReview> review_expectations(std::span<const double> expected,
                                              std::span<const double> actual) {
  EXPECTS(expected.size() == actual.size());
  const VectorXd x = vector_of(expected), y = vector_of(actual);
  MatrixXd columns(x.size(), 2);
  columns << VectorXd::Ones(x.size()), x;
  const auto fit = least_squares(columns, y);
  if (!fit)
    return fit.failure().kind == FailureKind::singular_matrix
               ? Failure{FailureKind::singular_matrix, "expectations are the same in every quarter"}
               : fit.failure();
  ExpectationReview out;
  Moments errors;
  for (Index t = 0; t < x.size(); ++t) errors.add(y[t] - x[t]);
  out.mean_error = errors.mean();
  out.mean_error_se = errors.mean_se();
  const double restricted = (y - x).squaredNorm();
  out.rmse = std::sqrt(restricted / static_cast<double>(x.size()));
  out.intercept = fit.value().coefficient[0];
  out.slope = fit.value().coefficient[1];
  out.intercept_se = fit.value().se[0];
  out.slope_se = fit.value().se[1];
  const double variance = fit.value().residual_sd * fit.value().residual_sd;
  const double f = (restricted - variance * fit.value().df) / 2 / variance;
  out.p_value = variance > 0 ? boost::math::cdf(boost::math::complement(
                                   boost::math::fisher_f(2, fit.value().df), std::max(0.0, f)))
                             : std::nan("");
  return out;
}

}  // namespace steelyard
