#include "core/interval_likelihood.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <valarray>

namespace steelyard::detail {
namespace {

constexpr double kPriorWeight = 1e-6;

/// Derivative from pair(s) = f(s) - f(-s), by central differences.
template <typename Pair>
auto slope_at_zero(const Pair& pair, double h, Accuracy accuracy) {
  using Value = decltype(pair(h));
  if (accuracy == Accuracy::steering) return Value(pair(h / 20) * (10 / h));
  return Value((672 * pair(h) - 168 * pair(2 * h) + 32 * pair(3 * h) - 3 * pair(4 * h)) /
               (840 * h));
}

}  // namespace

Likelihood::Likelihood(Family family, std::span<const double> edges, std::span<const double> shares)
    : family_(family),
      edges_(edges),
      shares_(shares),
      slots_(free_slots(family)),
      normal_(kind_of(family) == FamilyKind::normal) {
  const auto populated = static_cast<std::size_t>(
      std::count_if(shares.begin(), shares.end(), [](double p) { return p > 0; }));
  prior_ = populated <= k() ? kPriorWeight : 0;
}

std::array<double, 4> Likelihood::parameters(const Vector& x) const {
  std::array<double, 4> at{1, 1, 1, 1};
  for (std::size_t j = 0; j < k(); ++j) at[slots_[j]] = normal_ && j == 0 ? x[j] : std::exp(x[j]);
  return at;
}

double Likelihood::value(const Vector& x) const {
  const SizeDistribution d = law(x);
  double sum = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i)
    if (shares_[i] > 0)
      sum += shares_[i] * std::log(std::max(d.probability(edges_[i], edges_[i + 1]), 1e-300));
  return sum - penalty(x);
}

Vector Likelihood::gradient(const Vector& x, Matrix* information, Accuracy accuracy) const {
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

Matrix Likelihood::curvature(const Vector& x, Accuracy accuracy) const {
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

std::vector<Vector> Likelihood::starts() const {
  double below = 0;
  std::size_t i = 0;
  while (i + 1 < shares_.size() && below + shares_[i] < 0.5) below += shares_[i++];
  double lower = edges_[i], upper = edges_[i + 1];
  const bool logs = family_ != Family::normal;
  if (!std::isfinite(upper)) upper = logs ? 1.5 * lower : lower + width();
  if (!std::isfinite(lower)) lower = upper - width();
  const double location =
      lower + (upper - lower) * (shares_[i] > 0 ? (0.5 - below) / shares_[i] : 0.5);
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

double Likelihood::step_of(const Vector& x, std::size_t j) const {
  constexpr double kStep = 0.02;
  if (normal_) return kStep * (j == 0 ? std::exp(x[1]) : 1.0);
  const auto [a, b, p, q] = parameters(x);
  const double spread =
      std::min(1.0, std::sqrt(1 / p + (kind_of(family_) == FamilyKind::beta ? 1 / q : 0)));
  if (slots_[j] == 1) return kStep * spread / std::max(a, 0.1);
  if (slots_[j] > 1) return kStep * spread;
  double most = 1;
  for (double edge : edges_)
    if (edge > 0 && std::isfinite(edge)) most = std::max(most, std::abs(a * std::log(edge / b)));
  return kStep * spread / most;
}

double Likelihood::spread() const {
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

double Likelihood::width() const {
  for (std::size_t i = 0; i + 1 < edges_.size(); ++i)
    if (std::isfinite(edges_[i]) && std::isfinite(edges_[i + 1])) return edges_[i + 1] - edges_[i];
  return 1;
}

double Likelihood::penalty(const Vector& x) const {
  double sum = 0;
  for (std::size_t j = 0; j < k(); ++j) sum += (x[j] - centre_[j]) * (x[j] - centre_[j]);
  return prior_ * sum;
}

Vector Likelihood::edge_change(const Vector& x, const SizeDistribution& d, double edge,
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
  const bool beta = kind_of(family_) == FamilyKind::beta;
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
      change[j] = slope_at_zero([&](double s) { return at(s) - at(-s); }, step_of(x, j), accuracy);
    }
  }
  return change;
}

}  // namespace steelyard::detail
