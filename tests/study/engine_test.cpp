// The engine: the same bits for any number of threads, failures counted and never redrawn.

#include "study/engine.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/output.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

StudyResults run(const Scenario& scenario, int threads, std::uint32_t replicates,
                 std::uint64_t seed = 5) {
  const Study study(scenario);
  return study.run({.seed = Seed{seed}, .replicates = replicates, .threads = threads});
}

TEST(Engine, ThreadsDoNotChangeABit) {
  const Scenario scenario = load_scenario("two-by-two", {"population.size=300000"});
  const StudyResults one = run(scenario, 1, 64), three = run(scenario, 3, 64);
  EXPECT_TRUE(same_bits(one.estimate, three.estimate));
  EXPECT_TRUE(same_bits(one.se, three.se));
  EXPECT_TRUE(same_bits(one.lower, three.lower));
  EXPECT_TRUE(same_bits(one.upper, three.upper));
  ASSERT_EQ(one.estimands.size(), three.estimands.size());
  for (std::size_t e = 0; e < one.estimands.size(); ++e)
    EXPECT_EQ(one.estimands[e].truth, three.estimands[e].truth);
  for (std::size_t i = 0; i < one.performance.size(); ++i)
    EXPECT_EQ(one.performance[i].rmse, three.performance[i].rmse);
}

/// weighting-holds with few weightings and replicates, and intervals that draw random numbers.
class ResamplingStudy : public ::testing::Test {
 protected:
  ResamplingStudy()
      : folder_(fs::temp_directory_path() / ("steelyard-resampling-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    for (const fs::path& root : scenario_folders())
      if (fs::exists(root / "weighting-holds") && !fs::exists(folder_))
        fs::copy(root / "weighting-holds", folder_, fs::copy_options::recursive);
    std::string text = read_file((folder_ / "scenario.toml").string());
    text.insert(text.find("[study]"),
                "[[interval]]\nname = \"bootstrap\"\nmethod = \"bootstrap\"\nreplicates = 15\n\n"
                "[[interval]]\nname = \"groups\"\nmethod = \"random_groups\"\ngroups = 3\n\n");
    write_file(folder_ / "scenario.toml",
               text +
                   "\n[[estimand]]\nid = \"total_income\"\nfunctional = \"total\"\n"
                   "variable = \"income\"\n");
  }
  ~ResamplingStudy() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(ResamplingStudy, ThreadsDoNotChangeABit) {
  const Scenario scenario =
      load_scenario(folder_.string(), {"population.size=200000", "sample.size=500"});
  const StudyResults one = run(scenario, 1, 12), three = run(scenario, 3, 12);
  EXPECT_TRUE(same_bits(one.estimate, three.estimate));
  EXPECT_TRUE(same_bits(one.se, three.se));
  EXPECT_TRUE(same_bits(one.lower, three.lower));
  EXPECT_TRUE(same_bits(one.upper, three.upper));
  for (std::size_t e = 0; e < one.estimands.size(); ++e)
    EXPECT_EQ(one.estimands[e].truth, three.estimands[e].truth);
}

TEST_F(ResamplingStudy, AnIntervalMadeAloneIsTheSame) {
  // Adding an interval or a weighting changes no other estimator's numbers.
  const Scenario all = load_scenario(folder_.string()), few = load_scenario("weighting-holds");
  const StudyResults a = run(all, 2, 4), b = run(few, 2, 4);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < a.estimators.size(); ++i)
    for (std::size_t j = 0; j < b.estimators.size(); ++j) {
      const EstimatorRecord &x = a.estimators[i], &y = b.estimators[j];
      if (a.estimands[x.estimand].estimand != b.estimands[y.estimand].estimand ||
          x.weighting != y.weighting || x.interval != y.interval)
        continue;
      ++compared;
      for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(a.at(a.se, i, r), b.at(b.se, j, r));
    }
  EXPECT_EQ(compared, b.estimators.size());
}

TEST_F(ResamplingStudy, FiniteMediansAndTotalsAgreeWithTheirLaw) {
  const Scenario scenario = load_scenario(folder_.string(), {"population.size=1000000"});
  const StudyResults r = run(scenario, 2, 1);
  std::size_t medians = 0;
  for (const EstimandRecord& e : r.estimands) {
    EXPECT_GT(e.truth_finite_se, 0);
    EXPECT_NE(e.truth_finite, e.truth_superpopulation);
    EXPECT_NEAR(e.truth_finite, e.truth_superpopulation,
                4.5 * e.truth_finite_se + 1e-5 * e.truth_superpopulation)
        << e.estimand;
    medians += e.estimand.starts_with("median");
  }
  EXPECT_EQ(medians, 2u);
}

TEST(Engine, TheMedianOfALawIsWhereAlgebraPutsIt) {
  // Time to work: shares .25, .35, .30, .10, uniform inside 0, 15, 30, 60, 90.
  const StudyResults r = run(load_scenario("weighting-holds"), 2, 1);
  bool seen = false;
  for (const EstimandRecord& e : r.estimands)
    if (e.estimand == "median_commute") {
      seen = true;
      EXPECT_NEAR(e.truth, 15 + 15 * 0.25 / 0.35, 1e-9);
    }
  EXPECT_TRUE(seen);
}

TEST_F(ResamplingStudy, IntervalsThatDoNotApplyAreRefused) {
  const std::string plain = read_file((folder_ / "scenario.toml").string());
  const auto refused = [&](const std::string& text) -> std::string {
    write_file(folder_ / "scenario.toml", text);
    try {
      (void)plan_study(load_scenario(folder_.string()));
    } catch (const UserError& e) {
      return e.what();
    }
    return "works";
  };
  std::string text = plain.substr(0, plain.find("[[interval]]")) +
                     "[[interval]]\nname = \"w\"\nmethod = \"woodruff\"\n" +
                     plain.substr(plain.find("\n[study]"));
  EXPECT_NE(
      refused(text).find("\"mean\" has no interval: \"w\" does not apply, it is for quantiles"),
      std::string::npos)
      << refused(text);
  const std::string two =
      read_file((load_scenario("two-by-two").folder / "scenario.toml").string());
  fs::copy(load_scenario("two-by-two").folder / "data", folder_ / "data",
           fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  text = two;
  text.insert(text.find("[study]"), "[[interval]]\nname = \"w\"\nmethod = \"woodruff\"\n\n");
  EXPECT_NE(refused(text).find("interval \"w\" applies to no estimand: it is for quantiles"),
            std::string::npos)
      << refused(text);
}

TEST(Engine, AnotherSeedGivesOtherNumbersAndMoreReplicatesKeepTheFirst) {
  const Scenario scenario = load_scenario("two-by-two");
  const StudyResults a = run(scenario, 2, 20), b = run(scenario, 2, 20, 6),
                     longer = run(scenario, 2, 40);
  EXPECT_FALSE(same_bits(a.estimate, b.estimate));
  for (std::size_t i = 0; i < a.estimators.size(); ++i)
    for (std::size_t r = 0; r < 20; ++r)
      EXPECT_EQ(a.at(a.estimate, i, r), longer.at(longer.estimate, i, r));
}

TEST(Engine, FiniteTruthAgreesWithItsLaw) {
  const Scenario scenario = load_scenario("two-by-two", {"population.size=1000000"});
  const StudyResults r = run(scenario, 2, 2);
  for (const EstimandRecord& e : r.estimands) {
    EXPECT_GT(e.truth_finite_se, 0);
    EXPECT_NEAR(e.truth_finite, e.truth_superpopulation, 4.5 * e.truth_finite_se + 1e-5)
        << e.domain;  // 1e-5: cells are whole persons
  }
}

class FailingStudy : public ::testing::Test {
 protected:
  FailingStudy()
      : folder_(fs::temp_directory_path() / ("steelyard-engine-" + std::to_string(getpid()))) {
    for (const fs::path& root : scenario_folders())
      if (fs::exists(root / "two-by-two") && !fs::exists(folder_))
        fs::copy(root / "two-by-two", folder_, fs::copy_options::recursive);
  }
  ~FailingStudy() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(FailingStudy, FailuresAreCountedWithTheirReasonAndNotRedrawn) {
  // One woman in fifty answers and samples have 20 persons: many samples hold no woman at all.
  std::string odds = "sex,odds\nmale,50\nfemale,1\n";
  write_file(folder_ / "data/selection_sex.csv", odds);
  const Scenario scenario = load_scenario(folder_.string(), {"sample.size=20"});
  const StudyResults r = run(scenario, 2, 200);
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    std::uint32_t missing = 0;
    for (std::size_t k = 0; k < 200; ++k) missing += std::isnan(r.at(r.estimate, i, k));
    EXPECT_EQ(r.performance[i].failures, missing);
    EXPECT_EQ(r.performance[i].failures + r.performance[i].replicates, 200u);
    if (r.estimators[i].weighting == "raking") {
      EXPECT_GT(missing, 20u);
    }
  }
  ASSERT_FALSE(r.failures.empty());
  bool named = false;
  for (const FailureRecord& f : r.failures)
    named |= f.kind == "empty cell" && f.detail.find("female") != std::string::npos;
  EXPECT_TRUE(named);
}

TEST_F(FailingStudy, PlansThatCannotWorkAreRefused) {
  const std::string plain = read_file((folder_ / "scenario.toml").string());
  const auto message = [&](const std::string& from, const std::string& to) -> std::string {
    std::string text = plain;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    write_file(folder_ / "scenario.toml", text.replace(at, from.size(), to));
    try {
      const Scenario scenario = load_scenario(folder_.string());
      (void)plan_study(scenario);
    } catch (const UserError& e) {
      return e.what();
    }
    return "works";
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_EQ(message("replicates", "replicates"), "works");
  EXPECT_PRED2(has, message("method = \"raking\"", "method = \"rakin\""),
               "\"method\" = \"rakin\" is not known; did you mean \"raking\"?");
  EXPECT_PRED2(has, message("[study]", "[studdy]"),
               "unknown key \"studdy\"; did you mean \"study\"?");
  EXPECT_PRED2(has,
               message("variables = [\"region\", \"sex\"]\n\n[[weighting]]",
                       "variables = [\"region\"]\n\n[[weighting]]"),
               "weighting \"raking\" needs the benchmark sex");
  EXPECT_PRED2(has, message("weighting = \"region_only\"", "weighting = \"region\""),
               "\"weighting\" = \"region\" is not declared");
  EXPECT_PRED2(has, message("functional = \"proportion\"", "functional = \"proporton\""),
               "is not known; did you mean \"proportion\"?");
  EXPECT_PRED2(has, message("by = [\"region\", \"sex\"]", "by = [\"regio\"]"),
               "unknown variable \"regio\"; did you mean \"region\"?");
}

}  // namespace
}  // namespace steelyard
