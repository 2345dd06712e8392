#include "estimators/buckets/interval_imputation.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "estimators/buckets/censored_normal.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Fast = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

/// Standard normal between a and b at the share u of the way through its probability.
double normal_between(double a, double b, double u) {
  constexpr double kRoot = std::numbers::sqrt2;
  if (b <= 0) return -normal_between(-b, -a, 1 - u);
  if (a < 0) {
    const double low = std::erfc(-a / kRoot), high = std::erfc(-b / kRoot);
    const double twice = std::clamp(low + u * (high - low), 1e-300, 2 - 1e-15);
    return -kRoot * boost::math::erfc_inv(twice, Fast());
  }
  const double high = std::erfc(a / kRoot), low = std::erfc(b / kRoot);
  const double twice = high - u * (high - low);
  if (twice > 1e-300) return kRoot * boost::math::erfc_inv(twice, Fast());
  // Beyond that the tail is exponential: φ(x) falls as exp(-a (x - a)).
  const double rest = std::isinf(b) ? 0.0 : std::exp(-a * (b - a));
  return a - std::log1p(-u * (1 - rest)) / a;
}

/// Draws of the parameters' error: a root of their covariance times normals.
Eigen::VectorXd parameter_error(const Eigen::MatrixXd& root, Stream& stream) {
  Eigen::VectorXd normal(root.cols());
  for (double& value : normal)
    value = -std::numbers::sqrt2 * boost::math::erfc_inv(2 * stream.uniform(), Fast());
  return root * normal;
}

}  // namespace

ConditionalMoments conditional_moments(const IntervalModel& model, const IntervalRegression& fit) {
  const std::size_t n = model.n();
  ConditionalMoments out{std::vector<double>(n, kNan), std::vector<double>(n, kNan)};
  for (std::size_t i = 0; i < n; ++i) {
    if (!model.uses(i)) continue;
    const double mean = model.linear(i, fit.beta), sigma = model.sigma_of(i, fit.gamma);
    const double a = (model.lower_edge(i) - mean) / sigma, b = (model.upper_edge(i) - mean) / sigma;
    const detail::CensoredNormal in = detail::censored_normal(a, b);
    if (model.scale == IntervalScale::identity) {
      const double shift = in.at_lower - in.at_upper;
      out.mean[i] = mean + sigma * shift;
      out.variance[i] = sigma * sigma *
                        (1 + detail::edge_term(a, in.at_lower) - detail::edge_term(b, in.at_upper) -
                         shift * shift);
      continue;
    }
    const auto moment = [&](double k) {
      const double shift = k * sigma;
      return std::exp(k * mean + shift * shift / 2 +
                      detail::censored_normal(a - shift, b - shift).log_prob - in.log_prob);
    };
    out.mean[i] = moment(1);
    out.variance[i] = std::max(0.0, moment(2) - out.mean[i] * out.mean[i]);
  }
  return out;
}

double imputation_noise(std::span<const double> w, std::span<const double> variance) {
  Sum weight, noise;
  for (std::size_t i = 0; i < w.size(); ++i)
    if (!std::isnan(variance[i])) {
      weight.add(w[i]);
      noise.add(w[i] * w[i] * variance[i]);
    }
  return noise.value() / (weight.value() * weight.value());
}

std::vector<double> predicted_means(const IntervalModel& model, const IntervalRegression& fit) {
  std::vector<double> out(model.n(), kNan);
  for (std::size_t i = 0; i < model.n(); ++i) {
    if (!model.uses(i)) continue;
    const double mean = model.linear(i, fit.beta), sigma = model.sigma_of(i, fit.gamma);
    out[i] = model.scale == IntervalScale::identity ? mean : std::exp(mean + sigma * sigma / 2);
  }
  return out;
}

std::vector<std::vector<double>> impute_in_buckets(const IntervalModel& model,
                                                   const IntervalRegression& fit,
                                                   std::span<const double> covariance,
                                                   const ImputationOptions& options) {
  const auto k = static_cast<Eigen::Index>(model.parameters()),
             p = static_cast<Eigen::Index>(model.columns);
  EXPECTS(covariance.size() == static_cast<std::size_t>(k * k));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      Eigen::Map<const Eigen::MatrixXd>(covariance.data(), k, k));
  const Eigen::MatrixXd root =
      eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
  std::vector<std::vector<double>> out(options.imputations, std::vector<double>(model.n(), kNan));
  for (std::size_t m = 0; m < options.imputations; ++m) {
    Stream stream({options.seed, purpose("interval_imputation"), options.replicate, Unit{m}});
    const Eigen::VectorXd error = parameter_error(root, stream);
    std::vector<double> beta = fit.beta, gamma = fit.gamma;
    for (Eigen::Index j = 0; j < p; ++j) beta[static_cast<std::size_t>(j)] += error[j];
    for (Eigen::Index j = p; j < k; ++j) gamma[static_cast<std::size_t>(j - p)] += error[j];
    for (std::size_t i = 0; i < model.n(); ++i) {
      const double u = stream.uniform();
      if (!model.uses(i)) continue;
      const double mean = model.linear(i, beta), sigma = model.sigma_of(i, gamma);
      const double y = mean + sigma * normal_between((model.lower_edge(i) - mean) / sigma,
                                                     (model.upper_edge(i) - mean) / sigma, u);
      const double amount = model.scale == IntervalScale::identity ? y : std::exp(y);
      out[m][i] = std::clamp(amount, model.lower[i], model.upper[i]);
    }
  }
  return out;
}

PooledEstimate pool_imputations(std::span<const double> estimates,
                                std::span<const double> variances, double complete_df,
                                double level) {
  EXPECTS(estimates.size() >= 2 && variances.size() == estimates.size());
  Moments over;
  for (const double estimate : estimates) over.add(estimate);
  const auto m = static_cast<double>(estimates.size());
  PooledEstimate out;
  out.estimate = over.mean();
  out.between = over.variance();
  out.within = total(variances) / m;
  const double added = (1 + 1 / m) * out.between, variance = out.within + added;
  out.se = std::sqrt(variance);
  out.missing_share = variance > 0 ? added / variance : 0.0;
  const double lambda = out.missing_share;
  const double observed = std::isinf(complete_df)
                              ? complete_df
                              : (complete_df + 1) / (complete_df + 3) * complete_df * (1 - lambda);
  out.df = lambda > 0 ? 1 / (lambda * lambda / (m - 1) + 1 / observed) : observed;
  const double half = t_quantile(level, out.df) * out.se;
  out.lower = out.estimate - half;
  out.upper = out.estimate + half;
  return out;
}

std::vector<Result<PooledEstimate>> pool_rows(std::span<const std::vector<EstimateRow>> rows,
                                              double level) {
  EXPECTS(rows.size() >= 2);
  std::vector<Result<PooledEstimate>> out;
  std::vector<double> estimates(rows.size()), variances(rows.size());
  for (std::size_t j = 0; j < rows[0].size(); ++j) {
    std::optional<Failure> failure;
    for (std::size_t m = 0; m < rows.size() && !failure; ++m) {
      const EstimateRow& row = rows[m][j];
      if (row.failure)
        failure = Failure{row.failure->kind, fmt::format("imputation {} of {}: {}", m + 1,
                                                         rows.size(), row.failure->detail)};
      estimates[m] = row.estimate;
      variances[m] = row.se * row.se;
    }
    if (failure)
      out.emplace_back(*failure);
    else
      out.emplace_back(pool_imputations(estimates, variances, rows[0][j].df, level));
  }
  return out;
}

}  // namespace steelyard
