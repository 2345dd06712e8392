#include "estimators/multilevel/likelihood.hpp"

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace steelyard {
namespace {

/// F(x), 1 - F(x) and F' of the logistic law, without cancellation.
struct Logistic {
  double p, q, density;
  explicit Logistic(double x) {
    const double e = std::exp(-std::abs(x)), large = 1 / (1 + e), small = e * large;
    p = x >= 0 ? large : small;
    q = x >= 0 ? small : large;
    density = small * large;
  }
  double curvature() const { return density * (q - p); }  // F''
};

void logit(const CellAnswers& answers, std::span<const double> eta, CellDerivatives& out) {
  double value = 0;
  for (std::size_t c = 0; c < eta.size(); ++c) {
    const double zeros = answers.counts[2 * c], ones = answers.counts[2 * c + 1], n = zeros + ones;
    const double e = std::exp(-std::abs(eta[c])), large = 1 / (1 + e), small = e * large;
    const double p = eta[c] >= 0 ? large : small, q = eta[c] >= 0 ? small : large;
    value += ones * eta[c] - n * (std::max(eta[c], 0.0) + std::log1p(e));
    out.score[c] = ones * q - zeros * p;
    out.weight[c] = n * p * q;
    out.slope[c] = out.weight[c] * (q - p);
  }
  out.value = value;
}

/// log Φ(x) and its derivatives r, r', r''. Below -30 by the first terms of the tail's expansion.
struct LogNormalCdf {
  double value, first, second, third;
  explicit LogNormalCdf(double x) {
    using namespace boost::math::constants;
    if (x > -30) {
      const double p = std::erfc(-x / root_two<double>()) / 2;
      value = std::log(p);
      first = std::exp(-x * x / 2) * one_div_root_two_pi<double>() / p;
    } else {
      const double y = 1 / (x * x), tail = 1 - y * (1 - 3 * y * (1 - 5 * y));
      value = -x * x / 2 - std::log(-x * root_two_pi<double>()) + std::log(tail);
      first = -x / tail;
    }
    second = -first * (x + first);
    third = -second * (x + first) - first * (1 + second);
  }
};

void probit(const CellAnswers& answers, std::span<const double> eta, CellDerivatives& out) {
  out.value = 0;
  for (std::size_t c = 0; c < eta.size(); ++c) {
    const double zeros = answers.counts[2 * c], ones = answers.counts[2 * c + 1];
    const LogNormalCdf up(eta[c]), low(-eta[c]);
    out.value += ones * up.value + zeros * low.value;
    out.score[c] = ones * up.first - zeros * low.first;
    out.weight[c] = -ones * up.second - zeros * low.second;
    out.slope[c] = -ones * up.third + zeros * low.third;
  }
}

/// With a = τ_k - η, b = τ_{k-1} - η and ℓ = log(F(a) - F(b)): ∂ℓ/∂η = F(a) + F(b) - 1, so that
/// every further derivative of it is one of F.
void ordered(const CellAnswers& answers, std::span<const double> eta, const Eigen::VectorXd& tau,
             CellDerivatives& out) {
  const Eigen::Index t = tau.size();
  out.value = 0;
  out.threshold_score.setZero(t);
  out.threshold_weight.setZero(t, t);
  out.mixed.setZero(static_cast<Eigen::Index>(eta.size()), t);
  out.mixed_slope.setZero(static_cast<Eigen::Index>(eta.size()), t);
  for (Eigen::Index j = 1; j < t; ++j)
    if (!(tau[j] > tau[j - 1])) {
      out.value = -std::numeric_limits<double>::infinity();
      return;
    }
  for (std::size_t c = 0; c < eta.size(); ++c) {
    const auto row = static_cast<Eigen::Index>(c);
    out.score[c] = out.weight[c] = out.slope[c] = 0;
    Logistic below(-1e9);  // F(b): 0 under the first threshold
    for (Eigen::Index k = 0; k <= t; ++k) {
      const Logistic above(k < t ? tau[k] - eta[c] : 1e9);
      const double n = answers.counts[c * answers.levels + static_cast<std::size_t>(k)];
      if (n > 0) {
        // F(a) - F(b) from the smaller tails.
        const double share = below.p > 0.5 ? below.q - above.q : above.p - below.p;
        const double fa = above.density / share, fb = below.density / share;
        out.value += n * std::log(share);
        out.score[c] += n * (above.p - below.q);
        out.weight[c] += n * (above.density + below.density);
        out.slope[c] -= n * (above.curvature() + below.curvature());
        if (k < t) {
          out.threshold_score[k] += n * fa;
          out.threshold_weight(k, k) -= n * (above.curvature() / share - fa * fa);
          out.mixed(row, k) += n * above.density;
          out.mixed_slope(row, k) += n * above.curvature();
        }
        if (k > 0) {
          out.threshold_score[k - 1] -= n * fb;
          out.threshold_weight(k - 1, k - 1) += n * (below.curvature() / share + fb * fb);
          out.mixed(row, k - 1) += n * below.density;
          out.mixed_slope(row, k - 1) += n * below.curvature();
        }
        if (k > 0 && k < t) {
          out.threshold_weight(k, k - 1) -= n * fa * fb;
          out.threshold_weight(k - 1, k) -= n * fa * fb;
        }
      }
      below = above;
    }
  }
}

}  // namespace

std::vector<double> CellAnswers::sizes() const {
  if (counts.empty()) return n;
  std::vector<double> out(cells(), 0.0);
  for (std::size_t c = 0; c < out.size(); ++c)
    for (std::size_t k = 0; k < levels; ++k) out[c] += counts[c * levels + k];
  return out;
}

void differentiate(const CellAnswers& answers, std::span<const double> eta,
                   const Eigen::VectorXd& thresholds, CellDerivatives& out) {
  EXPECTS(answers.model != OutcomeModel::linear);
  EXPECTS(answers.cells() == eta.size());
  out.score.resize(eta.size());
  out.weight.resize(eta.size());
  out.slope.resize(eta.size());
  if (answers.model == OutcomeModel::logit)
    logit(answers, eta, out);
  else if (answers.model == OutcomeModel::probit)
    probit(answers, eta, out);
  else
    ordered(answers, eta, thresholds, out);
}

void predict(OutcomeModel model, double eta, const Eigen::VectorXd& thresholds, Predicted& out) {
  if (model == OutcomeModel::ordered) {
    const Eigen::Index t = thresholds.size();
    out.value.assign(static_cast<std::size_t>(t) + 1, 0.0);
    out.by_eta.assign(out.value.size(), 0.0);
    out.by_threshold.setZero(t + 1, t);
    Logistic below(-1e9);
    for (Eigen::Index k = 0; k <= t; ++k) {
      const Logistic above(k < t ? thresholds[k] - eta : 1e9);
      const auto at = static_cast<std::size_t>(k);
      out.value[at] = below.p > 0.5 ? below.q - above.q : above.p - below.p;
      out.by_eta[at] = below.density - above.density;
      if (k < t) out.by_threshold(k, k) = above.density;
      if (k > 0) out.by_threshold(k, k - 1) = -below.density;
      below = above;
    }
    return;
  }
  double value = eta, slope = 1;
  if (model == OutcomeModel::logit) {
    const Logistic f(eta);
    value = f.p;
    slope = f.density;
  } else if (model == OutcomeModel::probit) {
    using namespace boost::math::constants;
    value = std::erfc(-eta / root_two<double>()) / 2;
    slope = std::exp(-eta * eta / 2) * one_div_root_two_pi<double>();
  }
  out.value.assign(1, value);
  out.by_eta.assign(1, slope);
  out.by_threshold.resize(1, 0);
}

}  // namespace steelyard
