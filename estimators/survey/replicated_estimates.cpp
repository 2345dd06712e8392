// Standard errors from replicate weights.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/survey/estimation_run.hpp"
#include "estimators/survey/replicate_weigher.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kBlock = 16;  ///< replicates that are summed together

}  // namespace

/// Woodruff intervals need the share at or below each quantile in every replicate.
std::vector<EstimationRun::SumPair> EstimationRun::replicated_pairs() {
  std::vector<SumPair> pairs = pairs_;
  if (o_.quantiles != QuantileInterval::woodruff) return pairs;
  for (std::size_t r = 0; r < requests_.size(); ++r)
    if (requests_[r].statistic == SurveyStatistic::quantile) {
      std::vector<double> at(domains());
      for (std::size_t k = 0; k < domains(); ++k) at[k] = row(r, k).estimate;
      pairs[r].numerator = sums_.add_at_or_below(data_.columns[requests_[r].y], at);
    }
  return pairs;
}

void EstimationRun::replicate(std::vector<double>* replicate_values) {
  const std::vector<SumPair> pairs = replicated_pairs();
  ReplicateValues values{o_.replicates->replicates, {}};
  values.theta.resize(rows_.size() * values.replicates);
  const std::optional<Failure> failure = replicate_all(pairs, values);
  for (std::size_t r = 0; r < requests_.size(); ++r)
    for (std::size_t k = 0; k < domains(); ++k)
      interval_from(r, k, values.of(row_number(r, k)), pairs[r], failure);
  if (replicate_values) *replicate_values = std::move(values.theta);
}

/// Weighs the replicates block by block; why one of them has no weights.
std::optional<Failure> EstimationRun::replicate_all(const std::vector<SumPair>& pairs,
                                                    ReplicateValues& values) {
  ReplicateWeigher weigher(data_, *o_.replicates);
  std::vector<double> own(sums_.everybody() ? 0 : data_.n);
  Eigen::MatrixXd block;
  for (std::size_t first = 0; first < values.replicates; first += kBlock) {
    const std::size_t count = std::min(kBlock, values.replicates - first);
    block.resize(static_cast<Eigen::Index>(sums_.size()), static_cast<Eigen::Index>(count));
    for (std::size_t b = 0; b < count; ++b) {
      auto column = block.col(static_cast<Eigen::Index>(b));
      const std::span<double> w =
          sums_.everybody() ? std::span(column.data(), data_.n) : std::span(own);
      if (auto failure = weigher.weigh(first + b, w)) return failure;
      if (!sums_.everybody()) sums_.permute_into(w, column);
      for (std::size_t r = 0; r < requests_.size(); ++r)
        if (per_replicate(requests_[r]))
          for (std::size_t k = 0; k < domains(); ++k)
            if (row(r, k).n > 0)
              values.of(row_number(r, k))[first + b] = value_in_replicate(r, k, w);
    }
    const SumColumns::Sums sums = sums_.sums(block);
    for (std::size_t r = 0; r < requests_.size(); ++r)
      if (!per_replicate(requests_[r]))
        for (std::size_t k = 0; k < domains(); ++k)
          for (std::size_t b = 0; b < count; ++b)
            values.of(row_number(r, k))[first + b] = value_of(pairs[r], sums, k, b);
  }
  return std::nullopt;
}

/// Whether it depends on the order of the answers, so that it is no ratio of sums.
bool EstimationRun::per_replicate(const EstimateRequest& q) const {
  return q.statistic == SurveyStatistic::gini ||
         (q.statistic == SurveyStatistic::quantile && o_.quantiles == QuantileInterval::replicates);
}

double EstimationRun::value_in_replicate(std::size_t r, std::size_t k, std::span<const double> w) {
  const EstimateRequest& q = requests_[r];
  return q.statistic == SurveyStatistic::gini
             ? answers_.gini(q.y, k, w)
             : answers_.distribution(q.y, k, w).quantile(q.p, o_.rule);
}

void EstimationRun::interval_from(std::size_t r, std::size_t k, std::span<double> theta,
                                  const SumPair& pair, const std::optional<Failure>& failure) {
  EstimateRow& out = row(r, k);
  if (out.failure) return;
  df_ = df_of(k);
  if (failure) {
    out.failure = failure;
    return;
  }
  for (std::size_t i = 0; i < theta.size(); ++i)
    if (!std::isfinite(theta[i]) &&
        (o_.replicates->rscales.empty() || o_.replicates->rscales[i] > 0)) {
      out.failure =
          Failure{FailureKind::empty_domain,
                  fmt::format("replicate {} of {} has no estimate: {}", i + 1, theta.size(),
                              requests_[r].statistic == SurveyStatistic::ratio
                                  ? "the denominator's total is zero in it"
                                  : "the weights of the domain's respondents sum to zero in it")};
      return;
    }
  const bool quantile = requests_[r].statistic == SurveyStatistic::quantile;
  if (quantile && o_.quantiles == QuantileInterval::woodruff) {
    const double share = value_of(pair, sums_.sums(sums_.permuted(data_.w)), k, 0);
    const double se = std::sqrt(o_.replicates->variance(theta, share));
    invert(r, k, share, se);
    for (double& value : theta)  // on the quantile's scale, by the slope of the interval
      value = out.estimate - (value - share) * (se > 0 ? out.se / se : 0.0);
  } else if (quantile && o_.quantiles != QuantileInterval::replicates) {
    out.failure =
        Failure{FailureKind::unsupported, "score intervals need linearization, not replicates"};
  } else {
    finish(r, k, o_.replicates->variance(theta, out.estimate));
  }
}

}  // namespace steelyard
