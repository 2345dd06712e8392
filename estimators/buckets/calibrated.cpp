#include "estimators/buckets/calibrated.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "estimators/buckets/shape_kernel.hpp"

namespace steelyard {
namespace {

using detail::Change;
using detail::Kernel;
using detail::kPower;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kGone = 42;  // e-folds below the highest density at which nothing is left
constexpr std::size_t kMostPanels = 2000;

/// One populated bucket: the mixture's density given the bucket, at the nodes of its panels.
struct Cell {
  double mass = 0, lower = 0;
  bool open = false;
  double stretch = 1;
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

  /// The cells, with panels that follow tilts of about `rate`, the open one stretched; false if
  /// they are too many.
  bool lay_out(double rate, double stretch = 1) {
    cells_.clear();
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (!(shares_[i] > 0)) continue;
      Cell cell{shares_[i], table_.edges[i], std::isinf(table_.edges[i + 1]), 1, {}, {}};
      if (cell.open) cell.stretch = stretch;
      const Change change{rate, cell.lower, cell.stretch};
      const double from = cell.lower > 0 ? std::log(cell.lower) : -kInfinity;
      const double to = cell.open ? kInfinity : std::log(table_.edges[i + 1]);
      std::vector<double> breaks =
          std::isinf(from) ? downwards(to, change) : upwards(from, to, change);
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
      const double mean = s.mean / s.one;
      all.mean += cell.mass * mean;
      all.slope += cell.mass * (s.square / s.one - mean * mean);
    }
    return all;
  }

  /// E[X - l; X > l] of the open bucket's lower edge l. @pre is_open()
  double excess() const {
    const Cell& top = cells_.back();
    const Sums s = sums(top, 0);
    return top.mass * (s.mean / s.one - top.lower);
  }
  bool is_open() const { return cells_.back().open; }

  std::shared_ptr<const Law> law(double rate) const {
    std::vector<PanelLaw::Panel> panels;
    std::vector<PanelLaw::Tail> tails;
    for (const Cell& cell : cells_) {
      const double scale = cell.mass / sums(cell, rate).one, centre = heaviest(cell, rate);
      for (PanelLaw::Panel panel : cell.panels) {
        for (std::size_t j = 0; j < kPanelNodes; ++j)
          panel.density[j] *= scale * std::exp(-rate * (std::exp(node_of(panel, j)) - centre));
        panels.push_back(panel);
      }
      for (const PanelLaw::Tail& tail : cell.tails)
        tails.push_back({scale * tail.mass * tail_factor(cell, rate), tail.alpha});
    }
    return std::make_shared<PanelLaw>(std::move(panels), std::move(tails));
  }

 private:
  struct Sums {
    double one = 0, mean = 0, square = 0;
  };

  /// A walk away from the bulk of the law: the highest density met of each kernel, and which of
  /// them are still there.
  struct Walk {
    std::vector<double> highest;
    std::vector<char> alive;
    explicit Walk(std::size_t n) : highest(n, -kInfinity), alive(n, 1) {}
  };

  double reach(double u, const Change& change, const Walk& walk) const {
    double least = 4;
    for (std::size_t m = 0; m < kernels_.size(); ++m)
      if (walk.alive[m])
        least = std::min(least, kernels_[m].reach(change.origin(u), change.rate * std::exp(u)));
    return least;
  }

  /// Whether from u onwards (direction 1 up, -1 down) every kernel's density, times x^k, is gone.
  bool gone(double u, const Change& change, int direction, double k, Walk& walk) const {
    // A weaker tilt of the same sign must not miss anything.
    const double x = std::exp(u), rate = change.rate > 0 ? change.rate / 8 : change.rate;
    const double origin = change.origin(u);
    bool all = true;
    for (std::size_t m = 0; m < kernels_.size(); ++m) {
      const double base = kernels_[m].log_density(origin) + change.log_jacobian(u) + k * u;
      walk.highest[m] = std::max(walk.highest[m], base - change.rate * x);
      if (base - rate * x < walk.highest[m] - kGone &&
          direction * (kernels_[m].slope(origin) - rate * x + k) < 0)
        walk.alive[m] = 0;
      all = all && !walk.alive[m];
    }
    return all;
  }

  /// Whether beyond u every kernel that is still there is a power of x: after a tilt none is, after
  /// a stretch only where the stretched edge no longer counts.
  bool all_power(double u, const Change& change, const Walk& walk) const {
    if (change.rate != 0) return false;
    if (change.stretch != 1 && u < std::log(change.lower) + kPower) return false;
    for (std::size_t m = 0; m < kernels_.size(); ++m)
      if (walk.alive[m] && !kernels_[m].is_power(change.origin(u))) return false;
    return true;
  }

  std::vector<double> downwards(double to, const Change& change) const {
    Walk walk(kernels_.size());
    std::vector<double> breaks{to};
    while (!gone(breaks.back(), change, -1, 0, walk) && breaks.size() <= kMostPanels)
      breaks.push_back(breaks.back() - reach(breaks.back(), change, walk));
    std::reverse(breaks.begin(), breaks.end());
    return breaks;
  }

  std::vector<double> upwards(double from, double to, const Change& change) const {
    Walk walk(kernels_.size());
    std::vector<double> breaks{from};
    while (breaks.back() < to && breaks.size() <= kMostPanels) {
      const double u = breaks.back();
      // An upward tilt within a closed bucket may rise again: there nothing is left out.
      if ((std::isinf(to) || change.rate >= 0) && gone(u, change, 1, 2, walk)) break;
      if (std::isinf(to) && breaks.size() > 1 && all_power(u, change, walk)) break;
      double width = reach(u, change, walk);
      width = std::max(width / 4, std::min(width, reach(std::min(u + width, to), change, walk)));
      breaks.push_back(u + width > to - 0.1 * width ? to : u + width);
    }
    return breaks;
  }

  void fill(Cell& cell, const std::vector<double>& breaks) const {
    const Change change{0, cell.lower, cell.stretch};
    const std::size_t panels = breaks.size() - 1;
    cell.panels.resize(panels);
    for (std::size_t i = 0; i < panels; ++i) cell.panels[i] = {breaks[i], breaks[i + 1], {}};
    std::vector<double> values(panels * kPanelNodes);
    const auto& weight = PanelRule::get().weight;
    for (const Kernel& kernel : kernels_) {
      double highest = -kInfinity;
      for (std::size_t i = 0; i < panels; ++i)
        for (std::size_t j = 0; j < kPanelNodes; ++j) {
          const double u = node_of(cell.panels[i], j);
          const double value = kernel.log_density(change.origin(u)) + change.log_jacobian(u);
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
      const double end = breaks.back();
      if (cell.open && kernel.is_power(change.origin(end))) {
        tail =
            std::exp(kernel.log_density(change.origin(end)) + change.log_jacobian(end) - highest) /
            kernel.alpha();
        sum += tail;
      }
      const double scale = kernel.weight() / sum;
      for (std::size_t i = 0; i < panels; ++i)
        for (std::size_t j = 0; j < kPanelNodes; ++j)
          cell.panels[i].density[j] += scale * values[i * kPanelNodes + j];
      if (tail > 0) cell.tails.push_back({scale * tail, kernel.alpha()});
    }
  }

  /// The x at which the tilt is largest: subtracted, so that nothing overflows.
  static double heaviest(const Cell& cell, double rate) {
    return std::exp(rate >= 0 ? cell.panels.front().from : cell.panels.back().to);
  }
  /// The tilt of the tails: that at their start, throughout.
  static double tail_factor(const Cell& cell, double rate) {
    if (rate == 0) return 1;
    return std::exp(-rate * (std::exp(cell.panels.back().to) - heaviest(cell, rate)));
  }

  static Sums sums(const Cell& cell, double rate) {
    const double centre = heaviest(cell, rate);
    const auto& weight = PanelRule::get().weight;
    Sums s;
    for (const PanelLaw::Panel& panel : cell.panels) {
      const double half = (panel.to - panel.from) / 2;
      for (std::size_t j = 0; j < kPanelNodes; ++j) {
        const double x = std::exp(node_of(panel, j));
        const double f =
            half * weight[j] * panel.density[j] * (rate == 0 ? 1 : std::exp(-rate * (x - centre)));
        s.one += f;
        s.mean += f * x;
        s.square += f * x * x;
      }
    }
    const double start = std::exp(cell.panels.back().to), factor = tail_factor(cell, rate);
    for (const PanelLaw::Tail& tail : cell.tails) {
      const double mass = tail.mass * factor, alpha = tail.alpha;
      if (mass == 0) continue;
      s.one += mass;
      s.mean += alpha > 1 ? mass * start * alpha / (alpha - 1) : kInfinity;
      s.square += alpha > 2 ? mass * start * start * alpha / (alpha - 2) : kInfinity;
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

/// The law whose open bucket is stretched until the mean is met: proportional to the stretch, but
/// for what the far tail's power law leaves out, so that a second step settles it.
Result<std::shared_ptr<const Law>> stretched(Builder& builder, double mean, double start) {
  double at = start, stretch = 1;
  for (int step = 0; step < 20 && std::abs(at / mean - 1) > 1e-14; ++step) {
    const double excess = builder.excess();
    stretch *= (excess + mean - at) / excess;
    if (!builder.lay_out(0, stretch)) break;
    at = builder.moments(0).mean;
  }
  if (!(std::abs(at / mean - 1) < 1e-11))
    return Failure{FailureKind::no_convergence,
                   fmt::format("no stretch of the open bucket gives the known mean {:g}", mean)};
  return builder.law(0);
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
  if (sign < 0 && builder.is_open()) return stretched(builder, *mean, start.mean);
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
