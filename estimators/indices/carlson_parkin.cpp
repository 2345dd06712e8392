#include "estimators/indices/carlson_parkin.hpp"

#include <fmt/format.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// a + b and b - a, on which mean and scale depend.
struct Edges {
  double down = 0, up = 0;
};

Result<Edges> edges_of(double up, double down, const PerceptionLaw& law) {
  if (!(up >= 0 && down >= 0 && up + down <= 1 + 1e-12))
    return Failure{FailureKind::unsupported,
                   fmt::format("{:g} up and {:g} down are not shares of one whole", up, down)};
  if (up == 0 || down == 0)
    return Failure{FailureKind::infeasible,
                   fmt::format("nobody answers \"{}\", which puts a threshold at infinity; use the "
                               "balance, or pool quarters",
                               up == 0 ? "up" : "down")};
  // What is left for "same" is rounding of the shares' sum.
  if (1 - up - down <= 1e-12)
    return Failure{FailureKind::infeasible,
                   "nobody answers \"same\", which leaves the spread undefined; use the balance"};
  return Edges{law.quantile(down), -law.quantile(up)};
}

double delta_variance(std::span<const double> slopes, std::span<const double> covariance) {
  double sum = 0;
  for (std::size_t i = 0; i < slopes.size(); ++i)
    for (std::size_t j = 0; j < slopes.size(); ++j)
      sum += slopes[i] * covariance[i * slopes.size() + j] * slopes[j];
  return std::max(0.0, sum);
}

}  // namespace

double PerceptionLaw::quantile(double p) const {
  switch (kind) {
    case Kind::normal:
      return boost::math::quantile(boost::math::normal(), p);
    case Kind::logistic:
      return std::log(p / (1 - p));
    case Kind::uniform:
      return 2 * p - 1;
    case Kind::student_t:
      return boost::math::quantile(boost::math::students_t(df), p);
  }
  return kNan;
}

double PerceptionLaw::density(double z) const {
  switch (kind) {
    case Kind::normal:
      return boost::math::pdf(boost::math::normal(), z);
    case Kind::logistic: {
      const double e = std::exp(-std::abs(z));
      return e / ((1 + e) * (1 + e));
    }
    case Kind::uniform:
      return std::abs(z) <= 1 ? 0.5 : 0.0;
    case Kind::student_t:
      return boost::math::pdf(boost::math::students_t(df), z);
  }
  return kNan;
}

double PerceptionLaw::sd() const {
  switch (kind) {
    case Kind::normal:
      return 1;
    case Kind::logistic:
      return std::numbers::pi / std::sqrt(3.0);
    case Kind::uniform:
      return 1 / std::sqrt(3.0);
    case Kind::student_t:
      return df > 2 ? std::sqrt(df / (df - 2)) : std::numeric_limits<double>::infinity();
  }
  return kNan;
}

AnswerCovariance multinomial_answers(double up, double down, double n) {
  EXPECTS(n > 0);
  return {up * (1 - up) / n, -up * down / n, down * (1 - down) / n};
}

Result<Quantification> carlson_parkin(double up, double down, double threshold,
                                      const PerceptionLaw& law,
                                      const std::optional<AnswerCovariance>& covariance) {
  if (!(threshold > 0))
    return Failure{FailureKind::unsupported,
                   fmt::format("a threshold of {:g}: it is above zero", threshold)};
  const auto edges = edges_of(up, down, law);
  if (!edges) return edges.failure();
  const double a = edges.value().down, b = edges.value().up, width = b - a;
  Quantification out;
  out.scale = 2 * threshold / width;
  out.mean = -threshold * (a + b) / width;
  out.sd = out.scale * law.sd();
  out.mean_se = out.scale_se = kNan;
  if (covariance) {
    // da/dD = 1/f(a), db/dU = -1/f(b).
    const double by_a = out.scale / width, by_down = by_a / law.density(a),
                 by_up = by_a / law.density(b);
    const double v[] = {covariance->up, covariance->cross, covariance->cross, covariance->down};
    const double mean[] = {-a * by_up, -b * by_down}, scale[] = {by_up, by_down};
    out.mean_se = std::sqrt(delta_variance(mean, v));
    out.scale_se = std::sqrt(delta_variance(scale, v));
  }
  return out;
}

Result<double> unbiased_threshold(std::span<const double> up, std::span<const double> down,
                                  std::span<const double> actual, const PerceptionLaw& law) {
  EXPECTS(up.size() == down.size() && up.size() == actual.size());
  Sum means, sizes;
  for (std::size_t t = 0; t < up.size(); ++t) {
    const auto made = carlson_parkin(up[t], down[t], 1.0, law);
    if (!made)
      return Failure{made.failure().kind,
                     fmt::format("quarter {}: {}", t + 1, made.failure().detail)};
    means.add(made.value().mean);
    sizes.add(std::abs(made.value().mean));
  }
  if (!(std::abs(means.value()) > 1e-12 * sizes.value()))
    return Failure{FailureKind::infeasible,
                   "expectations are zero on average, so no threshold fits them to what happened"};
  const double threshold = total(actual) / means.value();
  if (!(threshold > 0))
    return Failure{FailureKind::infeasible,
                   fmt::format("the threshold comes out at {:g}: expectations have the wrong sign "
                               "on average",
                               threshold)};
  return threshold;
}

Result<FiveCategoryQuantification> five_categories(const std::array<double, 5>& shares,
                                                   double perceived_rate, const PerceptionLaw& law,
                                                   std::span<const double> covariance) {
  EXPECTS(covariance.empty() || covariance.size() == 25);
  double whole = 0;
  for (const double share : shares) {
    if (!(share >= 0))
      return Failure{FailureKind::unsupported, fmt::format("{:g} is not a share", share)};
    whole += share;
  }
  if (std::abs(whole - 1) > 1e-6)
    return Failure{FailureKind::unsupported, fmt::format("the shares add up to {:g}", whole)};
  if (!(perceived_rate > 0))
    return Failure{
        perceived_rate == 0 ? FailureKind::infeasible : FailureKind::unsupported,
        fmt::format("a perceived rate of {:g} gives the answers no unit", perceived_rate)};
  if (shares[0] == 0 || shares[4] == 0)
    return Failure{FailureKind::infeasible,
                   fmt::format("nobody answers \"{}\", which puts a threshold at infinity; merge "
                               "categories and use carlson_parkin",
                               shares[0] == 0 ? "faster" : "fall")};
  const double z1 = law.quantile(shares[4]), z2 = law.quantile(shares[4] + shares[3]),
               z4 = -law.quantile(shares[0]), z3 = -law.quantile(shares[0] + shares[1]);
  const double gap = z3 + z4 - z1 - z2;
  if (!(gap > 1e-12) || !std::isfinite(gap))
    return Failure{FailureKind::infeasible,
                   "the middle answers are empty, which leaves the spread undefined"};
  FiveCategoryQuantification out;
  out.scale = 2 * perceived_rate / gap;
  out.mean = -perceived_rate * (z1 + z2) / gap;
  out.sd = out.scale * law.sd();
  out.same_threshold = out.scale * (z2 - z1) / 2;
  out.perceived_threshold = out.scale * (z4 - z3) / 2;
  out.mean_se = out.scale_se = kNan;
  if (!covariance.empty()) {
    // By L = z1 + z2 and H = z3 + z4: mean = -π L/(H - L), scale = 2π/(H - L).
    const double low = z1 + z2, high = z3 + z4;
    const double f1 = 1 / law.density(z1), f2 = 1 / law.density(z2), f3 = 1 / law.density(z3),
                 f4 = 1 / law.density(z4);
    const double low_by[] = {0, 0, 0, f2, f1 + f2}, high_by[] = {-f3 - f4, -f3, 0, 0, 0};
    double mean[5], scale[5];
    for (int k = 0; k < 5; ++k) {
      mean[k] = perceived_rate * (low * high_by[k] - high * low_by[k]) / (gap * gap);
      scale[k] = 2 * perceived_rate * (low_by[k] - high_by[k]) / (gap * gap);
    }
    out.mean_se = std::sqrt(delta_variance(mean, covariance));
    out.scale_se = std::sqrt(delta_variance(scale, covariance));
  }
  return out;
}

}  // namespace steelyard
