// Designs, variance shares, response surfaces and paired Monte Carlo errors against what is known.

#include "study/sweep.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "results/performance.hpp"
#include "study/paired.hpp"
#include "study/sensitivity.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

/// Each of the n equal slices of each dial holds one point.
void expect_stratified(const DesignPoints& points) {
  for (std::size_t k = 0; k < points.dials; ++k) {
    std::vector<int> held(points.size(), 0);
    for (std::size_t i = 0; i < points.size(); ++i)
      ++held[static_cast<std::size_t>(points.at(i, k) * static_cast<double>(points.size()))];
    for (int n : held) EXPECT_EQ(n, 1) << "dial " << k;
  }
}

TEST(SweepDesign, ALatinHypercubeHasOnePointInEachSlice) {
  expect_stratified(latin_hypercube_points(5, 37, Seed{3}));
  const DesignPoints a = latin_hypercube_points(5, 37, Seed{3}),
                     b = latin_hypercube_points(5, 37, Seed{4});
  EXPECT_NE(a.unit, b.unit);
}

TEST(SweepDesign, SobolPointsFillEverySliceOfAPowerOfTwo) {
  expect_stratified(sobol_points(9, 64));
}

TEST(SweepDesign, AGridIsTheFullCross) {
  const std::size_t levels[] = {2, 3};
  const DesignPoints grid = grid_points(levels);
  EXPECT_EQ(grid.unit, (std::vector<double>{0, 0, 0, 0.5, 0, 1, 1, 0, 1, 0.5, 1, 1}));
}

TEST(SweepDesign, SaltelliPointsExchangeOneColumn) {
  constexpr std::size_t kDials = 3, kBase = 8;
  const DesignPoints points = saltelli_points(kDials, kBase);
  ASSERT_EQ(points.size(), kBase * (kDials + 2));
  for (std::size_t j = 0; j < kDials; ++j)
    for (std::size_t i = 0; i < kBase; ++i)
      for (std::size_t k = 0; k < kDials; ++k)
        EXPECT_EQ(points.at((2 + j) * kBase + i, k), points.at((k == j ? kBase : 0) + i, k));
}

/// sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1, x uniform on (-π, π). Source: Ishigami & Homma (1990).
double ishigami(double u1, double u2, double u3) {
  constexpr double kPi = std::numbers::pi;
  const double x1 = kPi * (2 * u1 - 1), x2 = kPi * (2 * u2 - 1), x3 = kPi * (2 * u3 - 1);
  return std::sin(x1) + 7 * std::sin(x2) * std::sin(x2) + 0.1 * std::pow(x3, 4) * std::sin(x1);
}

TEST(VarianceShares, IshigamiIsWithinTheBootstrapError) {
  constexpr std::size_t kBase = 2048;
  const DesignPoints points = saltelli_points(3, kBase);
  std::vector<double> values;
  for (std::size_t i = 0; i < points.size(); ++i)
    values.push_back(ishigami(points.at(i, 0), points.at(i, 1), points.at(i, 2)));
  const auto shares = variance_shares(values, 3, BootstrapCounts(kBase, 400, Seed{1}));
  // V1 = (1 + 0.1 π⁴/5)²/2, V2 = 49/8, V13 = 0.01 π⁸ (1/18 - 1/50), V their sum.
  const double p4 = std::pow(std::numbers::pi, 4);
  const double v1 = 0.5 * std::pow(1 + 0.1 * p4 / 5, 2), v2 = 49.0 / 8,
               v13 = 0.01 * p4 * p4 * (1.0 / 18 - 1.0 / 50), v = v1 + v2 + v13;
  const double first[] = {v1 / v, v2 / v, 0}, total[] = {(v1 + v13) / v, v2 / v, v13 / v};
  for (std::size_t k = 0; k < 3; ++k) {
    // Bootstrap limits are 1.96 errors wide; 4.5 of them, which a wrong estimator (first order with
    // A and B exchanged in one factor, totals without the 2) misses by more than ten.
    const double first_se = (shares[k].first_upper - shares[k].first_lower) / 3.92;
    const double total_se = (shares[k].total_upper - shares[k].total_lower) / 3.92;
    EXPECT_GT(first_se, 0);
    EXPECT_NEAR(shares[k].first, first[k], 4.5 * first_se) << k;
    EXPECT_NEAR(shares[k].total, total[k], 4.5 * total_se) << k;
    EXPECT_LT(first_se, 0.06);
    EXPECT_LT(total_se, 0.04);
  }
}

TEST(VarianceShares, RowsWithoutAValueAreLeftOutAndConstantsHaveNone) {
  constexpr std::size_t kBase = 64;
  const DesignPoints points = saltelli_points(2, kBase);
  std::vector<double> values;
  for (std::size_t i = 0; i < points.size(); ++i)
    values.push_back(points.at(i, 0) + 2 * points.at(i, 1));
  values[3] = values[2 * kBase + 11] = std::nan("");
  const auto shares = variance_shares(values, 2, BootstrapCounts(kBase, 100, Seed{1}));
  EXPECT_NEAR(shares[0].total, 0.2, 0.03);
  EXPECT_NEAR(shares[1].total, 0.8, 0.06);
  const auto none = variance_shares(std::vector<double>(points.size(), 3.5), 2,
                                    BootstrapCounts(kBase, 100, Seed{1}));
  EXPECT_TRUE(std::isnan(none[0].first));
}

TEST(ResponseSurface, AQuadraticIsFoundWithItsShares) {
  const DesignPoints points = sobol_points(3, 32);
  const SurfaceFitter fitter(points.unit, 3);
  std::vector<double> values;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double x = 2 * points.at(i, 0) - 1, y = 2 * points.at(i, 1) - 1;
    values.push_back(10 + 3 * x + 2 * (3 * y * y - 1) / 2 + 1.5 * x * y);
  }
  const ResponseSurface surface = fitter.fit(values);
  EXPECT_EQ(surface.form, "quadratic");
  EXPECT_NEAR(surface.intercept, 10, 1e-9);
  EXPECT_LT(surface.cv_error, 1e-9);
  EXPECT_NEAR(surface.cv_r2, 1, 1e-9);
  // Variances: 9/3, 4/5, 2.25/9.
  const auto shares = surface_shares(surface, fitter.terms(surface.form), 3);
  const double v = 3 + 0.8 + 0.25;
  EXPECT_NEAR(shares[0].first, 3 / v, 1e-9);
  EXPECT_NEAR(shares[0].total, 3.25 / v, 1e-9);
  EXPECT_NEAR(shares[1].first, 0.8 / v, 1e-9);
  EXPECT_NEAR(shares[1].total, 1.05 / v, 1e-9);
  EXPECT_NEAR(shares[2].total, 0, 1e-9);
}

TEST(ResponseSurface, WhatIsNoPolynomialDoesNotHold) {
  const DesignPoints points = sobol_points(1, 64);
  std::vector<double> values;
  for (double u : points.unit) values.push_back(std::sin(40 * u));
  EXPECT_LT(SurfaceFitter(points.unit, 1).fit(values).cv_r2, 0.5);
}

/// R replicates of one estimator: truth + bias + sd z, with intervals of ± 1.96 × width.
StudyResults made_study(double truth, double bias, double sd, double width,
                        const std::vector<double>& z) {
  StudyResults s;
  s.replicates = static_cast<std::uint32_t>(z.size());
  s.estimands.resize(1);
  s.estimands[0].truth = truth;
  s.estimators.resize(1);
  for (double x : z) {
    s.estimate.push_back(truth + bias + sd * x);
    s.se.push_back(width);
    s.lower.push_back(s.estimate.back() - 1.96 * width);
    s.upper.push_back(s.estimate.back() + 1.96 * width);
  }
  s.performance.push_back(performance(truth, s.estimate, s.se, s.lower, s.upper));
  return s;
}

TEST(Paired, IntervalsOfChangesCoverAtTheirNominalRate) {
  // Nested simulation: 1000 pairs of studies of 200 replicates whose errors have correlation 0.8;
  // how often change ± 1.96 MCSE holds the true change. Errors that ignore the pairing must fail.
  constexpr int kOuter = 1000, kReplicates = 200;
  const boost::math::normal normal;
  const auto coverage = [&](double bias, double sd, double width) {
    return cdf(normal, (1.96 * width - bias) / sd) - cdf(normal, (-1.96 * width - bias) / sd);
  };
  const double true_change[] = {0.5, std::hypot(0.9, 1.2) - std::hypot(0.4, 1.0),
                                coverage(0.9, 1.2, 1.0) - coverage(0.4, 1.0, 1.0)};
  int paired[3] = {}, unpaired = 0;
  for (int outer = 0; outer < kOuter; ++outer) {
    Stream stream({Seed{77}, purpose("nested simulation"), Replicate{0},
                   Unit{static_cast<std::uint64_t>(outer)}});
    boost::random::normal_distribution<double> draw;
    std::vector<double> first, second;
    for (int r = 0; r < kReplicates; ++r) {
      first.push_back(draw(stream));
      second.push_back(0.8 * first.back() + 0.6 * draw(stream));
    }
    const StudyResults a = made_study(5, 0.4, 1.0, 1.0, first),
                       b = made_study(7, 0.9, 1.2, 1.0, second);
    const BaseChange change = paired_changes(a, b)[0];
    const PairedChange changes[] = {change.bias, change.rmse, change.coverage};
    for (int m = 0; m < 3; ++m)
      paired[m] += std::abs(changes[m].change - true_change[m]) <= 1.96 * changes[m].mcse;
    unpaired += std::abs(change.bias.change - true_change[0]) <=
                1.96 * std::hypot(a.performance[0].bias_mcse, b.performance[0].bias_mcse);
  }
  const double mc_error = std::sqrt(0.95 * 0.05 / kOuter);
  for (int m = 0; m < 3; ++m) EXPECT_NEAR(paired[m] / 1.0 / kOuter, 0.95, 4.5 * mc_error) << m;
  EXPECT_GT(unpaired / 1.0 / kOuter, 0.95 + 4.5 * mc_error);
}

TEST(Paired, AFailedReplicateIsLeftOutOfTheErrorOnly) {
  std::vector<double> z{-1, 0, 1, 2, -2, 0.5};
  StudyResults a = made_study(0, 0, 1, 1, z), b = made_study(0, 1, 1, 1, z);
  b.estimate[2] = std::nan("");
  b.performance[0] = performance(0, b.estimate, b.se, b.lower, b.upper);
  const BaseChange change = paired_changes(a, b)[0];
  EXPECT_NEAR(change.bias.mcse, 0, 1e-12);
  EXPECT_EQ(b.performance[0].failures, 1u);
  EXPECT_TRUE(std::isfinite(change.rmse.mcse));
}

class SweepOfTwoByTwo : public ::testing::Test {
 protected:
  SweepOfTwoByTwo()
      : folder_(fs::temp_directory_path() / ("steelyard-sweep-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~SweepOfTwoByTwo() override { fs::remove_all(folder_); }
  static SweepPlan plan(SweepDesign design, std::size_t points = 4) {
    return plan_sweep("two-by-two", {}, Seed{1},
                      {.dials = {parse_dial("sample.size=400:1600"),
                                 parse_dial("weighting.raking.tolerance=1e-9:1e-7")},
                       .design = design,
                       .points = points,
                       .replicates = 30});
  }
  fs::path folder_;
};

TEST_F(SweepOfTwoByTwo, EveryDesignRunsAndThreadsChangeNothing) {
  for (SweepDesign design : {SweepDesign::grid, SweepDesign::saltelli}) {
    const SweepPlan p = plan(design);
    std::vector<SweepResults> results;
    for (int threads : {1, 3}) {
      const fs::path parts = folder_ / (std::string(to_string(design)) + std::to_string(threads));
      fs::create_directories(parts);
      run_conditions(p, SweepParts(parts), threads);
      results.push_back(analyse_sweep(p, SweepParts(parts), threads));
    }
    ASSERT_EQ(results[0].conditions.size(), p.values.size());
    EXPECT_EQ(write_conditions_csv(results[0]), write_conditions_csv(results[1]));
    EXPECT_EQ(write_effects_csv(results[0]), write_effects_csv(results[1]));
  }
}

TEST_F(SweepOfTwoByTwo, TheEstimateCountsWhatASweepDoes) {
  for (SweepDesign design : {SweepDesign::one_at_a_time, SweepDesign::latin_hypercube}) {
    const SweepPlan p = plan(design, 8);  // enough for effects
    const SweepWork told = estimate_sweep(p, 2).work;
    const fs::path folder = folder_ / (std::string("counted ") + to_string(design));
    fs::create_directories(folder);
    const SweepParts parts(folder);
    run_conditions(p, parts, 2);
    const SweepResults swept = analyse_sweep(p, parts, 2);
    EXPECT_EQ(told.conditions, swept.conditions.size());
    EXPECT_EQ(told.rounds, (swept.conditions.size() + 1) / 2);
    std::size_t replicates = 0;
    for (const ConditionRecord& c : swept.conditions) replicates += c.performance[0].replicates;
    EXPECT_EQ(told.replicates, replicates);
    EXPECT_EQ(told.parts_written, parts.written());
    EXPECT_EQ(told.parts_read, parts.times_read()) << to_string(design);
  }
}

TEST_F(SweepOfTwoByTwo, AConditionIsThePlainRunWithItsSettings) {
  const SweepPlan p = plan(SweepDesign::one_at_a_time);
  run_conditions(p, SweepParts(folder_), 2);
  const SweepResults swept = analyse_sweep(p, SweepParts(folder_), 2);
  const Scenario scenario = load_scenario("two-by-two", {"sample.size=1600"});
  const StudyResults run = Study(scenario).run({.seed = Seed{1}, .replicates = 30});
  for (std::size_t i = 0; i < run.estimators.size(); ++i) {
    EXPECT_EQ(swept.conditions[2].performance[i].rmse, run.performance[i].rmse);
    // sample.size alone: its change from end to end is that of conditions 2 and 1.
    for (const EffectRecord& e : swept.effects)
      if (e.dial == 0 && swept.outputs[e.output].estimator == i &&
          swept.outputs[e.output].measure == SweepMeasure::rmse) {
        EXPECT_NEAR(
            e.change,
            swept.conditions[2].performance[i].rmse - swept.conditions[1].performance[i].rmse,
            1e-12);
      }
  }
}

TEST(Dials, SharesOfOneQuestionStayHundredPerCent) {
  const Dials dials("flexible-employment-2022q2", {}, {parse_dial("number.assumed.age.21_30")});
  EXPECT_EQ(dials.list()[0].lower, 32);
  EXPECT_EQ(dials.list()[0].upper, 40);
  double sum = 0;
  std::size_t shares = 0;
  for (const std::string& setting : dials.settings({40})) {
    sum += std::stod(setting.substr(setting.find('=') + 1));
    ++shares;
  }
  EXPECT_EQ(shares, 6u);
  EXPECT_NEAR(sum, 100, 1e-9);
}

TEST(Dials, WhatCannotBeTurnedIsRefused) {
  const auto refused = [](const std::string& dial) {
    return message([&] { (void)Dials("two-by-two", {}, {parse_dial(dial)}); });
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(has, refused("sample.siz=1:2"), "did you mean \"size\"?");
  EXPECT_PRED2(has, refused("sampel.size=100:200"),
               "\"sampel.size\" is no number of the scenario; did you mean \"sample.size\"?");
  EXPECT_PRED2(has, refused("sample.size=200:100"), "the range 200:100 is empty");
  EXPECT_PRED2(has, refused("sample.size=0:100"), "the scenario refuses 0 at an end of its range");
  EXPECT_PRED2(has, refused("sample.size"), "has no range");
}

}  // namespace
}  // namespace steelyard
