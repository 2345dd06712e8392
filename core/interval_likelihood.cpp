#include "core/interval_likelihood.hpp"

#include <algorithm>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/shape_integrals.hpp"

namespace steelyard::detail {
namespace {

namespace bm = boost::math;

constexpr double kPriorWeight = 1e-6;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Distribution function at an edge with its derivatives in the four log parameters (mu, log sigma
/// in the first two): all of them for closed forms; without those in the shapes p and q alone for
/// incomplete gamma and beta functions.
struct Edge {
  double below = 0, above = 1;
  Vector d{};
  Matrix dd{};
};

/// Derivatives in the first two coordinates, through v (z of the normal kind) alone.
/// @param f, slope  density of v at the edge, and its derivative
void add_location(Edge& e, double f, double slope, const Vector& dv, const Matrix& ddv) {
  for (std::size_t i = 0; i < 2; ++i) {
    e.d[i] = f * dv[i];
    for (std::size_t j = 0; j < 2; ++j) e.dd[i][j] = slope * dv[i] * dv[j] + f * ddv[i][j];
  }
}

Edge normal_edge(double y, double mu, double sigma) {
  Edge e;
  const double z = (y - mu) / sigma;
  e.below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  e.above = 0.5 * std::erfc(z / std::numbers::sqrt2);
  const double f = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  Vector dv{-1 / sigma, -z, 0, 0};
  Matrix ddv{};
  ddv[0][1] = ddv[1][0] = 1 / sigma;
  ddv[1][1] = z;
  add_location(e, f, -z * f, dv, ddv);
  return e;
}

/// The families whose distribution function is elementary: p = 1 or q = 1.
Edge elementary_edge(FamilyKind kind, double v, double p, double q) {
  Edge e;
  if (kind == FamilyKind::gamma) {  // Weibull
    const double t = std::exp(v);
    e.above = std::exp(-t);
    e.below = -std::expm1(-t);
    return e;
  }
  const double small = std::log1p(std::exp(-std::abs(v)));
  if (q == 1) {  // F = z^p
    const double s = p * (v > 0 ? -small : v - small);
    e.below = std::exp(s);
    e.above = -std::expm1(s);
    e.d[2] = s * e.below;
    e.dd[2][2] = (s + s * s) * e.below;
  } else {  // 1 - F = (1 - z)^q
    const double s = q * (v > 0 ? -v - small : -small);
    e.above = std::exp(s);
    e.below = -std::expm1(s);
    e.d[3] = -s * e.above;
    e.dd[3][3] = -(s + s * s) * e.above;
  }
  return e;
}

bool is_elementary(Family family) {
  switch (family) {
    case Family::generalized_gamma:
    case Family::gamma:
    case Family::gb2:
    case Family::beta2:
      return false;
    default:
      return true;
  }
}

}  // namespace

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

struct Likelihood::Bucket {
  double p = 0;
  Vector d{};
  Matrix dd{};
};

Likelihood::Likelihood(Family family, std::span<const double> edges, std::span<const double> shares,
                       std::optional<double> known_mean)
    : family_(family),
      edges_(edges),
      shares_(shares),
      known_mean_(known_mean),
      all_slots_(free_slots(family)),
      normal_(kind_of(family) == FamilyKind::normal) {
  for (std::size_t slot : all_slots_)
    if (!known_mean || slot != (normal_ ? 0u : 1u)) slots_.push_back(slot);
  const auto populated = static_cast<std::size_t>(
      std::count_if(shares.begin(), shares.end(), [](double p) { return p > 0; }));
  prior_ = populated <= k() ? kPriorWeight : 0;
}

std::optional<std::array<double, 4>> Likelihood::parameters(const Vector& x) const {
  std::array<double, 4> at{1, 1, 1, 1};
  for (std::size_t j = 0; j < k(); ++j)
    at[slots_[j]] = normal_ && slots_[j] == 0 ? x[j] : std::exp(x[j]);
  if (!known_mean_) {
    if (!normal_) at[1] *= std::exp(-mode_shift(at).value);
  } else {
    if (family_ == Family::normal) {
      at[0] = *known_mean_;
    } else if (normal_) {
      at[0] = std::log(*known_mean_) - at[1] * at[1] / 2;
    } else {
      const double mean = SizeDistribution(family_, at).mean();
      if (!(mean > 0)) return {};
      at[1] = *known_mean_ / mean;
    }
  }
  for (std::size_t i = 0; i < 4; ++i)
    if (!std::isfinite(at[i]) || (!(normal_ && i == 0) && !(at[i] > 1e-300))) return {};
  return at;
}

Vector Likelihood::point(const std::array<double, 4>& parameters) const {
  Vector x{};
  for (std::size_t j = 0; j < k(); ++j)
    x[j] = normal_ && slots_[j] == 0 ? parameters[0] : std::log(parameters[slots_[j]]);
  for (std::size_t j = 0; j < k(); ++j)
    if (!normal_ && slots_[j] == 1) x[j] += mode_shift(parameters).value;
  return x;
}

std::vector<Likelihood::Bucket> Likelihood::buckets(const std::array<double, 4>& at) const {
  const auto [a, b, p, q] = at;
  const FamilyKind kind = kind_of(family_);
  const bool elementary = is_elementary(family_);
  std::optional<ShapeDensity> shape;
  if (!normal_) shape.emplace(kind, p, q);
  std::vector<double> vs(edges_.size());
  std::vector<Edge> edge(edges_.size());
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const double x = edges_[i];
    if (std::isinf(x) || (family_ != Family::normal && x <= 0)) {
      vs[i] = x > 0 ? kInfinity : -kInfinity;
      edge[i].below = x > 0 ? 1 : 0;
      edge[i].above = 1 - edge[i].below;
      continue;
    }
    if (normal_) {
      edge[i] = normal_edge(family_ == Family::normal ? x : std::log(x), a, b);
      continue;
    }
    const double v = vs[i] = a * std::log(x / b);
    Edge& e = edge[i];
    if (elementary) e = elementary_edge(kind, v, p, q);
    const double f = shape->density(v);
    const auto score = shape->scores(v);
    Matrix ddv{};
    ddv[0][0] = v;
    ddv[0][1] = ddv[1][0] = -a;
    const Vector dv{v, -a, 0, 0};
    add_location(e, f, f * score.v, dv, ddv);
    for (std::size_t l = 0; l < 2; ++l) {
      e.dd[l][2] = e.dd[2][l] = f * score.p * p * dv[l];
      e.dd[l][3] = e.dd[3][l] = f * score.q * q * dv[l];
    }
  }
  std::vector<Bucket> list(shares_.size());
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (!(shares_[i] > 0)) continue;
    const Edge &low = edge[i], &high = edge[i + 1];
    Bucket& bucket = list[i];
    bucket.p = low.below > 0.5 ? low.above - high.above : high.below - low.below;
    for (std::size_t j = 0; j < kMostParameters; ++j) {
      bucket.d[j] = high.d[j] - low.d[j];
      for (std::size_t l = 0; l < kMostParameters; ++l)
        bucket.dd[j][l] = high.dd[j][l] - low.dd[j][l];
    }
    if (elementary) continue;
    const ShapeDensity::Integrals s = shape->over(vs[i], vs[i + 1]);
    bucket.p = s.one;
    bucket.d[2] = p * s.p;
    bucket.d[3] = q * s.q;
    bucket.dd[2][2] = p * s.p + p * p * s.pp;
    bucket.dd[3][3] = q * s.q + q * q * s.qq;
    bucket.dd[2][3] = bucket.dd[3][2] = p * q * s.pq;
  }
  return list;
}

Likelihood::Local Likelihood::raw(const std::array<double, 4>& at) const {
  Local local;
  const std::vector<Bucket> list = buckets(at);
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (!(shares_[i] > 0)) continue;
    const double p = std::max(list[i].p, 1e-300);
    local.value += shares_[i] * std::log(p);
    Vector score{};
    for (std::size_t j : all_slots_) {
      score[j] = list[i].d[j] / p;
      local.gradient[j] += shares_[i] * score[j];
    }
    for (std::size_t j : all_slots_)
      for (std::size_t l : all_slots_) {
        const double product = score[j] * score[l];
        local.information[j][l] += shares_[i] * product;
        local.curvature[j][l] += shares_[i] * (product - list[i].dd[j][l] / p);
      }
  }
  return local;
}

Likelihood::Local Likelihood::at(const Vector& x) const {
  Local local;
  local.value = -kInfinity;
  const auto parameters_at = parameters(x);
  if (!parameters_at) return local;
  Local all = raw(*parameters_at);
  if (!std::isfinite(all.value)) return local;
  if (known_mean_ || !normal_) apply(shift(*parameters_at), location(), all);
  local.value = all.value;
  for (std::size_t j = 0; j < k(); ++j) {
    local.value -= prior_ * (x[j] - centre_[j]) * (x[j] - centre_[j]);
    local.gradient[j] = all.gradient[slots_[j]] - 2 * prior_ * (x[j] - centre_[j]);
    for (std::size_t l = 0; l < k(); ++l) {
      const double prior = j == l ? 2 * prior_ : 0;
      local.curvature[j][l] = all.curvature[slots_[j]][slots_[l]] + prior;
      local.information[j][l] = all.information[slots_[j]][slots_[l]] + prior;
    }
  }
  return local;
}

Matrix Likelihood::curvature_of_parameters(const Vector& x) const {
  if (known_mean_) return at(x).curvature;
  const Matrix all = raw(*parameters(x)).curvature;
  Matrix curvature{};
  for (std::size_t j = 0; j < k(); ++j)
    for (std::size_t l = 0; l < k(); ++l)
      curvature[j][l] = all[slots_[j]][slots_[l]] + (j == l ? 2 * prior_ : 0);
  return curvature;
}

Likelihood::Shift Likelihood::shift(const std::array<double, 4>& at) const {
  return known_mean_ ? mean_shift(at) : normal_ ? Shift{} : mode_shift(at);
}

std::vector<Vector> Likelihood::slopes(const Vector& x,
                                       const std::array<bool, kMostParameters>& held) const {
  const std::array<double, 4> parameters_at = *parameters(x);
  const Shift follow = shift(parameters_at);
  Matrix curvature = at(x).curvature;
  for (std::size_t j = 0; j < k(); ++j) {
    if (!held[j]) continue;
    for (std::size_t l = 0; l < k(); ++l) curvature[j][l] = curvature[l][j] = 0;
    curvature[j][j] = 1;
  }
  std::vector<Vector> out(shares_.size(), Vector{});
  const std::vector<Bucket> list = buckets(parameters_at);
  Vector mean{};
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (!(shares_[i] > 0)) continue;
    const double p = std::max(list[i].p, 1e-300), pull = list[i].d[location()] / p;
    Vector score{};
    for (std::size_t j = 0; j < k(); ++j)
      if (!held[j]) score[j] = list[i].d[slots_[j]] / p - pull * follow.d[slots_[j]];
    const auto step = solve(curvature, score, k());
    if (!step) return {};
    for (std::size_t j = 0; j < k(); ++j) out[i][slots_[j]] = (*step)[j];
    double along = 0;
    for (std::size_t j = 0; j < kMostParameters; ++j)
      if (j != location()) along += follow.d[j] * out[i][j];
    out[i][location()] -= along;
    for (std::size_t j = 0; j < kMostParameters; ++j) mean[j] += shares_[i] * out[i][j];
  }
  for (std::size_t i = 0; i < shares_.size(); ++i)
    for (std::size_t j = 0; j < kMostParameters; ++j)
      out[i][j] = shares_[i] > 0 ? out[i][j] - mean[j] : 0;
  return out;
}

/// log of the mean at scale one.
Likelihood::Shift Likelihood::mean_shift(const std::array<double, 4>& at) const {
  const auto [a, b, p, q] = at;
  Shift h;
  if (family_ == Family::lognormal) {
    h.d[1] = b * b;
    h.dd[1][1] = 2 * b * b;
  } else if (!normal_) {
    const double r = 1 / a;
    const double up = bm::digamma(p + r), up2 = bm::trigamma(p + r);
    h.d[0] = -r * up;
    h.dd[0][0] = r * up + r * r * up2;
    h.d[2] = p * (up - bm::digamma(p));
    h.dd[2][2] = h.d[2] + p * p * (up2 - bm::trigamma(p));
    h.dd[0][2] = h.dd[2][0] = -r * p * up2;
    if (kind_of(family_) == FamilyKind::beta) {
      const double down = bm::digamma(q - r), down2 = bm::trigamma(q - r);
      h.d[0] += r * down;
      h.dd[0][0] += -r * down + r * r * down2;
      h.d[3] = q * (down - bm::digamma(q));
      h.dd[3][3] = h.d[3] + q * q * (down2 - bm::trigamma(q));
      h.dd[0][3] = h.dd[3][0] = r * q * down2;
    }
  }
  return h;
}

/// log(p/q) / a (q = 1 for the gamma kind).
Likelihood::Shift Likelihood::mode_shift(const std::array<double, 4>& at) const {
  const auto [a, b, p, q] = at;
  Shift h;
  h.value = std::log(p / q) / a;
  h.d = {-h.value, 0, 1 / a, -1 / a};
  h.dd[0][0] = h.value;
  h.dd[0][2] = h.dd[2][0] = -1 / a;
  h.dd[0][3] = h.dd[3][0] = 1 / a;
  return h;
}

/// Chain rule: the location follows the other coordinates.
void Likelihood::apply(const Shift& shift, std::size_t location, Local& local) {
  const auto transform = [&](Matrix& m) {
    Matrix out = m;
    for (std::size_t j = 0; j < kMostParameters; ++j)
      for (std::size_t l = 0; l < kMostParameters; ++l)
        out[j][l] += m[location][location] * shift.d[j] * shift.d[l] - m[location][l] * shift.d[j] -
                     m[j][location] * shift.d[l];
    m = out;
  };
  transform(local.information);
  transform(local.curvature);
  const double pull = local.gradient[location];
  for (std::size_t j = 0; j < kMostParameters; ++j) {
    local.gradient[j] -= pull * shift.d[j];
    for (std::size_t l = 0; l < kMostParameters; ++l)
      local.curvature[j][l] += pull * shift.dd[j][l];
  }
}

double Likelihood::most_step(const Vector& x, std::size_t j) const {
  if (!normal_) return slots_[j] != 1 || slots_[0] != 0 ? 2 : 4 / std::exp(x[0]);
  if (slots_[j] != 0) return 2;
  return 4 * std::exp(x[1]);
}

}  // namespace steelyard::detail
