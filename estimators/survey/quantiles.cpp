#include "estimators/survey/quantiles.hpp"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <bit>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <numeric>

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double binomial_divergence(double from, double to) {
  double d = 0;
  if (from > 0) d += from * std::log(from / to);
  if (from < 1) d += (1 - from) * std::log((1 - from) / (1 - to));
  return d;
}

Limits likelihood_limits(double p, double se, double t, const IntervalSetting& s) {
  // 2 n KL(p || q) / design effect = t², with the design effect against p (1 - p) / (n - 1).
  const double n = static_cast<double>(s.n);
  const double goal = t * t * se * se / (2 * p * (1 - p)) * n / (n - 1);
  const auto miss = [&](double q) { return binomial_divergence(p, q) - goal; };
  const auto root = [&](double from, double to) {
    std::uintmax_t steps = 200;
    const auto bracket = boost::math::tools::toms748_solve(
        miss, from, to, boost::math::tools::eps_tolerance<double>(50), steps);
    return (bracket.first + bracket.second) / 2;
  };
  return {root(1e-300, p), root(p, 1 - 1e-16)};
}

}  // namespace

double t_quantile(double level, double df) {
  const double p = 0.5 + level / 2;
  if (!(df >= 1)) return kNan;
  if (df > 1e15) return boost::math::quantile(boost::math::normal(), p);
  // In double throughout: long double would cost more than the variance itself.
  using Policy = boost::math::policies::policy<boost::math::policies::promote_double<false>>;
  return boost::math::quantile(boost::math::students_t_distribution<double, Policy>(df), p);
}

Limits proportion_limits(double p, double se, ProportionInterval method, const IntervalSetting& s) {
  const double t = s.t, half = (1 - s.level) / 2;
  if (method == ProportionInterval::mean) return {p - t * se, p + t * se};
  if (!(p > 0 && p < 1) || !(se > 0)) {
    // On the boundary only the methods with an effective sample size say anything; there is none
    // without a standard error, so the respondents' number stands for it.
    const auto n = static_cast<double>(s.n);
    if (!(p <= 0 || p >= 1)) return {p, p};
    if (method == ProportionInterval::beta)
      return p <= 0 ? Limits{0, 1 - std::pow(half, 1 / n)} : Limits{std::pow(half, 1 / n), 1};
    if (method == ProportionInterval::wilson)
      return p <= 0 ? Limits{0, t * t / (n + t * t)} : Limits{n / (n + t * t), 1};
    return {kNan, kNan};
  }
  switch (method) {
    case ProportionInterval::mean:
      break;
    case ProportionInterval::xlogit: {
      const double centre = std::log(p / (1 - p)), width = t * se / (p * (1 - p));
      const auto expit = [](double u) { return 1 / (1 + std::exp(-u)); };
      return {expit(centre - width), expit(centre + width)};
    }
    case ProportionInterval::asin: {
      const double centre = std::asin(std::sqrt(p)), width = t * se / (2 * std::sqrt(p * (1 - p)));
      const auto back = [](double u) { return std::sin(u) * std::sin(u); };
      return {back(centre - width), back(centre + width)};
    }
    case ProportionInterval::beta: {
      const double ratio = t_quantile(s.level, static_cast<double>(s.n) - 1) / t;
      const double n = p * (1 - p) / (se * se) * ratio * ratio;
      return {boost::math::quantile(boost::math::beta_distribution<>(n * p, n * (1 - p) + 1), half),
              boost::math::quantile(boost::math::beta_distribution<>(n * p + 1, n * (1 - p)),
                                    1 - half)};
    }
    case ProportionInterval::wilson: {
      const double n = p * (1 - p) / (se * se);
      const double centre = (p + t * t / (2 * n)) / (1 + t * t / n);
      const double width = t / (1 + t * t / n) * std::sqrt(p * (1 - p) / n + t * t / (4 * n * n));
      return {centre - width, centre + width};
    }
    case ProportionInterval::likelihood:
      return likelihood_limits(p, se, t, s);
  }
  return {kNan, kNan};
}

void sort_by_value(std::span<const double> value, std::span<std::uint32_t> rows) {
  // The bits of a double, its sign turned over, are in the order of its value; below them the row.
  std::vector<hwy::uint128_t> keys(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(value[rows[i]] + 0.0);  // -0 is 0
    const std::uint64_t sign = std::uint64_t{1} << 63;
    keys[i].hi = bits & sign ? ~bits : bits | sign;
    keys[i].lo = rows[i];
  }
  const hwy::Sorter sorter;
  sorter(keys.data(), keys.size(), hwy::SortAscending());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint32_t>(keys[i].lo);
}

WeightedDistribution::WeightedDistribution(std::span<const double> x, std::span<const double> w,
                                           std::span<const std::uint32_t> order) {
  std::vector<std::uint32_t> own;
  if (order.empty()) {
    own.resize(x.size());
    std::iota(own.begin(), own.end(), 0u);
    std::sort(own.begin(), own.end(),
              [&](std::uint32_t a, std::uint32_t b) { return x[a] < x[b]; });
    order = own;
  }
  x_.reserve(x.size());
  cumulated_.reserve(x.size());
  for (std::uint32_t i : order) {
    if (w[i] == 0) continue;
    total_ += w[i];
    x_.push_back(x[i]);
    cumulated_.push_back(total_);
  }
}

double WeightedDistribution::quantile(double p, QuantileRule rule) const {
  if (x_.empty() || std::isnan(p)) return kNan;
  p = std::clamp(p, 0.0, 1.0);
  const std::size_t n = x_.size();
  if (rule == QuantileRule::hf7) {
    if (n == 1) return x_[0];
    // Points (cumulated before i / cumulated of all but the last, x_i).
    const double goal = p * cumulated_[n - 2];
    const auto at = std::upper_bound(cumulated_.begin(),
                                     cumulated_.begin() + static_cast<std::ptrdiff_t>(n - 1), goal);
    const auto i = static_cast<std::size_t>(at - cumulated_.begin());
    if (i + 1 >= n) return x_[n - 1];
    const double before = i == 0 ? 0.0 : cumulated_[i - 1];
    const double share = (goal - before) / (cumulated_[i] - before);
    return x_[i] + share * (x_[i + 1] - x_[i]);
  }
  const double goal = p * total_, slack = 1e-12 * total_;
  const auto at = std::lower_bound(cumulated_.begin(), cumulated_.end(), goal - slack);
  if (at == cumulated_.end()) return x_[n - 1];
  const auto i = static_cast<std::size_t>(at - cumulated_.begin());
  if (rule == QuantileRule::school && std::abs(cumulated_[i] - goal) <= slack && i + 1 < n)
    return (x_[i] + x_[i + 1]) / 2;
  return x_[i];
}

double WeightedDistribution::at_or_below(double x) const {
  const auto at = std::upper_bound(x_.begin(), x_.end(), x);
  if (at == x_.begin()) return 0;
  return cumulated_[static_cast<std::size_t>(at - x_.begin()) - 1] / total_;
}

std::optional<QuantileRule> parse_quantile_rule(std::string_view name) {
  if (name == "math") return QuantileRule::math;
  if (name == "school") return QuantileRule::school;
  if (name == "hf7") return QuantileRule::hf7;
  return std::nullopt;
}

std::optional<ProportionInterval> parse_proportion_interval(std::string_view name) {
  if (name == "mean") return ProportionInterval::mean;
  if (name == "logit" || name == "xlogit") return ProportionInterval::xlogit;
  if (name == "asin") return ProportionInterval::asin;
  if (name == "beta") return ProportionInterval::beta;
  if (name == "wilson") return ProportionInterval::wilson;
  if (name == "likelihood") return ProportionInterval::likelihood;
  return std::nullopt;
}

}  // namespace steelyard
