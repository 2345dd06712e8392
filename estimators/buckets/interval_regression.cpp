#include "estimators/buckets/interval_regression.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "estimators/buckets/interval_problem.hpp"
#include "estimators/survey/contrasts.hpp"
#include "estimators/survey/derived_columns.hpp"

namespace steelyard {
namespace {

using detail::IntervalProblem;
using detail::RowMatrix;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

VectorXd parameters(const IntervalRegression& fit) {
  VectorXd theta(static_cast<Index>(fit.beta.size() + fit.gamma.size()));
  std::copy(fit.beta.begin(), fit.beta.end(), theta.begin());
  std::copy(fit.gamma.begin(), fit.gamma.end(),
            theta.begin() + static_cast<std::ptrdiff_t>(fit.beta.size()));
  return theta;
}

Result<IntervalRegression> fit_from(const IntervalModel& model, std::span<const double> w,
                                    const IntervalRegression* near) {
  EXPECTS(w.size() == model.n() && model.upper.size() == model.n());
  EXPECTS(model.x.size() == model.n() * model.columns);
  EXPECTS(model.z.empty() ? model.scale_columns == 1
                          : model.z.size() == model.n() * model.scale_columns);
  const IntervalProblem problem(model, w);
  if (const auto failure = problem.objection()) return *failure;
  const auto maximum = detail::maximise(problem, near ? parameters(*near) : problem.start());
  if (!maximum) return maximum.failure();
  const detail::IntervalMaximum& at = maximum.value();
  IntervalRegression out;
  out.beta.assign(at.theta.begin(), at.theta.begin() + problem.p());
  out.gamma.assign(at.theta.begin() + problem.p(), at.theta.end());
  out.log_likelihood = at.value;
  out.n = static_cast<std::size_t>(problem.n());
  out.iterations = at.iterations;
  const MatrixXd inverse = at.information.llt().solve(MatrixXd::Identity(problem.k(), problem.k()));
  out.model_covariance.assign(inverse.data(), inverse.data() + inverse.size());
  return out;
}

/// (V(a + b) - V(a - b)) / 4 of the replicates' parameters.
Result<std::vector<double>> refit_covariance(const SurveyData& data, const IntervalModel& model,
                                             const IntervalRegression& fit,
                                             const ReplicateDesign& replicates) {
  const auto weights = replicate_weights(data, replicates);
  if (!weights) return weights.failure();
  const std::size_t k = model.parameters();
  std::vector<std::vector<double>> theta(k, std::vector<double>(replicates.replicates));
  for (std::size_t r = 0; r < replicates.replicates; ++r) {
    if (!replicates.rscales.empty() && replicates.rscales[r] <= 0) continue;
    const auto refit = fit_from(model, weights.value()[r], &fit);
    if (!refit)
      return Failure{refit.failure().kind,
                     fmt::format("replicate {} of {}: {}", r + 1, replicates.replicates,
                                 refit.failure().detail)};
    const VectorXd values = parameters(refit.value());
    for (std::size_t j = 0; j < k; ++j) theta[j][r] = values[static_cast<Index>(j)];
  }
  const VectorXd full = parameters(fit);
  std::vector<double> out(k * k), combined(replicates.replicates);
  for (std::size_t a = 0; a < k; ++a)
    for (std::size_t b = 0; b <= a; ++b) {
      double value = 0;
      for (const double sign : {1.0, -1.0}) {
        for (std::size_t r = 0; r < combined.size(); ++r)
          combined[r] = theta[a][r] + sign * theta[b][r];
        value += sign *
                 replicates.variance(
                     combined, full[static_cast<Index>(a)] + sign * full[static_cast<Index>(b)]) /
                 4;
      }
      out[a * k + b] = out[b * k + a] = value;
    }
  return out;
}

}  // namespace

bool IntervalModel::uses(std::size_t i) const {
  if (std::isnan(lower[i]) || std::isnan(upper[i])) return false;
  for (std::size_t j = 0; j < columns; ++j)
    if (!std::isfinite(x[i * columns + j])) return false;
  if (!z.empty())
    for (std::size_t j = 0; j < scale_columns; ++j)
      if (!std::isfinite(z[i * scale_columns + j])) return false;
  return true;
}

double IntervalModel::linear(std::size_t i, std::span<const double> beta) const {
  double sum = 0;
  for (std::size_t j = 0; j < columns; ++j) sum += x[i * columns + j] * beta[j];
  return sum;
}

double IntervalModel::sigma_of(std::size_t i, std::span<const double> gamma) const {
  double sum = z.empty() ? gamma[0] : 0.0;
  if (!z.empty())
    for (std::size_t j = 0; j < scale_columns; ++j) sum += z[i * scale_columns + j] * gamma[j];
  return std::exp(sum);
}

double IntervalModel::lower_edge(std::size_t i) const {
  return scale == IntervalScale::identity ? lower[i] : lower[i] < 0 ? kNan : std::log(lower[i]);
}

double IntervalModel::upper_edge(std::size_t i) const {
  return scale == IntervalScale::identity ? upper[i] : upper[i] <= 0 ? kNan : std::log(upper[i]);
}

Result<IntervalRegression> fit_interval_regression(const IntervalModel& model,
                                                   std::span<const double> w) {
  return fit_from(model, w, nullptr);
}

std::vector<std::vector<double>> regression_influences(const IntervalModel& model,
                                                       const IntervalRegression& fit,
                                                       std::span<const double> w) {
  const IntervalProblem problem(model, w);
  RowMatrix scores;
  MatrixXd information;
  problem.derivatives(parameters(fit), scores, information);
  // The information is that of weights of mean 1: w_i / mean w.
  const double scale = static_cast<double>(problem.n()) / [&] {
    double sum = 0;
    for (const std::size_t i : problem.rows()) sum += w[i];
    return sum;
  }();
  const RowMatrix influence = scale * information.llt().solve(scores.transpose()).transpose();
  std::vector<std::vector<double>> out(static_cast<std::size_t>(problem.k()),
                                       std::vector<double>(model.n(), kNan));
  for (Index r = 0; r < problem.n(); ++r)
    for (Index j = 0; j < problem.k(); ++j)
      out[static_cast<std::size_t>(j)][problem.rows()[static_cast<std::size_t>(r)]] =
          influence(r, j);
  return out;
}

Result<std::vector<double>> regression_covariance(const SurveyData& data,
                                                  const IntervalModel& model,
                                                  const IntervalRegression& fit,
                                                  const EstimationOptions& options) {
  EXPECTS(data.domains.size() == 1 && data.n == model.n());
  if (options.replicates) return refit_covariance(data, model, fit, *options.replicates);
  const SurveyData influences = with_columns(data, regression_influences(model, fit, data.w));
  std::vector<EstimateRequest> requests;
  std::vector<std::size_t> all;
  for (std::size_t j = 0; j < model.parameters(); ++j) {
    requests.push_back({.statistic = SurveyStatistic::total, .y = j});
    all.push_back(j);
  }
  return JointEstimates::make(influences, requests, options).covariance(all);
}

}  // namespace steelyard
