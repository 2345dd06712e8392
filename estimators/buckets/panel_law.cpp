#include "estimators/buckets/panel_law.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kN = kPanelNodes;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Values = std::array<double, kN>;
using Polynomials = std::array<double, kN + 1>;  // P_0(t) ... P_N(t)

Polynomials legendre(double t) {
  Polynomials p;
  p[0] = 1;
  p[1] = t;
  for (std::size_t n = 1; n < kN; ++n) {
    const auto k = static_cast<double>(n);
    p[n + 1] = ((2 * k + 1) * t * p[n] - k * p[n - 1]) / (k + 1);
  }
  return p;
}

/// Integrals of P_n from -1 to t.
Values integrals(const Polynomials& p, double t) {
  Values sum;
  sum[0] = t + 1;
  for (std::size_t n = 1; n < kN; ++n)
    sum[n] = (p[n + 1] - p[n - 1]) / static_cast<double>(2 * n + 1);
  return sum;
}

struct Tables {
  PanelRule rule;
  std::array<Values, kN> to_series;   ///< Legendre coefficient n of values at the nodes
  std::array<Values, kN> cumulative;  ///< integral from -1 to node j of values at the nodes
};

const Tables& tables() {
  static const Tables made = [] {
    Tables t;
    using Rule = boost::math::quadrature::gauss<double, kN>;
    for (std::size_t i = 0; i < kN / 2; ++i) {
      t.rule.node[kN / 2 - 1 - i] = -Rule::abscissa()[i];
      t.rule.node[kN / 2 + i] = Rule::abscissa()[i];
      t.rule.weight[kN / 2 - 1 - i] = t.rule.weight[kN / 2 + i] = Rule::weights()[i];
    }
    for (std::size_t k = 0; k < kN; ++k) {
      const Polynomials p = legendre(t.rule.node[k]);
      for (std::size_t n = 0; n < kN; ++n)
        t.to_series[n][k] = (static_cast<double>(n) + 0.5) * t.rule.weight[k] * p[n];
    }
    for (std::size_t j = 0; j < kN; ++j) {
      const Values over = integrals(legendre(t.rule.node[j]), t.rule.node[j]);
      for (std::size_t k = 0; k < kN; ++k) {
        t.cumulative[j][k] = 0;
        for (std::size_t n = 0; n < kN; ++n) t.cumulative[j][k] += over[n] * t.to_series[n][k];
      }
    }
    return t;
  }();
  return made;
}

Values series(const Values& at_nodes) {
  Values c{};
  for (std::size_t n = 0; n < kN; ++n)
    for (std::size_t k = 0; k < kN; ++k) c[n] += tables().to_series[n][k] * at_nodes[k];
  return c;
}

double half_width(const PanelLaw::Panel& panel) { return (panel.to - panel.from) / 2; }
double log_x(const PanelLaw::Panel& panel, std::size_t node) {
  return (panel.from + panel.to) / 2 + half_width(panel) * tables().rule.node[node];
}

double integral(const Values& at_nodes) {
  double sum = 0;
  for (std::size_t k = 0; k < kN; ++k) sum += tables().rule.weight[k] * at_nodes[k];
  return sum;
}

/// Integral of the interpolant from -1 to t.
double integral_to(const Values& coefficients, double t) {
  const Values over = integrals(legendre(t), t);
  double sum = 0;
  for (std::size_t n = 0; n < kN; ++n) sum += coefficients[n] * over[n];
  return sum;
}

Values times_x(const PanelLaw::Panel& panel) {
  Values values = panel.density;
  for (std::size_t k = 0; k < kN; ++k) values[k] *= std::exp(log_x(panel, k));
  return values;
}

}  // namespace

const PanelRule& PanelRule::get() { return tables().rule; }

PanelLaw::PanelLaw(std::vector<Panel> panels, std::vector<Tail> tails)
    : panels_(std::move(panels)), tails_(std::move(tails)) {
  EXPECTS(!panels_.empty());
  start_ = std::exp(panels_.back().to);
  const std::size_t n = panels_.size();
  below_.assign(n + 1, 0);
  mean_below_.assign(n + 1, 0);
  above_.assign(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const Panel& panel = panels_[i];
    below_[i + 1] = below_[i] + half_width(panel) * integral(panel.density);
    mean_below_[i + 1] = mean_below_[i] + half_width(panel) * integral(times_x(panel));
  }
  for (const Tail& tail : tails_) above_[n] += tail.mass;
  for (std::size_t i = n; i-- > 0;) above_[i] = above_[i + 1] + (below_[i + 1] - below_[i]);
  add_moments();
}

void PanelLaw::add_moments() {
  double first = 0, second = 0, pairs = 0, logs = 0, log_weighted = 0;  // pairs: E[X S(X)]
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    const Panel& panel = panels_[i];
    const double half = half_width(panel);
    const double mass = below_[i + 1] - below_[i];
    for (std::size_t j = 0; j < kN; ++j) {
      double passed = 0;
      for (std::size_t k = 0; k < kN; ++k) passed += tables().cumulative[j][k] * panel.density[k];
      const double u = log_x(panel, j), x = std::exp(u);
      const double f = half * tables().rule.weight[j] * panel.density[j];
      first += f * x;
      second += f * x * x;
      logs += f * u;
      log_weighted += f * x * u;
      pairs += f * x * (above_[i + 1] + (mass - half * passed));
    }
  }
  for (const Tail& tail : tails_) {
    const double a = tail.alpha, log_start = std::log(start_);
    if (tail.mass == 0) continue;
    first += a > 1 ? tail.mass * start_ * a / (a - 1) : kInfinity;
    second += a > 2 ? tail.mass * start_ * start_ * a / (a - 2) : kInfinity;
    logs += tail.mass * (log_start + 1 / a);
    log_weighted += tail.mass * start_ * a / (a - 1) * (log_start + 1 / (a - 1));
    for (const Tail& other : tails_)
      pairs += tail.mass * other.mass * a * start_ / (a + other.alpha - 1);
  }
  mean_ = first;
  if (std::isinf(mean_)) {
    variance_ = gini_ = theil_ = mld_ = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  variance_ = second - mean_ * mean_;
  gini_ = 1 - 2 * pairs / mean_;
  theil_ = log_weighted / mean_ - std::log(mean_);
  mld_ = std::log(mean_) - logs;
}

std::size_t PanelLaw::panel_at(double u) const {
  return static_cast<std::size_t>(
      std::upper_bound(panels_.begin(), panels_.end(), u,
                       [](double value, const Panel& panel) { return value < panel.to; }) -
      panels_.begin());
}

double PanelLaw::tail_above(double x) const {
  double sum = 0;
  for (const Tail& tail : tails_) sum += tail.mass * std::pow(x / start_, -tail.alpha);
  return sum;
}

double PanelLaw::cdf(double x) const {
  if (!(x > 0)) return 0;
  if (std::isinf(x)) return 1;
  const double u = std::log(x);
  const std::size_t i = panel_at(u);
  if (i == panels_.size()) return 1 - tail_above(std::max(x, start_));
  const Panel& panel = panels_[i];
  if (u <= panel.from) return below_[i];
  const double t = (u - panel.from) / half_width(panel) - 1;
  return below_[i] + half_width(panel) * integral_to(series(panel.density), t);
}

double PanelLaw::partial_mean(double x) const {
  if (!(x > 0)) return 0;
  if (std::isinf(x)) return mean_;
  const double u = std::log(x);
  const std::size_t i = panel_at(u);
  if (i == panels_.size()) {
    double sum = mean_below_[i];
    for (const Tail& tail : tails_) {  // by parts; a = 1: a logarithm
      const double a = tail.alpha, y = std::log(std::max(x, start_) / start_);
      const double grown = a == 1 ? y : std::expm1((1 - a) * y) / (1 - a);
      sum += tail.mass * start_ * a * grown;
    }
    return sum;
  }
  const Panel& panel = panels_[i];
  if (u <= panel.from) return mean_below_[i];
  const double t = (u - panel.from) / half_width(panel) - 1;
  return mean_below_[i] + half_width(panel) * integral_to(series(times_x(panel)), t);
}

double PanelLaw::density(double x) const {
  if (!(x > 0) || std::isinf(x)) return 0;
  const double u = std::log(x);
  const std::size_t i = panel_at(u);
  if (i == panels_.size()) {
    double sum = 0;
    for (const Tail& tail : tails_)
      sum += tail.mass * tail.alpha * std::pow(x / start_, -tail.alpha) / x;
    return sum;
  }
  const Panel& panel = panels_[i];
  if (u < panel.from) return 0;
  const Polynomials p = legendre((u - panel.from) / half_width(panel) - 1);
  const Values c = series(panel.density);
  double sum = 0;
  for (std::size_t n = 0; n < kN; ++n) sum += c[n] * p[n];
  return std::max(sum, 0.0) / x;
}

double PanelLaw::quantile(double u) const {
  EXPECTS(u > 0 && u < 1);
  const auto at = std::lower_bound(below_.begin() + 1, below_.end(), u);
  if (at == below_.end()) {  // in the tails: Newton on log x, from below, where it cannot overshoot
    const double above = 1 - u;
    double y = 0;
    for (int step = 0; step < 200; ++step) {
      double value = 0, slope = 0;
      for (const Tail& tail : tails_) {
        const double s = tail.mass * std::exp(-tail.alpha * y);
        value += s;
        slope += tail.alpha * s;
      }
      if (!(slope > 0)) break;
      const double move = (value - above) / slope;
      y += move;
      if (std::abs(move) < 1e-14 * (1 + y)) break;
    }
    return start_ * std::exp(std::max(y, 0.0));
  }
  const auto i = static_cast<std::size_t>(at - below_.begin()) - 1;
  const Panel& panel = panels_[i];
  const double half = half_width(panel), target = (u - below_[i]) / half;
  const Values c = series(panel.density);
  double low = -1, high = 1, t = 2 * (u - below_[i]) / (below_[i + 1] - below_[i]) - 1;
  for (int step = 0; step < 100; ++step) {
    const Polynomials p = legendre(t);
    const Values over = integrals(p, t);
    double value = -target, slope = 0;
    for (std::size_t n = 0; n < kN; ++n) {
      value += c[n] * over[n];
      slope += c[n] * p[n];
    }
    (value > 0 ? high : low) = t;
    double next = t - value / slope;
    if (!(next >= low && next <= high)) next = (low + high) / 2;
    const double move = std::abs(next - t);
    t = next;
    if (move < 1e-15 || high - low < 1e-15) break;
  }
  return std::exp(panel.from + half * (t + 1));
}

}  // namespace steelyard
