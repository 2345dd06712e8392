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
