// The timing workload (tests/golden/workload/README.md): 26,252 rows, 1,860 cells of four margins,
// 40 answers. Everything is done from rows in memory: columns of level codes and of numbers, and
// the base weights; each timing includes the cell index and, where weights are used, the raking.

#include <benchmark/benchmark.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/random_blocks.hpp"
#include "estimators/survey/kernels.hpp"
#include "tests/estimators/workload.hpp"

namespace steelyard {
namespace {

using nlohmann::json;
using testing::Weighed;
using testing::Workload;

const std::string kFolder = std::string(STEELYARD_SOURCE_DIR) + "/tests/golden/workload";

const Workload& load() {
  static const Workload workload(kFolder);
  return workload;
}

const json& expected() {
  static const json values = json::parse(std::ifstream(kFolder + "/workload_expected.json"));
  return values;
}

std::unique_ptr<const Weighting> weighting_of(const char* method, const char* options) {
  return load().weighting(method, Workload::margins() + options);
}

double kish(const std::vector<double>& w) {
  double sum = 0, squares = 0;
  for (double x : w) {
    sum += x;
    squares += x * x;
  }
  return static_cast<double>(w.size()) * squares / (sum * sum);
}

bool near(double ours, const json& theirs, double tolerance = 1e-8) {
  return std::abs(ours / double(theirs) - 1) < tolerance;
}

/// Question: one weight a respondent, to 1e-10 of the population. Includes the cell index.
void BM_Weigh(benchmark::State& state, const char* method, const char* options, const char* key) {
  const auto weighting = weighting_of(method, options);
  const Weighed first(load(), *weighting);
  if (!near(kish(first.w), expected().at("kish_deff").at(key)))
    state.SkipWithError("Kish's design effect is not R's");
  for (auto _ : state) benchmark::DoNotOptimize(Weighed(load(), *weighting).w.data());
  state.SetItemsProcessed(state.iterations() * std::int64_t(load().sample.n));
}
BENCHMARK_CAPTURE(BM_Weigh, rake, "raking", "", "rake")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Weigh, linear, "calibration", "", "linear")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Weigh, logit, "calibration", "distance = \"logit\"\nbounds = [0.05, 30]",
                  "logit")
    ->Unit(benchmark::kMillisecond);

/// A file of respondents as a program holds it, to be weighed and estimated from again and again.
struct Survey {
  SurveyDesign design;
  SurveyData data;
  std::unique_ptr<const Weighting> weighting;

  Survey(bool groups, const char* method)
      : design(make_design(groups)),
        data(survey_data(load(), design)),
        weighting(weighting_of(method, "")) {}

  std::vector<EstimateRow> run(const std::vector<EstimateRequest>& requests,
                               const EstimationOptions& options = {}) {
    const Weighed weighed(load(), *weighting);
    set_weights(data, weighed, *weighting);
    return estimate_all(data, requests, options);
  }

 private:
  static SurveyDesign make_design(bool groups) {
    DesignColumns columns;
    columns.n = load().sample.n;
    if (groups) columns.clusters = {load().psu};
    return std::move(SurveyDesign::make(columns).value());
  }
};

bool agree(const std::vector<EstimateRow>& rows, const char* means, const char* errors,
           double tolerance = 1e-8) {
  for (const EstimateRow& row : rows) {
    const std::string& name = load().names[row.request];
    if (row.failure || !near(row.estimate, expected().at(means).at(name)) ||
        !near(row.se, expected().at(errors).at(name), tolerance))
      return false;
  }
  return rows.size() == load().names.size();
}

/// Question: 40 means with linearized errors, intervals and design effects, rows to results.
void BM_Means(benchmark::State& state, const char* method, const char* means, const char* errors) {
  Survey survey(false, method);
  const auto requests = load().means();
  if (!agree(survey.run(requests), means, errors)) state.SkipWithError("not R's estimates");
  for (auto _ : state) benchmark::DoNotOptimize(survey.run(requests).data());
}
BENCHMARK_CAPTURE(BM_Means, raked, "raking", "rake_means", "rake_se")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Means, greg, "calibration", "greg_means", "greg_se")
    ->Unit(benchmark::kMillisecond);

/// Question: the same in each of 31 regions, 1,240 estimates.
void BM_MeansByRegion(benchmark::State& state) {
  Survey survey(false, "raking");
  survey.data.domain_of = load().region;
  survey.data.domains = load().schema[load().variables[0]].levels;
  const auto requests = load().means();
  const json more = json::parse(std::ifstream(kFolder + "/workload_more.json"));
  for (const EstimateRow& row : survey.run(requests))
    if (row.failure || (survey.data.domains[row.domain] == "R05" &&
                        !near(row.se, more.at("region05_se").at(load().names[row.request]))))
      state.SkipWithError("not R's errors");
  for (auto _ : state) benchmark::DoNotOptimize(survey.run(requests).data());
}
BENCHMARK(BM_MeansByRegion)->Unit(benchmark::kMillisecond);

/// Question: medians of six amounts with Woodruff intervals.
void BM_Medians(benchmark::State& state) {
  Survey survey(false, "raking");
  const auto requests = load().medians();
  const json more = json::parse(std::ifstream(kFolder + "/workload_more.json"));
  for (const EstimateRow& row : survey.run(requests)) {
    const json& median = more.at("medians").at(requests[row.request].variable);
    if (!near(row.estimate, median.at("estimate")) || !near(row.lower, median.at("ci_lo")))
      state.SkipWithError("not R's medians");
  }
  for (auto _ : state) benchmark::DoNotOptimize(survey.run(requests).data());
}
BENCHMARK(BM_Medians)->Unit(benchmark::kMillisecond);

/// Question: replicate weights, raking in each, 40 means and their errors.
void BM_Replicates(benchmark::State& state, ReplicateMethod method) {
  const bool groups = method == ReplicateMethod::jk1;
  Survey survey(groups, "raking");
  const auto requests = load().means();
  const auto run = [&] {
    const auto replicates =
        make_replicates(survey.design, {.method = method, .replicates = 200, .seed = Seed{1}});
    return survey.run(requests, {.replicates = &replicates.value()});
  };
  // Another 200 draws: a bootstrap error is known to 1/√400.
  if (groups ? !agree(run(), "jk1_means", "jk1_se")
             : !agree(run(), "rake_means", "rake_se", 4.5 / std::sqrt(400.0)))
    state.SkipWithError("not R's errors");
  for (auto _ : state) benchmark::DoNotOptimize(run().data());
}
BENCHMARK_CAPTURE(BM_Replicates, bootstrap200, ReplicateMethod::bootstrap)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Replicates, jk1, ReplicateMethod::jk1)->Unit(benchmark::kMillisecond);

/// The machine's floor: 41 columns of numbers read once and summed by weight.
void BM_FloorColumns(benchmark::State& state) {
  const auto& columns = load().answers;
  const std::vector<double>& w = load().sample.base_weights;
  for (auto _ : state)
    for (const auto& y : columns) {
      double s[8] = {};
      for (std::size_t i = 0; i + 8 <= y.size(); i += 8)
        for (std::size_t k = 0; k < 8; ++k) s[k] += w[i + k] * y[i + k];
      benchmark::DoNotOptimize(s);
    }
  state.SetBytesProcessed(state.iterations() * std::int64_t(41 * 8 * load().sample.n));
}
BENCHMARK(BM_FloorColumns)->Unit(benchmark::kMillisecond);

/// And of a bootstrap: the random numbers of 200 replicates, one a row.
void BM_FloorDraws(benchmark::State& state) {
  const std::size_t n = load().sample.n;
  for (auto _ : state)
    for (std::uint32_t r = 0; r < 200; ++r) {
      Stream stream({Seed{1}, purpose("floor"), Replicate{r}, {}});
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += stream.below(n);
      benchmark::DoNotOptimize(sum);
    }
  state.SetItemsProcessed(state.iterations() * std::int64_t(200 * n));
}
BENCHMARK(BM_FloorDraws)->Unit(benchmark::kMillisecond);

/// The same numbers made many blocks at a time, as the bootstrap draws them.
void BM_FloorBulkDraws(benchmark::State& state) {
  const std::size_t n = load().sample.n;
  for (auto _ : state)
    for (std::uint32_t r = 0; r < 200; ++r) {
      BulkStream stream({Seed{1}, purpose("floor"), Replicate{r}, {}}, n);
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += stream.below(n);
      benchmark::DoNotOptimize(sum);
    }
  state.SetItemsProcessed(state.iterations() * std::int64_t(200 * n));
}
BENCHMARK(BM_FloorBulkDraws)->Unit(benchmark::kMillisecond);

/// And its sums: 41 columns under 16 sets of weights a block, 200 sets in all.
void BM_FloorCrossProducts(benchmark::State& state) {
  const std::size_t n = load().sample.n, rows = 512;
  std::vector<const double*> columns;
  for (const auto& y : load().answers) columns.push_back(y.data());
  columns.push_back(load().sample.base_weights.data());
  const std::vector<std::vector<double>> w(16, load().sample.base_weights);
  std::vector<const double*> weights;
  for (const auto& column : w) weights.push_back(column.data());
  std::vector<double> out(columns.size() * weights.size());
  for (auto _ : state)
    for (int sets = 0; sets < 200; sets += 16) {
      const std::span<const double* const> some(weights.data(), std::min(16, 200 - sets));
      for (std::size_t from = 0; from < n; from += rows)
        add_cross_products(columns, some, from, std::min(rows, n - from), out.data(), 16);
      benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(BM_FloorCrossProducts)->Unit(benchmark::kMillisecond);

/// Raking alone, the cells given: once a replicate.
void BM_RakeCells(benchmark::State& state) {
  const auto weighting = weighting_of("raking", "");
  const CellIndex index = make_cell_index(load().sample, load().variables);
  int iterations = 0;
  for (auto _ : state) {
    const auto made = weighting->weigh(index, *load().benchmarks);
    iterations = made.value().iterations;
    benchmark::DoNotOptimize(made.value().factor.data());
  }
  state.counters["cells"] = static_cast<double>(index.cells);
  state.counters["iterations"] = iterations;
}
BENCHMARK(BM_RakeCells)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace steelyard
