#include "estimators/bias_indices/pattern_mixture.hpp"

#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kRoot2 = boost::math::constants::root_two<double>();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double normal_cdf(double z) { return std::erfc(-z / kRoot2) / 2; }
double normal_quantile(double p) { return -kRoot2 * boost::math::erfc_inv(2 * p); }

/// g(φ), also where ρ is 0 and φ is 1.
double weight_of(double phi, double rho) { return (phi + (1 - phi) * rho) / (phi * rho + 1 - phi); }

/// Numbers with their linearizations, and functions of them.
class DeltaMethod {
 public:
  DeltaMethod(std::vector<const Linearized*> parts, const ProxyData& data)
      : parts_(std::move(parts)), variance_(data) {}

  /// Central differences; f must be smooth in each part.
  template <typename F>
  IndexEstimate operator()(const F& f) const {
    std::vector<double> at;
    for (const Linearized* part : parts_) at.push_back(part->value);
    Linearized sum;
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      const double value = at[k], step = 1e-5 * std::max(std::abs(value), 1e-3);
      at[k] = value + step;
      const double up = f(at);
      at[k] = value - step;
      const double down = f(at);
      at[k] = value;
      add_scaled(sum, *parts_[k], (up - down) / (2 * step));
    }
    return {f(at), error(sum)};
  }
  double error(const Linearized& x) const { return std::sqrt(variance_(x)); }

 private:
  std::vector<const Linearized*> parts_;
  LinearizedVariance variance_;
};

std::optional<Failure> unusable(const ProxyData& data) {
  if (data.y.size() < 3)
    return Failure{FailureKind::empty_domain, "fewer than three respondents have an answer"};
  return std::nullopt;
}

double correlation(double var_y, double var_proxy) { return std::sqrt(var_proxy / var_y); }

/// Biserial correlation of a share and its proxy, the threshold held at the share's.
/// Source: Olsson, Drasgow & Dorans (1982), Psychometrika 47, 337-347, two-step estimator.
class Biserial {
 public:
  explicit Biserial(const ProxyFit& fit) : fit_(fit), data_(fit.data()), yes_(data_.x->cells, 0.0) {
    for (std::size_t i = 0; i < data_.y.size(); ++i)
      yes_[data_.cell_of[i]] += fit.share()[i] * data_.y[i];
  }

  /// ρ with its linearization: mean score(ρ; share, m, v, β) = 0.
  Linearized estimate() const {
    const Proxy& p = fit_.proxy();
    const double share = p.mean_y.value, m = p.mean.value, v = p.var.value;
    const auto deviance = [&](double rho) {
      double sum = 0;
      for (std::size_t c = 0; c < yes_.size(); ++c) {
        const double z = z_of(p.of_cell[c], share, m, v, rho),
                     no = fit_.share_of_cell()[c] - yes_[c];
        if (yes_[c] > 0) sum -= yes_[c] * log_cdf(z);
        if (no > 0) sum -= no * log_cdf(-z);
      }
      return sum;
    };
    Linearized rho;
    rho.value = boost::math::tools::brent_find_minima(deviance, -0.999, 0.999, 40).first;
    for (int k = 0; k < 8; ++k) {  // Brent's minimum has half the digits; Newton's has all
      const double s = mean_score(share, m, v, rho.value);
      const double step =
          s / slope([&](double r) { return mean_score(share, m, v, r); }, rho.value);
      if (!(std::abs(rho.value - step) < 0.9999)) break;
      rho.value -= step;
      if (std::abs(step) < 1e-14) break;
    }
    const double r = rho.value;
    const double by_rho = slope([&](double x) { return mean_score(share, m, v, x); }, r);
    Linearized score;
    for (std::size_t i = 0; i < data_.y.size(); ++i) {
      const double x = p.of_cell[data_.cell_of[i]];
      score.a.push_back(fit_.share()[i] * score_of(x, data_.y[i], share, m, v, r));
    }
    add_scaled(score, p.mean_y, slope([&](double x) { return mean_score(x, m, v, r); }, share));
    add_scaled(score, p.mean, slope([&](double x) { return mean_score(share, x, v, r); }, m));
    add_scaled(score, p.var, slope([&](double x) { return mean_score(share, m, x, r); }, v));
    std::vector<double> by_cell(yes_.size()), derivative(data_.x->columns());
    for (std::size_t c = 0; c < yes_.size(); ++c)
      by_cell[c] =
          slope([&](double x) { return score_of_cell(c, x, share, m, v, r); }, p.of_cell[c]);
    data_.x->transpose_multiply(by_cell, derivative);
    fit_.add_beta(score, derivative);
    add_scaled(rho, score, -1 / by_rho);
    return rho;
  }

 private:
  static double log_cdf(double z) { return std::log(std::max(normal_cdf(z), 1e-300)); }

  static double z_of(double x, double share, double m, double v, double rho) {
    return (normal_quantile(share) + rho * (x - m) / std::sqrt(v)) / std::sqrt(1 - rho * rho);
  }

  /// d log-likelihood / dρ of one answer.
  static double score_of(double x, double y, double share, double m, double v, double rho) {
    const double z = z_of(x, share, m, v, rho);
    const double dz =
        ((x - m) / std::sqrt(v) + rho * normal_quantile(share)) / std::pow(1 - rho * rho, 1.5);
    const double density =
        std::exp(-z * z / 2) * boost::math::constants::one_div_root_two_pi<double>();
    return dz * density *
           (y / std::max(normal_cdf(z), 1e-300) - (1 - y) / std::max(normal_cdf(-z), 1e-300));
  }

  double score_of_cell(std::size_t c, double x, double share, double m, double v,
                       double rho) const {
    return yes_[c] * score_of(x, 1, share, m, v, rho) +
           (fit_.share_of_cell()[c] - yes_[c]) * score_of(x, 0, share, m, v, rho);
  }

  double mean_score(double share, double m, double v, double rho) const {
    Sum sum;
    for (std::size_t c = 0; c < yes_.size(); ++c)
      sum.add(score_of_cell(c, fit_.proxy().of_cell[c], share, m, v, rho));
    return sum.value();
  }

  template <typename F>
  static double slope(const F& f, double at) {
    const double step = 1e-5 * std::max(std::abs(at), 1e-2);
    return (f(at + step) - f(at - step)) / (2 * step);
  }

  const ProxyFit& fit_;
  const ProxyData& data_;
  std::vector<double> yes_;
};

/// In this order the parts of MeanBias.
std::vector<const Linearized*> mean_parts(const Proxy& p) {
  return {&p.mean_y, &p.var_y, &p.var, &p.population_mean};
}

double mub(const std::vector<double>& part, double phi) {
  const double rho = correlation(part[1], part[2]);
  return weight_of(phi, rho) / rho * (part[0] - part[3]);
}

/// Fails for an answer or a proxy that does not vary.
Result<ProxyFit> varying_proxy(const ProxyData& data) {
  if (auto failed = unusable(data)) return *failed;
  auto fit = ProxyFit::linear(data);
  if (!fit) return fit;
  const Proxy& p = fit.value().proxy();
  if (!(p.var_y.value > 1e-20 * p.mean_y.value * p.mean_y.value))
    return Failure{FailureKind::unsupported, "all respondents give the same answer"};
  if (!(p.var.value > 1e-12 * p.var_y.value))
    return Failure{FailureKind::unsupported, "the covariates predict nothing of the answer"};
  return fit;
}

}  // namespace

Result<MeanBias> bias_of_mean(const ProxyData& data) {
  const auto fit = varying_proxy(data);
  if (!fit) return fit.failure();
  const DeltaMethod delta(mean_parts(fit.value().proxy()), data);
  MeanBias out;
  out.correlation = delta([](const auto& part) { return correlation(part[1], part[2]); });
  for (std::size_t k = 0; k < 3; ++k) {
    out.mub[k] = delta([&](const auto& part) { return mub(part, kBiasDials[k]); });
    out.standardised[k] =
        delta([&](const auto& part) { return mub(part, kBiasDials[k]) / std::sqrt(part[1]); });
  }
  return out;
}

Result<TippingDial> tipping_dial(const ProxyData& data, double target) {
  const auto fit = varying_proxy(data);
  if (!fit) return fit.failure();
  const DeltaMethod delta(mean_parts(fit.value().proxy()), data);
  // g = (mean y - target) ρ / (mean y - population mean), solved for φ.
  const auto dial = [&](const std::vector<double>& part) {
    const double rho = correlation(part[1], part[2]);
    const double g = (part[0] - target) * rho / (part[0] - part[3]);
    return (g - rho) / ((1 - rho) * (1 + g));
  };
  TippingDial out;
  out.at_zero = delta([](const auto& part) { return part[0] - mub(part, 0); }).value;
  out.at_one = delta([](const auto& part) { return part[0] - mub(part, 1); }).value;
  if ((out.at_zero - target) * (out.at_one - target) <= 0) out.phi = delta(dial);
  return out;
}

Result<ShareBias> bias_of_share(const ProxyData& data, double population) {
  if (auto failed = unusable(data)) return *failed;
  if (data.samples == nullptr)
    return Failure{FailureKind::unsupported,
                   "a share's index needs a reference sample: how the proxy varies in the "
                   "population is not known from totals"};
  const auto fit = ProxyFit::probit(data);
  if (!fit) return fit.failure();
  const Proxy& p = fit.value().proxy();
  if (!(p.var.value > 1e-12))
    return Failure{FailureKind::unsupported, "the covariates predict nothing of the answer"};
  const Linearized rho = Biserial(fit.value()).estimate();
  const DeltaMethod delta({&p.mean_y, &p.mean, &p.var, &p.population_mean, &p.population_var, &rho},
                          data);
  const double f = std::min(1.0, static_cast<double>(data.y.size()) / population);
  const auto index = [f](const std::vector<double>& part, double phi) {
    const double share = part[0], m1 = part[1], v1 = part[2];
    // Moments of those who are not in the sample: the population's without it.
    const double m0 = (part[3] - f * m1) / (1 - f);
    const double second = part[4] + part[3] * part[3] - f * (v1 + m1 * m1);
    const double v0 = second / (1 - f) - m0 * m0;
    const double g = weight_of(phi, part[5]);
    const double mu = normal_quantile(share) + g * (m0 - m1) / std::sqrt(v1);
    const double sigma2 = 1 + g * g * (v0 - v1) / v1;
    return sigma2 > 0 ? share - (f * share + (1 - f) * normal_cdf(mu / std::sqrt(sigma2))) : kNaN;
  };
  ShareBias out;
  out.correlation = {rho.value, delta.error(rho)};
  for (std::size_t k = 0; k < 3; ++k) {
    out.mubp[k] = delta([&](const auto& part) { return index(part, kBiasDials[k]); });
    if (std::isnan(out.mubp[k].value)) {
      out.mubp[k] = {kNaN, kNaN};
      out.failures.push_back({FailureKind::infeasible,
                              "the proxy varies so little outside the sample that no normal "
                              "variable behind the answer goes with it"});
    }
  }
  return out;
}

}  // namespace steelyard
