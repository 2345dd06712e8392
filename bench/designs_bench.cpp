// Sampling designs: what a draw and a matrix of joint probabilities cost, by design. Last answer
// (CPU time, one core of a shared two-core machine, n = N/10): a draw from 1000 units takes 0.8 us
// systematic, 8-15 us simple random, Poisson, Sampford, maximum entropy and random systematic, 0.16
// ms Brewer, 11 ms Tille; making Sampford or maximum entropy 5-6 ms; joint probabilities of 500
// units 14 ms systematic, 29 ms maximum entropy, 47 ms Sampford, 53 ms Tille.

#include <benchmark/benchmark.h>
#include <toml++/toml.h>

#include <cmath>
#include <stdexcept>
#include <string>

#include "sim/designs/design.hpp"

namespace steelyard {
namespace {

/// Uniform sizes from 1 to 7; no unit is certain for n = N/10.
DesignFrame frame_of(std::size_t units) {
  DesignFrame frame;
  frame.units = units;
  Stream stream({Seed{1}, purpose("designs_bench"), {}, {}});
  for (std::size_t k = 0; k < units; ++k) frame.size.push_back(1 + 6 * stream.uniform());
  return frame;
}

std::unique_ptr<const SamplingDesign> make(const std::string& name, std::size_t units) {
  const std::string options = "n = " + std::to_string(units / 10);
  const toml::table table = toml::parse(options);
  ConfigReader config(table, "bench.toml", name);
  for (const DesignInfo& info : sampling_designs())
    if (info.name == name) return info.make(config, frame_of(units));
  throw std::runtime_error("no design " + name);
}

void BM_Draw(benchmark::State& state, const char* name) {
  const auto units = static_cast<std::size_t>(state.range(0));
  const auto design = make(name, units);
  std::vector<std::uint32_t> sample;
  std::uint32_t r = 0;
  for (auto _ : state) {
    Stream stream({Seed{2}, purpose("designs_bench"), Replicate{r++}, {}});
    design->draw(stream, sample);
    benchmark::DoNotOptimize(sample.data());
  }
  if (std::string(name) != "poisson" && sample.size() != units / 10)
    state.SkipWithError("wrong sample size");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Make(benchmark::State& state, const char* name) {
  const auto units = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(make(name, units));
}

void BM_Joint(benchmark::State& state, const char* name) {
  const auto units = static_cast<std::size_t>(state.range(0));
  const auto design = make(name, units);
  {
    const auto joint = design->joint();
    double sum = 0;
    for (std::size_t l = 0; l < units; ++l) sum += joint.value()(0, l);
    const double expected = static_cast<double>(units / 10) * design->probabilities()[0];
    if (!(std::abs(sum - expected) < 1e-9)) state.SkipWithError("rows do not sum to n times π");
  }
  for (auto _ : state) benchmark::DoNotOptimize(design->joint());
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(0));
}

#define DRAW(name) BENCHMARK_CAPTURE(BM_Draw, name, #name)->ArgName("N")->Arg(1000)
DRAW(simple_random);
DRAW(systematic_pps);
DRAW(random_systematic_pps);
DRAW(brewer);
DRAW(sampford);
DRAW(maximum_entropy);
DRAW(tille)->Unit(benchmark::kMillisecond);
DRAW(poisson);

#define MAKE(name) \
  BENCHMARK_CAPTURE(BM_Make, name, #name)->ArgName("N")->Arg(1000)->Unit(benchmark::kMillisecond)
MAKE(sampford);
MAKE(maximum_entropy);

#define JOINT(name) \
  BENCHMARK_CAPTURE(BM_Joint, name, #name)->ArgName("N")->Arg(500)->Unit(benchmark::kMillisecond)
JOINT(systematic_pps);
JOINT(sampford);
JOINT(maximum_entropy);
JOINT(tille);

}  // namespace
}  // namespace steelyard
