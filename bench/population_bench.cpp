// The population engine on the flagship: how fast it is fitted, and how fast persons are made.

#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/size_distribution.hpp"
#include "sim/population/audit.hpp"
#include "sim/population/dense_fit.hpp"
#include "sim/population/integerise.hpp"
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
  std::uint64_t first = 0;
  for (auto _ : state) {
    frame.each_block(first, first + Synthesizer::kBlock,
                     [&](const std::vector<PersonRef>& persons) {
                       synthesizer.make(persons, Seed{1}, purpose("person"), {}, scratch);
                     });
    benchmark::DoNotOptimize(scratch.columns.back().data());
    first = (first + Synthesizer::kBlock) % (frame.size() - Synthesizer::kBlock);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(Synthesizer::kBlock));
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

/// Question: how fast is a table of 40,920 cells fitted to five two-way margins that form a cycle,
/// from a dense random seed, to 1e-8 of every margin's cell? (bound: 2 ms; numpy 3-5 ms)
void BM_FitDense(benchmark::State& state) {
  const std::vector<std::size_t> dims{31, 2, 12, 5, 11};
  std::vector<double> seed, truth;
  Stream stream({Seed{1}, purpose("dense"), {}, {}});
  for (std::size_t c = 0; c < 31 * 2 * 12 * 5 * 11; ++c) {
    seed.push_back(0.1 + stream.uniform());
    truth.push_back(0.1 + stream.uniform());
  }
  std::vector<DenseMargin> margins{
      {{0, 1}, {}}, {{1, 2}, {}}, {{2, 3}, {}}, {{3, 4}, {}}, {{0, 4}, {}}};
  double smallest = 1e300, total = 0;
  for (double x : truth) total += x;
  for (DenseMargin& m : margins) {
    m.target.assign(dims[m.axes[0]] * dims[m.axes[1]], 0.0);
    for (std::size_t c = 0; c < truth.size(); ++c) {
      std::size_t rest = c, code[5];
      for (std::size_t k = 5; k-- > 0;) {
        code[k] = rest % dims[k];
        rest /= dims[k];
      }
      m.target[code[m.axes[0]] * dims[m.axes[1]] + code[m.axes[1]]] += truth[c];
    }
    for (double x : m.target) smallest = std::min(smallest, x);
  }
  int sweeps = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<double> table = seed;
    state.ResumeTiming();
    sweeps = fit_dense(table, dims, margins, 1e-8 * smallest / total).sweeps;
    benchmark::DoNotOptimize(table.data());
  }
  state.counters["sweeps"] = sweeps;
}
BENCHMARK(BM_FitDense)->Unit(benchmark::kMicrosecond);

/// Question: what does one law fitted to buckets cost? Lognormal (0), Dagum (1), GB2 (2), in the
/// sixteen income buckets of the American Community Survey (bound: 5 ms for ten families).
void BM_FitIntervals(benchmark::State& state) {
  const Family family = std::array{Family::lognormal, Family::dagum,
                                   Family::gb2}[static_cast<std::size_t>(state.range(0))];
  const std::vector<double> edges{0,
                                  10000,
                                  15000,
                                  20000,
                                  25000,
                                  30000,
                                  35000,
                                  40000,
                                  45000,
                                  50000,
                                  60000,
                                  75000,
                                  1e5,
                                  125000,
                                  150000,
                                  200000,
                                  std::numeric_limits<double>::infinity()};
  const SizeDistribution truth(Family::gb2, {2.2, 52000, 0.8, 1.3});
  std::vector<double> shares;
  for (std::size_t b = 0; b + 1 < edges.size(); ++b)
    shares.push_back(std::round(20000 * truth.probability(edges[b], edges[b + 1])) / 20000);
  for (auto _ : state) {
    const IntervalFit fit = fit_intervals(family, edges, shares, 20000);
    benchmark::DoNotOptimize(fit.aic);
  }
}
BENCHMARK(BM_FitIntervals)
    ->ArgName("family")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMicrosecond);

/// Question: do the flagship's numbers agree? As read (0) and as printed (1; bound: 20 s).
void BM_Audit(benchmark::State& state) {
  const Scenario scenario = load_scenario(
      "flexible-employment-2022q2", {}, state.range(0) ? Reading::as_printed : Reading::corrected);
  std::size_t programs = 0;
  for (auto _ : state) programs = audit(scenario).programs;
  state.counters["programs"] = static_cast<double>(programs);
}
BENCHMARK(BM_Audit)
    ->ArgName("as_printed")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

/// Question: how long do a million persons take that meet every two-way census margin to the
/// person? Fitted from a flat seed, then integerised. (bound: 200 ms; humanleague 1.1-1.4 s)
void BM_IntegerExact(benchmark::State& state) {
  const Scenario& s = flagship();
  const std::vector<std::size_t> dims{31, 2, 2, 6, 5};  // the census's attributes
  std::vector<VariableId> variables(s.root.begin(), s.root.begin() + 5);
  const std::vector<double> census = RootLaw(s).share(variables);
  // Any integer population gives margins that whole persons can meet.
  std::vector<std::int64_t> persons;
  double cumulated = 0;
  std::int64_t before = 0;
  for (double p : census) {
    cumulated += p;
    const auto upto = static_cast<std::int64_t>(cumulated * 1e6 + 0.5);
    persons.push_back(upto - before);
    before = upto;
  }
  std::vector<DenseMargin> shares;
  std::vector<IntegerMargin> margins;
  for (std::size_t a = 0; a < 5; ++a)
    for (std::size_t b = a + 1; b < 5; ++b) {
      std::vector<std::int64_t> sums(dims[a] * dims[b], 0);
      for (std::size_t c = 0; c < persons.size(); ++c) {
        std::size_t rest = c, code[5];
        for (std::size_t k = 5; k-- > 0;) {
          code[k] = rest % dims[k];
          rest /= dims[k];
        }
        sums[code[a] * dims[b] + code[b]] += persons[c];
      }
      shares.push_back({{a, b}, {sums.begin(), sums.end()}});
      margins.push_back({{a, b}, sums, sums});
    }
  Integerisation made;
  for (auto _ : state) {
    std::vector<double> table(census.size(), 1.0);
    fit_dense(table, dims, shares, 1e-9);
    made = integerise(table, dims, margins, before);
  }
  state.counters["left"] = static_cast<double>(made.violation);
  state.counters["rounding"] = static_cast<double>(made.violation_before);
  state.counters["moves"] = static_cast<double>(made.moves);
}
BENCHMARK(BM_IntegerExact)->Unit(benchmark::kMillisecond);

/// Question: how near is synthesis to the bare random numbers? One block of four words a person.
void BM_PhiloxScalar(benchmark::State& state) {
  std::uint64_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(stream_block({Seed{1}, purpose("person"), {}, Unit{i++}}, 0));
  state.SetItemsProcessed(state.iterations() * 4);
}
BENCHMARK(BM_PhiloxScalar);

}  // namespace
}  // namespace steelyard
