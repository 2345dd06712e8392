// Imputation from donors: by hand, in its limits, and its variance against repeated samples.

#include "estimators/weighting/donors.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/sums.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::TwoSampleWorld;

/// The world's y as a continuous answer "wage".
struct WithWage : TwoSampleWorld {
  VariableId wage{};
  explicit WithWage(std::uint64_t seed, std::size_t n_a = 150, std::size_t n_b = 60)
      : TwoSampleWorld(seed, n_a, n_b) {
    Variable v;
    v.name = "wage";
    v.kind = VariableKind::continuous;
    wage = schema.add(v);
    a.columns.resize(schema.size());
    a.numbers.resize(schema.size());
    a.numbers.back() = y;
    b->sample.columns.resize(schema.size());
    b->sample.numbers.resize(schema.size());
  }
  struct Made {
    std::vector<double> totals;
    double variance = 0;  ///< of the mean
    double weighted = 0;  ///< Σ w y of the weights
    double size = 0;      ///< Σ w
  };
  Made made(const std::string& options) const {
    const auto method = weighting("mass_imputation", options);
    const CellIndex cells = index(*method);
    const Benchmarks known = benchmarks();
    const Weights weights = method->weigh(cells, known).value();
    const auto rows = domain_rows(a, {}), reference_rows = domain_rows(b->sample, {});
    const std::vector<VariableId> answers{wage};
    const Tabulation table = Tabulator(a, cells).tabulate(answers, rows);
    const auto model =
        method->model_answer(cells, known, weights, {answers, table, reference_rows});
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.failure().detail);
    Made out;
    out.totals.assign(model.value()->totals().begin(), model.value()->totals().end());
    const double mean = out.totals[1] / out.totals[0];
    const std::vector<double> influence{-mean / out.totals[0], 1 / out.totals[0]};
    out.variance = model.value()->variance(influence);
    for (std::size_t i = 0; i < a.n; ++i) {
      out.weighted += weights.factor[cells.cell_of[i]] * y[i];
      out.size += weights.factor[cells.cell_of[i]];
    }
    return out;
  }
};

const char* kNumbers = "covariates = [\"age\", \"hours\"]\n";

TEST(Donors, NearestAreAveragedByHand) {
  const WithWage world(31);
  const auto& age = world.a.numbers[3];
  const auto& reference = world.b->sample;
  double sum = 0, size = 0;
  for (std::size_t j = 0; j < reference.n; ++j) {
    std::vector<std::pair<double, double>> near;
    for (std::size_t i = 0; i < world.a.n; ++i)
      near.emplace_back(std::abs(age[i] - reference.numbers[3][j]), world.y[i]);
    std::sort(near.begin(), near.end());
    for (std::size_t k = 0; k < 3; ++k) sum += reference.base_weights[j] * near[k].second / 3;
    size += reference.base_weights[j];
  }
  for (const char* distance : {"mahalanobis", "euclidean"}) {
    const auto made =
        world.made(std::string("covariates = [\"age\"]\nmodel = \"nearest\"\ndonors = 3\n") +
                   "distance = \"" + distance + "\"");
    EXPECT_NEAR(made.totals[0] / size, 1, 1e-12);
    EXPECT_NEAR(made.totals[1] / sum, 1, 1e-12);
    EXPECT_NEAR(made.weighted / sum, 1, 1e-12);
  }
}

TEST(Donors, AllRespondentsAsDonorsGiveTheirMean) {
  const WithWage world(32);
  double mean = 0;
  for (const double y : world.y) mean += y / 150;
  for (const char* model : {"nearest", "predictive_mean"}) {
    const auto made = world.made(kNumbers + std::string("model = \"") + model + "\"\ndonors = 150");
    EXPECT_NEAR(made.totals[1] / made.totals[0], mean, 1e-12) << model;
  }
}

// One donor is Mahalanobis matching.
TEST(Donors, OneNearestDonorIsMatching) {
  const WithWage world(33);
  const auto method =
      world.weighting("matching", kNumbers + std::string("distance = \"mahalanobis\""));
  const CellIndex cells = world.index(*method);
  const Weights weights = method->weigh(cells, world.benchmarks()).value();
  double sum = 0;
  for (std::size_t i = 0; i < world.a.n; ++i) sum += weights.factor[cells.cell_of[i]] * world.y[i];
  EXPECT_NEAR(world.made(kNumbers + std::string("model = \"nearest\"\ndonors = 1")).totals[1] / sum,
              1, 1e-12);
}

TEST(Donors, LocalLinesReproduceALinearAnswer) {
  WithWage world(34);
  const auto line = [](double age, double hours) { return 3 + 0.2 * age - 0.07 * hours; };
  for (std::size_t i = 0; i < world.a.n; ++i)
    world.y[i] = world.a.numbers.back()[i] = line(world.a.numbers[3][i], world.a.numbers[4][i]);
  double sum = 0;
  const Sample& reference = world.b->sample;
  for (std::size_t j = 0; j < reference.n; ++j)
    sum += reference.base_weights[j] * line(reference.numbers[3][j], reference.numbers[4][j]);
  const auto made = world.made(kNumbers + std::string("model = \"local\"\ndonors = 30"));
  EXPECT_NEAR(made.totals[1] / sum, 1, 1e-10);
  EXPECT_NEAR(made.weighted / sum, 1, 1e-10);
  EXPECT_GT(
      std::abs(world.made(kNumbers + std::string("model = \"local\"\ndonors = 30\ndegree = 0"))
                       .totals[1] /
                   sum -
               1),
      1e-6);
}

// With categories alone, equal covariates are equally near: the cells' means by any method.
TEST(Donors, OfCategoriesArePostStratification) {
  const WithWage world(35);
  std::vector<double> sum(3, 0.0), size(3, 0.0), total(3, 0.0);
  for (std::size_t i = 0; i < world.a.n; ++i) {
    sum[world.a.columns[0][i]] += world.y[i];
    size[world.a.columns[0][i]] += 1;
  }
  const Sample& reference = world.b->sample;
  for (std::size_t j = 0; j < reference.n; ++j)
    total[reference.columns[0][j]] += reference.base_weights[j];
  double expected = 0;
  for (std::size_t k = 0; k < 3; ++k) expected += total[k] * sum[k] / size[k];
  for (const char* model : {"nearest", "predictive_mean", "local"})
    EXPECT_NEAR(
        world.made(std::string("covariates = [\"region\"]\ndonors = 5\nmodel = \"") + model + "\"")
                .totals[1] /
            expected,
        1, 1e-12)
        << model;
  // Its variance by formula: Σ_A w² e², e² with the cell's divisor n - 1, less what the reference
  // sample's own variance already holds of it.
  const auto made = world.made("covariates = [\"region\"]\nmodel = \"nearest\"");
  const double everybody = total[0] + total[1] + total[2], mean = expected / everybody;
  std::vector<double> squares(3, 0.0), u;
  for (std::size_t i = 0; i < world.a.n; ++i) {
    const std::size_t k = world.a.columns[0][i];
    squares[k] += (world.y[i] - sum[k] / size[k]) * (world.y[i] - sum[k] / size[k]);
  }
  const auto n = static_cast<double>(reference.n);
  std::vector<double> d2(3, 0.0);
  for (std::size_t j = 0; j < reference.n; ++j) {
    const std::size_t k = reference.columns[0][j];
    const double d = reference.base_weights[j];
    d2[k] += d * d;
    u.push_back(d * (sum[k] / size[k] - mean) / everybody);
  }
  double variance = design_of(*world.b).variance(u).value();
  for (std::size_t k = 0; k < 3; ++k) {
    const double w = total[k] / size[k] / everybody;
    const double q = n / (n - 1) * (d2[k] - total[k] * total[k] / n) /
                     (size[k] * size[k] * everybody * everybody);
    variance += (w * w - q) * squares[k] * size[k] / (size[k] - 1);
  }
  EXPECT_NEAR(made.variance / variance, 1, 1e-10);
}

TEST(Donors, ObservedAnswersMustBeOnesOwn) {
  const WithWage world(36);
  const auto method = world.weighting(
      "mass_imputation",
      "covariates = [\"region\"]\nmodel = \"predictive_mean\"\nmatching = \"observed\"");
  const CellIndex cells = world.index(*method);
  const Benchmarks known = world.benchmarks();
  const Weights weights = method->weigh(cells, known).value();
  const auto rows = domain_rows(world.a, {}), reference_rows = domain_rows(world.b->sample, {});
  const std::vector<VariableId> answers{world.wage};
  const Tabulation table = Tabulator(world.a, cells).tabulate(answers, rows);
  const auto made = method->model_answer(cells, known, weights, {answers, table, reference_rows});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.failure().kind, FailureKind::unsupported);
  EXPECT_EQ(made.failure().detail,
            "respondents with equal covariates are one, and their own answers are not known; use "
            "matching = \"predicted\"");
}

}  // namespace
}  // namespace steelyard
