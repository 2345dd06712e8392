// Whole replicates: draw, answers, weights, estimates.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "core/output.hpp"
#include "study/engine.hpp"
#include "study/replicate.hpp"

namespace steelyard {
namespace {

/// 1,000,000 persons in 31 regions × 2 sexes × 6 ages; men and the young answer more often; one
/// five-level answer with numbers, estimated unweighted, by region only, and raked.
class OneMean {
 public:
  OneMean()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("steelyard-bench-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    std::string regions, census = "region,sex,age,persons\n", odds = "sex,age,odds\n",
                         answer = "sex,age,score,weight\n";
    for (int r = 0; r < 31; ++r) regions += fmt::format("{}\"r{}\"", r ? "," : "", r);
    for (int r = 0; r < 31; ++r)
      for (int s = 0; s < 2; ++s)
        for (int a = 0; a < 6; ++a)
          census += fmt::format("r{},s{},a{},{}\n", r, s, a,
                                1000 + 90 * r + 300 * ((r + 2 * a) % 5) + 150 * a);
    for (int s = 0; s < 2; ++s)
      for (int a = 0; a < 6; ++a) {
        odds += fmt::format("s{},a{},{:.6f}\n", s, a,
                            (s ? 1.0 : 2.4) * std::exp(-0.6 * std::abs(a - 1.5)));
        for (int k = 0; k < 5; ++k)
          answer += fmt::format("s{},a{},{},{:.6f}\n", s, a, k,
                                1 + std::exp(-0.5 * std::abs(k - 0.5 * a - s)));
      }
    write_file(folder_ / "census.csv", census);
    write_file(folder_ / "odds.csv", odds);
    write_file(folder_ / "answer.csv", answer);
    write_file(folder_ / "scenario.toml", fmt::format(R"([scenario]
name = "one-mean"
title = "One mean"
[population]
size = 1_000_000
root = ["region", "sex", "age"]
[sample]
size = 26_000
[[variable]]
name = "region"
kind = "categorical"
levels = [{}]
[[variable]]
name = "sex"
kind = "categorical"
levels = ["s0", "s1"]
[[variable]]
name = "age"
kind = "ordered"
levels = ["a0", "a1", "a2", "a3", "a4", "a5"]
[[variable]]
name = "score"
kind = "count"
maximum = 4
[[table]]
id = "census"
file = "census.csv"
variables = ["region", "sex", "age"]
value = "persons"
provenance = "assumed"
source = "made for the benchmark"
[[table]]
id = "answer"
file = "answer.csv"
variables = ["sex", "age", "score"]
value = "weight"
role = "seed"
side = "answers"
provenance = "assumed"
source = "made for the benchmark"
[[selection]]
file = "odds.csv"
variables = ["sex", "age"]
source = "made for the benchmark"
[[benchmark]]
variables = ["region", "sex", "age"]
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "region_only"
method = "poststratification"
cross = ["region"]
[[weighting]]
name = "raking"
method = "raking"
margins = ["region", "sex", "age"]
[[interval]]
name = "linearization"
method = "linearization"
[[estimand]]
id = "mean_score"
functional = "mean"
variable = "score"
)",
                                                      regions));
    scenario_ = load_scenario(folder_.string());
  }
  ~OneMean() { std::filesystem::remove_all(folder_); }
  const Scenario& scenario() const { return scenario_; }

 private:
  std::filesystem::path folder_;
  Scenario scenario_;
};

/// Question: replicates a second on one core, with standard errors? (bound: 800; a plain loop
/// ~1,000)
void BM_ReplicatesOfOneMean(benchmark::State& state) {
  const OneMean world;
  const Study study(world.scenario());
  Benchmarks benchmarks(world.scenario().schema);
  for (const auto& variables : study.plan().benchmarks)
    benchmarks.add({variables, population_totals(study.population(), study.frame(), variables)});
  const ReplicatePlan plan(world.scenario(), study.plan());
  const Synthesizer synthesizer = study.sample_synthesizer(plan.variables());
  Study::Scratch scratch = study.scratch(synthesizer);
  const auto truth =
      make_truths(study.population(), study.frame(), study.plan(), Seed{1}, Tally::yes, 0);
  const auto first = plan.run(study.draw_sample(Seed{1}, Replicate{0}, synthesizer, scratch),
                              Seed{1}, 0, benchmarks);
  if (!(std::abs(first.estimate[2] - truth[0].finite) < 6 * first.se[2]) ||
      std::abs(first.estimate[0] - truth[0].finite) < 3 * first.se[0])
    state.SkipWithError("raking does not remove the bias that the unweighted mean has");
  std::uint32_t r = 0;
  for (auto _ : state) {
    const auto results = plan.run(study.draw_sample(Seed{1}, Replicate{r}, synthesizer, scratch),
                                  Seed{1}, r, benchmarks);
    ++r;
    benchmark::DoNotOptimize(results.estimate.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ReplicatesOfOneMean)->Unit(benchmark::kMicrosecond);

/// The flagship with one more value rule.
class OneMoreRule {
 public:
  OneMoreRule()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("steelyard-bench-rule-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    write_file(
        folder_ / "scenario.toml", std::string(R"(extends = "flexible-employment-2022q2"
[scenario]
name = "one-more-rule"
title = "The flagship with one more value rule"
)") + [] {
          std::string rules;
          for (const char* method : {"midpoints", "linear_cdf", "pareto_tail", "pchip_top2"})
            rules += fmt::format("[[value_rule]]\nname = \"{}\"\nmethod = \"{}\"\n",
                                 method == std::string("midpoints") ? "report_midpoints" : method,
                                 method);
          return rules;
        }());
    scenario_ = load_scenario(folder_.string());
  }
  ~OneMoreRule() { std::filesystem::remove_all(folder_); }
  const Scenario& scenario() const { return scenario_; }

 private:
  std::filesystem::path folder_;
  Scenario scenario_;
};

/// Question: one replicate of the flagship, all estimators, estimands and intervals, on one core?
/// The draw alone; with its estimates; with those of one more value rule and their intervals.
void BM_FlagshipReplicate(benchmark::State& state) {
  static const OneMoreRule one_more;
  static const Scenario as_shipped = load_scenario("flexible-employment-2022q2");
  static const Study plain(as_shipped), more(one_more.scenario());
  const bool extra = state.range(0) == 2;
  const Scenario& scenario = extra ? one_more.scenario() : as_shipped;
  const Study& study = extra ? more : plain;
  Benchmarks benchmarks(scenario.schema);
  for (const auto& variables : study.plan().benchmarks)
    benchmarks.add({variables, population_totals(study.population(), study.frame(), variables)});
  const ReplicatePlan plan(scenario, study.plan());
  const Synthesizer synthesizer = study.sample_synthesizer(plan.variables());
  Study::Scratch scratch = study.scratch(synthesizer);
  std::uint32_t r = 0;
  for (auto _ : state) {
    const Sample& sample = study.draw_sample(Seed{1}, Replicate{r}, synthesizer, scratch);
    if (state.range(0) > 0)
      benchmark::DoNotOptimize(plan.run(sample, Seed{1}, r, benchmarks).estimate.data());
    ++r;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FlagshipReplicate)
    ->ArgName("estimate")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace steelyard
