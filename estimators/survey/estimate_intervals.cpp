// From variances to intervals and design effects.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/survey/estimation_run.hpp"
#include "estimators/survey/kernels.hpp"

namespace steelyard {

/// Degrees of freedom of a domain's estimates.
double EstimationRun::df_of(std::size_t k) const {
  if (o_.df) return *o_.df;
  const double df = o_.replicates ? o_.replicates->df : data_.design->df();
  if (!o_.domain_df || sums_.everybody()) return df;
  return std::min(df, data_.design->df_of_rows(sums_.rows(k), data_.w));
}

/// df_ is that of the domain by now.
IntervalSetting EstimationRun::setting(std::size_t k) {
  if (setting_.df != df_ || setting_.level != o_.level) setting_ = {o_.level, df_, 0};
  setting_.n = sums_.rows(k).size();
  return setting_;
}

void EstimationRun::finish(std::size_t r, std::size_t k, double variance) {
  EstimateRow& out = row(r, k);
  out.se = std::sqrt(std::max(0.0, variance));
  out.df = df_;
  if (!(df_ >= 1)) {
    out.failure = Failure{FailureKind::unsupported,
                          fmt::format("{:g} degrees of freedom: too few for an interval", df_)};
    return;
  }
  const SurveyStatistic statistic = requests_[r].statistic;
  IntervalSetting with = setting(k);
  if (!(out.se > 0)) with.n = out.n;  // all answers are equal: those given are all there is
  const Limits limits = proportion_limits(
      out.estimate, out.se,
      statistic == SurveyStatistic::proportion ? interior(out) : ProportionInterval::mean, with);
  out.lower = limits.lower;
  out.upper = limits.upper;
  if (statistic == SurveyStatistic::mean || statistic == SurveyStatistic::proportion ||
      statistic == SurveyStatistic::total || statistic == SurveyStatistic::ratio)
    design_effects(r, k, variance);
}

/// At 0 and 1 only the exact method has an interval.
ProportionInterval EstimationRun::interior(const EstimateRow& out) const {
  const bool inside = out.estimate > 0 && out.estimate < 1 && out.se > 0;
  return inside || o_.proportions == ProportionInterval::wilson ? o_.proportions
                                                                : ProportionInterval::beta;
}

/// Total weight of a domain's rows.
double EstimationRun::domain_weight(std::size_t k) {
  if (domain_weights_.empty())
    for (std::size_t j = 0; j < domains(); ++j) {
      const double* w = w_.data() + sums_.first(j);
      domain_weights_.push_back(total({w, sums_.rows(j).size()}));
    }
  return domain_weights_[k];
}

/// Variance over S²(N - n)/(N n), S² = n/(n - 1) Σw(y - mean)²/Σw; with replacement S²/n. A ratio's
/// is that of the total of (y - R x)/Σwx.
void EstimationRun::design_effects(std::size_t r, std::size_t k, double variance) {
  EstimateRow& out = row(r, k);
  const EstimateRequest& q = requests_[r];
  const bool ratio = q.statistic == SurveyStatistic::ratio;
  const auto &y = data_.columns[q.y], &x = data_.columns[q.x];
  const auto value = [&](std::uint32_t i) { return ratio ? y[i] - out.estimate * x[i] : y[i]; };
  const auto rows = sums_.rows(k);
  double weight = 0, sum = 0, squares = 0;
  if (!ratio && out.n == rows.size()) {
    const double* w = w_.data() + sums_.first(k);
    weight = domain_weight(k);
    sum = sum_of(totals_, k, pairs_[r].numerator);
    squares = squares_about(w, sums_.column(pairs_[r].numerator, k), sum / weight, rows.size());
  } else {
    for (std::uint32_t i : rows)
      if (!std::isnan(value(i))) {
        weight += data_.w[i];
        sum += data_.w[i] * value(i);
      }
    const double mean = sum / weight;
    for (std::uint32_t i : rows)
      if (const double v = value(i) - mean; !std::isnan(v)) squares += data_.w[i] * v * v;
  }
  const auto n = static_cast<double>(out.n);
  const double s2 = n / (n - 1) * squares / weight;
  const double scale = ratio ? weight / sum_of(totals_, k, pairs_[r].denominator) : weight;
  const double unit = ratio || q.statistic == SurveyStatistic::total ? scale * scale : 1.0;
  out.deff_wr = variance / (unit * s2 / n);
  out.deff = weight > n ? variance / (unit * s2 * (weight - n) / (weight * n)) : kNan;
}

/// Interval of F at the quantile, inverted.
void EstimationRun::invert(std::size_t r, std::size_t k, double share, double se) {
  EstimateRow& out = row(r, k);
  const auto& f = answers_.distribution(requests_[r].y, k);
  const bool inside = share > 0 && share < 1 && se > 0;
  const Limits p =
      inside ? proportion_limits(share, se, o_.woodruff, setting(k)) : Limits{share, share};
  set_quantile_limits(out, f.quantile(p.lower, o_.rule), f.quantile(p.upper, o_.rule));
}

void EstimationRun::set_quantile_limits(EstimateRow& out, double lower, double upper) {
  out.lower = lower;
  out.upper = upper;
  out.df = df_;
  out.se = (upper - lower) / (2 * setting(out.domain).t);
}

}  // namespace steelyard
