// Standard errors and influences by linearization, and intervals of quantiles.

#include <algorithm>
#include <cmath>

#include "estimators/survey/estimation_run.hpp"
#include "estimators/survey/kernels.hpp"

namespace steelyard {

void EstimationRun::linearize() {
  Linearizer linearizer(*data_.design, data_.w, data_.d, data_.index, data_.weights);
  for (std::size_t r = 0; r < requests_.size(); ++r)
    for (std::size_t k = 0; k < domains(); ++k) linearize(linearizer, r, k);
}

void EstimationRun::linearize(Linearizer& linearizer, std::size_t r, std::size_t k) {
  EstimateRow& out = row(r, k);
  if (out.failure) return;
  const EstimateRequest& q = requests_[r];
  df_ = df_of(k);
  if (q.statistic == SurveyStatistic::quantile) {
    const Share share = share_variance(linearizer, q, k, out.estimate);
    if (!share.variance) {
      out.failure = share.variance.failure();
      return;
    }
    if (!o_.df) df_ = linearizer.df(df_);
    invert(r, k, share.value, std::sqrt(std::max(0.0, share.variance.value())));
    if (o_.quantiles != QuantileInterval::woodruff) score_interval(linearizer, r, k);
    if (influences_) quantile_influence(linearizer, r, k);
    return;
  }
  const auto variance = linear_variance(linearizer, r, k);
  if (!variance) {
    out.failure = variance.failure();
    return;
  }
  if (!o_.df) df_ = linearizer.df(df_);
  finish(r, k, variance.value());
}

/// Influence of each answered row and the variance that follows.
Result<double> EstimationRun::linear_variance(Linearizer& linearizer, std::size_t r,
                                              std::size_t k) {
  const EstimateRequest& q = requests_[r];
  const EstimateRow& out = row(r, k);
  if (q.statistic == SurveyStatistic::gini) {
    answers_.gini(q.y, k, data_.w, &z_);
    return variance_and_influence(linearizer, r, k, answers_.sorted(q.y, k).rows);
  }
  const double* y = sums_.column(pairs_[r].numerator, k);
  const auto rows = sums_.rows(k);
  z_.resize(rows.size());
  if (q.statistic == SurveyStatistic::total) {
    std::copy(y, y + rows.size(), z_.begin());
  } else {
    const double below = 1 / sum_of(totals_, k, pairs_[r].denominator), m = out.estimate;
    const double* x = sums_.column(pairs_[r].denominator, k);
    linear_influence(y, x, m, below, rows.size(), z_.data());
  }
  return variance_and_influence(linearizer, r, k,
                                sums_.everybody() ? std::span<const std::uint32_t>() : rows);
}

/// Of z_ on the given rows.
Result<double> EstimationRun::variance_and_influence(Linearizer& linearizer, std::size_t r,
                                                     std::size_t k,
                                                     std::span<const std::uint32_t> rows) {
  if (influences_) linearizer.residuals(rows, z_, (*influences_)[row_number(r, k)]);
  return linearizer.variance(rows, z_);
}

/// A quantile moves by -1/f for each unit that F moves; f, the density, is what makes the
/// interval's standard error agree with that of F.
void EstimationRun::quantile_influence(Linearizer& linearizer, std::size_t r, std::size_t k) {
  const EstimateRow& out = row(r, k);
  const Share share = share_variance(linearizer, requests_[r], k, out.estimate);
  std::vector<double>& u = (*influences_)[row_number(r, k)];
  linearizer.residuals(some_rows_, z_, u);
  const double se = std::sqrt(std::max(0.0, share.variance.value()));
  for (double& v : u) v *= se > 0 ? -out.se / se : 0.0;
}

EstimationRun::Share EstimationRun::share_variance(Linearizer& linearizer, const EstimateRequest& q,
                                                   std::size_t k, double at) {
  answers_.answered(q.y, k, some_rows_);
  const std::vector<double>& y = data_.columns[q.y];
  double above = 0, weight = 0;
  for (std::uint32_t i : some_rows_) {
    weight += data_.w[i];
    if (y[i] <= at) above += data_.w[i];
  }
  const double share = above / weight;
  z_.resize(some_rows_.size());
  for (std::size_t i = 0; i < some_rows_.size(); ++i)
    z_[i] = (double(y[some_rows_[i]] <= at) - share) / weight;
  const bool all = some_rows_.size() == data_.n;
  return {share, linearizer.variance(all ? std::span<const std::uint32_t>() : some_rows_, z_)};
}

/// Ends where the score test of "this is the quantile" turns.
void EstimationRun::score_interval(Linearizer& linearizer, std::size_t r, std::size_t k) {
  EstimateRow& out = row(r, k);
  const EstimateRequest& q = requests_[r];
  const AnswersByValue::Sorted& s = answers_.sorted(q.y, k);
  std::vector<double> values = s.values;
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const double t = setting(k).t;
  const double lower = score_end(linearizer, q, k, values, t),
               upper = score_end(linearizer, q, k, values, -t);
  const auto& f = answers_.distribution(q.y, k);
  const auto limit = [&](double at) {
    if (o_.quantiles == QuantileInterval::score) return f.quantile(f.at_or_below(at), o_.rule);
    const auto below = static_cast<double>(std::upper_bound(s.values.begin(), s.values.end(), at) -
                                           s.values.begin());
    return answers_.quantile_as_survey(q.y, k, below / static_cast<double>(s.values.size()),
                                       o_.rule);
  };
  set_quantile_limits(out, limit(lower), limit(upper));
}

/// Where the score falls to `goal`. @param values  of the domain, each once, ascending
double EstimationRun::score_end(Linearizer& linearizer, const EstimateRequest& q, std::size_t k,
                                const std::vector<double>& values, double goal) {
  const auto score = [&](std::size_t at) {
    const Share share = share_variance(linearizer, q, k, values[at]);
    return (q.p - share.value) / std::sqrt(std::max(0.0, share.variance.value()));
  };
  std::size_t low = 0, high = values.size() - 1;  // the first value whose score is below
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (score(middle) < goal)
      high = middle;
    else
      low = middle + 1;
  }
  // F jumps over the goal at this value: take the side that is nearer.
  return low > 0 && std::abs(score(low - 1) - goal) < std::abs(score(low) - goal) ? values[low - 1]
                                                                                  : values[low];
}

}  // namespace steelyard
