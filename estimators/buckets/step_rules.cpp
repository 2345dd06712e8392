// Rules uniform inside closed buckets (a piecewise linear CDF), with seven tails, and their
// recursive subdivision.

#include <array>
#include <cmath>

#include "estimators/buckets/rule.hpp"

namespace steelyard {
namespace {

constexpr std::string_view kStep =
    "von Hippel, Hunter & Drown (2017), Sociological Science 4, 641-655 (binsmooth stepbins)";

/// Uniform segments of the closed populated buckets; room for `more`.
std::vector<Segment> closed_steps(const BucketTable& table, std::size_t more = 1) {
  const double total = table.total();
  std::vector<Segment> list;
  list.reserve(table.size() + more);
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table.weights[i] > 0 && std::isfinite(table.edges[i + 1]))
      list.push_back(
          Segment::uniform(table.edges[i], table.edges[i + 1], table.weights[i] / total));
  return list;
}

struct Tail {
  double lower, mass;
};

Tail tail_of(const BucketTable& table) {
  return {table.edges[table.size() - 1], table.weights.back() / table.total()};
}

Result<BucketFit> step_double(const BucketTable& table) {
  auto list = closed_steps(table);
  if (detail::has_tail(table)) {
    const auto [lower, mass] = tail_of(table);
    if (!(lower > 0))
      return Failure{FailureKind::unsupported, "an open bucket [l, 2l] needs l above 0"};
    list.push_back(Segment::uniform(lower, 2 * lower, mass));
  }
  return detail::piecewise_fit(std::move(list));
}

Result<BucketFit> step_pareto(const BucketTable& table, double floor) {
  auto list = closed_steps(table);
  if (!detail::has_tail(table)) return detail::piecewise_fit(std::move(list));
  const auto estimated = detail::two_point_exponent(table);
  if (!estimated) return estimated.failure();
  const auto [lower, mass] = tail_of(table);
  if (!(lower > 0))
    return Failure{FailureKind::unsupported, "a Pareto tail needs a lower edge above 0"};
  const double exponent = std::fmax(estimated.value(), floor);
  list.push_back(Segment::pareto_tail(lower, mass, exponent));
  return detail::piecewise_fit(std::move(list), {{"par:alpha", exponent}});
}

enum class MeanTail { uniform, pareto_steps, exponential_steps, pareto, exponential };

/// Sixteen steps of equal width w, masses ∝ k^-(1+1.160964) or 0.8^k: their mean is lower + w c.
/// 1.160964 = log(5)/log(4), the exponent under which a fifth holds four fifths.
void add_steps(std::vector<Segment>& list, Tail tail, double mean, bool pareto, double& width) {
  std::array<double, 16> share;
  double sum = 0, centre = 0;
  for (std::size_t k = 0; k < 16; ++k) {
    const double step = static_cast<double>(k + 1);
    share[k] = pareto ? std::pow(step, -2.160964) : std::pow(0.8, step);
    sum += share[k];
    centre += share[k] * (step - 0.5);
  }
  width = (mean - tail.lower) * sum / centre;
  for (std::size_t k = 0; k < 16; ++k) {
    const double lower = tail.lower + static_cast<double>(k) * width;
    list.push_back(Segment::uniform(lower, tail.lower + static_cast<double>(k + 1) * width,
                                    tail.mass * share[k] / sum));
  }
}

Result<BucketFit> step_mean(const BucketTable& table, MeanTail kind) {
  auto list = closed_steps(table, 16);
  double closed = 0;
  for (const Segment& s : list) closed += s.mass * s.mean();
  const auto mean = detail::tail_mean(table, closed);
  if (!mean) return mean.failure();
  const double t = mean.value();
  const Tail tail = tail_of(table);
  if (!(tail.lower > 0) && kind == MeanTail::pareto)
    return Failure{FailureKind::unsupported, "a Pareto tail needs a lower edge above 0"};
  switch (kind) {
    case MeanTail::uniform: {
      const double end = 2 * t - tail.lower;
      list.push_back(Segment::uniform(tail.lower, end, tail.mass));
      return detail::piecewise_fit(std::move(list), {{"par:E", end}});
    }
    case MeanTail::pareto_steps:
    case MeanTail::exponential_steps: {
      double width = 0;
      add_steps(list, tail, t, kind == MeanTail::pareto_steps, width);
      return detail::piecewise_fit(std::move(list), {{"par:tailwidth", width}});
    }
    case MeanTail::pareto: {
      const double exponent = t / (t - tail.lower);
      list.push_back(Segment::pareto_tail(tail.lower, tail.mass, exponent));
      return detail::piecewise_fit(std::move(list), {{"par:alpha", exponent}});
    }
    case MeanTail::exponential:
      break;
  }
  const double rate = 1 / (t - tail.lower);
  list.push_back(Segment::exponential_tail(tail.lower, tail.mass, rate));
  return detail::piecewise_fit(std::move(list), {{"par:rate", rate}});
}

struct Bin {
  double lower, upper, height;
};

/// Each bin in three, of widths (1/8, 3/4, 1/8), heights drawn a quarter of the way to the
/// neighbours', the middle giving what its sides take; where the middle would not be positive all
/// three keep the bin's height.
std::vector<Bin> subdivide(const std::vector<Bin>& bins) {
  constexpr double kSide = 0.125, kReach = 0.25, kMiddle = 0.75;
  std::vector<Bin> finer;
  finer.reserve(3 * bins.size());
  for (std::size_t j = 0; j < bins.size(); ++j) {
    const auto [lower, upper, h] = bins[j];
    const double left = h - (j > 0 ? bins[j - 1].height : 0);
    const double right = (j + 1 < bins.size() ? bins[j + 1].height : 0) - h;
    const double middle = h + (left - right) * kReach * kSide / kMiddle;
    const bool keep = !(middle > 0);
    const double width = upper - lower, a = lower + kSide * width, b = upper - kSide * width;
    finer.push_back({lower, a, keep ? h : h - left * kReach});
    finer.push_back({a, b, keep ? h : middle});
    finer.push_back({b, upper, keep ? h : h + right * kReach});
  }
  return finer;
}

Result<BucketFit> subdivided(const BucketTable& table) {
  const double total = table.total();
  double closed = 0;
  std::vector<Bin> bins;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double lower = table.edges[i], upper = table.edges[i + 1];
    const double share = table.weights[i] / total;
    if (std::isfinite(upper)) closed += share * 0.5 * (lower + upper);
    bins.push_back({lower, upper, share / (upper - lower)});
  }
  const auto mean = detail::tail_mean(table, closed);
  if (!mean) return mean.failure();
  Bin& top = bins.back();
  top.upper = 2 * mean.value() - top.lower;
  top.height = table.weights.back() / total / (top.upper - top.lower);
  const double end = top.upper;
  for (int round = 0; round < 3; ++round) bins = subdivide(bins);
  std::vector<Segment> list;
  list.reserve(bins.size());
  for (const Bin& bin : bins)
    if (bin.height > 0)
      list.push_back(Segment::uniform(bin.lower, bin.upper, bin.height * (bin.upper - bin.lower)));
  return detail::piecewise_fit(std::move(list), {{"par:E", end}});
}

}  // namespace

std::vector<BucketRuleInfo> step_rules() {
  return {
      {"step_top2", "uniform inside buckets, open bucket uniform on [l, 2l]", kStep, false,
       &detail::make_rule<&step_double>},
      {"step_mean", "uniform inside buckets, open bucket uniform on [l, E], E from the known mean",
       kStep, true, &detail::make_rule<&step_mean, MeanTail::uniform>},
      {"step_par16_mean", "uniform, open bucket in 16 steps of masses k^-2.160964, known mean",
       kStep, true, &detail::make_rule<&step_mean, MeanTail::pareto_steps>},
      {"step_exp16_mean", "uniform, open bucket in 16 steps of masses 0.8^k, known mean", kStep,
       true, &detail::make_rule<&step_mean, MeanTail::exponential_steps>},
      {"step_pareto2", "uniform, Pareto tail of two-point alpha >= 2",
       "Henson (1967), Trends in the Income of Families", false,
       &detail::make_rule<&step_pareto, 2.0>},
      {"step_pmean",
       "uniform, Pareto tail alpha = t/(t - l), t the tail's mean given the known one",
       "Cowell & Mehta (1982), Review of Economic Studies 49, 273-290", true,
       &detail::make_rule<&step_mean, MeanTail::pareto>},
      {"step_emean", "uniform, exponential tail of rate 1/(t - l), known mean",
       "Cowell & Mehta (1982), Review of Economic Studies 49, 273-290", true,
       &detail::make_rule<&step_mean, MeanTail::exponential>},
      {"rsub_mean", "step_mean subdivided three times (eps 1/4, 3/4); does not keep the mean",
       "von Hippel, Hunter & Drown (2017), Sociological Science 4, 641-655 (binsmooth rsubbins)",
       true, &detail::make_rule<&subdivided>},
  };
}

}  // namespace steelyard
