// Household synthesis at the size of the PopulationSim paper's example: 62,041 households with
// 156,452 persons in 930 zones (there: 16.5 minutes).

#include <benchmark/benchmark.h>

#include <array>
#include <numeric>

#include "study/households.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kZones = 930, kHouseholds = 62041, kPersons = 156452;
constexpr std::size_t kGroups = 10, kSeedsPerGroup = 3000;
constexpr std::array<std::size_t, 4> kHouseholdLevels{4, 4, 4, 3};  // size, income, workers, age
constexpr std::array<std::size_t, 3> kPersonLevels{7, 2, 6};        // age, sex, occupation

/// Adds one control with `levels` columns.
void add_control(HouseholdScenario& s, bool of_households, std::size_t levels) {
  HouseholdControl control;
  control.id = "control" + std::to_string(s.controls.size());
  control.of_households = of_households;
  s.controls.push_back(control);
  for (std::size_t l = 0; l < levels; ++l) {
    ControlColumn column;
    column.control = s.controls.size() - 1;
    column.text = control.id + "=" + std::to_string(l);
    column.targets.assign(kZones, 0.0);
    s.columns.push_back(column);
  }
}

/// A seed household: its size and other levels, and its persons' levels, with skewed shares.
void add_seed(Incidence& a, Stream& rng) {
  std::vector<float> counts(a.columns);
  counts[0] = 1;
  const auto skewed = [&](std::size_t levels) {
    const double u = rng.uniform();
    return std::min(levels - 1, static_cast<std::size_t>(u * (0.5 + u / 2) * 1.0 *
                                                         static_cast<double>(levels)));
  };
  std::size_t column = 1, persons = 1;
  for (std::size_t v = 0; v < kHouseholdLevels.size(); ++v) {
    const std::size_t level = skewed(kHouseholdLevels[v]);
    if (v == 0) persons = level + 1 + (level == 3 ? rng.below(4) : 0);
    counts[column + level] = 1;
    column += kHouseholdLevels[v];
  }
  for (std::size_t levels : kPersonLevels) {
    for (std::size_t p = 0; p < persons; ++p) counts[column + rng.below(levels)] += 1;
    column += levels;
  }
  for (std::uint32_t c = 0; c < a.columns; ++c)
    if (counts[c] > 0) {
      a.column.push_back(c);
      a.count.push_back(counts[c]);
    }
  a.seeds.push_back(static_cast<std::uint32_t>(a.seeds.size()));
  a.first.push_back(a.column.size());
}

double persons_of(const Incidence& a, std::size_t row) {
  double persons = 0;
  const std::size_t sex = a.columns - kPersonLevels[2] - kPersonLevels[1];
  for (std::size_t e = a.first[row]; e < a.first[row + 1]; ++e)
    if (a.column[e] >= sex && a.column[e] < sex + kPersonLevels[1])
      persons += static_cast<double>(a.count[e]);
  return persons;
}

HouseholdScenario make_input() {
  HouseholdScenario s;
  add_control(s, true, 1);
  for (std::size_t levels : kHouseholdLevels) add_control(s, true, levels);
  for (std::size_t levels : kPersonLevels) add_control(s, false, levels);
  Stream rng({Seed{1}, purpose("bench"), Replicate{0}, Unit{0}});
  for (std::size_t g = 0; g < kGroups; ++g) {
    Incidence a;
    a.columns = s.columns.size();
    a.first.push_back(0);
    for (std::size_t i = 0; i < kSeedsPerGroup; ++i) add_seed(a, rng);
    s.groups.push_back(std::move(a));
  }
  s.seeds.weight.assign(kSeedsPerGroup, 1.0);
  // The true households: drawn by zone, then redrawn one by one until the persons are as many.
  std::vector<std::size_t> zone(kHouseholds), row(kHouseholds);
  double persons = 0;
  for (std::size_t z = 0; z < kZones; ++z) {
    HouseholdZone place;
    place.group = z * kGroups / kZones;
    s.zones.push_back(place);
  }
  for (std::size_t h = 0; h < kHouseholds; ++h) {
    zone[h] = h < kZones ? h : rng.below(kZones);
    row[h] = rng.below(kSeedsPerGroup);
    persons += persons_of(s.groups[s.zones[zone[h]].group], row[h]);
  }
  while (persons != static_cast<double>(kPersons)) {
    const std::size_t h = rng.below(kHouseholds), other = rng.below(kSeedsPerGroup);
    const Incidence& a = s.groups[s.zones[zone[h]].group];
    const double changed = persons - persons_of(a, row[h]) + persons_of(a, other);
    if (std::abs(changed - kPersons) >= std::abs(persons - kPersons)) continue;
    persons = changed;
    row[h] = other;
  }
  for (std::size_t h = 0; h < kHouseholds; ++h) {
    const Incidence& a = s.groups[s.zones[zone[h]].group];
    for (std::size_t e = a.first[row[h]]; e < a.first[row[h] + 1]; ++e)
      s.columns[a.column[e]].targets[zone[h]] += static_cast<double>(a.count[e]);
  }
  for (double households : s.columns[0].targets)
    s.totals.push_back(static_cast<std::uint64_t>(households));
  return s;
}

/// Question: how long do fit and integerisation of 62,041 households in 930 zones take? (bound:
/// 10 s on two cores). `off` counters: sum of |count - target| over all zones after integerisation.
void BM_Households(benchmark::State& state) {
  HouseholdScenario scenario = make_input();
  scenario.fitting.method =
      state.range(1) == 0 ? FittingMethod::entropy_balancing : FittingMethod::ipu;
  HouseholdFit fit;
  for (auto _ : state) {
    fit = fit_households(scenario, static_cast<int>(state.range(0)));
    integerise_households(scenario, Seed{1}, static_cast<int>(state.range(0)), fit);
  }
  double household_off = 0, person_off = 0, unmet = 0;
  for (const ControlOutcome& outcome : fit.outcomes) {
    const bool of_households =
        scenario.controls[scenario.columns[outcome.column].control].of_households;
    (of_households ? household_off : person_off) +=
        std::abs(static_cast<double>(outcome.whole) - outcome.target);
    unmet += outcome.error() > scenario.fitting.tolerance;
  }
  state.counters["fit_s"] = fit.fit_seconds;
  state.counters["integerise_s"] = fit.integerise_seconds;
  state.counters["unmet"] = unmet;
  state.counters["households_off"] = household_off;
  state.counters["persons_off"] = person_off;
}
BENCHMARK(BM_Households)
    ->ArgNames({"threads", "ipu"})
    ->Args({1, 0})
    ->Args({2, 0})
    ->Args({1, 1})
    ->Args({2, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);

}  // namespace
}  // namespace steelyard
