#include "estimators/indices/index_inference.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/quadrature/exp_sinh.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <numbers>

namespace steelyard {
namespace {

constexpr double kPrior = 0.5;  ///< a level; for two levels Jeffreys' interval for a proportion

double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

template <typename F>
double root(F&& f, double low, double high) {
  std::uintmax_t steps = 200;
  const auto found = boost::math::tools::toms748_solve(
      f, low, high, boost::math::tools::eps_tolerance<double>(40), steps);
  return (found.first + found.second) / 2;
}

Limits dirichlet_limits(const IndexEvidence& e) {
  const double n = effective_answers(e);
  std::vector<double> values, alpha;
  for (std::size_t k = 0; k < e.values.size(); ++k)
    if (!std::isnan(e.values[k])) {
      values.push_back(e.values[k]);
      alpha.push_back(n * e.shares[k] + kPrior);
    }
  const double half = (1 - e.level) / 2;
  return {dirichlet_mean_quantile(values, alpha, half),
          dirichlet_mean_quantile(values, alpha, 1 - half)};
}

/// δ/se with which the two-sided test has the power.
double noncentrality(const ChangeDesign& design) {
  EXPECTS(design.power > 1 - design.level && design.power < 1);
  const double z = t_quantile(design.level, INFINITY);
  return root(
      [&](double ratio) { return normal_cdf(ratio - z) + normal_cdf(-ratio - z) - design.power; },
      0.0, 40.0);
}

}  // namespace

Limits index_limits(IndexInterval method, const IndexEvidence& e) {
  const double width = e.range.upper - e.range.lower;
  if (!(width > 0)) return {e.estimate, e.estimate};
  if (method == IndexInterval::t) {
    const double half = t_quantile(e.level, e.df) * e.se;
    return {e.estimate - half, e.estimate + half};
  }
  if (method == IndexInterval::dirichlet || !(e.se > 0)) return dirichlet_limits(e);
  const Limits share = proportion_limits(
      (e.estimate - e.range.lower) / width, e.se / width,
      method == IndexInterval::logit ? ProportionInterval::xlogit : ProportionInterval::wilson,
      {.level = e.level, .df = e.df, .n = static_cast<std::size_t>(e.n)});
  return {e.range.lower + width * share.lower, e.range.lower + width * share.upper};
}

double effective_answers(const IndexEvidence& e) {
  if (!(e.se > 0)) return e.kish_n;
  double variance = 0;
  for (std::size_t k = 0; k < e.values.size(); ++k)
    if (!std::isnan(e.values[k]))
      variance += e.shares[k] * (e.values[k] - e.estimate) * (e.values[k] - e.estimate);
  const double ratio = e.n > 1 ? t_quantile(e.level, e.n - 1) / t_quantile(e.level, e.df) : 1.0;
  return variance / (e.se * e.se) * ratio * ratio;
}

double dirichlet_mean_cdf(std::span<const double> values, std::span<const double> alpha, double x) {
  EXPECTS(values.size() == alpha.size());
  double spread = 0, centre = 0;
  bool above = false, below = false;
  for (std::size_t k = 0; k < values.size(); ++k) {
    spread += alpha[k] * (values[k] - x) * (values[k] - x);
    centre += alpha[k] * (values[k] - x);
    above |= values[k] > x;
    below |= values[k] < x;
  }
  if (!above) return 1;
  if (!below) return 0;
  // Sixty standard deviations of Σ (v - x) γ from its mean less than 1e-9 is left for α >= 1/2
  // (tails fall at least exponentially), and the integrand turns faster than it could be followed.
  if (std::abs(centre) > 60 * std::sqrt(spread)) return centre > 0 ? 0 : 1;
  // In units of the standard deviation of Σ (v - x) γ the integrand fades within a few units.
  const double unit = 1 / std::sqrt(spread);
  const auto integrand = [&](double t) {
    double angle = 0, log_size = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double c = (values[k] - x) * unit * t;
      angle += alpha[k] * std::atan(c);
      log_size += alpha[k] / 2 * std::log1p(c * c);
    }
    return std::sin(angle) * std::exp(-log_size) / t;
  };
  thread_local boost::math::quadrature::exp_sinh<double> integrator;  // its nodes are made once
  const double p = 0.5 - integrator.integrate(integrand, 1e-10) / std::numbers::pi;
  return std::clamp(p, 0.0, 1.0);
}

double dirichlet_mean_quantile(std::span<const double> values, std::span<const double> alpha,
                               double u) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low == *high) return *low;
  return root([&](double x) { return dirichlet_mean_cdf(values, alpha, x) - u; }, *low, *high);
}

double above_line_probability(double estimate, double se, double df, double line) {
  if (!(se > 0)) return estimate > line ? 1.0 : estimate < line ? 0.0 : 0.5;
  const double t = (estimate - line) / se;
  if (df > 1e15) return normal_cdf(t);
  return boost::math::cdf(boost::math::students_t(df), t);
}

Result<double> above_line_share(const ReplicateDesign& design, std::span<const double> theta,
                                double line) {
  EXPECTS(!theta.empty() && theta.size() == design.replicates);
  // A bootstrap averages squared deviations: scale near 1/R, no factors by replicate.
  const double spread = design.scale * static_cast<double>(design.replicates);
  if (!design.rscales.empty() || spread < 0.5 || spread > 2)
    return Failure{FailureKind::unsupported,
                   "the replicates do not vary as the estimate does; use a bootstrap, or the t "
                   "probability"};
  double above = 0;
  for (const double value : theta) above += value > line ? 1.0 : value == line ? 0.5 : 0.0;
  return above / static_cast<double>(theta.size());
}

double change_se(const ChangeDesign& d, double n) {
  EXPECTS(n > 0);
  return std::sqrt(2 * d.deff * d.sd * d.sd * (1 - d.overlap * d.correlation) / n);
}

double detectable_change(const ChangeDesign& design, double n) {
  return noncentrality(design) * change_se(design, n);
}

double persons_needed(const ChangeDesign& design, double change) {
  EXPECTS(change != 0);
  const double ratio = noncentrality(design) * change_se(design, 1) / change;
  return std::ceil(ratio * ratio);
}

double power_of_change(const ChangeDesign& design, double change, double n) {
  const double z = t_quantile(design.level, INFINITY),
               ratio = std::abs(change) / change_se(design, n);
  return normal_cdf(ratio - z) + normal_cdf(-ratio - z);
}

}  // namespace steelyard
