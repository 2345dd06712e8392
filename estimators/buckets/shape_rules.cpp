// Rules with a shape inside each closed bucket - linear, log-uniform, Pareto - and a Pareto tail.

#include <algorithm>
#include <cmath>

#include "estimators/buckets/rule.hpp"

namespace steelyard {
namespace {

constexpr std::string_view kMcib =
    "Jargowsky & Wheeler (2018), Sociological Methodology 48, 337-374 (MCIB)";

/// MCIB's density slope of each closed bucket times width² over mass: the mean of the slopes to
/// the neighbouring middles (one-sided at the ends; the open bucket has none), held where the
/// density stays >= 0; 0 in the first bucket and at local extremes, where an open bucket counts
/// as one of no density.
std::vector<double> steepness(const BucketTable& table, std::span<const double> share) {
  const std::size_t closed = table.size() - (table.open_top() ? 1 : 0);
  std::vector<double> list(closed, 0.0);
  const auto width = [&](std::size_t i) { return table.edges[i + 1] - table.edges[i]; };
  const auto density = [&](std::size_t i) { return share[i] / width(i); };
  const auto slope = [&](std::size_t i) {  // between the middles of buckets i and i + 1
    return (density(i + 1) - density(i)) / (0.5 * (width(i) + width(i + 1)));
  };
  for (std::size_t i = 1; i < closed; ++i) {
    if (share[i] <= 0) continue;
    const double f = density(i), before = density(i - 1);
    const bool last = i + 1 == closed;
    const double after = last ? 0 : density(i + 1);
    const bool compare = !last || table.open_top();
    if (compare && (f - before) * (after - f) < 0) continue;
    const double mean = last ? slope(i - 1) : 0.5 * (slope(i - 1) + slope(i));
    list[i] = std::clamp(mean * width(i) / f, -2.0, 2.0);
  }
  return list;
}

Failure no_pareto() {
  return {FailureKind::unsupported, "a Pareto tail needs a lower edge above 0"};
}

/// The closed segments with a Pareto tail of two-point exponent >= 2.
Result<BucketFit> with_tail(const BucketTable& table, std::vector<Segment> list) {
  if (!detail::has_tail(table)) return detail::piecewise_fit(std::move(list));
  const auto estimated = detail::two_point_exponent(table);
  if (!estimated) return estimated.failure();
  const double lower = table.edges[table.size() - 1], exponent = std::fmax(estimated.value(), 2.0);
  if (!(lower > 0)) return no_pareto();
  list.push_back(Segment::pareto_tail(lower, table.weights.back() / table.total(), exponent));
  return detail::piecewise_fit(std::move(list), {{"par:alpha", exponent}});
}

std::vector<Segment> linear_segments(const BucketTable& table) {
  const auto share = table.shares();
  const auto steep = steepness(table, share);
  std::vector<Segment> list;
  list.reserve(table.size());
  for (std::size_t i = 0; i < steep.size(); ++i) {
    if (share[i] <= 0) continue;
    const double lower = table.edges[i], upper = table.edges[i + 1];
    list.push_back(steep[i] == 0 ? Segment::uniform(lower, upper, share[i])
                                 : Segment::linear(lower, upper, share[i], steep[i]));
  }
  return list;
}

Result<BucketFit> linear_pareto(const BucketTable& table) {
  return with_tail(table, linear_segments(table));
}

Result<BucketFit> linear_mean(const BucketTable& table) {
  auto list = linear_segments(table);
  double closed = 0;
  for (const Segment& s : list) closed += s.mass * s.mean();
  const auto mean = detail::tail_mean(table, closed);
  if (!mean) return mean.failure();
  const double lower = table.edges[table.size() - 1];
  if (!(lower > 0)) return no_pareto();
  const double exponent = mean.value() / (mean.value() - lower);
  list.push_back(Segment::pareto_tail(lower, table.weights.back() / table.total(), exponent));
  return detail::piecewise_fit(std::move(list), {{"par:alpha", exponent}});
}

Result<BucketFit> log_uniform(const BucketTable& table) {
  const double total = table.total();
  std::vector<Segment> list;
  list.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double lower = table.edges[i], upper = table.edges[i + 1],
                 mass = table.weights[i] / total;
    if (mass <= 0 || std::isinf(upper)) continue;
    list.push_back(lower > 0 ? Segment::log_uniform(lower, upper, mass)
                             : Segment::uniform(lower, upper, mass));
  }
  return with_tail(table, std::move(list));
}

Result<BucketFit> local_pareto(const BucketTable& table) {
  const double total = table.total();
  std::vector<Segment> list;
  list.reserve(table.size());
  double above = 0;
  for (std::size_t i = table.size(); i-- > 0;) {
    const double lower = table.edges[i], upper = table.edges[i + 1], weight = table.weights[i];
    if (weight <= 0) continue;
    if (std::isfinite(upper)) {
      // S(lower)/S(upper) = (upper/lower)^a
      list.push_back(lower > 0 && above > 0
                         ? Segment::local_pareto(
                               lower, upper, weight / total,
                               std::log1p(weight / above) / std::log1p((upper - lower) / lower))
                         : Segment::uniform(lower, upper, weight / total));
    }
    above += weight;
  }
  std::reverse(list.begin(), list.end());
  return with_tail(table, std::move(list));
}

}  // namespace

std::vector<BucketRuleInfo> shape_rules() {
  return {
      {"mcib_mean", "linear density inside buckets, Pareto tail from the known mean", kMcib, true,
       &detail::make_rule<&linear_mean>},
      {"mcib_pareto2", "linear density inside buckets, Pareto tail of two-point alpha >= 2", kMcib,
       false, &detail::make_rule<&linear_pareto>},
      {"loguni_pareto2", "density 1/x inside buckets (F linear in ln x), Pareto tail alpha >= 2",
       "Cowell (2011), Measuring Inequality, chapter 5", false, &detail::make_rule<&log_uniform>},
      {"parloc_pareto2",
       "ln S linear in ln x inside buckets (Pareto interpolation), tail alpha >= 2",
       "US Census Bureau, Current Population Reports P60, median by Pareto interpolation", false,
       &detail::make_rule<&local_pareto>},
  };
}

}  // namespace steelyard
