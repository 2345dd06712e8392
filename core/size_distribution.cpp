#include "core/size_distribution.hpp"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/errors.hpp"

namespace steelyard {
namespace {

namespace bm = boost::math;

// Double arithmetic throughout; extremes give 0 or infinity, no exception.
using Policy = bm::policies::policy<bm::policies::promote_double<false>,
                                    bm::policies::domain_error<bm::policies::ignore_error>,
                                    bm::policies::pole_error<bm::policies::ignore_error>,
                                    bm::policies::overflow_error<bm::policies::ignore_error>,
                                    bm::policies::evaluation_error<bm::policies::ignore_error>>;
constexpr Policy kPolicy;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr double kPower =
    600;  // |a log(x/b)| beyond which a tail is a power of x to the last digit

using Kind = FamilyKind;

struct Entry {
  Family family;
  const char* name;
  Kind kind;
  std::array<bool, 4> free;
};
constexpr std::array<Entry, 12> kFamilies{{
    {Family::normal, "normal", Kind::normal, {true, true, false, false}},
    {Family::lognormal, "lognormal", Kind::normal, {true, true, false, false}},
    {Family::generalized_gamma, "generalized_gamma", Kind::gamma, {true, true, true, false}},
    {Family::weibull, "weibull", Kind::gamma, {true, true, false, false}},
    {Family::gamma, "gamma", Kind::gamma, {false, true, true, false}},
    {Family::exponential, "exponential", Kind::gamma, {false, true, false, false}},
    {Family::gb2, "gb2", Kind::beta, {true, true, true, true}},
    {Family::dagum, "dagum", Kind::beta, {true, true, true, false}},
    {Family::singh_maddala, "singh_maddala", Kind::beta, {true, true, false, true}},
    {Family::fisk, "fisk", Kind::beta, {true, true, false, false}},
    {Family::beta2, "beta2", Kind::beta, {false, true, true, true}},
    {Family::lomax, "lomax", Kind::beta, {false, true, false, true}},
}};

const Entry& entry(Family family) { return kFamilies[static_cast<std::size_t>(family)]; }

double normal_upper(double z) { return 0.5 * bm::erfc(z / std::numbers::sqrt2, kPolicy); }

double log_beta(double p, double q) {
  return bm::lgamma(p, kPolicy) + bm::lgamma(q, kPolicy) - bm::lgamma(p + q, kPolicy);
}

/// P(X <= x) or P(X > x) of a GB2 whose shapes are p, q, at v = a log(x/b). The incomplete beta is
/// fed the smaller of z and 1 - z, each straight from v.
double beta_tail(double p, double q, double v, bool upper) {
  if (v < -kPower || v > kPower) {  // z or 1 - z underflows, but not its power
    if (v > 0) std::swap(p, q);
    const double log_beta =
        bm::lgamma(p, kPolicy) + bm::lgamma(q, kPolicy) - bm::lgamma(p + q, kPolicy);
    const double nearer = std::exp(-p * std::abs(v) - log_beta) / p;
    return (v > 0) == upper ? nearer : 1 - nearer;
  }
  if (v > 0) {
    const double rest = 1 / (1 + std::exp(v));
    return upper ? bm::ibeta(q, p, rest, kPolicy) : bm::ibetac(q, p, rest, kPolicy);
  }
  const double z = 1 / (1 + std::exp(-v));
  return upper ? bm::ibetac(p, q, z, kPolicy) : bm::ibeta(p, q, z, kPolicy);
}

double gamma_tail(double p, double v, bool upper) {
  if (v < -kPower) {
    const double below = std::exp(p * v - bm::lgamma(p + 1, kPolicy));
    return upper ? 1 - below : below;
  }
  const double t = std::exp(v);
  if (std::isinf(t)) return upper ? 0 : 1;
  return upper ? bm::gamma_q(p, t, kPolicy) : bm::gamma_p(p, t, kPolicy);
}

/// v = a log(x/b) at which a share u lies below under a GB2 whose shapes are p, q.
double beta_inverse(double p, double q, double u) {
  const double far = (std::log(u * p) + log_beta(p, q)) / p;  // where the tail is a power
  if (far < -kPower) return far;
  double rest = 0;  // 1 - z, to full accuracy
  const double z = bm::ibeta_inv(p, q, u, &rest, kPolicy);
  return std::log(z / rest);
}

/// The tail at x of the law whose k-th moment distribution is asked: k = 0 the law itself, k = 1
/// its incomplete first moment over the mean.
double tail(Family family, const std::array<double, 4>& at, double x, bool upper, int k) {
  const auto [a, b, p, q] = at;
  if (std::isinf(x)) return (x > 0) == upper ? 0.0 : 1.0;
  if (family == Family::normal) {
    const double z = (x - a) / b;
    return normal_upper(upper ? z : -z);
  }
  if (x <= 0) return upper ? 1.0 : 0.0;
  switch (entry(family).kind) {
    case Kind::normal: {
      const double z = (std::log(x) - a) / b - k * b;
      return normal_upper(upper ? z : -z);
    }
    case Kind::gamma:
      return gamma_tail(p + k / a, a * std::log(x / b), upper);
    default:
      return beta_tail(p + k / a, q - k / a, a * std::log(x / b), upper);
  }
}

}  // namespace

std::span<const Family> all_families() {
  static constexpr auto families = [] {
    std::array<Family, kFamilies.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kFamilies[i].family;
    return list;
  }();
  return families;
}

const char* to_string(Family family) { return entry(family).name; }

FamilyKind kind_of(Family family) { return entry(family).kind; }

std::vector<std::size_t> free_slots(Family family) {
  std::vector<std::size_t> slots;
  for (std::size_t i = 0; i < 4; ++i)
    if (entry(family).free[i]) slots.push_back(i);
  return slots;
}

std::vector<std::string> parameter_names(Family family) {
  if (kind_of(family) == Kind::normal) return {"mu", "sigma"};
  std::vector<std::string> names;
  for (std::size_t slot : free_slots(family)) names.emplace_back(1, "abpq"[slot]);
  return names;
}

SizeDistribution::SizeDistribution(Family family, std::array<double, 4> parameters)
    : family_(family), parameters_(parameters) {
  const bool normal = entry(family).kind == Kind::normal;
  EXPECTS(parameters[1] > 0);
  for (std::size_t i = 0; i < 4; ++i)
    if (!normal) EXPECTS(parameters[i] > 0 && (entry(family).free[i] || parameters[i] == 1));
}

std::vector<double> SizeDistribution::free_parameters() const {
  std::vector<double> values;
  for (std::size_t slot : free_slots(family_)) values.push_back(parameters_[slot]);
  return values;
}

double SizeDistribution::cdf(double x) const { return tail(family_, parameters_, x, false, 0); }
double SizeDistribution::survival(double x) const { return tail(family_, parameters_, x, true, 0); }

double SizeDistribution::probability(double lower, double upper) const {
  const double below = cdf(lower);
  if (below > 0.5) return survival(lower) - survival(upper);
  return cdf(upper) - below;
}

double SizeDistribution::quantile(double u) const {
  EXPECTS(u > 0 && u < 1);
  const auto [a, b, p, q] = parameters_;
  switch (entry(family_).kind) {
    case Kind::normal: {
      const double x = a - b * std::numbers::sqrt2 * bm::erfc_inv(2 * u, kPolicy);
      return family_ == Family::normal ? x : std::exp(x);
    }
    case Kind::gamma: {
      const double far = (std::log(u) + bm::lgamma(p + 1, kPolicy)) / p;
      if (far < -kPower) return b * std::exp(far / a);
      return b * std::pow(bm::gamma_p_inv(p, u, kPolicy), 1 / a);
    }
    default:
      return b * std::exp(beta_inverse(p, q, u) / a);
  }
}

double SizeDistribution::upper_quantile(double s) const {
  EXPECTS(s > 0 && s < 1);
  const auto [a, b, p, q] = parameters_;
  switch (entry(family_).kind) {
    case Kind::normal: {
      const double x = a + b * std::numbers::sqrt2 * bm::erfc_inv(2 * s, kPolicy);
      return family_ == Family::normal ? x : std::exp(x);
    }
    case Kind::gamma:
      return b * std::pow(bm::gamma_q_inv(p, s, kPolicy), 1 / a);
    default:  // the upper tail of I_z(p, q) is the lower one of I_1-z(q, p)
      return b * std::exp(-beta_inverse(q, p, s) / a);
  }
}

bool SizeDistribution::has_moment(double k) const {
  return entry(family_).kind != Kind::beta || k < parameters_[0] * parameters_[3];
}

double SizeDistribution::mean() const {
  const auto [a, b, p, q] = parameters_;
  if (family_ == Family::normal) return a;
  if (!has_moment(1)) return kInfinity;
  switch (entry(family_).kind) {
    case Kind::normal:
      return std::exp(a + b * b / 2);
    case Kind::gamma:
      return b * std::exp(bm::lgamma(p + 1 / a, kPolicy) - bm::lgamma(p, kPolicy));
    default:
      return b * std::exp(bm::lgamma(p + 1 / a, kPolicy) - bm::lgamma(p, kPolicy) +
                          bm::lgamma(q - 1 / a, kPolicy) - bm::lgamma(q, kPolicy));
  }
}

double SizeDistribution::partial_mean(double lower, double upper) const {
  if (family_ == Family::normal) {
    const auto [mu, sigma, p, q] = parameters_;
    const auto density = [&](double x) {
      const double z = (x - mu) / sigma;
      return std::isinf(x) ? 0 : std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    };
    return mu * probability(lower, upper) + sigma * (density(lower) - density(upper));
  }
  if (!has_moment(1)) {
    if (std::isinf(upper)) return kInfinity;
    // Integration by parts of x dF where the moment distribution does not exist:
    // bounded by the edges, by Simpson's rule on the survival function in log x.
    constexpr int kSteps = 2000;
    const double from = std::log(std::max(lower, 1e-9 * upper)), to = std::log(upper);
    const double h = (to - from) / kSteps;
    double sum = 0;
    for (int i = 0; i <= kSteps; ++i) {
      const double x = std::exp(from + h * i);
      sum += (i == 0 || i == kSteps ? 1 : i % 2 ? 4 : 2) * x * survival(x);
    }
    return sum * h / 3 + std::exp(from) * survival(lower) - upper * survival(upper);
  }
  const double below = tail(family_, parameters_, lower, false, 1);
  const double share = below > 0.5 ? tail(family_, parameters_, lower, true, 1) -
                                         tail(family_, parameters_, upper, true, 1)
                                   : tail(family_, parameters_, upper, false, 1) - below;
  return mean() * share;
}

}  // namespace steelyard
