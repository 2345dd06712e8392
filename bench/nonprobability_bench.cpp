// Weightings with a reference sample on the timing workload: 26,252 respondents in 1,860 cells of
// four categorical covariates (41 columns with the intercept), 5,000 reference rows, 40 means with
// linearized errors; and the same number of respondents with continuous covariates.
// Each timing goes from rows to results: cell index, weights, means and errors, on one thread.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "tests/estimators/workload.hpp"

namespace steelyard {
namespace {

using testing::Workload;

const std::string kFolder = std::string(STEELYARD_SOURCE_DIR) + "/tests/golden/workload";
constexpr std::size_t kReference = 5000;

/// The workload's file as volunteers without base weights, and a reference sample drawn from them
/// with probabilities in proportion to their d: people of the population that d stands for.
struct TwoSampleWorkload {
  Workload file{kFolder};
  std::shared_ptr<ReferenceSample> reference = std::make_shared<ReferenceSample>();
  std::unique_ptr<Benchmarks> known;

  TwoSampleWorkload() {
    Stream stream({Seed{1}, purpose("nonprobability bench"), {}, {}});
    for (const char* name : {"x1", "x2", "x3"}) {
      Variable v;
      v.name = name;
      v.kind = VariableKind::continuous;
      file.schema.add(v);
    }
    Sample &a = file.sample, &b = reference->sample;
    a.columns.resize(file.schema.size());
    a.numbers.resize(file.schema.size());
    for (std::size_t v = 4; v < 7; ++v)
      for (std::size_t i = 0; i < a.n; ++i)
        a.numbers[v].push_back(stream.uniform() + stream.uniform() + 0.2 * a.columns[1][i]);
    double size = 0, largest = 0;
    for (const double d : a.base_weights) {
      size += d;
      largest = std::max(largest, d);
    }
    b.schema = &file.schema;
    b.columns.resize(a.columns.size());
    b.numbers.resize(a.numbers.size());
    while (b.n < kReference) {
      const auto i = static_cast<std::size_t>(stream.below(a.n));
      if (stream.uniform() * largest > a.base_weights[i]) continue;
      for (std::size_t v = 0; v < 4; ++v) b.columns[v].push_back(a.columns[v][i]);
      for (std::size_t v = 4; v < 7; ++v)  // the respondents have more of it
        b.numbers[v].push_back(stream.uniform() + stream.uniform() + 0.2 * a.columns[1][i] - 0.1);
      b.base_weights.push_back(size / static_cast<double>(kReference) * (0.5 + stream.uniform()));
      ++b.n;
    }
    a.base_weights.clear();
    known = std::make_unique<Benchmarks>(file.schema);
    known->set_reference(reference);
  }
};

const TwoSampleWorkload& load() {
  static const TwoSampleWorkload workload;
  return workload;
}

/// Question: 40 means with linearized errors through a weighting with a reference sample: under 60
/// ms? Last answer, cells / continuous: ipw 8 / 17 ms, selection 15 / 37, kernel 10 / 51, balancing
/// by moments 43 / 40; not the cross-validated SCAD (five folds of 30 penalties), 87 / 163, nor
/// Mahalanobis matching of continuous covariates, 65 to 87.
void BM_Propensity(benchmark::State& state, const char* method, const std::string& options,
                   bool continuous) {
  const Workload& file = load().file;
  const std::string terms = continuous ? "covariates = [\"x1\", \"x2\", \"x3\"]\n"
                                       : "covariates = [\"region\", \"sex\", \"age\", \"edu\"]\n";
  const auto weighting = file.weighting(method, terms + options);
  const SurveyDesign design = SurveyDesign::rows(file.sample.n);
  SurveyData data;
  data.n = file.sample.n;
  data.columns = file.answers;
  data.design = &design;
  data.d.assign(data.n, 1.0);
  data.weighting = weighting.get();
  data.benchmarks = load().known.get();
  const auto requests = file.means();
  std::string failed;
  const auto run = [&] {
    const CellIndex index = make_cell_index(file.sample, weighting->variables());
    const auto weights = weighting->weigh(index, *load().known);
    if (!weights) {
      failed = weights.failure().detail;
      return std::vector<EstimateRow>{};
    }
    data.w.resize(data.n);
    for (std::size_t i = 0; i < data.n; ++i) data.w[i] = weights.value().factor[index.cell_of[i]];
    data.index = &index;
    data.weights = &weights.value();
    return estimate_all(data, requests, {});
  };
  // Errors of all means, and weights that stand for about the population of the reference sample.
  const auto rows = run();
  double size = 0, population = 0;
  for (const double w : data.w) size += w;
  for (const double d : load().reference->sample.base_weights) population += d;
  for (const EstimateRow& row : rows)
    if (row.failure || !(row.se > 0)) failed = "a mean without an error";
  if (rows.size() != requests.size() || std::abs(size / population - 1) > 0.25)
    failed += fmt::format(" weights of {:.4g} for {:.4g}", size, population);
  if (!failed.empty()) {
    state.SkipWithError(failed.c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(run().data());
  state.SetItemsProcessed(state.iterations() * std::int64_t(data.n));
}

#define PROPENSITY(name, method, options)                                                        \
  BENCHMARK_CAPTURE(BM_Propensity, name, method, options, false)->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(BM_Propensity, name##_continuous, method, options, true)                     \
      ->Unit(benchmark::kMillisecond)
PROPENSITY(ipw, "ipw", "");
PROPENSITY(classes, "ipw", "classes = 5");
PROPENSITY(lasso, "ipw", "selection = \"lasso\"");
PROPENSITY(scad_validated, "ipw", "selection = \"scad\"\ncriterion = \"cross_validation\"");
PROPENSITY(elliott_valliant, "elliott_valliant", "");
PROPENSITY(cbps, "cbps", "");
PROPENSITY(cbps_two_step, "cbps", "identification = \"over\"");
PROPENSITY(cbps_updated, "cbps", "identification = \"over\"\ngmm = \"continuous\"");
PROPENSITY(kernel_gaussian, "kernel_weighting", "");
PROPENSITY(kernel_triangular, "kernel_weighting", "kernel = \"triangular\"");
PROPENSITY(matching, "matching", "");
PROPENSITY(matching_mahalanobis, "matching", "distance = \"mahalanobis\"");
PROPENSITY(doubly_robust, "doubly_robust", "");
PROPENSITY(mass_imputation, "mass_imputation", "");
#undef PROPENSITY

/// Question: 40 means with their errors where every answer has a model of its own (28 logistic
/// regressions, 6 multinomial ones of five levels, 6 of a number): doubly robust under 80 ms?
/// Last answer, processor time: doubly robust 70, mass imputation 65.
void BM_AnswerModels(benchmark::State& state, const char* method) {
  const Workload& file = load().file;
  Schema schema = file.schema;
  Sample sample = file.sample;
  std::vector<VariableId> answers;
  for (std::size_t j = 0; j < file.answers.size(); ++j) {
    Variable v;
    v.name = file.names[j];
    const double low = *std::min_element(file.answers[j].begin(), file.answers[j].end());
    if (v.name[0] == 'c') {
      v.kind = VariableKind::continuous;
    } else {
      for (int k = 0; k < (v.name[0] == 'y' ? 2 : 5); ++k) v.levels.push_back(std::to_string(k));
    }
    answers.push_back(schema.add(v));
    std::vector<LevelCode>& codes = sample.columns.emplace_back();
    std::vector<double>& numbers = sample.numbers.emplace_back();
    for (const double y : file.answers[j])
      if (v.levels.empty())
        numbers.push_back(y);
      else
        codes.push_back(static_cast<LevelCode>(y - low));
  }
  sample.schema = &schema;
  Benchmarks known(schema);
  known.set_reference(load().reference);
  const auto weighting =
      testing::make(weightings(), method, schema,
                    "covariates = [\"region\", \"sex\", \"age\", \"edu\"]\nmodel = \"own\"\n");
  const auto rows = domain_rows(sample, {});
  const auto reference_rows = domain_rows(load().reference->sample, {});
  std::string failed;
  const auto run = [&] {
    double sum = 0;
    const CellIndex index = make_cell_index(sample, weighting->variables());
    const auto weights = weighting->weigh(index, known);
    if (!weights) {
      failed = weights.failure().detail;
      return sum;
    }
    Tabulator tabulator(sample, index);
    for (const VariableId& answer : answers) {
      const Tabulation table = tabulator.tabulate({&answer, 1}, rows);
      const auto made = weighting->model_answer(index, known, weights.value(),
                                                {{&answer, 1}, table, reference_rows});
      if (!made) {
        failed = made.failure().detail;
        return sum;
      }
      const auto totals = made.value()->totals();
      double size = 0, weighted = 0;
      for (std::size_t l = 0; l < totals.size(); ++l) {
        size += table.moments && l > 0 ? 0.0 : totals[l];
        weighted += (table.moments && l == 0 ? 0.0 : table.moments ? 1.0 : double(l)) * totals[l];
      }
      std::vector<double> influence;
      for (std::size_t l = 0; l < totals.size(); ++l)
        influence.push_back((double(l) - weighted / size) / size);
      if (table.moments) influence = {-weighted / size / size, 1 / size};
      const double se = std::sqrt(made.value()->variance(influence));
      if (!(se > 0)) failed = "a mean without an error";
      sum += weighted / size + se;
    }
    return sum;
  };
  benchmark::DoNotOptimize(run());
  if (!failed.empty()) {
    state.SkipWithError(failed.c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(run());
}
BENCHMARK_CAPTURE(BM_AnswerModels, doubly_robust, "doubly_robust")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_AnswerModels, mass_imputation, "mass_imputation")
    ->Unit(benchmark::kMillisecond);

/// Question: one answer imputed from donors in three continuous covariates (5,000 persons from
/// 26,252), with its variance: under 100 ms? Last answer, processor time on a busy machine: nearest
/// 38, predicted 35, local 105, of which searches of neighbours are the half.
void BM_Donors(benchmark::State& state, const std::string& options) {
  const Workload& file = load().file;
  const auto weighting =
      file.weighting("mass_imputation", "covariates = [\"x1\", \"x2\", \"x3\"]\n" + options);
  const VariableId answer = file.schema.id(1);  // sex: who is one
  const CellIndex index = make_cell_index(file.sample, weighting->variables());
  const auto rows = domain_rows(file.sample, {});
  const auto reference_rows = domain_rows(load().reference->sample, {});
  const Tabulation table = Tabulator(file.sample, index).tabulate({&answer, 1}, rows);
  std::vector<double> influence(table.levels, 0.0);
  influence[0] = 1;
  const Weights none;
  const auto run = [&] {
    const auto made =
        weighting->model_answer(index, *load().known, none, {{&answer, 1}, table, reference_rows});
    return made ? made.value()->variance(influence) : 0.0;
  };
  if (!(run() > 0)) {
    state.SkipWithError("no variance");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(run());
}
BENCHMARK_CAPTURE(BM_Donors, nearest, "model = \"nearest\"")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Donors, predicted, "model = \"predictive_mean\"")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Donors, local, "model = \"local\"")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace steelyard
