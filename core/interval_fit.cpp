#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <valarray>

#include "core/errors.hpp"
#include "core/size_distribution.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMost = 4;
constexpr double kBound = 9;               // of the logarithm of a shape
constexpr double kAsGoodAsInfinite = 6.5;  // a shape of 665, or 1/665, is reported as a boundary
constexpr double kOnItsWay = 4.6;          // a shape of 100 that still grows when the steps end
constexpr double kAccepted = 1e-8;         // gradient a person of a maximum
constexpr double kPriorWeight = 1e-6;
using Vector = std::array<double, kMost>;
using Matrix = std::array<Vector, kMost>;

/// Solves m x = r by Cholesky's method; nothing if m is not positive definite.
std::optional<Vector> solve(Matrix m, Vector r, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j) {
    for (std::size_t i = 0; i < j; ++i) m[j][j] -= m[j][i] * m[j][i];
    if (!(m[j][j] > 0)) return {};
    m[j][j] = std::sqrt(m[j][j]);
    for (std::size_t i = j + 1; i < k; ++i) {
      for (std::size_t l = 0; l < j; ++l) m[i][j] -= m[i][l] * m[j][l];
      m[i][j] /= m[j][j];
    }
  }
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t l = 0; l < i; ++l) r[i] -= m[i][l] * r[l];
    r[i] /= m[i][i];
  }
  for (std::size_t i = k; i-- > 0;) {
    for (std::size_t l = i + 1; l < k; ++l) r[i] -= m[l][i] * r[l];
    r[i] /= m[i][i];
  }
  return r;
}

/// Full: eighth-order differences. Steering: second-order ones, for the matrix of a Newton step,
/// whose errors cost steps and no digits.
enum class Accuracy { steering, full };

/// Derivative from pair(s) = f(s) - f(-s), by central differences.
template <typename Pair>
auto slope_at_zero(const Pair& pair, double h, Accuracy accuracy) {
  using Value = decltype(pair(h));
  if (accuracy == Accuracy::steering) return Value(pair(h / 20) * (10 / h));
  return Value((672 * pair(h) - 168 * pair(2 * h) + 32 * pair(3 * h) - 3 * pair(4 * h)) /
               (840 * h));
}

/// The log-likelihood a person as a function of the free coordinates: mu as it is, all other
/// parameters by their logarithm.
class Likelihood {
 public:
  Likelihood(Family family, std::span<const double> edges, std::span<const double> shares)
      : family_(family), edges_(edges), shares_(shares) {
    const std::vector<std::string> names = parameter_names(family);
    normal_ = names[0] == "mu";
    for (const std::string& name : names)
      slots_.push_back(normal_ ? slots_.size()
                               : static_cast<std::size_t>(name[0] == 'a'   ? 0
                                                          : name[0] == 'b' ? 1
                                                          : name[0] == 'p' ? 2
                                                                           : 3));
    const auto populated = static_cast<std::size_t>(
        std::count_if(shares.begin(), shares.end(), [](double p) { return p > 0; }));
    prior_ = populated <= k() ? kPriorWeight : 0;
  }

  std::size_t k() const { return slots_.size(); }
  bool has_prior() const { return prior_ > 0; }
  void set_centre(const Vector& x) { centre_ = x; }

  std::array<double, 4> parameters(const Vector& x) const {
    std::array<double, 4> at{1, 1, 1, 1};
    for (std::size_t j = 0; j < k(); ++j) at[slots_[j]] = normal_ && j == 0 ? x[j] : std::exp(x[j]);
    return at;
  }
  SizeDistribution law(const Vector& x) const { return {family_, parameters(x)}; }

  double value(const Vector& x) const {
    const SizeDistribution d = law(x);
    double sum = 0;
    for (std::size_t i = 0; i < shares_.size(); ++i)
      if (shares_[i] > 0)
        sum += shares_[i] * std::log(std::max(d.probability(edges_[i], edges_[i + 1]), 1e-300));
    return sum - penalty(x);
  }

  /// Gradient, and (optionally) the Gauss-Newton matrix sum p_i / P_i^2 dP_i dP_i'.
  Vector gradient(const Vector& x, Matrix* information = nullptr,
                  Accuracy accuracy = Accuracy::full) const {
    const SizeDistribution d = law(x);
    std::vector<Vector> change;  // of P(X > edge)
    for (double edge : edges_) change.push_back(edge_change(x, d, edge, accuracy));
    Vector g{};
    if (information) *information = {};
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      if (!(shares_[i] > 0)) continue;
      const double p = std::max(d.probability(edges_[i], edges_[i + 1]), 1e-300);
      Vector dp{};
      for (std::size_t j = 0; j < k(); ++j) {
        dp[j] = change[i][j] - change[i + 1][j];
        g[j] += shares_[i] * dp[j] / p;
      }
      if (information)
        for (std::size_t j = 0; j < k(); ++j)
          for (std::size_t l = 0; l < k(); ++l)
            (*information)[j][l] += shares_[i] * (dp[j] / p) * (dp[l] / p);
    }
    for (std::size_t j = 0; j < k(); ++j) {
      g[j] -= 2 * prior_ * (x[j] - centre_[j]);
      if (information) (*information)[j][j] += 2 * prior_;
    }
    return g;
  }

  /// Minus the Hessian, by differences of the gradient.
  Matrix curvature(const Vector& x, Accuracy accuracy = Accuracy::full) const {
    Matrix m{};
    for (std::size_t j = 0; j < k(); ++j) {
      const auto pair = [&](double step) {
        Vector up = x, down = x;
        up[j] += step;
        down[j] -= step;
        const Vector a = gradient(up, nullptr, accuracy), b = gradient(down, nullptr, accuracy);
        std::valarray<double> difference(k());
        for (std::size_t l = 0; l < k(); ++l) difference[l] = a[l] - b[l];
        return difference;
      };
      const std::valarray<double> column = slope_at_zero(pair, step_of(x, j), accuracy);
      for (std::size_t l = 0; l < k(); ++l) m[j][l] = -column[l];
    }
    for (std::size_t j = 0; j < k(); ++j)
      for (std::size_t l = 0; l < j; ++l) m[j][l] = m[l][j] = (m[j][l] + m[l][j]) / 2;
    return m;
  }

  /// A coordinate that may not leave its box: shapes and, where it scales nothing, none else.
  bool is_shape(std::size_t j) const { return slots_[j] != 1 && !normal_; }

  /// Starting points: the location from the median, several shapes.
  std::vector<Vector> starts() const {
    double below = 0, location = 1;
    std::size_t i = 0;
    while (i + 1 < shares_.size() && below + shares_[i] < 0.5) below += shares_[i++];
    double lower = edges_[i], upper = edges_[i + 1];
    const bool logs = family_ != Family::normal;
    if (!std::isfinite(upper)) upper = logs ? 1.5 * lower : lower + width();
    if (!std::isfinite(lower)) lower = upper - width();
    location = lower + (upper - lower) * (shares_[i] > 0 ? (0.5 - below) / shares_[i] : 0.5);
    std::vector<Vector> list;
    if (normal_) {
      const double scale = logs ? 1 : spread();
      for (double sigma : {0.5, 1.0, 2.0})
        list.push_back({logs ? std::log(location) : location, std::log(scale * sigma), 0, 0});
      return list;
    }
    for (double a : {2.0, 1.0, 4.0})
      for (double p : {1.0, 0.5, 2.0, 8.0})
        for (double q : {1.0, 0.5, 3.0}) {
          // The scale that puts the median where it was seen.
          std::array<double, 4> at{1, 1, 1, 1};
          const std::array<double, 4> wanted{a, 1, p, q};
          bool twice = false;
          for (std::size_t s : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
            const bool is_free = std::find(slots_.begin(), slots_.end(), s) != slots_.end();
            if (is_free)
              at[s] = wanted[s];
            else
              twice = twice || wanted[s] != (s == 0 ? 2.0 : 1.0);
          }
          if (twice) continue;  // the same start under another name
          at[1] = location / SizeDistribution(family_, at).quantile(0.5);
          Vector x{};
          for (std::size_t j = 0; j < k(); ++j) x[j] = std::log(at[slots_[j]]);
          list.push_back(x);
        }
    return list;
  }

 private:
  /// A step that moves v = a log(edge/b) by little of its standard deviation, about
  /// sqrt(1/p + 1/q).
  double step_of(const Vector& x, std::size_t j) const {
    constexpr double kStep = 0.02;
    if (normal_) return kStep * (j == 0 ? std::exp(x[1]) : 1.0);
    const auto [a, b, p, q] = parameters(x);
    const double spread = std::min(1.0, std::sqrt(1 / p + (family_ >= Family::gb2 ? 1 / q : 0)));
    if (slots_[j] == 1) return kStep * spread / std::max(a, 0.1);
    if (slots_[j] > 1) return kStep * spread;
    double most = 1;
    for (double edge : edges_)
      if (edge > 0 && std::isfinite(edge)) most = std::max(most, std::abs(a * std::log(edge / b)));
    return kStep * spread / most;
  }

  /// Standard deviation of the bucket centres, open ones closed by a width.
  double spread() const {
    double first = 0, second = 0, sum = 0;
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      const double lower = std::isfinite(edges_[i]) ? edges_[i] : edges_[i + 1] - width();
      const double upper = std::isfinite(edges_[i + 1]) ? edges_[i + 1] : lower + width();
      const double centre = (lower + upper) / 2;
      sum += shares_[i];
      first += shares_[i] * centre;
      second += shares_[i] * centre * centre;
    }
    const double variance = second / sum - (first / sum) * (first / sum);
    return std::sqrt(std::max(variance, width() * width() / 12));
  }

  double width() const {
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i)
      if (std::isfinite(edges_[i]) && std::isfinite(edges_[i + 1]))
        return edges_[i + 1] - edges_[i];
    return 1;
  }

  double penalty(const Vector& x) const {
    double sum = 0;
    for (std::size_t j = 0; j < k(); ++j) sum += (x[j] - centre_[j]) * (x[j] - centre_[j]);
    return prior_ * sum;
  }

  /// d P(X > edge) / d coordinate.
  Vector edge_change(const Vector& x, const SizeDistribution& d, double edge,
                     Accuracy accuracy) const {
    Vector change{};
    if (std::isinf(edge) || (family_ != Family::normal && edge <= 0)) return change;
    const auto [a, b, p, q] = d.parameters();
    if (normal_) {
      const double z = ((family_ == Family::lognormal ? std::log(edge) : edge) - a) / b;
      const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
      return {density / b, density * z, 0, 0};
    }
    // With v = a log(edge/b): F depends on a and b through v alone.
    const double v = a * std::log(edge / b);
    const bool beta = family_ >= Family::gb2;
    const double slope =
        beta ? std::exp(p * v -
                        (p + q) * (v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v))) +
                        std::lgamma(p + q) - std::lgamma(p) - std::lgamma(q))
             : std::exp(p * v - std::exp(v) - std::lgamma(p));
    const bool from_above = d.cdf(edge) > 0.5;
    for (std::size_t j = 0; j < k(); ++j) {
      if (slots_[j] == 0) {
        change[j] = -slope * v;
      } else if (slots_[j] == 1) {
        change[j] = slope * a;
      } else {
        const auto at = [&](double step) {
          Vector y = x;
          y[j] += step;
          const SizeDistribution near = law(y);
          return from_above ? near.survival(edge) : -near.cdf(edge);
        };
        change[j] =
            slope_at_zero([&](double s) { return at(s) - at(-s); }, step_of(x, j), accuracy);
      }
    }
    return change;
  }

  Family family_;
  std::span<const double> edges_, shares_;
  std::vector<std::size_t> slots_;  ///< which of (a, b, p, q) each coordinate is
  bool normal_ = false;
  double prior_ = 0;
  Vector centre_{};
};

struct Ascent {
  Vector x{};
  double value = -std::numeric_limits<double>::infinity();
  int iterations = 0;
  double gradient = std::numeric_limits<double>::infinity();
  bool concave = false;
};

double largest(const Vector& g, std::size_t k) {
  double most = 0;
  for (std::size_t j = 0; j < k; ++j) most = std::max(most, std::abs(g[j]));
  return most;
}

/// Whether a climb from there is bound for the same summit.
bool same_place(const Vector& a, const Vector& b, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j)
    if (std::abs(a[j] - b[j]) > 0.05) return false;
  return true;
}

Ascent climb(const Likelihood& f, Vector x, int limit, double wanted) {
  const std::size_t k = f.k();
  Ascent out;
  out.x = x;
  out.value = f.value(x);
  double damping = 1e-3;
  int stalled = 0;
  for (; out.iterations < limit; ++out.iterations) {
    Matrix information;
    Vector g = f.gradient(out.x, &information);
    // A shape that stands at its bound and wants beyond it is held there.
    std::array<bool, kMost> held{};
    for (std::size_t j = 0; j < k; ++j)
      held[j] =
          f.is_shape(j) && ((out.x[j] >= kBound && g[j] > 0) || (out.x[j] <= -kBound && g[j] < 0));
    const auto hold = [&](Matrix& m) {
      for (std::size_t j = 0; j < k; ++j)
        if (held[j]) {
          for (std::size_t l = 0; l < k; ++l) m[j][l] = m[l][j] = 0;
          m[j][j] = 1;
          g[j] = 0;
        }
    };
    hold(information);
    const double before = out.gradient;
    out.gradient = largest(g, k);
    stalled = out.gradient > before / 2 ? stalled + 1 : 0;
    if (out.gradient < 1e-10 && stalled == 4) break;
    const bool at_bound = std::find(held.begin(), held.end(), true) != held.end();
    if (out.gradient < (at_bound ? kAccepted : wanted)) break;
    // Near the top Newton's own matrix converges quadratically; elsewhere it may point downhill.
    if (out.gradient < 0.1) {
      Matrix exact = f.curvature(out.x, Accuracy::steering);
      hold(exact);
      if (solve(exact, g, k)) information = exact;
    }
    bool moved = false;
    for (int attempt = 0; attempt < 30 && !moved; ++attempt) {
      Matrix damped = information;
      for (std::size_t j = 0; j < k; ++j) damped[j][j] += damping * (information[j][j] + 1e-12);
      const auto step = solve(damped, g, k);
      if (step) {
        Vector next = out.x;
        double most = 0;
        for (std::size_t j = 0; j < k; ++j)
          if (f.is_shape(j)) most = std::max(most, std::abs((*step)[j]));
        for (std::size_t j = 0; j < k; ++j) {
          next[j] += (*step)[j] * std::min(1.0, 2 / most);
          if (f.is_shape(j)) next[j] = std::clamp(next[j], -kBound, kBound);
        }
        const double value = f.value(next);
        // Near the top the value no longer tells two points apart, but the gradient does.
        const double slack = (out.gradient < 1e-5 ? 1e-13 : 1e-15) * std::abs(out.value);
        if (value >= out.value - slack && next != out.x) {
          out.x = next;
          out.value = value;
          moved = true;
          damping = std::max(damping / 5, 1e-12);
          break;
        }
      }
      damping = std::min(damping * 5, 1e12);
    }
    if (!moved) break;
  }
  return out;
}

}  // namespace

const char* to_string(FitStatus status) {
  switch (status) {
    case FitStatus::ok:
      return "ok";
    case FitStatus::boundary:
      return "boundary";
    default:
      return "not converged";
  }
}

IntervalFit fit_intervals(Family family, std::span<const double> edges,
                          std::span<const double> shares, double n) {
  EXPECTS(edges.size() == shares.size() + 1 && n > 0);
  Likelihood f(family, edges, shares);
  const std::size_t k = f.k();
  EXPECTS(k < shares.size());
  std::vector<Vector> starts = f.starts();
  f.set_centre(starts.front());
  // A few steps from the likeliest starts, then the best two to the end.
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < starts.size(); ++i) order.emplace_back(-f.value(starts[i]), i);
  std::sort(order.begin(), order.end());
  std::vector<Ascent> ascents;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, order.size()); ++i)
    ascents.push_back(climb(f, starts[order[i].second], 8, 1e-6));
  std::stable_sort(ascents.begin(), ascents.end(),
                   [](const Ascent& a, const Ascent& b) { return a.value > b.value; });
  Ascent best;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, ascents.size()); ++i) {
    if (i > 0 && same_place(ascents[i].x, best.x, k)) continue;
    Ascent end = climb(f, ascents[i].x, 200, 1e-13);
    end.iterations += ascents[i].iterations;
    if (end.value > best.value) best = end;
  }
  IntervalFit fit{f.law(best.x), FitStatus::not_converged, 0, 0, 0,
                  best.gradient, best.iterations,          {}};
  const Matrix curvature = f.curvature(best.x);
  fit.standard_error.assign(k, std::numeric_limits<double>::quiet_NaN());
  best.concave = solve(curvature, {}, k).has_value();
  if (best.concave)
    for (std::size_t j = 0; j < k; ++j) {
      Vector unit{};
      unit[j] = 1;
      fit.standard_error[j] = std::sqrt((*solve(curvature, unit, k))[j] / n);
    }
  double extreme = 0;  // the largest shape, by its logarithm
  for (std::size_t j = 0; j < k; ++j)
    if (f.is_shape(j)) extreme = std::max(extreme, std::abs(best.x[j]));
  const bool at_top = best.gradient < kAccepted && best.concave;
  if (f.has_prior() || extreme > (at_top ? kAsGoodAsInfinite : kOnItsWay))
    fit.status = FitStatus::boundary;
  else if (at_top)
    fit.status = FitStatus::ok;
  double saturated = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) {
      fit.log_likelihood +=
          n * shares[i] * std::log(std::max(fit.law.probability(edges[i], edges[i + 1]), 1e-300));
      saturated += n * shares[i] * std::log(shares[i]);
    }
  fit.aic = 2 * static_cast<double>(k) - 2 * fit.log_likelihood;
  fit.deviance = 2 * (saturated - fit.log_likelihood);
  return fit;
}

}  // namespace steelyard
