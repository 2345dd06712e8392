// The population engine on the flagship: how fast it is fitted, and how fast persons are made.

#include <benchmark/benchmark.h>

#include <cstdio>

#include "sim/selection/selection.hpp"

namespace steelyard {
namespace {

const Scenario& flagship() {
  static const Scenario scenario = load_scenario("flexible-employment-2022q2");
  return scenario;
}

const Population& flagship_population() {
  static const Population population(flagship());
  return population;
}

/// Question: can a methodologist change a number and see the new population at once? (bound: 10 s)
void BM_Fit(benchmark::State& state) {
  for (auto _ : state) {
    const Population population(flagship());
    benchmark::DoNotOptimize(population.fit().cells);
  }
}
BENCHMARK(BM_Fit)->Unit(benchmark::kMillisecond)->Iterations(1);

/// Question: how many persons a second, all variables and latent values? (bound: 2e6 on one core)
void BM_Synthesis(benchmark::State& state) {
  const Population& population = flagship_population();
  std::vector<VariableId> all, latents;
  for (std::size_t v = 0; v < flagship().schema.size(); ++v) all.push_back(flagship().schema.id(v));
  if (state.range(0) == 1)
    for (const LatentLaw& law : population.latents()) latents.push_back(law.variable());
  const Synthesizer synthesizer(population, all, latents);
  const PopulationFrame frame(population);
  auto scratch = synthesizer.scratch();
  std::vector<PersonRef> persons(Synthesizer::kBlock);
  std::uint64_t first = 0;
  for (auto _ : state) {
    std::uint32_t cell = frame.cell_of(first);
    for (std::size_t i = 0; i < persons.size(); ++i) {
      while (first + i >= frame.first(cell) + frame.count(cell)) ++cell;
      persons[i] = {cell, first + i};
    }
    synthesizer.make(persons, Seed{1}, purpose("person"), Replicate{0}, scratch);
    benchmark::DoNotOptimize(scratch.columns.back().data());
    first = (first + persons.size()) % (frame.size() - persons.size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(persons.size()));
  state.counters["words"] = static_cast<double>(population.law().cliques().size() + latents.size());
}
BENCHMARK(BM_Synthesis)->ArgName("latents")->Arg(0)->Arg(1);

/// Question: what does a biased draw of 26,252 persons cost, answers not made?
void BM_Selection(benchmark::State& state) {
  const Population& population = flagship_population();
  const PopulationFrame frame(population);
  const Selection selection(population, frame);
  std::vector<PersonRef> persons(26252);
  Selection::Scratch scratch;
  std::uint32_t r = 0;
  for (auto _ : state) {
    selection.draw(Seed{1}, Replicate{r++}, persons, scratch);
    benchmark::DoNotOptimize(persons.data());
  }
  state.SetItemsProcessed(state.iterations() * 26252);
}
BENCHMARK(BM_Selection);

/// Question: how near is synthesis to the bare random numbers? One block of four words a person.
void BM_PhiloxScalar(benchmark::State& state) {
  std::uint64_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        stream_block({Seed{1}, purpose("person"), Replicate{0}, Unit{i++}}, 0));
  state.SetItemsProcessed(state.iterations() * 4);
}
BENCHMARK(BM_PhiloxScalar);

}  // namespace
}  // namespace steelyard
