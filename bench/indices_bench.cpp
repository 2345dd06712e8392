// Bucket statistics with their errors, interval regression, imputation and diffusion indices: what
// a file of survey answers costs. Persons in 500 primary units of 50 strata, five buckets.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>

#include "core/random.hpp"
#include "estimators/buckets/interval_imputation.hpp"
#include "estimators/buckets/table_errors.hpp"
#include "estimators/indices/diffusion.hpp"

namespace steelyard {
namespace {

const std::vector<double> kEdges{0, 2000, 5000, 8000, 20000, 30000};

/// Mean of the middles, the plainest rule: the errors' own cost is what is measured.
class Middles final : public Law {
 public:
  explicit Middles(const BucketTable& table) : edges_(table.edges), p_(table.shares()) {}
  double cdf(double) const override { return std::nan(""); }
  double quantile(double) const override { return std::nan(""); }
  double partial_mean(double) const override { return mean(); }
  double mean() const override {
    double sum = 0;
    for (std::size_t k = 0; k < p_.size(); ++k) sum += p_[k] * (edges_[k] + edges_[k + 1]) / 2;
    return sum;
  }
  double variance() const override { return std::nan(""); }
  double gini() const override { return std::nan(""); }
  double theil() const override { return std::nan(""); }
  double mld() const override { return std::nan(""); }
  double density(double) const override { return std::nan(""); }

 private:
  std::vector<double> edges_, p_;
};

class MiddlesRule final : public BucketRule {
 public:
  Result<BucketFit> fit(const BucketTable& table) const override {
    return BucketFit{std::make_shared<Middles>(table), {}, {}};
  }
};

/// Buckets of a lognormal with mean log 8.6 + .3 x, and two related five-level answers.
struct Survey {
  std::unique_ptr<SurveyDesign> design;
  SurveyData data;
  IntervalModel model;

  explicit Survey(std::size_t n) {
    Stream stream({Seed{1}, purpose("indices_bench"), {}, {}});
    DesignColumns columns;
    columns.n = data.n = n;
    columns.clusters.emplace_back();
    data.columns.resize(3);
    model.columns = 2;
    for (std::size_t i = 0; i < n; ++i) {
      columns.strata.push_back(static_cast<std::uint32_t>(i % 50));
      columns.clusters[0].push_back(static_cast<std::uint32_t>(i % 500));
      data.w.push_back(1 + stream.uniform());
      const double x = stream.uniform() - 0.5;
      const double normal =
          std::sqrt(-2 * std::log(stream.uniform())) * std::cos(2 * M_PI * stream.uniform());
      const double y = std::exp(8.6 + 0.3 * x + 0.5 * normal);
      std::size_t bucket = 0;
      while (bucket < 4 && y >= kEdges[bucket + 1]) ++bucket;
      data.columns[0].push_back(static_cast<double>(bucket));
      const auto answer = stream.below(5);
      data.columns[1].push_back(static_cast<double>(answer));
      data.columns[2].push_back(
          static_cast<double>(stream.uniform() < 0.5 ? answer : stream.below(5)));
      model.lower.push_back(kEdges[bucket]);
      model.upper.push_back(bucket == 4 ? INFINITY : kEdges[bucket + 1]);
      model.x.push_back(1);
      model.x.push_back(x);
    }
    data.d = data.w;
    design = std::make_unique<SurveyDesign>(SurveyDesign::make(columns).value());
    data.design = design.get();
  }
};

void check(bool right) {
  if (!right) std::abort();
}

/// Does a standard error cost more than a few passes over the file? 0.3 to 5 ms for 26,252 persons,
/// as the allocator finds its pages.
void BM_TableErrors(benchmark::State& state) {
  const Survey survey(static_cast<std::size_t>(state.range(0)));
  const BucketQuestion question{0, kEdges, {}};
  const std::vector<LawStatistic> mean{{"mean", [](const Law& law) { return law.mean(); }, {}}};
  const MiddlesRule rule;
  check(estimate_table(survey.data, question, rule, mean, {})[0].se > 0);
  for (auto _ : state)
    benchmark::DoNotOptimize(estimate_table(survey.data, question, rule, mean, {}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_TableErrors)->ArgName("n")->Arg(26252)->Arg(1000000)->Unit(benchmark::kMillisecond);

/// R's survreg takes 23 ms for a lognormal and 5,000 rows; here 2.7 ms.
void BM_IntervalRegression(benchmark::State& state) {
  const Survey survey(static_cast<std::size_t>(state.range(0)));
  const auto fit = fit_interval_regression(survey.model, survey.data.w);
  check(fit.ok() && std::abs(fit.value().beta[1] - 0.3) < 0.05);
  for (auto _ : state)
    benchmark::DoNotOptimize(fit_interval_regression(survey.model, survey.data.w));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_IntervalRegression)
    ->ArgName("n")
    ->Arg(5000)
    ->Arg(26252)
    ->Unit(benchmark::kMillisecond);

/// Is the sandwich dearer than the fit? A quarter of it: 3.3 ms against 15.
void BM_RegressionCovariance(benchmark::State& state) {
  const Survey survey(static_cast<std::size_t>(state.range(0)));
  const auto fit = fit_interval_regression(survey.model, survey.data.w).value();
  check(regression_covariance(survey.data, survey.model, fit, {}).ok());
  for (auto _ : state)
    benchmark::DoNotOptimize(regression_covariance(survey.data, survey.model, fit, {}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RegressionCovariance)->ArgName("n")->Arg(26252)->Unit(benchmark::kMillisecond);

/// Items: imputed amounts, 9 million a second.
void BM_Imputation(benchmark::State& state) {
  const Survey survey(static_cast<std::size_t>(state.range(0)));
  const auto fit = fit_interval_regression(survey.model, survey.data.w).value();
  const ImputationOptions options{20, Seed{1}, {}};
  check(impute_in_buckets(survey.model, fit, fit.model_covariance, options)[0][0] > 0);
  for (auto _ : state)
    benchmark::DoNotOptimize(impute_in_buckets(survey.model, fit, fit.model_covariance, options));
  state.SetItemsProcessed(state.iterations() * state.range(0) * 20);
}
BENCHMARK(BM_Imputation)->ArgName("n")->Arg(26252)->Unit(benchmark::kMillisecond);

/// Two indices and their difference: 0.6 ms for 26,252 persons; a million are bound by fresh
/// memory.
void BM_DiffusionIndices(benchmark::State& state) {
  const Survey survey(static_cast<std::size_t>(state.range(0)));
  const std::vector<double> scores{1, 0.5, 0, -0.5, -1};
  const std::vector<IndexQuestion> questions{{"current", 1, scores}, {"expected", 2, scores}};
  check(IndexEstimates::make(survey.data, questions, {}).difference(1, 0).ok());
  for (auto _ : state) {
    const auto indices = IndexEstimates::make(survey.data, questions, {});
    benchmark::DoNotOptimize(indices.difference(1, 0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DiffusionIndices)
    ->ArgName("n")
    ->Arg(26252)
    ->Arg(1000000)
    ->Unit(benchmark::kMillisecond);

/// Limits by inversion of a characteristic function: 0.7 ms, too dear only for thousands of rows.
void BM_DirichletInterval(benchmark::State& state) {
  const std::vector<double> values{100, 75, 50, 25, 0}, shares{0.1, 0.3, 0.4, 0.2, 0};
  const IndexEvidence evidence{.estimate = 57.5,
                               .se = 2,
                               .df = 30,
                               .range = {0, 100},
                               .n = 200,
                               .kish_n = 150,
                               .values = values,
                               .shares = shares};
  check(index_limits(IndexInterval::dirichlet, evidence).lower < 57.5);
  for (auto _ : state) benchmark::DoNotOptimize(index_limits(IndexInterval::dirichlet, evidence));
}
BENCHMARK(BM_DirichletInterval)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace steelyard
