#include "study/sweep_design.hpp"

#include <boost/random/sobol.hpp>
#include <cmath>
#include <numeric>
#include <utility>

namespace steelyard {
namespace {

constexpr SweepDesign kDesigns[] = {SweepDesign::grid, SweepDesign::latin_hypercube,
                                    SweepDesign::sobol, SweepDesign::saltelli,
                                    SweepDesign::one_at_a_time};

}  // namespace

const char* to_string(SweepDesign design) {
  switch (design) {
    case SweepDesign::grid:
      return "grid";
    case SweepDesign::latin_hypercube:
      return "latin_hypercube";
    case SweepDesign::sobol:
      return "sobol";
    case SweepDesign::saltelli:
      return "saltelli";
    case SweepDesign::one_at_a_time:
      return "one_at_a_time";
  }
  return "unknown";
}

std::vector<std::string> sweep_design_names() {
  std::vector<std::string> names;
  for (SweepDesign design : kDesigns) names.emplace_back(to_string(design));
  return names;
}

DesignPoints grid_points(std::span<const std::size_t> levels) {
  DesignPoints points{levels.size(), {}};
  std::vector<std::size_t> level(levels.size(), 0);
  for (bool more = true; more;) {
    for (std::size_t k = 0; k < levels.size(); ++k)
      points.unit.push_back(static_cast<double>(level[k]) / static_cast<double>(levels[k] - 1));
    more = false;
    for (std::size_t k = levels.size(); k-- > 0 && !more;) {
      more = ++level[k] < levels[k];
      if (!more) level[k] = 0;
    }
  }
  return points;
}

DesignPoints latin_hypercube_points(std::size_t dials, std::size_t n, Seed seed) {
  DesignPoints points{dials, std::vector<double>(n * dials)};
  std::vector<std::size_t> slice(n);
  for (std::size_t k = 0; k < dials; ++k) {
    Stream stream({seed, purpose("latin hypercube"), Replicate{0}, Unit{k}});
    std::iota(slice.begin(), slice.end(), std::size_t{0});
    for (std::size_t i = n; i > 1; --i) std::swap(slice[i - 1], slice[stream.below(i)]);
    for (std::size_t i = 0; i < n; ++i)
      points.unit[i * dials + k] =
          (static_cast<double>(slice[i]) + stream.uniform()) / static_cast<double>(n);
  }
  return points;
}

DesignPoints sobol_points(std::size_t dials, std::size_t n) {
  std::size_t first = 1;
  while (first < n) first *= 2;
  // Boost's sequence begins with point 1: point 0, the origin, is left out.
  boost::random::sobol sequence(dials);
  sequence.discard((first - 1) * dials);
  DesignPoints points{dials, std::vector<double>(n * dials)};
  for (double& u : points.unit) u = static_cast<double>(sequence() >> 11) * 0x1p-53;
  return points;
}

DesignPoints saltelli_points(std::size_t dials, std::size_t base) {
  const DesignPoints both = sobol_points(2 * dials, base);
  DesignPoints points{dials, {}};
  const auto add = [&](std::size_t i, auto from_b) {
    for (std::size_t k = 0; k < dials; ++k)
      points.unit.push_back(both.at(i, from_b(k) ? dials + k : k));
  };
  for (std::size_t i = 0; i < base; ++i) add(i, [](std::size_t) { return false; });
  for (std::size_t i = 0; i < base; ++i) add(i, [](std::size_t) { return true; });
  for (std::size_t dial = 0; dial < dials; ++dial)
    for (std::size_t i = 0; i < base; ++i) add(i, [dial](std::size_t k) { return k == dial; });
  return points;
}

}  // namespace steelyard
