// Estimators on one sample of the flagship's size: 26,252 respondents, 31 × 2 × 6 × 5 benchmark
// cells.

#include <benchmark/benchmark.h>

#include <cmath>

#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

/// Region 31, sex 2, age 6, education 5 and a five-level answer; men and the young answer more
/// often.
struct World {
  Schema schema;
  Sample sample;
  std::unique_ptr<Benchmarks> benchmarks;
  std::vector<VariableId> cross;

  explicit World(std::size_t n) {
    const std::size_t sizes[] = {31, 2, 6, 5, 5};
    const char* names[] = {"region", "sex", "age", "education", "answer"};
    sample.schema = &schema;
    sample.n = n;
    sample.columns.resize(5);
    for (std::size_t v = 0; v < 5; ++v) {
      std::vector<std::string> levels;
      std::vector<double> values;
      for (std::size_t k = 0; k < sizes[v]; ++k) {
        levels.push_back("l" + std::to_string(k));
        values.push_back(static_cast<double>(k));
      }
      schema.add(testing::categorical(names[v], levels, values));
      if (v < 4) cross.push_back(schema.id(v));
    }
    Stream stream({Seed{1}, purpose("bench"), {}, {}});
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t v = 0; v < 5; ++v) {
        const double u = std::pow(stream.uniform(), v == 0 ? 1.0 : 1.6);
        sample.columns[v].push_back(static_cast<LevelCode>(u * static_cast<double>(sizes[v])));
      }
    benchmarks = std::make_unique<Benchmarks>(schema);
    std::vector<double> totals;
    for (std::size_t c = 0; c < 31 * 2 * 6 * 5; ++c)
      totals.push_back(1000 + static_cast<double>(stream.below(5000)));
    benchmarks->add({cross, totals});
  }
};

const World& world(std::size_t n) {
  static const World w(n);
  return w;
}

std::string options(std::string_view method) {
  const std::string margins = "margins = [\"region\", \"sex\", \"age\", \"education\"]";
  if (method == "none") return "";
  if (method == "poststratification") return "cross = [\"region\"]";
  if (method == "model_calibration")
    return "outcome = \"answer\"\npredictors = [\"region\", \"sex\", \"age\", \"education\"]";
  if (method == "sequential")
    return "steps = [{method = \"poststratification\", cross = [\"region\"]}, {method = "
           "\"raking\", " +
           margins + "}]";
  return margins;
}

/// Question: what does each weighting cost, the sample's cells given? (R survey: rake 281 ms)
void BM_Weighting(benchmark::State& state, const char* method) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const auto weighting = testing::make(weightings(), method, w.schema, options(method));
  std::vector<VariableId> cells = w.cross;
  if (std::string_view(method) == "model_calibration") cells.push_back(w.schema.id(4));
  const CellIndex index = make_cell_index(w.sample, cells);
  const auto first = weighting->weigh(index, *w.benchmarks);
  if (!first || first.value().largest_margin_error > 1e-8)
    state.SkipWithError("the margins are not met");
  for (auto _ : state)
    benchmark::DoNotOptimize(weighting->weigh(index, *w.benchmarks).value().factor.data());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(BM_Weighting, none, "none")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, poststratification, "poststratification")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, raking, "raking")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, calibration, "calibration")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, entropy_balancing, "entropy_balancing")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, optimal_representative, "optimal_representative")
    ->ArgName("n")
    ->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, model_calibration, "model_calibration")->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Weighting, sequential, "sequential")->ArgName("n")->Arg(26252);

/// Question: what does collapsing the sample into cells cost?
void BM_CellIndex(benchmark::State& state) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(make_cell_index(w.sample, w.cross).cells);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_CellIndex)->ArgName("n")->Arg(26252);

/// Question: what does one answer over everybody cost, before any weighting?
void BM_Tabulate(benchmark::State& state) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const CellIndex index = make_cell_index(w.sample, w.cross);
  const auto rows = domain_rows(w.sample, {});
  Tabulator tabulator(w.sample, index);
  const VariableId answer = w.schema.id(4);
  for (auto _ : state)
    benchmark::DoNotOptimize(tabulator.tabulate({&answer, 1}, rows).weight.data());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Tabulate)->ArgName("n")->Arg(26252);

/// Question: one mean with its linearized interval after raking, and what preparing costs once.
void BM_Interval(benchmark::State& state, bool prepare) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const CellIndex index = make_cell_index(w.sample, w.cross);
  const auto weights = testing::make(weightings(), "raking", w.schema, options("raking"))
                           ->weigh(index, *w.benchmarks);
  const auto method = testing::make(intervals(), "linearization", w.schema);
  const auto prepared = method->prepare({index, weights.value()});
  const auto mean = testing::make(functionals(), "mean", w.schema, "variable = \"answer\"");
  const VariableId answer = w.schema.id(4);
  Tabulator tabulator(w.sample, index);
  const Tabulation table = tabulator.tabulate({&answer, 1}, domain_rows(w.sample, {}));
  const std::vector<BucketValues> values{{mean->fixed_values(0), {}}};
  for (auto _ : state) {
    if (prepare)
      benchmark::DoNotOptimize(method->prepare({index, weights.value()}).value().get());
    else
      benchmark::DoNotOptimize(
          prepared.value()
              ->interval(
                  {table, mean->estimate(level_totals(table, weights.value()), values).value()})
              .value()
              .se);
  }
}
BENCHMARK_CAPTURE(BM_Interval, prepare, true)->ArgName("n")->Arg(26252);
BENCHMARK_CAPTURE(BM_Interval, estimate, false)->ArgName("n")->Arg(26252);

/// Question: what does a functional cost, the totals of its levels given? (microseconds at most)
void BM_Functional(benchmark::State& state, const char* method, double expected) {
  const World& w = world(26252);
  const auto f = testing::make(functionals(), method, w.schema, "variable = \"answer\"");
  const LevelEstimator estimator(w.schema, *f, nullptr);
  const std::vector<double> totals{30, 25, 20, 15, 10};
  if (std::abs(estimator.estimate(totals).value().estimate - expected) > 1e-12)
    state.SkipWithError("not the estimate by hand");
  for (auto _ : state) benchmark::DoNotOptimize(estimator.estimate(totals).value().estimate);
}
BENCHMARK_CAPTURE(BM_Functional, mean, "mean", 1.5);
BENCHMARK_CAPTURE(BM_Functional, total, "total", 150);
BENCHMARK_CAPTURE(BM_Functional, quantile, "quantile", 1);

/// Question: what do 50 replicates cost that rake again, with the totals of one answer?
void BM_Replication(benchmark::State& state, const char* method, const char* how) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const CellIndex index = make_cell_index(w.sample, w.cross);
  const auto raking = testing::make(weightings(), "raking", w.schema, options("raking"));
  const Weights weights = raking->weigh(index, *w.benchmarks).value();
  const auto mean = testing::make(functionals(), "mean", w.schema, "variable = \"answer\"");
  const LevelEstimator estimator(w.schema, *mean, nullptr);
  const VariableId answer = w.schema.id(4);
  const auto rows = domain_rows(w.sample, {});
  Tabulator tabulator(w.sample, index);
  const Tabulation table = tabulator.tabulate({&answer, 1}, rows);
  const AnswerRows all{{&answer, 1}, rows};
  const std::vector<double> totals = level_totals(table, weights);
  const PointEstimate point = estimator.estimate(totals).value();
  const WeightedSample sample{.index = index,
                              .weights = weights,
                              .sample = &w.sample,
                              .weighting = raking.get(),
                              .benchmarks = w.benchmarks.get(),
                              .tables = {&all, 1},
                              .seed = Seed{1},
                              .replicate = {}};
  const auto se = [&](const char* name, const char* text) {
    const auto prepared = testing::make(intervals(), name, w.schema, text)->prepare(sample);
    return prepared.value()->interval({table, point, &estimator, totals, 0}).value().se;
  };
  // 50 replicates leave the standard error a coefficient of variation of 10 %.
  if (std::abs(se(method, how) / se("linearization", "") - 1) > 0.4)
    state.SkipWithError("not near the linearized standard error");
  for (auto _ : state) benchmark::DoNotOptimize(se(method, how));
  state.SetItemsProcessed(state.iterations() * 50);
}
BENCHMARK_CAPTURE(BM_Replication, jackknife, "jackknife", "groups = 50")
    ->ArgName("n")
    ->Arg(26252)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Replication, bootstrap, "bootstrap", "replicates = 50")
    ->ArgName("n")
    ->Arg(26252)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Replication, bayesian_bootstrap, "bayesian_bootstrap", "replicates = 50")
    ->ArgName("n")
    ->Arg(26252)
    ->Unit(benchmark::kMillisecond);

/// Question: what does each value rule cost? (microseconds at most)
void BM_ValueRule(benchmark::State& state, const char* method) {
  Variable v =
      testing::categorical("income", {"a", "b", "c", "d", "e"}, {1000, 3500, 6500, 14000, 25000});
  v.kind = VariableKind::bucketed;
  v.edges = {0, 2000, 5000, 8000, 20000, std::numeric_limits<double>::infinity()};
  const Schema schema;
  const auto rule = testing::make(value_rules(), method, schema);
  const std::vector<double> totals{8, 31, 37, 22, 2};
  for (auto _ : state) benchmark::DoNotOptimize(rule->values(v, totals).value().value.data());
}
BENCHMARK_CAPTURE(BM_ValueRule, midpoints, "midpoints");
BENCHMARK_CAPTURE(BM_ValueRule, linear_cdf, "linear_cdf");
BENCHMARK_CAPTURE(BM_ValueRule, pareto_tail, "pareto_tail");

}  // namespace
}  // namespace steelyard
