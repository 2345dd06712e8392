#include "estimators/buckets/parametric.hpp"

#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/errors.hpp"

namespace steelyard {
namespace {

namespace bm = boost::math;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double log_beta(double p, double q) { return bm::lgamma(p) + bm::lgamma(q) - bm::lgamma(p + q); }

/// E[X^2] / E[X]^2 - 1, where the second moment is finite.
double squared_variation(const SizeDistribution& d) {
  const auto [a, b, p, q] = d.parameters();
  switch (kind_of(d.family())) {
    case FamilyKind::normal:
      return std::expm1(b * b);
    case FamilyKind::gamma:
      return std::expm1(bm::lgamma(p + 2 / a) + bm::lgamma(p) - 2 * bm::lgamma(p + 1 / a));
    default:
      return std::expm1(log_beta(p + 2 / a, q - 2 / a) + log_beta(p, q) -
                        2 * log_beta(p + 1 / a, q - 1 / a));
  }
}

/// ∫ S(x)^2 dx / mean in log x, outwards from the median until nothing is left.
double gini_by_quadrature(const SizeDistribution& d, double mean) {
  const auto [a, b, p, q] = d.parameters();
  const bool beta = kind_of(d.family()) == FamilyKind::beta;
  // Panels of three standard deviations of the core; of four e-folds at most in either tail.
  const double sd = std::sqrt(1 / p + (beta ? 1 / q : 0)) / a;
  const double down = std::min(4.0, 3 * sd);
  const double fall = beta ? 2 * a * q - 1 : kInfinity;
  const double up = std::min({4.0, 3 * sd, beta ? 2 / a : 1 / a});
  const double middle = std::log(d.quantile(0.5));
  using Rule = bm::quadrature::gauss<double, 20>;
  const auto f = [&](double u) {
    const double s = d.survival(std::exp(u));
    return s * s * std::exp(u);
  };
  double sum = 0;
  for (double v = middle;;) {
    const double more = Rule::integrate(f, v - down, v);
    sum += more;
    v -= down;
    if (more < 1e-14 * sum) break;
  }
  double width = up;
  for (double v = middle;;) {
    const double more = Rule::integrate(f, v, v + width);
    sum += more;
    v += width;
    if (more < 1e-14 * sum) break;
    // Far out a beta tail is a power of x: as wide as it falls by four e-folds.
    if (beta && a * (v - std::log(b)) > 36) {
      sum += f(v) / fall;
      break;
    }
  }
  return 1 - sum / mean;
}

double gini_of(const SizeDistribution& d, double mean) {
  const auto [a, b, p, q] = d.parameters();
  const double r = 1 / a;
  if (std::isinf(mean)) return kNan;
  switch (d.family()) {
    case Family::normal:
      return b / (mean * std::sqrt(std::numbers::pi));
    case Family::lognormal:
      return std::erf(b / 2);
    case Family::weibull:
      return -std::expm1(-std::numbers::ln2 * r);
    case Family::exponential:
      return 0.5;
    case Family::gamma:
      return std::exp(bm::lgamma(p + 0.5) - bm::lgamma(p + 1)) / std::sqrt(std::numbers::pi);
    case Family::fisk:
      return r;
    case Family::lomax:
      return q / (2 * q - 1);
    case Family::dagum:
      return std::expm1(bm::lgamma(p) + bm::lgamma(2 * p + r) - bm::lgamma(2 * p) -
                        bm::lgamma(p + r));
    case Family::singh_maddala:
      return -std::expm1(bm::lgamma(q) + bm::lgamma(2 * q - r) - bm::lgamma(q - r) -
                         bm::lgamma(2 * q));
    case Family::beta2:
      return 2 * std::exp(log_beta(2 * p, 2 * q - 1) - 2 * log_beta(p, q)) / p;
    default:
      return gini_by_quadrature(d, mean);
  }
}

/// E ln X and E[X ln X] / mean.
std::pair<double, double> log_means(const SizeDistribution& d) {
  const auto [a, b, p, q] = d.parameters();
  switch (kind_of(d.family())) {
    case FamilyKind::normal:
      return {a, a + b * b};
    case FamilyKind::gamma:
      return {std::log(b) + bm::digamma(p) / a, std::log(b) + bm::digamma(p + 1 / a) / a};
    default:
      return {std::log(b) + (bm::digamma(p) - bm::digamma(q)) / a,
              std::log(b) + (bm::digamma(p + 1 / a) - bm::digamma(q - 1 / a)) / a};
  }
}

}  // namespace

double log_density_of_log(const SizeDistribution& d, double u) {
  const auto [a, b, p, q] = d.parameters();
  switch (kind_of(d.family())) {
    case FamilyKind::normal: {
      EXPECTS(d.family() != Family::normal);
      const double z = (u - a) / b;
      return -z * z / 2 - std::log(b * std::sqrt(2 * std::numbers::pi));
    }
    case FamilyKind::gamma: {
      const double v = a * (u - std::log(b));
      return std::log(a) + p * v - std::exp(v) - bm::lgamma(p);
    }
    default: {
      const double v = a * (u - std::log(b));
      const double softplus = std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v)));
      return std::log(a) + p * v - (p + q) * softplus - log_beta(p, q);
    }
  }
}

ParametricLaw::ParametricLaw(const SizeDistribution& distribution)
    : distribution_(distribution), mean_(distribution.mean()) {
  const SizeDistribution& d = distribution_;
  gini_ = gini_of(d, mean_);
  if (d.family() == Family::normal) {
    variance_ = d.parameters()[1] * d.parameters()[1];
    theil_ = mld_ = kNan;
    return;
  }
  variance_ = d.has_moment(2) ? squared_variation(d) * mean_ * mean_ : kInfinity;
  if (std::isinf(mean_)) {
    variance_ = theil_ = mld_ = kNan;
    return;
  }
  const auto [log_mean, weighted] = log_means(d);
  theil_ = weighted - std::log(mean_);
  mld_ = std::log(mean_) - log_mean;
}

double ParametricLaw::cdf(double x) const { return distribution_.cdf(x); }
double ParametricLaw::quantile(double u) const {
  return u > 0.5 ? distribution_.upper_quantile(1 - u) : distribution_.quantile(u);
}
double ParametricLaw::partial_mean(double x) const {
  const bool normal = distribution_.family() == Family::normal;
  if (!normal && x <= 0) return 0;
  return distribution_.partial_mean(normal ? -kInfinity : 0, x);
}
double ParametricLaw::density(double x) const {
  if (distribution_.family() == Family::normal) {
    const auto [mu, sigma, p, q] = distribution_.parameters();
    const double z = (x - mu) / sigma;
    return std::exp(-z * z / 2) / (sigma * std::sqrt(2 * std::numbers::pi));
  }
  if (x <= 0 || std::isinf(x)) return 0;
  return std::exp(log_density_of_log(distribution_, std::log(x))) / x;
}

AveragedLaw::AveragedLaw(std::vector<std::shared_ptr<const Law>> members,
                         std::vector<double> weights)
    : members_(std::move(members)), weights_(std::move(weights)) {
  EXPECTS(members_.size() == weights_.size() && !members_.empty());
}

template <typename Statistic>
double AveragedLaw::average(Statistic statistic) const {
  double sum = 0;
  for (std::size_t i = 0; i < members_.size(); ++i)
    if (weights_[i] > 0) sum += weights_[i] * statistic(*members_[i]);
  return sum;
}
double AveragedLaw::cdf(double x) const {
  return average([&](const Law& law) { return law.cdf(x); });
}
double AveragedLaw::quantile(double u) const {
  return average([&](const Law& law) { return law.quantile(u); });
}
double AveragedLaw::partial_mean(double x) const {
  return average([&](const Law& law) { return law.partial_mean(x); });
}
double AveragedLaw::mean() const {
  return average([](const Law& law) { return law.mean(); });
}
double AveragedLaw::variance() const {
  return average([](const Law& law) { return law.variance(); });
}
double AveragedLaw::gini() const {
  return average([](const Law& law) { return law.gini(); });
}
double AveragedLaw::theil() const {
  return average([](const Law& law) { return law.theil(); });
}
double AveragedLaw::mld() const {
  return average([](const Law& law) { return law.mld(); });
}
double AveragedLaw::density(double x) const {
  return average([&](const Law& law) { return law.density(x); });
}

}  // namespace steelyard
