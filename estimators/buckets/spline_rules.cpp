// Rules with a monotone cubic CDF through the bucket edges: Hyman, Fritsch-Carlson, PCHIP.

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>

#include "estimators/buckets/rule.hpp"

namespace steelyard {
namespace {

enum class Slopes { hyman, fritsch_carlson, pchip };

/// Knots of the CDF with room for the slopes; the last two are moved while the tail is solved.
struct Knots {
  using Numbers = boost::container::small_vector<double, 20>;  // tables of up to 18 buckets
  Numbers x, y, slope;
  boost::container::small_vector<double, 40> work;

  std::size_t size() const { return x.size(); }
  double step(std::size_t i) const { return x[i + 1] - x[i]; }
  double secant(std::size_t i) const { return (y[i + 1] - y[i]) / step(i); }
};

/// Slopes of the cubic spline whose end pieces have the third derivative of the cubic through the
/// four end knots. Source: Forsythe, Malcolm & Moler (1977), Computer Methods for Mathematical
/// Computations, chapter 4. @pre 4 knots or more
void spline_slopes(Knots& k) {
  const std::size_t n = k.size(), last = n - 1;
  k.work.resize(2 * n);
  double* const diagonal = k.work.data();
  double* const c = diagonal + n;
  for (std::size_t i = 1; i < last; ++i) {
    diagonal[i] = 2 * (k.step(i - 1) + k.step(i));
    c[i] = k.secant(i) - k.secant(i - 1);
  }
  const Knots::Numbers& x = k.x;
  const double first = k.step(0), end = k.step(last - 1);
  diagonal[0] = -first;
  diagonal[last] = -end;
  c[0] = (c[2] / (x[3] - x[1]) - c[1] / (x[2] - x[0])) * first * first / (x[3] - x[0]);
  c[last] = -(c[last - 1] / (x[last] - x[last - 2]) - c[last - 2] / (x[last - 1] - x[last - 3])) *
            end * end / (x[last] - x[last - 3]);
  for (std::size_t i = 1; i < n; ++i) {
    const double t = k.step(i - 1) / diagonal[i - 1];
    diagonal[i] -= t * k.step(i - 1);
    c[i] -= t * c[i - 1];
  }
  c[last] /= diagonal[last];
  for (std::size_t i = last; i-- > 0;) c[i] = (c[i] - k.step(i) * c[i + 1]) / diagonal[i];
  for (std::size_t i = 0; i < last; ++i)
    k.slope[i] = k.secant(i) - k.step(i) * (c[i + 1] + 2 * c[i]);
  k.slope[last] = k.secant(last - 1) + end * (c[last - 1] + 2 * c[last]);
}

/// Source: Hyman (1983), SIAM J. Sci. Stat. Comput. 4, 645-654, equation 2.6.
void hyman_slopes(Knots& k) {
  spline_slopes(k);
  const std::size_t last = k.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const double left = k.secant(i > 0 ? i - 1 : 0), right = k.secant(std::min(i, last - 1));
    k.slope[i] = std::clamp(k.slope[i], 0.0, 3 * std::fmin(left, right));
  }
}

/// Source: Fritsch & Carlson (1980), SIAM J. Numer. Anal. 17, 238-246, from mean secants.
void fritsch_carlson_slopes(Knots& k) {
  const std::size_t last = k.size() - 1;
  k.slope[0] = k.secant(0);
  k.slope[last] = k.secant(last - 1);
  for (std::size_t i = 1; i < last; ++i) k.slope[i] = 0.5 * (k.secant(i - 1) + k.secant(i));
  for (std::size_t i = 0; i < last; ++i) {
    const double secant = k.secant(i);
    if (secant == 0) {
      k.slope[i] = k.slope[i + 1] = 0;
      continue;
    }
    const double a = k.slope[i] / secant, b = k.slope[i + 1] / secant;
    const double p = 2 * a + b - 3, q = a + 2 * b - 3;
    if (p > 0 && q > 0 && a * (p + q) < p * p) {
      const double radius = 3 * secant / std::hypot(a, b);
      k.slope[i] = radius * a;
      k.slope[i + 1] = radius * b;
    }
  }
}

double pchip_end(double h0, double h1, double s0, double s1) {
  const double slope = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1);
  if (slope <= 0 || s0 <= 0) return 0;
  return s1 <= 0 ? std::fmin(slope, 3 * s0) : slope;
}

/// Source: Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, 300-304; ends: Moler (2004),
/// Numerical Computing with MATLAB, section 3.4.
void pchip_slopes(Knots& k) {
  const std::size_t last = k.size() - 1;
  if (last == 1) {
    k.slope[0] = k.slope[1] = k.secant(0);
    return;
  }
  for (std::size_t i = 1; i < last; ++i) {
    const double left = k.secant(i - 1), right = k.secant(i);
    const double w1 = 2 * k.step(i) + k.step(i - 1), w2 = k.step(i) + 2 * k.step(i - 1);
    k.slope[i] = left > 0 && right > 0 ? (w1 + w2) / (w1 / left + w2 / right) : 0;
  }
  k.slope[0] = pchip_end(k.step(0), k.step(1), k.secant(0), k.secant(1));
  k.slope[last] =
      pchip_end(k.step(last - 1), k.step(last - 2), k.secant(last - 1), k.secant(last - 2));
}

void set_slopes(Knots& k, Slopes kind) {
  if (kind == Slopes::hyman)
    hyman_slopes(k);
  else if (kind == Slopes::fritsch_carlson)
    fritsch_carlson_slopes(k);
  else
    pchip_slopes(k);
}

/// E[X] of the CDF: the end less ∫ F.
double mean_of(const Knots& k) {
  const std::size_t last = k.size() - 1;
  double area = 0;
  for (std::size_t i = 0; i < last; ++i) {
    const double w = k.step(i);
    area += w * (0.5 * (k.y[i] + k.y[i + 1]) + w * (k.slope[i] - k.slope[i + 1]) / 12);
  }
  return k.x[last] - area;
}

/// Knots at the closed edges, and `extra` more for the end of the tail.
Knots knots_of(const BucketTable& table, std::size_t extra) {
  Knots k;
  double sum = 0;
  const double total = table.total();
  for (std::size_t i = 0; i <= table.size(); ++i) {
    if (std::isfinite(table.edges[i])) {
      k.x.push_back(table.edges[i]);
      k.y.push_back(sum / total);
    }
    if (i < table.size()) sum += table.weights[i];
  }
  k.x.resize(k.x.size() + extra);
  k.y.resize(k.x.size(), 1.0);
  k.slope.resize(k.x.size());
  return k;
}

BucketFit spline_fit(const BucketTable& table, const Knots& k,
                     std::vector<std::pair<std::string, double>> found) {
  const double total = table.total();
  std::vector<Segment> list;
  list.reserve(k.size());
  for (std::size_t i = 0; i + 1 < k.size() && i < table.size(); ++i)
    if (table.weights[i] > 0)
      list.push_back(Segment::hermite(k.x[i], k.x[i + 1], table.weights[i] / total, k.slope[i],
                                      k.slope[i + 1]));
  return detail::piecewise_fit(std::move(list), std::move(found));
}

Result<BucketFit> pchip_double(const BucketTable& table) {
  const bool tail = detail::has_tail(table);
  Knots k = knots_of(table, tail ? 1 : 0);
  if (tail) {
    const double lower = table.edges[table.size() - 1];
    if (!(lower > 0))
      return Failure{FailureKind::unsupported, "an open bucket [l, 2l] needs l above 0"};
    k.x.back() = 2 * lower;
  }
  pchip_slopes(k);
  return spline_fit(table, k, {});
}

/// The tail's end E so that the mean is the known one.
Result<BucketFit> spline_mean(const BucketTable& table, Slopes kind) {
  const auto known = detail::known_mean(table);
  if (!known) return known.failure();
  if (!detail::has_tail(table)) return detail::infeasible("no open populated top bin");
  const bool flat = kind != Slopes::pchip;  // binsmooth: a knot beyond E makes the density end at 0
  Knots k = knots_of(table, flat ? 2 : 1);
  const std::size_t end = table.size();
  const double lower = table.edges[end - 1];
  if (!(lower > 0))
    return Failure{FailureKind::unsupported, "a tail from l to a multiple of l needs l above 0"};
  const auto gap = [&](double e) {
    k.x[end] = e;
    if (flat) k.x[end + 1] = 1.01 * e;
    set_slopes(k, kind);
    return mean_of(k) - known.value();
  };
  // The shortest tail: binsmooth's [l, 1.05 l], below which those curves swing so that the mean
  // rises again; for PCHIP, next to none.
  double low = (flat ? 1.05 : 1 + 1e-9) * lower, high = 1.1 * lower;
  double gap_low = gap(low), gap_high = gap(high);
  if (gap_low > 0) return detail::infeasible("known mean below the shortest-tail mean");
  for (int i = 0; gap_high < 0; ++i) {
    if (i == 1000) return Failure{FailureKind::no_convergence, "no tail is long enough"};
    low = high;
    gap_low = gap_high;
    gap_high = gap(high = lower + 2 * (high - lower));
  }
  // Where the mean crosses its target more than once, halving decides which E is meant.
  for (int i = 0; i < 12; ++i) {
    const double middle = 0.5 * (low + high), gap_middle = gap(middle);
    (gap_middle < 0 ? low : high) = middle;
    (gap_middle < 0 ? gap_low : gap_high) = gap_middle;
  }
  if (gap_low < 0 && gap_high > 0) {
    std::uintmax_t steps = 200;
    const auto [a, b] = boost::math::tools::toms748_solve(
        gap, low, high, gap_low, gap_high,
        [](double x, double y) { return std::abs(x - y) <= 4e-16 * std::abs(y); }, steps);
    low = a;
    high = b;
  } else {
    (gap_low == 0 ? high : low) = gap_low == 0 ? low : high;
  }
  const double e = 0.5 * (low + high);
  if (std::abs(gap(e)) > 1e-9 * std::abs(known.value()))
    return detail::infeasible("mean jumps over the target: no tail end matches it");
  return spline_fit(table, k, {{"par:E", e}});
}

}  // namespace

std::vector<BucketRuleInfo> spline_rules() {
  return {
      {"spline_hyman_mean", "monotone cubic CDF, Hyman's filter, tail end E from the known mean",
       "von Hippel, Hunter & Drown (2017), Sociological Science 4, 641-655 (binsmooth "
       "splinebins); Hyman (1983)",
       true, &detail::make_rule<&spline_mean, Slopes::hyman>},
      {"spline_fc_mean", "monotone cubic CDF, Fritsch-Carlson, tail end E from the known mean",
       "von Hippel, Hunter & Drown (2017); Fritsch & Carlson (1980), SIAM J. Numer. Anal. 17, "
       "238-246",
       true, &detail::make_rule<&spline_mean, Slopes::fritsch_carlson>},
      {"pchip_mean", "monotone cubic CDF, Fritsch-Butland slopes, tail end E from the known mean",
       "Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, 300-304", true,
       &detail::make_rule<&spline_mean, Slopes::pchip>},
      {"pchip_top2", "monotone cubic CDF, Fritsch-Butland slopes, open bucket closed at 2l",
       "Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, 300-304", false,
       &detail::make_rule<&pchip_double>},
  };
}

}  // namespace steelyard
