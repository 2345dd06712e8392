#include "sim/population/latent.hpp"

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <functional>
#include <limits>

namespace steelyard {
namespace {

const boost::math::normal kNormal;

/// Edges on the scale on which the family is normal.
double standard_edge(const std::string& family, double edge) {
  if (family == "lognormal")
    return edge > 0 ? std::log(edge) : -std::numeric_limits<double>::infinity();
  return edge;
}

double cdf(double z) {
  if (std::isinf(z)) return z > 0 ? 1 : 0;
  return boost::math::cdf(kNormal, z);
}

/// P(a < Z < b), from the tail in which it loses no digits.
double between(double a, double b) { return a > 0 ? cdf(-a) - cdf(-b) : cdf(b) - cdf(a); }

/// Minimum of f over two parameters. Source: Nelder & Mead (1965), Computer Journal 7, 308-313.
std::array<double, 2> nelder_mead(const std::function<double(const std::array<double, 2>&)>& f,
                                  std::array<double, 2> start, std::array<double, 2> step) {
  struct Vertex {
    std::array<double, 2> x;
    double value;
  };
  const auto at = [&](std::array<double, 2> x) { return Vertex{x, f(x)}; };
  std::array<Vertex, 3> s{at(start), at({start[0] + step[0], start[1]}),
                          at({start[0], start[1] + step[1]})};
  for (int iteration = 0; iteration < 2000; ++iteration) {
    std::sort(s.begin(), s.end(),
              [](const Vertex& a, const Vertex& b) { return a.value < b.value; });
    if (std::abs(s[2].value - s[0].value) <= 1e-14 * (1 + std::abs(s[0].value)) &&
        std::abs(s[2].x[0] - s[0].x[0]) < 1e-9 * (1 + std::abs(s[0].x[0])))
      break;
    const std::array<double, 2> mid{(s[0].x[0] + s[1].x[0]) / 2, (s[0].x[1] + s[1].x[1]) / 2};
    const auto along = [&](double t) {
      return at({mid[0] + t * (mid[0] - s[2].x[0]), mid[1] + t * (mid[1] - s[2].x[1])});
    };
    Vertex reflected = along(1);
    if (reflected.value < s[0].value) {
      const Vertex expanded = along(2);
      s[2] = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < s[1].value) {
      s[2] = reflected;
    } else {
      const Vertex contracted = along(reflected.value < s[2].value ? 0.5 : -0.5);
      if (contracted.value < std::min(reflected.value, s[2].value)) {
        s[2] = contracted;
      } else {
        for (std::size_t k = 1; k < 3; ++k)
          s[k] = at({(s[k].x[0] + s[0].x[0]) / 2, (s[k].x[1] + s[0].x[1]) / 2});
      }
    }
  }
  return s[0].x;
}

}  // namespace

LatentLaw::LatentLaw(const LatentSpec& spec, const JunctionTree& law)
    : variable_(spec.variable), group_(spec.group) {
  const Schema& schema = law.schema();
  const Variable& v = schema[variable_];
  buckets_ = v.size();
  groups_ = 1;
  for (VariableId g : group_) groups_ *= schema[g].states();
  nodes_.assign(groups_ * buckets_ * kTable, 0.0);
  means_.assign(groups_ * buckets_, 0.0);
  squares_.assign(groups_ * buckets_, 0.0);
  parameters_.resize(groups_);
  std::vector<VariableId> targets = group_;
  targets.push_back(variable_);
  const std::vector<double> joint = law.query({}, targets);
  std::vector<LevelCode> codes(group_.size());
  for (std::size_t group = 0; group < groups_; ++group) {
    std::size_t rest = group;
    for (std::size_t k = group_.size(); k-- > 0;) {
      codes[k] = static_cast<LevelCode>(rest % schema[group_[k]].states());
      rest /= schema[group_[k]].states();
    }
    std::vector<double> shares(buckets_);
    double sum = 0;
    for (std::size_t b = 0; b < buckets_; ++b) sum += shares[b] = joint[group * v.states() + b];
    if (!(sum > 0)) continue;
    for (double& share : shares) share /= sum;
    if (spec.family == "density")
      take_density(spec, v, group, codes);
    else
      fit_family(spec, v, group, shares);
  }
}

void LatentLaw::fit_family(const LatentSpec& spec, const Variable& v, std::size_t group,
                           const std::vector<double>& shares) {
  std::vector<double> edge(buckets_ + 1);
  for (std::size_t b = 0; b <= buckets_; ++b) edge[b] = standard_edge(spec.family, v.edges[b]);
  double first = 0,
         second = 0;  // start: moments of bucket centres, open ends closed by half a width
  for (std::size_t b = 0; b < buckets_; ++b) {
    const double width = std::isfinite(edge[b]) && std::isfinite(edge[b + 1])
                             ? edge[b + 1] - edge[b]
                             : std::abs(edge[1]) * 0.1 + 0.5;
    const double centre = !std::isfinite(edge[b]) ? edge[b + 1] - width / 2 : edge[b] + width / 2;
    first += shares[b] * centre;
    second += shares[b] * centre * centre;
  }
  const double sd = std::sqrt(std::max(1e-4 * (1 + first * first), second - first * first));
  const auto loss = [&](const std::array<double, 2>& x) {
    const double sigma = std::exp(x[1]);
    double value = 0;
    for (std::size_t b = 0; b < buckets_; ++b)
      if (shares[b] > 0)
        value -= shares[b] *
                 std::log(std::max(between((edge[b] - x[0]) / sigma, (edge[b + 1] - x[0]) / sigma),
                                   1e-300));
    // A weak prior keeps sigma finite where one bucket holds everything.
    return value + 1e-6 * (x[1] - std::log(sd)) * (x[1] - std::log(sd));
  };
  const auto best = nelder_mead(loss, {first, std::log(sd)}, {0.5 * sd, 0.3});
  const double mu = best[0], sigma = std::exp(best[1]);
  parameters_[group] = {mu, sigma, -loss(best)};
  for (std::size_t b = 0; b < buckets_; ++b) {
    const double low = (edge[b] - mu) / sigma, high = (edge[b + 1] - mu) / sigma;
    const double mass = between(low, high);
    const bool open = !std::isfinite(v.edges[b + 1]);
    const auto value = [&](double u) {
      if (open && spec.tail_index) return v.edges[b] * std::pow(1 - u, -1 / *spec.tail_index);
      if (!open && spec.tilt != 0) u = std::pow(u, std::exp(-spec.tilt));
      double z;
      if (u <= 0 && std::isfinite(low))
        z = low;
      else if (u >= 1 && std::isfinite(high))
        z = high;
      else if (mass < 1e-280)
        z = std::isfinite(high) ? low + u * (high - low) : low;
      else if (low > 0)
        z = -boost::math::quantile(kNormal, std::clamp(cdf(-low) - u * mass, 1e-300, 1.0));
      else
        z = boost::math::quantile(kNormal, std::clamp(cdf(low) + u * mass, 1e-300, 1 - 1e-16));
      const double x = mu + sigma * z;
      return spec.family == "lognormal" ? std::exp(x) : x;
    };
    std::vector<double> coarse(kNodes), fine(kNodes + 1);
    for (std::size_t j = 0; j < kNodes; ++j) coarse[j] = value(static_cast<double>(j) / kNodes);
    for (std::size_t j = 0; j <= kNodes; ++j) {
      double u = (kNodes - 1 + static_cast<double>(j) / kNodes) / kNodes;
      if (open && j == kNodes) u = 1 - 0x1p-17;
      fine[j] = value(u);
    }
    if (b == 0 && spec.family == "lognormal") coarse[0] = std::max(v.edges[0], 0.0);
    tabulate(group, b, coarse, fine);
  }
}

void LatentLaw::take_density(const LatentSpec& spec, const Variable& v, std::size_t group,
                             const std::vector<LevelCode>& codes) {
  for (std::size_t b = 0; b < buckets_; ++b) {
    std::vector<std::pair<double, double>> points;  // cumulated weight, value
    double cumulated = 0;
    std::vector<LatentSpec::Segment> inside;
    for (LatentSpec::Segment s : spec.segments) {
      if (s.group != codes) continue;
      const double width = s.upper - s.lower;
      s.lower = std::max(s.lower, v.edges[b]);
      s.upper = std::min(s.upper, v.edges[b + 1]);
      if (s.upper <= s.lower) continue;
      s.weight *= (s.upper - s.lower) / width;
      inside.push_back(s);
    }
    std::sort(inside.begin(), inside.end(),
              [](const auto& x, const auto& y) { return x.lower < y.lower; });
    for (const auto& s : inside) {
      points.emplace_back(cumulated, s.lower);
      cumulated += s.weight;
      points.emplace_back(cumulated, s.upper);
    }
    if (!(cumulated > 0))
      throw UserError(spec.place, "latent",
                      "no density for bucket \"" + v.levels[b] + "\" of \"" + v.name +
                          "\" in one of its groups",
                      "add segments to the file");
    const auto value = [&](double u) {
      const double w = u * cumulated;
      std::size_t j = 1;
      while (j + 1 < points.size() && points[j].first < w) ++j;
      const auto [w0, x0] = points[j - 1];
      const auto [w1, x1] = points[j];
      return w1 > w0 ? x0 + (x1 - x0) * (w - w0) / (w1 - w0) : x1;
    };
    std::vector<double> coarse(kNodes), fine(kNodes + 1);
    for (std::size_t j = 0; j < kNodes; ++j) coarse[j] = value(static_cast<double>(j) / kNodes);
    for (std::size_t j = 0; j <= kNodes; ++j)
      fine[j] = value((kNodes - 1 + static_cast<double>(j) / kNodes) / kNodes);
    tabulate(group, b, coarse, fine);
  }
}

void LatentLaw::tabulate(std::size_t group, std::size_t bucket, const std::vector<double>& coarse,
                         const std::vector<double>& fine) {
  const std::size_t at = group * buckets_ + bucket;
  std::copy(coarse.begin(), coarse.end(),
            nodes_.begin() + static_cast<std::ptrdiff_t>(at * kTable));
  std::copy(fine.begin(), fine.end(),
            nodes_.begin() + static_cast<std::ptrdiff_t>(at * kTable + kNodes));
  double mean = 0, square = 0;
  const auto add = [&](double a, double b, double width) {  // a uniform piece of the law
    mean += width * (a + b) / 2;
    square += width * (a * a + a * b + b * b) / 3;
  };
  for (std::size_t j = 0; j + 1 < kNodes; ++j) add(coarse[j], coarse[j + 1], 1.0 / kNodes);
  for (std::size_t j = 0; j < kNodes; ++j) add(fine[j], fine[j + 1], 1.0 / (kNodes * kNodes));
  means_[at] = mean;
  squares_[at] = square;
}

}  // namespace steelyard
