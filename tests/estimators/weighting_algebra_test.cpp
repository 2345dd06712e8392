// Weights worked by hand on three to six respondents, and what failures say.

#include <gtest/gtest.h>

#include <cmath>

#include "core/sums.hpp"
#include "estimators/survey/linearizer.hpp"
#include "estimators/weighting/margin_report.hpp"
#include "estimators/weighting/trimming.hpp"
#include "tests/estimators/tiny_survey.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

using testing::make;
using testing::RandomWorld;
using testing::TinySurvey;

/// One respondent a cell, in the order of rows.
void expect_factors(const Result<Weights>& weights, const std::vector<double>& expected) {
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  ASSERT_EQ(weights.value().factor.size(), expected.size());
  for (std::size_t c = 0; c < expected.size(); ++c)
    EXPECT_NEAR(weights.value().factor[c], expected[c], 1e-9) << c;
}

bool says(const std::vector<std::string>& notes, std::string_view text) {
  for (const std::string& note : notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

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

// --- trimming ------------------------------------------------------------------------------------

/// Six respondents of weights 10, 10, 10, 10, 19, 41.
TinySurvey& six() {
  static TinySurvey s;
  if (s.schema.size() == 0) s.add("a", 6, {0, 1, 2, 3, 4, 5}, {10, 10, 10, 10, 19, 41});
  return s;
}
Result<Weights> trimmed(const std::string& options) {
  return six().weigh("poststratification", "cross = [\"a\"]\n" + options);
}

TEST(Trimming, EachRuleByHand) {
  // The mean is 100/6, so 1.26 is a cap of 21. 20 is cut from 41, 4 to each of the others.
  const auto once = trimmed("trim = 1.26\ntrim_rule = \"once\"");
  expect_factors(once, {14, 14, 14, 14, 23, 21});
  EXPECT_TRUE(says(once.value().notes, "trimmed (once): at 21 1 respondents; the total is kept"));
  // 2 of 23 go again, to the four that were never cut.
  const auto strict = trimmed("trim = 1.26");
  expect_factors(strict, {14.5, 14.5, 14.5, 14.5, 21, 21});
  EXPECT_TRUE(
      says(strict.value().notes, "trimmed (strict): at 21 2 respondents; the total is kept"));
  const auto lost = trimmed("trim = 1.26\ntrim_rule = \"truncate\"");
  expect_factors(lost, {10, 10, 10, 10, 19, 21});
  EXPECT_TRUE(says(lost.value().notes,
                   "trimmed (truncate): at 21 1 respondents; 20 of the total weight is lost"));
  expect_factors(trimmed("trim_at = [0, 21]"), {14.5, 14.5, 14.5, 14.5, 21, 21});
  // A floor of 12 and a cap of 30: 11 off the top, 8 lifted, 3 left for the one never cut.
  expect_factors(trimmed("trim_at = [12, 30]"), {12, 12, 12, 12, 22, 30});
  // Quartiles 10, 10, 19: cap 10 + 9.
  expect_factors(trimmed("trim_iqr = 1"), {15.5, 15.5, 15.5, 15.5, 19, 19});
  expect_factors(trimmed("trim_lower = 0.72\ntrim_rule = \"truncate\""), {12, 12, 12, 12, 19, 41});
  EXPECT_TRUE(says(trimmed("trim = 5").value().notes, "no weight is beyond the caps"));
}

TEST(Trimming, ToADesignEffect) {
  const auto made = trimmed("trim_deff = 1.1");
  ASSERT_TRUE(made.ok());
  const std::vector<std::uint32_t> one(6, 1);
  EXPECT_NEAR(kish_deff(made.value().factor, one), 1.1, 1e-9);
  EXPECT_NEAR(total(made.value().factor), 100, 1e-9);
}

TEST(Trimming, InsideTheCalibrationCapsAndMarginsHoldTogether) {
  const RandomWorld world(51);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const std::string margins = "margins = [\"region\", [\"sex\", \"age\"]]\n";
  const auto free =
      make(weightings(), "raking", world.schema, margins)->weigh(index, *world.benchmarks).value();
  double largest = 0, sum = 0;
  for (std::size_t c = 0; c < index.cells; ++c) {
    largest = std::max(largest, free.factor[c]);
    sum += free.factor[c] * index.respondents[c];
  }
  const double cap = 0.9 * largest * static_cast<double>(index.n) / sum;  // in means
  ASSERT_GT(cap, 1);
  const std::string trim = margins + "trim = " + std::to_string(cap) + "\n";
  const auto both = make(weightings(), "raking", world.schema, trim + "trim_rule = \"calibrated\"");
  const auto made = both->weigh(index, *world.benchmarks);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  for (double g : made.value().factor) EXPECT_LE(g, 0.9 * largest * (1 + 1e-5));
  const auto rows = margin_report(made.value(), index, *world.benchmarks, both->margins());
  for (const MarginRow& row : rows.value()) EXPECT_NEAR(row.relative_error, 0, 1e-8) << row.level;

  const auto strict = make(weightings(), "raking", world.schema, trim);
  const auto missed = strict->weigh(index, *world.benchmarks);
  ASSERT_TRUE(missed.ok());
  EXPECT_TRUE(says(missed.value().notes, "after trimming "));
  EXPECT_TRUE(says(missed.value().notes, "trim_rule = \"calibrated\" keeps them"));
  EXPECT_GT(missed.value().largest_margin_error, 1e-4);
}

TEST(Trimming, SaysWhyItCannotBeDone) {
  const auto nobody = trimmed("trim_at = [0, 15]");
  ASSERT_FALSE(nobody.ok());
  EXPECT_NE(nobody.failure().detail.find("leaves nobody to take"), std::string::npos);
  TinySurvey s;
  s.add("a", 2, {0, 0, 1, 1}, {50, 50});
  s.sample.base_weights = {1, 3, 2, 2};
  const VariableId a = s.schema.id(0);
  const auto within = make(weightings(), "raking", s.schema, "margins = [\"a\"]\ntrim = 1.2")
                          ->weigh(make_cell_index(s.sample, {&a, 1}), s.benchmarks);
  ASSERT_FALSE(within.ok());
  EXPECT_NE(within.failure().detail.find("base weights differ within a cell"), std::string::npos);
  EXPECT_EQ(message([&] { (void)trimmed("trim_at = [5]"); }),
            "test.toml:2:11: [poststratification] \"trim_at\" must be two numbers with 0 <= lower "
            "< upper; for instance trim_at = [0, 5000]");
}

// --- failures and notes --------------------------------------------------------------------------

TEST(WeightingFailures, BoundsTooTight) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, {30, 70});
  for (const char* method : {"raking", "calibration"}) {
    const char* options = "margins = [\"a\"]\nbounds = [0.5, 1.2]";
    ASSERT_FALSE(s.weigh(method, options).ok());
    const std::string why = s.explain(method, options);
    EXPECT_NE(why.find("no weights with g in [0.5, 1.2] meet these margins"), std::string::npos);
    EXPECT_NE(why.find("a=b falls short by 10 "), std::string::npos) << why;
    EXPECT_NE(why.find("the upper one must be at least 1.4"), std::string::npos) << why;
    EXPECT_NE(why.find("It becomes possible if you merge a=b with a=a"), std::string::npos) << why;
  }
}

TEST(WeightingFailures, EmptyLevelsContradictionsAndWhatTheSampleCannotSpan) {
  TinySurvey s;
  s.add("a", 3, {0, 0, 1, 1, 2, 2}, {20, 20, 20});
  s.add("same", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  s.add("b", 3, {0, 1, 0, 1, 0, 1}, {30, 20, 10});
  s.add_number("zero", {0, 0, 0, 0, 0, 0}, 5);
  const auto detail = [&](const char* method, const char* options) {
    const auto made = s.weigh(method, options);
    return made ? std::string("no failure") : made.failure().detail;
  };
  EXPECT_EQ(detail("poststratification", "cross = [\"b\"]"), "no respondent has b=c");
  EXPECT_EQ(detail("sequential",
                   "steps = [{method = \"raking\", margins = [\"a\"]}, {method = \"raking\", "
                   "margins = [\"b\"]}]"),
            "step 2 (raking): no respondent has b=c");
  EXPECT_NE(detail("calibration", "margins = [\"a\", \"same\"]")
                .find("it is fixed by the other margins in this sample, and they contradict it"),
            std::string::npos);
  EXPECT_EQ(detail("calibration", "margins = [\"a\", \"zero\"]"),
            "zero is zero for every respondent with weight, so its total of 5 cannot be reached; "
            "leave it out");
  EXPECT_EQ(s.explain("optimal_representative", "margins = [\"a\", \"same\"]\nband = 0.01")
                .find("no weights have all shares within ±0.01 of their benchmarks; the smallest "
                      "band that works is ±0.08333"),
            0u)
      << s.explain("optimal_representative", "margins = [\"a\", \"same\"]\nband = 0.01");
  EXPECT_FALSE(s.weigh("optimal_representative",
                       "margins = [\"a\", \"same\"]\nband = 0.01\nmax_iterations = 500")
                   .ok());
}

TEST(WeightingNotes, NegativeWeightsAndMulticollinearMargins) {
  TinySurvey s;
  s.add("all", 2, {0, 0, 0, 0}, {40, 0});
  s.add_number("x", {1, 2, 3, 4}, 160);
  s.sample.base_weights.assign(4, 10.0);
  const auto made = s.weigh("calibration", "margins = [\"all\", \"x\"]");
  expect_factors(made, {-0.8, 0.4, 1.6, 2.8});  // g = 1 + 1.2 (x - 2.5)
  EXPECT_TRUE(says(made.value().notes, "1 of 4 respondents have a negative weight"));
  TinySurvey twice;
  twice.add("a", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  twice.add("same", 3, {0, 0, 1, 1, 2, 2}, {10, 30, 20});
  for (const char* method : {"calibration", "entropy_balancing"}) {
    const auto both = twice.weigh(method, "margins = [\"a\", \"same\"]");
    ASSERT_TRUE(both.ok());
    EXPECT_TRUE(says(both.value().notes,
                     "fixed in this sample by the margins before them (multicollinear, and "
                     "consistent): same=a; same=b"));
  }
}

TEST(MarginReport, GivesTargetBeforeAfterAndError) {
  TinySurvey s;
  s.add("a", 2, {0, 0, 0, 1}, {30, 70});
  const auto made = s.weigh("raking", "margins = [\"a\"]\ntrim = 1.6\ntrim_rule = \"once\"");
  ASSERT_TRUE(made.ok());
  const auto rows = margin_report(made.value(), s.cells(), s.benchmarks, {{s.schema.id(0)}});
  ASSERT_EQ(rows.value().size(), 2u);
  const MarginRow& b = rows.value()[1];
  EXPECT_EQ(b.margin, "a");
  EXPECT_EQ(b.level, "a=b");
  EXPECT_DOUBLE_EQ(b.target, 70);
  EXPECT_DOUBLE_EQ(b.before, 25);
  EXPECT_NEAR(b.after, 40, 1e-9);  // 1.6 × 25
  EXPECT_NEAR(b.relative_error, -30 / 70., 1e-9);
}

}  // namespace
}  // namespace steelyard
