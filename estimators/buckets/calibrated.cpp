#include "estimators/buckets/calibrated.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kGone = 42;   // e-folds below the highest density at which nothing is left
constexpr double kPower = 36;  // a log(x/b) beyond which a beta tail is a power of x
constexpr std::size_t kMostPanels = 2000;

/// How densities are tilted at x = e^u in one bucket: exp(-rate x), or, for a rate below 0 in the
/// open bucket from l, (x/l)^(-rate l).
struct Tilt {
  double rate = 0, lower = 0;
  bool open = false;
  bool is_power() const { return open && rate < 0; }
  double power() const { return -rate * lower; }
  /// Logarithm of the factor, its slope in u and minus its curvature.
  double log_factor(double u) const { return is_power() ? power() * u : -rate * std::exp(u); }
  double slope(double u) const { return is_power() ? power() : -rate * std::exp(u); }
  double curvature(double u) const { return is_power() ? 0 : std::abs(rate) * std::exp(u); }
  /// Minus d log factor / d rate.
  double statistic(double u) const { return is_power() ? lower * u : std::exp(u); }
};

/// The density of log x of a family, but for its norm.
class Kernel {
 public:
  explicit Kernel(const Shape& shape) : kind_(kind_of(shape.law.family())), weight_(shape.weight) {
    const auto [a, b, p, q] = shape.law.parameters();
    a_ = kind_ == FamilyKind::normal ? 1 / b : a;
    location_ = kind_ == FamilyKind::normal ? a : std::log(b);
    p_ = p;
    q_ = q;
  }
  double weight() const { return weight_; }
  double log_density(double u) const {
    const double v = a_ * (u - location_);
    switch (kind_) {
      case FamilyKind::normal:
        return -v * v / 2;
      case FamilyKind::gamma:
        return p_ * v - std::exp(v);
      default:
        return p_ * v - (p_ + q_) * (std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))));
    }
  }
  double slope(double u) const {
    const double v = a_ * (u - location_);
    switch (kind_) {
      case FamilyKind::normal:
        return -a_ * v;
      case FamilyKind::gamma:
        return a_ * (p_ - std::exp(v));
      default: {
        const double z = 1 / (1 + std::exp(-v));
        return a_ * (p_ * (1 - z) - q_ * z);
      }
    }
  }
  /// How far a panel from u may reach for a polynomial to follow the tilted density.
  double reach(double u, const Tilt& tilt) const {
    const double v = a_ * (u - location_);
    double curvature = a_ * a_;
    double most = 4;
    if (kind_ == FamilyKind::gamma) {
      curvature *= std::exp(v);
      if (v > -20) most = std::min(most, 1.5 / a_);
    } else if (kind_ == FamilyKind::beta) {
      const double z = 1 / (1 + std::exp(-v));
      curvature *= (p_ + q_) * z * (1 - z);
      if (std::abs(v) < 20) most = std::min(most, 2 / a_);
    }
    if (tilt.curvature(u) > 1e-3) most = std::min(most, 1.5);
    return std::min({most, 4 / std::abs(slope(u) + tilt.slope(u)),
                     3 / std::sqrt(curvature + tilt.curvature(u))});
  }
  /// Whether beyond u the density of x is a power of x; and that power, P(X > x) ~ x^-alpha.
  bool is_power(double u) const {
    return kind_ == FamilyKind::beta && a_ * (u - location_) > kPower;
  }
  double alpha() const { return a_ * q_; }

 private:
  FamilyKind kind_;
  double weight_, a_, location_, p_, q_;
};

/// One populated bucket: the mixture's density given the bucket, at the nodes of its panels.
struct Cell {
  double mass = 0, lower = 0;
  bool open = false;
  std::vector<PanelLaw::Panel> panels;
  std::vector<PanelLaw::Tail> tails;  ///< beyond the last panel
};

double node_of(const PanelLaw::Panel& panel, std::size_t j) {
  return (panel.from + panel.to) / 2 + (panel.to - panel.from) / 2 * PanelRule::get().node[j];
}

class Builder {
 public:
  Builder(std::span<const Shape> shapes, const BucketTable& table)
      : table_(table), shares_(table.shares()) {
    for (const Shape& shape : shapes)
      if (shape.weight > 0) kernels_.emplace_back(shape);
  }

  /// The cells, with panels that follow tilts of about `rate`; nothing if they are too many.
  bool lay_out(double rate) {
    cells_.clear();
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (!(shares_[i] > 0)) continue;
      Cell cell{shares_[i], table_.edges[i], std::isinf(table_.edges[i + 1]), {}, {}};
      const Tilt tilt{rate, cell.lower, cell.open};
      const double from = cell.lower > 0 ? std::log(cell.lower) : -kInfinity;
      const double to = cell.open ? kInfinity : std::log(table_.edges[i + 1]);
      std::vector<double> breaks = std::isinf(from) ? downwards(to, tilt) : upwards(from, to, tilt);
      if (breaks.size() > kMostPanels) return false;
      fill(cell, breaks);
      cells_.push_back(std::move(cell));
    }
    return true;
  }

  struct Moments {
    double mean = 0, slope = 0;  ///< of the whole law, and minus its derivative in the rate
  };
  Moments moments(double rate) const {
    Moments all;
    for (const Cell& cell : cells_) {
      const Sums s = sums(cell, rate);
      all.mean += cell.mass * s.mean / s.one;
      all.slope += cell.mass * (s.mean_statistic / s.one - s.mean / s.one * s.statistic / s.one);
    }
    return all;
  }

  std::shared_ptr<const Law> law(double rate) const {
    std::vector<PanelLaw::Panel> panels;
    std::vector<PanelLaw::Tail> tails;
    for (const Cell& cell : cells_) {
      const Tilt tilt{rate, cell.lower, cell.open};
      const double scale = cell.mass / sums(cell, rate).one, centre = centre_of(cell, tilt);
      for (PanelLaw::Panel panel : cell.panels) {
        for (std::size_t j = 0; j < kPanelNodes; ++j)
          panel.density[j] *= scale * std::exp(tilt.log_factor(node_of(panel, j)) - centre);
        panels.push_back(panel);
      }
      for (const PanelLaw::Tail& tail : cell.tails) {
        const PanelLaw::Tail tilted = tilted_tail(cell, tail, tilt, centre);
        tails.push_back({scale * tilted.mass, tilted.alpha});
      }
    }
    return std::make_shared<PanelLaw>(std::move(panels), std::move(tails));
  }

 private:
  struct Sums {
    double one = 0, mean = 0, statistic = 0, mean_statistic = 0;
  };

  double reach(double u, const Tilt& tilt) const {
    double least = kInfinity;
    for (const Kernel& kernel : kernels_) least = std::min(least, kernel.reach(u, tilt));
    return least;
  }

  /// Whether from u onwards (direction 1 up, -1 down) every kernel's density, times x^k, is gone.
  bool gone(double u, const Tilt& tilt, int direction, double k,
            std::vector<double>& highest) const {
    // A weaker tilt of the same sign must not miss anything.
    const Tilt weaker{tilt.rate > 0 ? tilt.rate / 8 : tilt.rate, tilt.lower, tilt.open};
    bool all = true;
    for (std::size_t m = 0; m < kernels_.size(); ++m) {
      const double base = kernels_[m].log_density(u) + k * u;
      highest[m] = std::max(highest[m], base + tilt.log_factor(u));
      all = all && base + weaker.log_factor(u) < highest[m] - kGone &&
            direction * (kernels_[m].slope(u) + weaker.slope(u) + k) < 0;
    }
    return all;
  }

  std::vector<double> downwards(double to, const Tilt& tilt) const {
    std::vector<double> breaks{to}, highest(kernels_.size(), -kInfinity);
    while (!gone(breaks.back(), tilt, -1, 0, highest) && breaks.size() <= kMostPanels)
      breaks.push_back(breaks.back() - reach(breaks.back(), tilt));
    std::reverse(breaks.begin(), breaks.end());
    return breaks;
  }

  std::vector<double> upwards(double from, double to, const Tilt& tilt) const {
    std::vector<double> breaks{from}, highest(kernels_.size(), -kInfinity);
    while (breaks.back() < to && breaks.size() <= kMostPanels) {
      const double u = breaks.back();
      // An upward tilt within a closed bucket may rise again: there nothing is left out.
      if ((std::isinf(to) || tilt.rate >= 0) && gone(u, tilt, 1, 1, highest)) break;
      if (std::isinf(to) && std::all_of(kernels_.begin(), kernels_.end(), [&](const Kernel& k) {
            return k.is_power(u) || k.log_density(u) < -1000;
          }))
        break;
      double width = reach(u, tilt);
      width = std::max(width / 4, std::min(width, reach(std::min(u + width, to), tilt)));
      breaks.push_back(u + width > to - 0.1 * width ? to : u + width);
    }
    return breaks;
  }

  void fill(Cell& cell, const std::vector<double>& breaks) const {
    const std::size_t panels = breaks.size() - 1;
    cell.panels.resize(panels);
    for (std::size_t i = 0; i < panels; ++i) cell.panels[i] = {breaks[i], breaks[i + 1], {}};
    std::vector<double> values(panels * kPanelNodes);
    const auto& weight = PanelRule::get().weight;
    for (const Kernel& kernel : kernels_) {
      double highest = -kInfinity;
      for (std::size_t i = 0; i < panels; ++i)
        for (std::size_t j = 0; j < kPanelNodes; ++j) {
          const double value = kernel.log_density(node_of(cell.panels[i], j));
          values[i * kPanelNodes + j] = value;
          highest = std::max(highest, value);
        }
      double sum = 0;
      for (std::size_t i = 0; i < panels; ++i)
        for (std::size_t j = 0; j < kPanelNodes; ++j) {
          double& value = values[i * kPanelNodes + j];
          value = std::exp(value - highest);
          sum += weight[j] * value * (breaks[i + 1] - breaks[i]) / 2;
        }
      double tail = 0;
      if (cell.open && kernel.is_power(breaks.back())) {
        tail = std::exp(kernel.log_density(breaks.back()) - highest) / kernel.alpha();
        sum += tail;
      }
      const double scale = kernel.weight() / sum;
      for (std::size_t i = 0; i < panels; ++i)
        for (std::size_t j = 0; j < kPanelNodes; ++j)
          cell.panels[i].density[j] += scale * values[i * kPanelNodes + j];
      if (tail > 0) cell.tails.push_back({scale * tail, kernel.alpha()});
    }
  }

  /// Where the tilt is largest: subtracted from its logarithm, so that nothing overflows.
  static double centre_of(const Cell& cell, const Tilt& tilt) {
    if (tilt.is_power()) return tilt.log_factor(std::log(cell.lower));
    return tilt.log_factor(tilt.rate >= 0 ? cell.panels.front().from : cell.panels.back().to);
  }

  static PanelLaw::Tail tilted_tail(const Cell& cell, const PanelLaw::Tail& tail, const Tilt& tilt,
                                    double centre) {
    const double factor = std::exp(tilt.log_factor(cell.panels.back().to) - centre);
    if (!tilt.is_power()) return {tail.mass * factor, tail.alpha};
    const double alpha = tail.alpha - tilt.power();
    if (!(alpha > 0)) return {kInfinity, alpha};
    return {tail.mass * factor * tail.alpha / alpha, alpha};
  }

  Sums sums(const Cell& cell, double rate) const {
    const Tilt tilt{rate, cell.lower, cell.open};
    const double centre = centre_of(cell, tilt);
    const auto& weight = PanelRule::get().weight;
    Sums s;
    for (const PanelLaw::Panel& panel : cell.panels) {
      const double half = (panel.to - panel.from) / 2;
      for (std::size_t j = 0; j < kPanelNodes; ++j) {
        const double u = node_of(panel, j), x = std::exp(u);
        const double log_factor = tilt.is_power() ? tilt.power() * u : -rate * x;
        const double f =
            half * weight[j] * panel.density[j] * (rate == 0 ? 1 : std::exp(log_factor - centre));
        const double t = tilt.is_power() ? tilt.lower * u : x;
        s.one += f;
        s.mean += f * x;
        s.statistic += f * t;
        s.mean_statistic += f * x * t;
      }
    }
    for (const PanelLaw::Tail& tail : cell.tails) {
      const auto [mass, alpha] = tilted_tail(cell, tail, tilt, centre);
      const double start = std::exp(cell.panels.back().to);
      if (mass == 0) continue;
      if (!(alpha > 1)) {
        s.one = 1;
        s.mean = kInfinity;
        continue;
      }
      s.one += mass;
      s.mean += mass * start * alpha / (alpha - 1);
      if (tilt.is_power()) {
        const double log_start = tilt.lower * cell.panels.back().to;
        s.statistic += mass * (log_start + tilt.lower / alpha);
        s.mean_statistic +=
            mass * start * alpha / (alpha - 1) * (log_start + tilt.lower / (alpha - 1));
      } else {
        s.statistic += mass * start;
        s.mean_statistic += alpha > 2 ? mass * start * start * alpha / (alpha - 2) : kInfinity;
      }
    }
    return s;
  }

  const BucketTable& table_;
  std::vector<double> shares_;
  std::vector<Kernel> kernels_;
  std::vector<Cell> cells_;
};

/// The rate between `near` and `far` at which the mean is met, on the panels laid out.
double solve_rate(const Builder& builder, double mean, double near, double far) {
  double rate = (near + far) / 2;
  for (int step = 0; step < 200; ++step) {
    const auto at = builder.moments(rate);
    const double gap = at.mean - mean;
    if (std::abs(gap) <= 4e-15 * mean) break;
    // A larger rate gives a smaller mean.
    ((gap > 0) == (far > near) ? near : far) = rate;
    double next = rate + gap / at.slope;
    if (!(next > std::min(near, far) && next < std::max(near, far))) next = (near + far) / 2;
    if (next == rate || std::abs(next - rate) < 1e-16 * std::abs(rate)) break;
    rate = next;
  }
  return rate;
}

}  // namespace

Result<std::shared_ptr<const Law>> calibrated_law(std::span<const Shape> shapes,
                                                  const BucketTable& table,
                                                  std::optional<double> mean) {
  EXPECTS(!shapes.empty() && table.edges[0] >= 0);
  Builder builder(shapes, table);
  const auto too_fine = [] {
    return Failure{FailureKind::no_convergence,
                   "the law is too uneven within a bucket to be integrated"};
  };
  if (!builder.lay_out(0)) return too_fine();
  const auto start = builder.moments(0);
  if (!mean) {
    if (std::isinf(start.mean))
      return Failure{FailureKind::unbounded_tail,
                     "the open bucket has no finite mean under the family"};
    return builder.law(0);
  }
  double lowest = 0, highest = 0;
  const std::vector<double> shares = table.shares();
  for (std::size_t i = 0; i < table.size(); ++i)
    if (shares[i] > 0) {
      lowest += shares[i] * table.edges[i];
      highest += shares[i] * table.edges[i + 1];
    }
  if (!(*mean > lowest && *mean < highest))
    return Failure{
        FailureKind::infeasible,
        fmt::format("the known mean {:g} is outside what the buckets allow, {:g} to {:g}", *mean,
                    lowest, highest)};
  if (std::abs(start.mean - *mean) <= 1e-14 * *mean) return builder.law(0);
  const double sign = start.mean > *mean ? 1 : -1;
  double near = 0, far = 2 * std::abs(start.mean - *mean) / start.slope;
  if (!(far > 0 && far < 1 / *mean)) far = 1e-2 / *mean;
  far *= sign;
  for (int step = 0;; ++step) {
    if (step == 40 || !builder.lay_out(far))
      return Failure{FailureKind::no_convergence,
                     fmt::format("no tilt of a sound size gives the known mean {:g}", *mean)};
    if ((builder.moments(far).mean - *mean) * sign <= 0) break;
    near = far;
    far *= 3;
  }
  // Again on panels laid out for the rate found, so that they follow it.
  double reference = far, rate = 0;
  for (int round = 0; round < 8; ++round) {
    rate = solve_rate(builder, *mean, near, far);
    if (std::abs(rate / reference - 1) < 0.5) break;
    reference = rate;
    if (!builder.lay_out(reference)) return too_fine();
    near = 0.5 * rate;
    far = 2 * rate;
  }
  if (std::abs(builder.moments(rate).mean / *mean - 1) > 1e-11)
    return Failure{FailureKind::no_convergence,
                   fmt::format("the tilt does not reach the known mean {:g}", *mean)};
  return builder.law(rate);
}

}  // namespace steelyard
