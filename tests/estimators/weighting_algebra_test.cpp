// Weights worked by hand on three to six respondents, benchmarks with error, outcome models.

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/survey/linearizer.hpp"
#include "estimators/survey/residuals.hpp"
#include "tests/estimators/tiny_survey.hpp"

namespace steelyard {
namespace {

using testing::expect_factors;
using testing::make;
using testing::RandomWorld;
using testing::says;
using testing::TinySurvey;

/// Four respondents of base weight 10 with x = 1, 2, 3, 4: their total is 100, Σ d x² = 300.
void fill_four(TinySurvey& s, double total) {
  s.add_number("x", {1, 2, 3, 4}, total);
  s.sample.base_weights.assign(4, 10.0);
}

TEST(CalibrationByHand, LinearIsCutToItsBoundsAndTheOthersTakeOver) {
  TinySurvey s;
  fill_four(s, 140);
  expect_factors(s.weigh("calibration", "margins = [\"x\"]"),
                 {1 + 2 / 15., 1 + 4 / 15., 1 + 6 / 15., 1 + 8 / 15.});
  // With the last at 1.5 the others have to give 80 = 60 + 140 λ.
  const auto cut = s.weigh("calibration", "margins = [\"x\"]\nbounds = [0.5, 1.5]");
  expect_factors(cut, {8 / 7., 9 / 7., 10 / 7., 1.5});
  EXPECT_EQ(cut.value().at_bounds, 1u);
}

// 14 of 40 should be 52 %: g = 1.48571 and 0.738462, just inside the bounds; a full first step puts
// everybody beyond them.
TEST(CalibrationByHand, NarrowBoundsThatCanBeMetAreMet) {
  TinySurvey s;
  std::vector<int> sex(40, 1);
  std::fill(sex.begin(), sex.begin() + 14, 0);
  s.add("sex", 2, {sex.begin(), sex.end()}, {520, 480});
  for (const char* options : {"margins = [\"sex\"]\nbounds = [0.73, 1.49]",
                              "margins = [\"sex\"]\nbounds = [0.7384, 1.4858]"})
    for (const char* method : {"raking", "calibration"}) {
      const auto made = s.weigh(method, options);
      ASSERT_TRUE(made.ok()) << method << made.failure().detail;
      EXPECT_NEAR(made.value().factor[0], 520 / 14., 1e-9) << method;
      EXPECT_NEAR(made.value().factor[39], 480 / 26., 1e-9) << method;
    }
}

TEST(CalibrationByHand, BoundsHoldBesideLevelsAndNumbersTogether) {
  TinySurvey s;
  s.add("sex", 2, {0, 0, 0, 1, 1, 1}, {33, 27});
  s.add_number("x", {1, 2, 6, 2, 3, 4}, 200);
  s.sample.base_weights.assign(6, 10.0);
  const auto made = s.weigh("calibration", "margins = [\"sex\", \"x\"]\nbounds = [0.6, 1.4]");
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  const auto& g = made.value().factor;
  EXPECT_NEAR(10 * (g[0] + g[1] + g[2]), 33, 1e-9);
  EXPECT_NEAR(10 * (g[3] + g[4] + g[5]), 27, 1e-9);
  EXPECT_NEAR(10 * (g[0] + 2 * g[1] + 6 * g[2] + 2 * g[3] + 3 * g[4] + 4 * g[5]), 200, 1e-8);
  // Unbounded within each sex g is a line in x with one slope; cut ones lie on their bound.
  const double slope = (g[1] - g[0]);
  EXPECT_NEAR(g[2], std::min(1.4, g[0] + 5 * slope), 1e-9);
  EXPECT_NEAR(g[4] - g[3], slope, 1e-9);
  EXPECT_NEAR(g[5] - g[4], slope, 1e-9);
  EXPECT_EQ(made.value().at_bounds, 1u);
}

TEST(CalibrationByHand, CosmeticMovesWeightsByWhatTheyStandForBesideThemselves) {
  TinySurvey s;
  s.add_number("x", {1, 2, 3}, 32);
  s.sample.base_weights = {2, 3, 5};
  // λ = (32 - 23) / Σ (d - 1) x² = 9/45, w = d + (d - 1) x λ.
  expect_factors(s.weigh("calibration", "margins = [\"x\"]\ncosmetic = true"),
                 {2.2 / 2, 3.8 / 3, 7.4 / 5});
  s.sample.base_weights = {1, 3, 5};
  const auto failed = s.weigh("calibration", "margins = [\"x\"]\ncosmetic = true");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure().detail, "cosmetic calibration needs base weights above 1");
}

TEST(CalibrationByHand, RidgeGoesPartOfTheWay) {
  TinySurvey s;
  fill_four(s, 140);
  const auto made = s.weigh("calibration", "margins = [\"x\"]\nridge = 1");
  expect_factors(made, {1 + 1 / 15., 1 + 2 / 15., 1 + 3 / 15., 1 + 4 / 15.});  // λ = 40/600
  EXPECT_TRUE(says(made.value().notes, "is at x"));
}

TEST(CalibrationByHand, ExponentialWithANumberIsATilt) {
  TinySurvey s;
  fill_four(s, 140);
  for (const char* method : {"raking", "entropy_balancing", "calibration"}) {
    const auto made = s.weigh(
        method, std::string("margins = [\"x\"]") +
                    (std::string(method) == "calibration" ? "\ndistance = \"raking\"" : ""));
    ASSERT_TRUE(made.ok());
    const auto& g = made.value().factor;
    EXPECT_NEAR(10 * (g[0] + 2 * g[1] + 3 * g[2] + 4 * g[3]), 140, 1e-8);
    for (std::size_t k = 1; k < 4; ++k) EXPECT_NEAR(g[k], std::pow(g[0], double(k + 1)), 1e-9);
  }
}

// --- benchmarks with error -----------------------------------------------------------------------

double variance_of_total(const TinySurvey& s, const Weights& weights, std::vector<double> z) {
  const CellIndex index = s.cells();
  const SurveyDesign design = SurveyDesign::rows(s.sample.n);
  std::vector<double> d = s.sample.base_weights, w(s.sample.n);
  if (d.empty()) d.assign(s.sample.n, 1.0);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = d[i] * weights.factor[index.cell_of[i]];
  Linearizer linearizer(design, w, d, &index, &weights);
  return linearizer.variance({}, z).value();
}

TEST(BenchmarksWithError, CompromiseAndItsVarianceByHand) {
  TinySurvey s;
  fill_four(s, 140);
  const auto made = s.weigh("calibration", "margins = [\"x\"]\nmargin_cvs = [0.1]");
  // V = (0.1 × 140)² = 196; penalty V Σd/Σd² = 19.6.
  const double lambda = 40 / 319.6;
  expect_factors(made, {1 + lambda, 1 + 2 * lambda, 1 + 3 * lambda, 1 + 4 * lambda});
  const std::vector<double> z{2, 1, 5, 4};
  const double beta = 10 * (2 + 2 + 15 + 16) / 319.6;
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const double x = double(i + 1), u = 10 * (1 + lambda * x) * (z[i] - beta * x);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(variance_of_total(s, made.value(), z),
              4 / 3. * (squares - sum * sum / 4) + 196 * beta * beta, 1e-8);
}

TEST(BenchmarksWithError, StratumTotalsAddTheirErrorTimesTheStratumMean) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 0, 1, 1}, {60, 40});
  const std::vector<double> z{1, 2, 6, 4, 8};  // means 3 and 6
  const auto added = [&](const char* method, const char* option) {
    const std::string margins =
        std::string(method) == "poststratification" ? "cross = [\"a\"]\n" : "margins = [\"a\"]\n";
    return variance_of_total(s, s.weigh(method, margins + option).value(), z) -
           variance_of_total(s, s.weigh(method, margins).value(), z);
  };
  for (const char* method : {"poststratification", "raking", "calibration", "entropy_balancing"}) {
    EXPECT_NEAR(added(method, "benchmark_cvs = [0.1]"), 6 * 6 * 3 * 3 + 4 * 4 * 6 * 6, 1e-8);
    // N²/m (Σ p z² - (Σ p z)²) = 100²/50 (0.6 × 9 + 0.4 × 36 - 4.2²)
    EXPECT_NEAR(added(method, "benchmark_sizes = [50]"), 200 * (19.8 - 17.64), 1e-8);
  }
}

TEST(BenchmarksWithError, DoNotDependOnTheOrderOfMarginsThatShareTheTotal) {
  RandomWorld world(3, 80);
  const auto mean = make(functionals(), "mean", world.schema, "variable = \"answer\"");
  const auto se = [&](const char* options) {
    const auto raking = make(weightings(), "raking", world.schema, options);
    return testing::estimate(world.sample, *world.benchmarks, *raking, world.cross(), *mean, {})
        .value()
        .interval.se;
  };
  const double one = se("margins = [\"region\", \"age\"]\nbenchmark_cvs = [0.4, 0.3]");
  EXPECT_NEAR(one, se("margins = [\"age\", \"region\"]\nbenchmark_cvs = [0.3, 0.4]"), 1e-10 * one);
  EXPECT_GT(one, 1.02 * se("margins = [\"region\", \"age\"]"));
}

/// Shares of three groups come from a survey of m = 150; the answer differs much between groups.
/// Bound: 4.5 × sqrt(2/R) on the ratio of variances; leaving the benchmarks' error out is off by
/// more than half, so a missing, doubled or halved β'Vβ is seen.
TEST(BenchmarksWithError, VarianceIsRightInRepeatedSurveys) {
  constexpr int kRepeats = 1500;
  constexpr std::size_t kN = 200, kReference = 150;
  const double share[] = {0.5, 0.3, 0.2};
  Schema schema;
  schema.add(testing::categorical("group", {"a", "b", "c"}));
  schema.add(testing::categorical("answer", {"0", "1", "2", "3", "4"}, {0, 1, 2, 3, 4}));
  const auto mean = make(functionals(), "mean", schema, "variable = \"answer\"");
  const auto with = make(weightings(), "poststratification", schema,
                         "cross = [\"group\"]\nbenchmark_sizes = [150]");
  const auto without = make(weightings(), "poststratification", schema, "cross = [\"group\"]");
  const std::vector<VariableId> cross{schema.id(0)};
  double sum = 0, squares = 0, estimated = 0, ignored = 0;
  Stream stream({Seed{17}, purpose("test"), {}, {}});
  const auto group = [&] {
    const double u = stream.uniform();
    return static_cast<LevelCode>(u < share[0] ? 0 : u < share[0] + share[1] ? 1 : 2);
  };
  for (int r = 0; r < kRepeats; ++r) {
    std::vector<double> totals(3, 0.0);
    for (std::size_t i = 0; i < kReference; ++i) totals[group()] += 9000.0 / kReference;
    Sample sample{&schema, kN, {{}, {}}, {}, {}};
    for (std::size_t i = 0; i < kN; ++i) {
      sample.columns[0].push_back(group());
      sample.columns[1].push_back(
          static_cast<LevelCode>(sample.columns[0][i] * 3 / 2 + stream.below(2)));
    }
    Benchmarks benchmarks(schema);
    benchmarks.add({cross, totals});
    const auto a = testing::estimate(sample, benchmarks, *with, cross, *mean, {});
    const auto b = testing::estimate(sample, benchmarks, *without, cross, *mean, {});
    ASSERT_TRUE(a.ok() && b.ok());
    const double estimate = a.value().point.estimate;
    sum += estimate;
    squares += estimate * estimate;
    estimated += a.value().interval.se * a.value().interval.se / kRepeats;
    ignored += b.value().interval.se * b.value().interval.se / kRepeats;
  }
  const double variance = (squares - sum * sum / kRepeats) / (kRepeats - 1);
  const double bound = 4.5 * std::sqrt(2.0 / kRepeats);
  EXPECT_NEAR(estimated / variance, 1, bound);
  EXPECT_LT(ignored / variance, 1 - bound);
}

// --- model calibration ---------------------------------------------------------------------------

/// Σ w f(answer) and Σ w.
std::pair<double, double> totals_of(const RandomWorld& world, const Weighting& weighting,
                                    const std::vector<double>& f) {
  const CellIndex index = make_cell_index(world.sample, testing::cells_for(world, weighting));
  const auto made = weighting.weigh(index, *world.benchmarks);
  EXPECT_TRUE(made.ok()) << made.failure().detail;
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < world.sample.n; ++i) {
    const double g = made.value().factor[index.cell_of[i]] *
                     (world.sample.base_weights.empty() ? 1.0 : world.sample.base_weights[i]);
    sum += g * f[world.sample.columns[3][i]];
    weight += g;
  }
  return {sum, weight};
}

TEST(ModelCalibration, LinearIsTheGregEstimator) {
  RandomWorld world(41, 120);
  Stream stream({Seed{5}, purpose("test"), {}, {}});
  for (std::size_t i = 0; i < world.sample.n; ++i)
    world.sample.base_weights.push_back(200 + 400 * stream.uniform());
  const std::vector<double> y{0, 1, 2, 3, 4};
  const auto greg = totals_of(world,
                              *make(weightings(), "calibration", world.schema,
                                    "margins = [\"region\", [\"sex\", \"age\"]]"),
                              y);
  const auto model =
      totals_of(world,
                *make(weightings(), "model_calibration", world.schema,
                      "outcome = \"answer\"\npredictors = [\"region\", [\"sex\", \"age\"]]"),
                y);
  EXPECT_NEAR(model.first, greg.first, 1e-9 * greg.first);
  EXPECT_NEAR(model.second, greg.second, 1e-9 * greg.second);
}

TEST(ModelCalibration, ASaturatedLogisticModelIsThePoststratifiedEstimator) {
  const RandomWorld world(42, 300);
  const std::vector<double> y{0, 0, 1, 1, 1};
  const auto post = totals_of(
      world, *make(weightings(), "poststratification", world.schema, "cross = [\"region\"]"), y);
  const auto model =
      totals_of(world,
                *make(weightings(), "model_calibration", world.schema,
                      "outcome = \"answer\"\nlevels = [\"2\", \"3\", \"4\"]\npredictors = "
                      "[\"region\"]\nmodel = \"logistic\""),
                y);
  EXPECT_NEAR(model.first, post.first, 1e-8 * post.first);
}

TEST(ModelCalibration, TheLogisticModelSolvesItsScoreAndTheTotalIsOverTheCross) {
  const RandomWorld world(43, 300);
  const std::vector<double> y{0, 0, 1, 1, 1};
  // By respondents: intercept, two regions, one sex; Newton's method.
  const auto n = static_cast<Eigen::Index>(world.sample.n);
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(n, 4);
  Eigen::VectorXd answer(n), beta = Eigen::VectorXd::Zero(4), p(n);
  const auto fill = [](auto&& row, std::size_t region, std::size_t sex) {
    row(0) = 1;
    if (region > 0) row(static_cast<Eigen::Index>(region)) = 1;
    if (sex > 0) row(3) = 1;
  };
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    fill(x.row(i), world.sample.columns[0][k], world.sample.columns[1][k]);
    answer[i] = y[world.sample.columns[3][k]];
  }
  for (int step = 0; step < 30; ++step) {
    p = (1 / (1 + (-(x * beta).array()).exp())).matrix();
    const Eigen::VectorXd v = (p.array() * (1 - p.array())).matrix();
    beta += (x.transpose() * v.asDiagonal() * x).llt().solve(x.transpose() * (answer - p));
  }
  double total = 0, population = 0;
  const std::vector<VariableId> pair{world.schema.id(0), world.schema.id(1)};
  const auto cross = *world.benchmarks->margin(pair);
  for (std::size_t g = 0; g < cross.size(); ++g) {
    Eigen::VectorXd row = Eigen::VectorXd::Zero(4);
    fill(row, g / 2, g % 2);
    total += cross[g] / (1 + std::exp(-row.dot(beta)));
    population += cross[g];
  }
  // Linear calibration on 1 and p from equal weights N/n.
  const double d = population / static_cast<double>(n), mean = p.mean();
  const Eigen::VectorXd centred = (p.array() - mean).matrix();
  const double slope = (total - population * mean) / (d * centred.squaredNorm());
  const double expected = (d * (1 + slope * centred.array()) * answer.array()).sum();
  const auto model = totals_of(
      world,
      *make(weightings(), "model_calibration", world.schema,
            "outcome = \"answer\"\nlevels = [\"2\", \"3\", \"4\"]\npredictors = [\"region\", "
            "\"sex\"]\nmodel = \"logistic\""),
      y);
  EXPECT_NEAR(model.first, expected, 1e-8 * expected);
  EXPECT_NEAR(model.second, population, 1e-8 * population);
}

class ModelError : public ::testing::TestWithParam<const char*> {};

// d Σ w z / d log d_i, by moving one base weight, is what the linearized variance is made of.
TEST_P(ModelError, IsInTheInfluenceOfEachRespondent) {
  RandomWorld world(44, 200);
  Stream stream({Seed{6}, purpose("test"), {}, {}});
  for (std::size_t i = 0; i < world.sample.n; ++i)
    world.sample.base_weights.push_back(100 + 900 * stream.uniform());
  const auto weighting = make(weightings(), "model_calibration", world.schema, GetParam());
  const std::vector<double> z{3, -1, 4, 1.5, -9};  // in no way linear in the model's outcome
  const CellIndex index = make_cell_index(world.sample, testing::cells_for(world, *weighting));
  const auto made = weighting->weigh(index, *world.benchmarks);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  std::vector<double> s(index.cells, 0.0), fitted;
  for (std::size_t i = 0; i < world.sample.n; ++i)
    s[index.cell_of[i]] += world.sample.base_weights[i] * z[world.sample.columns[3][i]];
  const Residuals residuals(made.value(), index.weight);
  residuals.fit(s, fitted);
  double largest = 0, without = 0;
  for (std::size_t i = 0; i < world.sample.n; i += 9) {
    const double d = world.sample.base_weights[i], step = 1e-4;
    const std::size_t c = index.cell_of[i];
    const double influence = d * residuals.first()[c] * (z[world.sample.columns[3][i]] - fitted[c]);
    world.sample.base_weights[i] = d * (1 + step);
    const double up = totals_of(world, *weighting, z).first;
    world.sample.base_weights[i] = d * (1 - step);
    const double down = totals_of(world, *weighting, z).first;
    world.sample.base_weights[i] = d;
    const double moved = (up - down) / (2 * step);
    EXPECT_NEAR(influence, moved, 1e-5 * (std::abs(moved) + 1000)) << i;
    largest = std::max(largest, std::abs(moved));
  }
  // Without the model's own error it is another number.
  Weights known = made.value();
  known.stages[0].model.reset();
  std::vector<double> plain;
  const Residuals projections(known, index.weight);
  projections.fit(s, plain);
  for (std::size_t c = 0; c < index.cells; ++c)
    without = std::max(without,
                       index.weight[c] * std::abs(residuals.first()[c] * (plain[c] - fitted[c])));
  EXPECT_GT(without, 0.01 * largest);
}

INSTANTIATE_TEST_SUITE_P(
    Models, ModelError,
    ::testing::Values(
        "outcome = \"answer\"\npredictors = [\"region\", [\"sex\", \"age\"]]",
        "outcome = \"answer\"\npredictors = [\"region\", \"age\"]\nmargins = [\"sex\"]",
        "outcome = \"answer\"\nlevels = [\"2\", \"3\", \"4\"]\npredictors = "
        "[\"region\", \"sex\"]\nmodel = \"logistic\"",
        "outcome = \"answer\"\nlevels = [\"2\", \"3\", \"4\"]\npredictors = "
        "[\"region\", \"sex\"]\nmodel = \"logistic\"\nmargins = [\"age\"]"));

TEST(ModelCalibration, SaysWhatIsMissing) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 1, 1, 0, 1}, {30, 30});
  s.add("b", 2, {0, 1, 0, 1, 1, 0}, {20, 40});
  s.add("y", 2, {0, 1, 0, 1, 0, 1});
  const auto cross = s.weigh("model_calibration",
                             "outcome = \"y\"\npredictors = [\"a\", \"b\"]\nmodel = \"logistic\"");
  ASSERT_FALSE(cross.ok());
  EXPECT_EQ(cross.failure().detail,
            "no benchmark holds the cross of the predictors, a * b, which the total of a logistic "
            "model's predictions needs; add it or use model = \"linear\"");
  EXPECT_TRUE(s.weigh("model_calibration", "outcome = \"y\"\npredictors = [\"a\", \"b\"]").ok());
  TinySurvey same;
  same.add("a", 2, {0, 0, 0, 1, 1, 1}, {30, 30});
  same.add("y", 2, {0, 1, 0, 1, 1, 1});
  const auto separated = same.weigh("model_calibration",
                                    "outcome = \"y\"\npredictors = [\"a\"]\nmodel = \"logistic\"");
  ASSERT_FALSE(separated.ok());
  EXPECT_NE(separated.failure().detail.find("separates the answers at a=b"), std::string::npos)
      << separated.failure().detail;
}

}  // namespace
}  // namespace steelyard
