// Every bucket rule with all its statistics, and the bounds, on the 16 buckets of one US county.

#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "estimators/buckets/bounds.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard {
namespace {

/// Autauga County, Alabama, households of 2006-10 by income; every rule is feasible on it.
const BucketTable& county() {
  static const BucketTable table{
      {0, 10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000, 50000, 60000, 75000, 1e5, 125000,
       150000, 200000, HUGE_VAL},
      {1316, 996, 835, 889, 1197, 873, 1002, 1111, 946, 1924, 2196, 2943, 1617, 940, 632, 301},
      19718,
      64733};
  return table;
}

double all_statistics(const Law& law) {
  double sum = law.mean() + law.variance() + law.gini() + law.theil() + law.mld();
  for (const double u : {0.1, 0.25, 0.5, 0.75, 0.9}) sum += law.quantile(u);
  return sum;
}

double all_bounds(const BucketTable& table) {
  double sum = mean_bounds(table).lower + gini_bounds(table).lower +
               gini_bounds_given_mean(table, *table.known_mean).value().upper;
  for (const double u : {0.1, 0.25, 0.5, 0.75, 0.9}) sum += quantile_bounds(table, u).lower;
  return sum;
}

void one_rule(benchmark::State& state, const BucketRuleInfo& info) {
  const auto rule = info.make();
  const BucketTable& table = county();
  for (auto _ : state) {
    const auto fit = rule->fit(table);
    if (!fit) {
      state.SkipWithError(fit.failure().detail.c_str());
      break;
    }
    benchmark::DoNotOptimize(all_statistics(*fit.value().law));
  }
}

void only_bounds(benchmark::State& state) {
  const BucketTable& table = county();
  for (auto _ : state) benchmark::DoNotOptimize(all_bounds(table) + all_bounds(capped(table, 2)));
}

bool on_grid(std::string_view name) { return name == "ems" || name == "pclm"; }

/// All rules in closed form or with a solved tail, and the bounds: what one table costs.
void whole_table(benchmark::State& state) {
  std::vector<std::unique_ptr<const BucketRule>> rules;
  for (const BucketRuleInfo& info : bucket_rules())
    if (!on_grid(info.name)) rules.push_back(info.make());
  const BucketTable& table = county();
  for (auto _ : state) {
    double sum = all_bounds(table);
    for (const auto& rule : rules)
      if (const auto fit = rule->fit(table); fit.ok()) sum += all_statistics(*fit.value().law);
    benchmark::DoNotOptimize(sum);
  }
}

const int registered = [] {
  for (const BucketRuleInfo& info : bucket_rules())
    if (info.name != "mid_arith")  // refuses open buckets
      benchmark::RegisterBenchmark(std::string(info.name).c_str(), one_rule, info);
  benchmark::RegisterBenchmark("bounds", only_bounds);
  benchmark::RegisterBenchmark("whole_table", whole_table);
  return 0;
}();

}  // namespace
}  // namespace steelyard
