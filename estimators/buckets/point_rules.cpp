// Rules that put a bucket's mass at one point: midpoints, Pareto midpoints, mean-matched tops.

#include <cmath>

#include "estimators/buckets/points.hpp"
#include "estimators/buckets/rule.hpp"

namespace steelyard {
namespace {

using detail::infeasible;

enum class Middle { arithmetic, geometric, harmonic };
/// The point of a Pareto tail: its mean, harmonic mean, geometric mean or median.
enum class TailPoint { mean, harmonic, geometric, median };

struct ParetoTop {
  TailPoint point;
  double floor;  ///< of the exponent; 0: none, and an exponent <= 1 is refused
};

double middle(double lower, double upper, Middle kind) {
  if (kind == Middle::arithmetic) return 0.5 * (lower + upper);
  if (lower == 0) return 0.5 * upper;  // both other means would put everybody at 0
  if (kind == Middle::geometric) return std::sqrt(lower) * std::sqrt(upper);
  return 2 / (1 / lower + 1 / upper);
}

double tail_point(double lower, double exponent, TailPoint point) {
  switch (point) {
    case TailPoint::mean:
      return lower * exponent / (exponent - 1);
    case TailPoint::harmonic:
      return lower * (1 + 1 / exponent);
    case TailPoint::geometric:
      return lower * std::exp(1 / exponent);
    case TailPoint::median:
      return lower * std::exp2(1 / exponent);
  }
  return lower;
}

/// Middles of the closed populated buckets, and the tail, if any, at `top`.
BucketFit points(const BucketTable& table, Middle kind, double top) {
  const double total = table.total();
  std::vector<PointLaw::Point> list;
  list.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table.weights[i] <= 0) continue;
    const bool tail = std::isinf(table.edges[i + 1]);
    list.push_back(
        {tail ? top : middle(table.edges[i], table.edges[i + 1], kind), table.weights[i] / total});
  }
  return {std::make_shared<PointLaw>(std::move(list)), {}, {}};
}

Result<BucketFit> pareto_points(const BucketTable& table, Middle kind, ParetoTop top) {
  if (kind != Middle::arithmetic && table.edges[0] < 0)
    return Failure{FailureKind::unsupported,
                   "geometric and harmonic midpoints need edges of 0 or more"};
  if (!detail::has_tail(table)) return points(table, kind, 0);
  const auto estimated = detail::two_point_exponent(table);
  if (!estimated) return estimated.failure();
  const double exponent = std::fmax(estimated.value(), top.floor);
  // 1 but for rounding is 1: the mean of such a tail is infinite
  if (top.floor == 0 && exponent <= 1 + 1e-12) return infeasible("alpha<=1");
  BucketFit fit =
      points(table, kind, tail_point(table.edges[table.size() - 1], exponent, top.point));
  fit.found.emplace_back("par:alpha", exponent);
  return fit;
}

Result<BucketFit> plain_midpoints(const BucketTable& table) {
  if (detail::has_tail(table))
    return Failure{FailureKind::unbounded_tail,
                   "the open top bucket has no midpoint; close it, or use a rule with a tail"};
  return points(table, Middle::arithmetic, 0);
}

Result<BucketFit> report_midpoints(const BucketTable& table) {
  return points(table, Middle::arithmetic, 1.25 * table.edges[table.size() - 1]);
}

Result<BucketFit> mean_midpoints(const BucketTable& table) {
  double closed = 0;
  for (std::size_t i = 0; i < table.size(); ++i)
    if (std::isfinite(table.edges[i + 1]))
      closed += table.weights[i] * middle(table.edges[i], table.edges[i + 1], Middle::arithmetic);
  const auto top = detail::tail_mean(table, closed / table.total());
  if (!top) return top.failure();
  BucketFit fit = points(table, Middle::arithmetic, top.value());
  fit.found.emplace_back("par:topmean", top.value());
  return fit;
}

template <Middle kind, TailPoint point, double floor>
constexpr auto kPareto = &detail::make_rule<&pareto_points, kind, ParetoTop{point, floor}>;

constexpr std::string_view kRobust =
    "von Hippel, Scarpino & Holas (2016), Sociological Methodology 46, 212-251";

}  // namespace

std::vector<BucketRuleInfo> point_rules() {
  constexpr auto arithmetic = Middle::arithmetic;
  return {
      {"mid_arith", "arithmetic midpoints (l + u)/2; refuses a populated open bucket",
       "Heitjan (1989), Statistical Science 4, 164-179", false,
       &detail::make_rule<&plain_midpoints>},
      {"mid_report", "arithmetic midpoints, open bucket at 1.25 times its lower edge",
       "points assumed for 20,000 and more: 25,000", false, &detail::make_rule<&report_midpoints>},
      {"mid_geo", "geometric midpoints sqrt(lu), top at l exp(1/alpha), alpha >= 1", kRobust, false,
       kPareto<Middle::geometric, TailPoint::geometric, 1.0>},
      {"mid_harm", "harmonic midpoints 2lu/(l + u), top at l (1 + 1/alpha), alpha >= 1", kRobust,
       false, kPareto<Middle::harmonic, TailPoint::harmonic, 1.0>},
      {"mid_mean", "arithmetic midpoints, top (m - sum p c)/p_t so that the mean is the known one",
       kRobust, true, &detail::make_rule<&mean_midpoints>},
      {"pme", "Pareto midpoint: top at l alpha/(alpha - 1), two-point alpha > 1",
       "Henson (1967), Trends in the Income of Families; Quandt (1966), Metrika 10, 55-82", false,
       kPareto<arithmetic, TailPoint::mean, 0.0>},
      {"bme", "Pareto midpoint with alpha >= 10/9",
       "von Hippel, Hunter & Drown (2017), Sociological Science 4, 641-655 (binequality)", false,
       kPareto<arithmetic, TailPoint::mean, 10.0 / 9>},
      {"rpme_arith2", "robust Pareto midpoint: arithmetic mean l alpha/(alpha - 1), alpha >= 2",
       kRobust, false, kPareto<arithmetic, TailPoint::mean, 2.0>},
      {"rpme_harm1", "robust Pareto midpoint: harmonic mean l (1 + 1/alpha), alpha >= 1", kRobust,
       false, kPareto<arithmetic, TailPoint::harmonic, 1.0>},
      {"rpme_harm2", "robust Pareto midpoint: harmonic mean l (1 + 1/alpha), alpha >= 2", kRobust,
       false, kPareto<arithmetic, TailPoint::harmonic, 2.0>},
      {"rpme_geo1", "robust Pareto midpoint: geometric mean l exp(1/alpha), alpha >= 1", kRobust,
       false, kPareto<arithmetic, TailPoint::geometric, 1.0>},
      {"rpme_med1", "robust Pareto midpoint: median l 2^(1/alpha), alpha >= 1", kRobust, false,
       kPareto<arithmetic, TailPoint::median, 1.0>},
  };
}

}  // namespace steelyard
