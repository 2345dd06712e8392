// Time of the likelihood and calibrated rules, with all their statistics, on one table: a US county
// of 20,000 households in 16 buckets (the first of us_county_bins.csv).

#include <benchmark/benchmark.h>

#include "tests/estimators/counties.hpp"

namespace {

using namespace steelyard;

void fit_and_ask(benchmark::State& state, const BucketRule& rule, const BucketTable& table) {
  for (auto _ : state) {
    const Result<BucketFit> fit = rule.fit(table);
    if (!fit) {
      state.SkipWithError(fit.failure().detail.c_str());
      return;
    }
    const Law& law = *fit.value().law;
    double sum = law.mean() + law.variance() + law.gini() + law.theil() + law.mld();
    for (double u : {0.1, 0.25, 0.5, 0.75, 0.9}) sum += law.quantile(u);
    benchmark::DoNotOptimize(sum);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const auto county =
      testing::counties(STEELYARD_SOURCE_DIR "/tests/golden/binned/us_county_bins.csv").front();
  std::vector<std::unique_ptr<const BucketRule>> rules;
  for (const BucketRuleInfo& info : bucket_rules()) {
    const BucketRule* rule = rules.emplace_back(info.make()).get();
    benchmark::RegisterBenchmark(std::string(info.name).c_str(), [rule, &county](auto& state) {
      fit_and_ask(state, *rule, county.table);
    })->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
