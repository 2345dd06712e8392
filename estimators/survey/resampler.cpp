#include "estimators/survey/resampler.hpp"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "core/random_blocks.hpp"

namespace steelyard {
namespace {

/// How often each of n units comes up in `draws` draws with replacement; draws is n at most, so
/// that 16 bits do.
void count_draws(const StreamId& id, std::size_t draws, std::size_t n,
                 std::vector<std::uint16_t>& hits) {
  hits.assign(n, 0);
  BulkStream random(id, draws);
  for (std::size_t k = 0; k < draws; ++k) ++hits[random.below(n)];
}

}  // namespace

Resampler::Resampler(const SurveyDesign& d, const ReplicateOptions& o) : design(d), options(o) {
  std::vector<double> multiplier(d.strata(), 1.0);
  for (const DesignStage& stage : d.stages()) {
    families.emplace_back(stage);
    above.push_back(multiplier);
    std::vector<double> next(stage.units);
    for (std::size_t u = 0; u < stage.units; ++u)
      next[u] = multiplier[stage.parent_of_unit[u]] * stage.fraction[stage.parent_of_unit[u]];
    multiplier = std::move(next);
  }
  if (!d.pps() || o.method != ReplicateMethod::rao_wu_yue_beaumont) return;
  unit_prob = {d.pps()->probability().begin(), d.pps()->probability().end()};
  if (d.stages().size() > 1)  // what is left to a later stage is its own unit's probability
    for (std::size_t u = 0; u < d.psus(); ++u) above[1][u] = unit_prob[u];
}

void Resampler::deviations(std::size_t r, std::size_t s, std::vector<double>& a,
                           std::vector<double>& drawn) const {
  const DesignStage& stage = design.stages()[s];
  a.assign(stage.units, 0.0);
  drawn.assign(stage.units, 1.0);
  std::vector<std::uint16_t> hits;
  std::vector<std::uint32_t> some;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    const std::uint32_t* units = families[s].unit.data() + families[s].first[p];
    std::size_t n = families[s].first[p + 1] - families[s].first[p];
    if (s == 0 && !unit_prob.empty()) {  // certain units are not resampled
      some.clear();
      for (std::size_t k = 0; k < n; ++k)
        if (unit_prob[units[k]] < 1) some.push_back(units[k]);
      n = some.size();
      units = some.data();
    }
    if (n < 2) continue;
    const double open_share = open(s, p, units[0]);
    if (open_share <= 1e-15) continue;
    const auto size = static_cast<double>(n);
    const StreamId id = stream(r, s, p);
    Stream random(id);
    const double root = std::sqrt(std::max(0.0, open_share));
    switch (options.method) {
      case ReplicateMethod::bootstrap:
      case ReplicateMethod::rao_wu_yue_beaumont:
        count_draws(id, n - 1, n, hits);
        for (std::size_t k = 0; k < n; ++k) {
          const double often = hits[k] * size / (size - 1);
          const double scale =
              s == 0 && !unit_prob.empty() ? std::sqrt(open(s, p, units[k])) : root;
          a[units[k]] = scale * (often - 1);
          if (nested()) drawn[units[k]] = often;
        }
        break;
      case ReplicateMethod::canty_davison:
        count_draws(id, n, n, hits);
        for (std::size_t k = 0; k < n; ++k) a[units[k]] = hits[k] - 1.0;
        break;
      case ReplicateMethod::preston: {
        const std::size_t m = n / 2;
        std::vector<std::uint32_t> deck(units, units + n);
        for (std::size_t k = 0; k < m; ++k) std::swap(deck[k], deck[k + random.below(n - k)]);
        const auto half = static_cast<double>(m);
        const double lambda = std::sqrt(half * open_share / (size - half));
        for (std::size_t k = 0; k < n; ++k) {
          drawn[deck[k]] = k < m ? size / half : 0.0;
          a[deck[k]] = lambda * (drawn[deck[k]] - 1);
        }
        break;
      }
      case ReplicateMethod::generalized: {
        boost::random::normal_distribution<double> normal;
        double mean = 0;
        for (std::size_t k = 0; k < n; ++k) mean += a[units[k]] = normal(random);
        mean /= size;
        const double lambda = std::sqrt(open_share * size / (size - 1));
        for (std::size_t k = 0; k < n; ++k) a[units[k]] = lambda * (a[units[k]] - mean);
        break;
      }
      case ReplicateMethod::bayesian: {
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k) sum += a[units[k]] = -std::log(random.uniform());
        for (std::size_t k = 0; k < n; ++k) a[units[k]] = a[units[k]] * size / sum - 1;
        break;
      }
      default:
        break;
    }
  }
}

void Resampler::fill(std::size_t r, std::span<double> factor) const {
  std::fill(factor.begin(), factor.end(), 1.0);
  const bool one_stage = options.method == ReplicateMethod::canty_davison ||
                         options.method == ReplicateMethod::bayesian || design.one_stage();
  // Preston and Rao-Wu-Yue-Beaumont: units within those drawn move by sqrt(drawn), whose square
  // is 1 in expectation, so that units of a primary unit left out do not move at all.
  const bool within = nested();
  std::vector<double> a, drawn, root(within ? factor.size() : 0, 1.0);
  for (std::size_t s = 0; s < (one_stage ? 1 : design.stages().size()); ++s) {
    deviations(r, s, a, drawn);
    const auto& map = design.stages()[s].unit_of_row;
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::size_t u = map.empty() ? i : map[i];
      factor[i] += within ? root[i] * a[u] : a[u];
      if (within) root[i] *= std::sqrt(drawn[u]);
    }
  }
}

}  // namespace steelyard
