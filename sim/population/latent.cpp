#include "sim/population/latent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>

namespace steelyard {
namespace {

using Quadrature = boost::math::quadrature::gauss_kronrod<double, 31>;

// Whom "best" compares.
constexpr std::array kCandidates{
    Family::lognormal, Family::weibull,       Family::gamma, Family::generalized_gamma,
    Family::fisk,      Family::singh_maddala, Family::dagum, Family::gb2};

std::optional<Family> family_named(const std::string& name) {
  for (Family family : all_families())
    if (name == to_string(family)) return family;
  return {};
}

/// Where inside a closed bucket the value of rank u lies once values are tilted up or down.
double tilted(const LatentSpec& spec, double u) {
  return spec.tilt == 0 ? u : std::pow(u, std::exp(-spec.tilt));
}

/// Maximum likelihood of a Pareto index from the two top populated buckets: of those above the
/// lower edge of the second, the share above that of the first is (l2/l1)^alpha.
/// Source: Quandt (1966), Metrika 10, 55-82.
std::optional<double> pareto_index(const Variable& v, const std::vector<double>& shares) {
  const std::size_t top = shares.size() - 1;
  if (!(shares[top] > 0)) return {};
  for (std::size_t b = top; b-- > 0;)
    if (shares[b] > 0) {
      if (!(v.edges[b] > 0)) return {};
      return std::log((shares[b] + shares[top]) / shares[top]) /
             std::log(v.edges[top] / v.edges[b]);
    }
  return {};
}

}  // namespace

double survey_size(const Scenario& scenario) {
  const std::uint64_t n = scenario.reported_size ? scenario.reported_size : scenario.sample_size;
  return static_cast<double>(std::max<std::uint64_t>(n, 1));
}

LatentLaw::LatentLaw(const LatentSpec& spec, const JunctionTree& law, double observations)
    : variable_(spec.variable), group_(spec.group) {
  const Schema& schema = law.schema();
  const Variable& v = schema[variable_];
  buckets_ = v.size();
  groups_ = 1;
  for (VariableId g : group_) groups_ *= schema[g].states();
  const bool has_tail = spec.family != "density" || spec.tail_index || spec.pareto_tail;
  if (std::isinf(v.edges[buckets_]) && has_tail) open_bucket_ = buckets_ - 1;
  nodes_.assign(groups_ * buckets_ * kTable, 0.0);
  if (open_bucket_ < buckets_) tails_.assign(groups_ * kTail, 0.0);
  means_.assign(groups_ * buckets_, 0.0);
  squares_.assign(groups_ * buckets_, 0.0);
  fits_.resize(groups_);
  std::vector<VariableId> targets = group_;
  targets.push_back(variable_);
  const std::vector<double> joint = law.query({}, targets);
  for (std::size_t group = 0; group < groups_; ++group) {
    std::vector<double> shares(buckets_);
    double sum = 0;
    for (std::size_t b = 0; b < buckets_; ++b) sum += shares[b] = joint[group * v.states() + b];
    if (!(sum > 0)) continue;
    fits_[group].weight = sum;
    for (double& share : shares) share /= sum;
    fits_[group].shares = shares;
    if (spec.family == "density")
      take_density(spec, schema, group, shares);
    else
      fit_family(spec, schema, group, shares, observations * sum);
  }
}

std::vector<LevelCode> LatentLaw::codes_of(const Schema& schema, std::size_t group) const {
  std::vector<LevelCode> codes(group_.size());
  for (std::size_t k = group_.size(); k-- > 0;) {
    codes[k] = static_cast<LevelCode>(group % schema[group_[k]].states());
    group /= schema[group_[k]].states();
  }
  return codes;
}

std::string LatentLaw::describe(const Schema& schema, std::size_t group) const {
  if (group_.empty()) return "everybody";
  std::string text;
  const std::vector<LevelCode> codes = codes_of(schema, group);
  for (std::size_t k = 0; k < group_.size(); ++k) {
    const Variable& g = schema[group_[k]];
    text += fmt::format("{}{}={}", k ? " & " : "", g.name,
                        codes[k] < g.levels.size() ? g.levels[codes[k]] : "(not applicable)");
  }
  return text;
}

void LatentLaw::fit_family(const LatentSpec& spec, const Schema& schema, std::size_t group,
                           const std::vector<double>& shares, double observations) {
  const Variable& v = schema[variable_];
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw UserError(
        spec.place, "latent",
        fmt::format("{} of \"{}\" {} ({})", spec.family, v.name, what, describe(schema, group)),
        remedy);
  };
  const bool own_tail = open_bucket_ < buckets_ && !spec.tail_index && !spec.pareto_tail;
  const auto usable = [&](const IntervalFit& fit) { return !own_tail || fit.law.has_moment(1); };
  std::optional<IntervalFit>& chosen = fits_[group].fit;
  if (const auto family = family_named(spec.family)) {
    if (*family != Family::normal && !(v.edges[1] > 0))
      refuse("is a law of positive quantities, but a bucket ends at or below 0",
             "use family = \"normal\" or \"density\"");
    const std::size_t k = parameter_names(*family).size();
    if (k >= buckets_)
      refuse(fmt::format("has {} parameters, but {} buckets give {} free shares", k, buckets_,
                         buckets_ - 1),
             "choose a family with fewer parameters");
    chosen = fit_intervals(*family, v.edges, shares, observations);
    if (chosen->status == FitStatus::not_converged)
      refuse(fmt::format("does not converge: gradient {:.2g} a person", chosen->gradient),
             "choose another family, or family = \"best\"");
    if (!usable(*chosen))
      refuse("has no mean in the open bucket", "choose another family, or give tail_index");
  } else {
    for (Family candidate : kCandidates) {
      if (parameter_names(candidate).size() >= buckets_) continue;
      IntervalFit fit = fit_intervals(candidate, v.edges, shares, observations);
      // The lognormal always has a maximum and a mean: it stands until another one beats it.
      if (!chosen || (fit.status == FitStatus::ok && usable(fit) && fit.aic < chosen->aic))
        chosen = std::move(fit);
    }
  }
  const SizeDistribution& law = chosen->law;
  const bool pareto = take_tail(spec, schema, group, shares);
  for (std::size_t b = 0; b < buckets_; ++b) {
    const double low = v.edges[b], high = v.edges[b + 1];
    const double below = law.cdf(low), above = law.survival(low), mass = law.probability(low, high);
    const bool resolved = mass > 1e-280;  // else the family puts nobody here: spread evenly
    if (b == open_bucket_) {
      if (pareto) continue;
      if (!resolved) refuse("gives the open bucket no mass", "choose another family");
      tabulate_tail(
          group, [&](double s) { return s >= 1 ? low : law.upper_quantile(s * mass); },
          [&](double s) {
            const double from = law.upper_quantile(s * mass);
            return law.partial_mean(from, v.edges[buckets_]) / (s * mass);
          });
      note_error(group, b, law.partial_mean(low, high) / mass);
      continue;
    }
    const auto value = [&](double u) {
      u = tilted(spec, u);
      if (u >= 1 && std::isfinite(high)) return high;
      if (u <= 0 && std::isfinite(low))
        return law.family() == Family::normal ? low : std::max(low, 0.0);
      if (!resolved) return std::isfinite(low) ? low + u * (high - low) : high;
      if (below > 0.5) return std::min(high, law.upper_quantile(above - u * mass));
      return std::clamp(law.quantile(std::clamp(below + u * mass, 1e-300, 1 - 1e-16)), low, high);
    };
    tabulate(group, b, value);
    if (resolved && std::isfinite(low))
      note_error(group, b,
                 spec.tilt == 0 ? law.partial_mean(low, high) / mass
                                : Quadrature::integrate(value, 0.0, 1.0, 5, 1e-9));
  }
}

bool LatentLaw::take_tail(const LatentSpec& spec, const Schema& schema, std::size_t group,
                          const std::vector<double>& shares) {
  if (open_bucket_ >= buckets_ || (!spec.tail_index && !spec.pareto_tail)) return false;
  const Variable& v = schema[variable_];
  const double low = v.edges[open_bucket_];
  const auto fail = [&](const std::string& what) {
    throw UserError(
        spec.place, "latent",
        fmt::format("the Pareto tail of \"{}\" {} ({})", v.name, what, describe(schema, group)),
        "give tail_index, above 1, or leave tail out");
  };
  if (!(low > 0)) fail("starts at or below 0");
  const std::optional<double> alpha = spec.tail_index ? spec.tail_index : pareto_index(v, shares);
  if (!alpha) {
    if (!(shares[open_bucket_] > 0)) return false;  // nobody lives there
    fail("cannot be fitted: no populated bucket below it starts above 0");
  }
  if (!(*alpha > 1)) fail(fmt::format("has no mean: its fitted index is {:.3g}", *alpha));
  fits_[group].tail_index = alpha;
  tabulate_tail(
      group, [&](double s) { return low * std::pow(s, -1 / *alpha); },
      [&](double s) { return low * std::pow(s, -1 / *alpha) * *alpha / (*alpha - 1); });
  note_error(group, open_bucket_, low * *alpha / (*alpha - 1));
  return true;
}

void LatentLaw::note_error(std::size_t group, std::size_t bucket, double exact) {
  double& worst = fits_[group].table_error;
  worst = std::max(worst, std::abs(mean(group, bucket) / exact - 1));
}

void LatentLaw::take_density(const LatentSpec& spec, const Schema& schema, std::size_t group,
                             const std::vector<double>& shares) {
  const Variable& v = schema[variable_];
  const std::vector<LevelCode> codes = codes_of(schema, group);
  const bool pareto = take_tail(spec, schema, group, shares);
  for (std::size_t b = 0; b < buckets_; ++b) {
    if (b == open_bucket_ && pareto) continue;
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
    tabulate(group, b, [&](double u) {
      const double w = (std::isfinite(v.edges[b + 1]) ? tilted(spec, u) : u) * cumulated;
      std::size_t j = 1;
      while (j + 1 < points.size() && points[j].first < w) ++j;
      const auto [w0, x0] = points[j - 1];
      const auto [w1, x1] = points[j];
      return w1 > w0 ? x0 + (x1 - x0) * (w - w0) / (w1 - w0) : x1;
    });
  }
}

void LatentLaw::tabulate(std::size_t group, std::size_t bucket,
                         const std::function<double(double)>& value) {
  const std::size_t at = group * buckets_ + bucket;
  double* coarse = &nodes_[at * kTable];
  double* fine = coarse + kNodes;
  for (std::size_t j = 0; j < kNodes; ++j) coarse[j] = value(static_cast<double>(j) / kNodes);
  for (std::size_t j = 0; j <= kNodes; ++j)
    fine[j] = value((kNodes - 1 + static_cast<double>(j) / kNodes) / kNodes);
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

void LatentLaw::tabulate_tail(std::size_t group, const std::function<double(double)>& value,
                              const std::function<double(double)>& beyond) {
  const std::size_t at = group * buckets_ + open_bucket_;
  double* nodes = &tails_[group * kTail];
  // Octave o holds tail probabilities from 2^(o-33) to 2^(o-32): 2^(o-1) words.
  for (std::size_t j = 0; j < kTail; ++j) {
    const auto octave = static_cast<int>(j / kOctave);
    nodes[j] = value(std::ldexp(1 + static_cast<double>(j % kOctave) / kOctave, octave - 33));
  }
  // The 32 words of least probability are so far apart that each gets the mean of its interval;
  // the first has all that lies beyond. Each of them stands at a node of its own.
  constexpr std::uint32_t kOneByOne = 32;
  double mean = 0, square = 0, before = 0;
  for (std::uint32_t word = 0; word < kOneByOne; ++word) {
    const double s = (word + 1) * 0x1p-32, sum = s * beyond(s);
    const double x = (sum - before) * 0x1p32;
    nodes[tail_node(word)] = x;
    before = sum;
    mean += x;
    square += x * x;
  }
  for (std::size_t j = 6 * kOctave; j + 1 < kTail; ++j) {
    const double words = std::ldexp(1.0, static_cast<int>(j / kOctave) - 6);
    const double a = nodes[j], b = nodes[j + 1];
    mean += words * (a + b) / 2;
    square += words * (a * a + a * b + b * b) / 3;
  }
  means_[at] = mean * 0x1p-32;
  squares_[at] = square * 0x1p-32;
}

double LatentLaw::share_below(std::size_t group, std::size_t bucket, double x) const {
  // Position among ascending or descending nodes, in steps from the first.
  const auto position = [x](const double* first, const double* last, auto before) {
    const double* next = std::upper_bound(first, last, x, before);
    if (next == first) return 0.0;
    if (next == last) return static_cast<double>(last - first - 1);
    const double a = next[-1], b = next[0];
    return static_cast<double>(next - first - 1) + (b == a ? 0.0 : (x - a) / (b - a));
  };
  if (bucket == open_bucket_) {
    const double* nodes = &tails_[group * kTail];
    const double steps =
        position(nodes + kResolved, nodes + kTail, [](double a, double b) { return a > b; }) +
        static_cast<double>(kResolved);
    const double octave = std::floor(steps / kOctave), within = steps - octave * kOctave;
    return 1 - std::ldexp(1 + within / kOctave, static_cast<int>(octave) - 33);
  }
  const double* coarse = &nodes_[(group * buckets_ + bucket) * kTable];
  const double* fine = coarse + kNodes;
  const auto before = [](double a, double b) { return a < b; };
  if (x < fine[0]) return position(coarse, coarse + kNodes, before) / kNodes;
  return (kNodes - 1 + position(fine, fine + kNodes + 1, before) / kNodes) / kNodes;
}

double LatentLaw::smallest(std::size_t group, std::size_t bucket) const {
  return bucket == open_bucket_ ? tails_[group * kTail + kTail - 1]
                                : nodes_[(group * buckets_ + bucket) * kTable];
}

double LatentLaw::largest(std::size_t group, std::size_t bucket) const {
  return bucket == open_bucket_ ? tails_[group * kTail + kResolved]
                                : nodes_[(group * buckets_ + bucket) * kTable + kTable - 1];
}

std::vector<FamilyComparison> compare_families(const LatentLaw& law, const Schema& schema,
                                               double observations) {
  const Variable& v = schema[law.variable()];
  std::vector<FamilyComparison> list;
  for (Family family : kCandidates) {
    const std::size_t k = parameter_names(family).size();
    if (k >= v.size()) continue;
    FamilyComparison row{family};
    double weight = 0;
    for (std::size_t g = 0; g < law.groups(); ++g) {
      const LatentFit& group = law.fit(g);
      if (!group.fit) continue;
      const IntervalFit fit =
          fit_intervals(family, v.edges, group.shares, observations * group.weight);
      row.parameters += k;
      row.not_ok += fit.status != FitStatus::ok;
      row.aic += fit.aic;
      weight += group.weight;
      for (std::size_t b = 0; b < v.size(); ++b)
        if (group.shares[b] > 0)
          row.mean += group.weight * group.shares[b] *
                      fit.law.partial_mean(v.edges[b], v.edges[b + 1]) /
                      std::max(fit.law.probability(v.edges[b], v.edges[b + 1]), 1e-300);
    }
    if (row.parameters == 0) continue;
    row.mean /= weight;
    list.push_back(row);
  }
  std::sort(list.begin(), list.end(),
            [](const FamilyComparison& a, const FamilyComparison& b) { return a.aic < b.aic; });
  return list;
}

}  // namespace steelyard
