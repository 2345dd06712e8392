// Every weighting with means, ratios and medians: unbiased with nominal coverage in the scenario
// that meets its assumptions (weighting-holds), visibly wrong in the one that breaks them
// (weighting-breaks).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "core/output.hpp"
#include "core/text.hpp"
#include "study/engine.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

constexpr double kNominal = 0.95;

StudyResults run(const Scenario& scenario, std::uint32_t replicates) {
  const Study study(scenario);
  return study.run({.seed = Seed{20261124}, .replicates = replicates, .threads = 0});
}

const Scenario& holds() {
  static const Scenario scenario = load_scenario("weighting-holds");
  return scenario;
}

const StudyResults& holding() {
  static const StudyResults results = run(holds(), 5000);
  return results;
}

const StudyResults& breaking() {
  static const Scenario scenario = load_scenario("weighting-breaks");
  static const StudyResults results = run(scenario, 1000);
  return results;
}

/// Trimmed weights trade the benchmarks for less spread: biased by design wherever selection
/// matters. Inside the calibration (raking_capped) the benchmarks are kept.
bool trimmed(const EstimatorRecord& e) { return e.weighting.starts_with("trimmed_"); }

/// Answers of the holding scenario that selection does not depend on.
bool neutral(const std::string& estimand) {
  return estimand == "mean_commute" || estimand == "minutes_per_trip" ||
         estimand == "median_commute";
}

bool unweighted_or_trimmed(const EstimatorRecord& e) { return e.weighting == "none" || trimmed(e); }

/// Whether the holding scenario meets what this estimator assumes: unweighted samples need an
/// answer that selection does not depend on, and so do trimmed weights; the GREG estimator's
/// weights are made for the mean of its outcome.
bool holds_for(const StudyResults& results, std::size_t i) {
  const EstimatorRecord& e = results.estimators[i];
  const std::string& estimand = results.estimands[e.estimand].estimand;
  if (neutral(estimand)) return true;
  return e.weighting == "greg" ? estimand == "mean_income" : !unweighted_or_trimmed(e);
}

std::string name(const StudyResults& results, std::size_t i) {
  const EstimatorRecord& e = results.estimators[i];
  const PerformanceRecord& p = results.performance[i];
  return fmt::format(
      "{}, {}, {}: bias {:.3g} ({:.2g}), coverage {:.4f} ({:.4f}), mean se / sd {:.3f}",
      results.estimands[e.estimand].estimand, e.weighting, e.interval, p.bias, p.bias_mcse,
      p.coverage, p.coverage_mcse, p.mean_se / p.sd);
}

/// Monte Carlo error of a coverage that is nominal.
double coverage_mcse(const PerformanceRecord& p) {
  return std::sqrt(kNominal * (1 - kNominal) / p.replicates);
}

bool nominal(const PerformanceRecord& p) {
  return std::abs(p.coverage - kNominal) < 4 * coverage_mcse(p);
}
bool unbiased(const PerformanceRecord& p) { return std::abs(p.bias) < 4 * p.bias_mcse; }
bool visibly_wrong(const PerformanceRecord& p) {
  return std::abs(p.bias) > 10 * p.bias_mcse || p.coverage < 0.8;
}

TEST(WeightingCoverage, BothScenariosHaveEveryRegisteredWeighting) {
  for (const char* scenario_name : {"weighting-holds", "weighting-breaks"}) {
    const Scenario scenario = load_scenario(scenario_name);
    const StudyPlan plan = plan_study(scenario);
    std::set<std::string_view> methods;
    for (const auto& weighting : plan.weightings) methods.insert(weighting.method);
    for (const WeightingInfo& info : weightings())
      EXPECT_TRUE(methods.contains(info.name) ||
                  // A reference sample has tests of its own, nonprobability_coverage_test, and so
                  // has partial pooling: multilevel_test.
                  testing::estimates_from_reference(info.name) || info.name == "mrp")
          << scenario_name << " lacks " << info.name;
  }
}

TEST(WeightingCoverage, NothingFailsInTheHoldingScenario) {
  for (std::size_t i = 0; i < holding().estimators.size(); ++i) {
    EXPECT_EQ(holding().performance[i].failures, 0u) << name(holding(), i);
    EXPECT_EQ(holding().performance[i].replicates, 5000u);
  }
}

// sd / 70.7 is the Monte Carlo error: a bias above 0.057 standard deviations fails.
TEST(WeightingCoverage, WhereAssumptionsHoldThereIsNoBias) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < holding().estimators.size(); ++i) {
    if (!holds_for(holding(), i)) continue;
    seen.insert(holding().estimators[i].weighting);
    EXPECT_TRUE(unbiased(holding().performance[i])) << name(holding(), i);
  }
  EXPECT_EQ(seen.size(), plan_study(holds()).weightings.size());
}

// 4 Monte Carlo errors are 0.0123: standard errors 6 % too small (coverage 0.935) fail.
TEST(WeightingCoverage, WhereAssumptionsHoldIntervalsCoverAtTheNominalRate) {
  std::set<std::string> intervals_seen;
  for (std::size_t i = 0; i < holding().estimators.size(); ++i) {
    if (!holds_for(holding(), i)) continue;
    intervals_seen.insert(holding().estimators[i].interval);
    EXPECT_TRUE(nominal(holding().performance[i])) << name(holding(), i);
  }
  EXPECT_EQ(intervals_seen, (std::set<std::string>{"jackknife", "linearization", "woodruff"}));
}

TEST(WeightingCoverage, NoWeightsAndTrimmedWeightsAreBiasedWhereSelectionMatters) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < holding().estimators.size(); ++i) {
    if (holds_for(holding(), i) || !unweighted_or_trimmed(holding().estimators[i])) continue;
    ++count;
    EXPECT_TRUE(visibly_wrong(holding().performance[i])) << name(holding(), i);
  }
  EXPECT_EQ(count, 4u * (2 + 2 + 3));  // four weightings; mean, ratio and median with 2, 2, 3
}

TEST(WeightingCoverage, SelectionOnTheAnswerBreaksEveryWeighting) {
  for (std::size_t i = 0; i < breaking().estimators.size(); ++i) {
    const std::string& estimand = breaking().estimands[breaking().estimators[i].estimand].estimand;
    if (estimand != "mean_income" && estimand != "median_income" && estimand != "income_per_hour")
      continue;
    EXPECT_TRUE(visibly_wrong(breaking().performance[i])) << name(breaking(), i);
  }
}

// Hours depend on region by sex, and so does selection: the full cross sees it, margins do not.
TEST(WeightingCoverage, AnInteractionBreaksMarginsAndNotTheFullCross) {
  for (std::size_t i = 0; i < breaking().estimators.size(); ++i) {
    const EstimatorRecord& e = breaking().estimators[i];
    const std::string& estimand = breaking().estimands[e.estimand].estimand;
    if (estimand != "mean_hours" && estimand != "median_hours") continue;
    const PerformanceRecord& p = breaking().performance[i];
    if (e.weighting == "poststratification") {
      EXPECT_TRUE(unbiased(p)) << name(breaking(), i);
      EXPECT_TRUE(nominal(p)) << name(breaking(), i);
    } else {
      EXPECT_TRUE(visibly_wrong(p)) << name(breaking(), i);
    }
  }
}

/// The holding scenario with raking alone and other intervals.
StudyResults raking_with(const std::string& intervals, const std::string& settings,
                         std::uint32_t replicates) {
  const fs::path folder =
      fs::temp_directory_path() / fmt::format("steelyard-coverage-{}", getpid());
  fs::remove_all(folder);
  fs::copy(holds().folder, folder, fs::copy_options::recursive);
  std::string text;
  for (const std::string& part :
       split("\n" + read_file((folder / "scenario.toml").string()), "\n[[")) {
    const bool other_weighting =
        part.starts_with("weighting]]") && part.find("name = \"raking\"") == std::string::npos;
    if (other_weighting || part.starts_with("interval]]")) continue;
    text += text.empty() ? part : "\n[[" + part;
  }
  // [study] stood in the last interval's part.
  text += "\n" + intervals + "\n[study]\nreference = { weighting = \"raking\" }\n";
  write_file(folder / "scenario.toml", text);
  const Scenario scenario = load_scenario(folder.string(), {settings});
  const StudyResults results = run(scenario, replicates);
  fs::remove_all(folder);
  return results;
}

// 4 Monte Carlo errors at 1,500 replicates are 0.0225: standard errors 10 % too small fail. The
// bootstraps' 100 replicates leave their standard error a coefficient of variation of 7 %, which
// costs 0.0023 of coverage under a t interval.
TEST(WeightingCoverage, BootstrapsAndRandomGroupsCoverToo) {
  const StudyResults results = raking_with(R"([[interval]]
name = "bootstrap"
method = "bootstrap"
replicates = 100

[[interval]]
name = "bayesian_bootstrap"
method = "bayesian_bootstrap"
replicates = 100

[[interval]]
name = "random_groups"
method = "random_groups"
groups = 10
)",
                                           "sample.size=1200", 1500);
  ASSERT_EQ(results.estimators.size(), 18u);
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    EXPECT_EQ(results.performance[i].failures, 0u) << name(results, i);
    EXPECT_TRUE(unbiased(results.performance[i])) << name(results, i);
    EXPECT_TRUE(nominal(results.performance[i])) << name(results, i);
  }
}

TEST(WeightingCoverage, ADeliberatelyWrongStandardErrorFailsTheSameBound) {
  // Intervals of raking's mean as narrow as those of standard errors 8 % too small.
  for (std::size_t i = 0; i < holding().estimators.size(); ++i) {
    const EstimatorRecord& e = holding().estimators[i];
    if (e.weighting != "raking" || e.interval != "linearization" ||
        holding().estimands[e.estimand].estimand != "mean_income")
      continue;
    PerformanceRecord p = holding().performance[i];
    std::uint32_t covered = 0;
    for (std::size_t r = 0; r < 5000; ++r) {
      const double half =
          (holding().at(holding().upper, i, r) - holding().at(holding().lower, i, r)) / 2 * 0.92;
      covered += std::abs(holding().at(holding().estimate, i, r) - p.truth) <= half;
    }
    p.coverage = covered / 5000.0;
    EXPECT_FALSE(nominal(p)) << p.coverage;
    p.bias += 0.1 * p.sd;
    EXPECT_FALSE(unbiased(p));
  }
}

}  // namespace
}  // namespace steelyard
