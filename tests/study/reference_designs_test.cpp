// Reference samples of a synthetic population by every design: unbiased, with the design's variance
// in every interval; their own measurement, their calibrated weights; what is refused.
//
// 120 districts of 500 to 3,500 persons whose share of men is between 0.2 and 0.8; the outcome
// depends on sex alone, as taking part does. Weights of 8,000 respondents by the reference sample's
// sexes then have the reference sample's error as two thirds of theirs or more.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "core/output.hpp"
#include "core/sums.hpp"
#include "sim/selection/hypergeometric.hpp"
#include "study/engine.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

namespace fs = std::filesystem;

constexpr int kDistricts = 120;
constexpr double kOutcome[] = {0.3, 0.6};  ///< of men, women

double persons_of(int district) { return 500 + 3000.0 * district / (kDistricts - 1); }
/// Sizes and shares of men are unrelated.
double men_of(int district) {
  return 0.2 + 0.6 * ((37 * district) % kDistricts) / (kDistricts - 1);
}

constexpr const char* kScenario = R"(
[scenario]
name = "districts"
title = "Districts"
description = "Districts"
[population]
size = {size}
unit = "person"
root = ["district", "sex", "outcome"]
[sample]
size = 8000
[[variable]]
name = "district"
label = "District"
kind = "categorical"
levels = [{levels}]
[[variable]]
name = "sex"
label = "Sex"
kind = "categorical"
levels = ["male", "female"]
[[variable]]
name = "outcome"
label = "Outcome"
kind = "yes_no"
[[table]]
id = "population"
file = "population.csv"
variables = ["district", "sex", "outcome"]
value = "persons"
role = "margin"
side = "population"
provenance = "assumed"
source = "made for the test"
[[selection]]
file = "odds.csv"
variables = ["sex"]
source = "made for the test"
[[benchmark]]
variables = ["district", "sex"]
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "known"
method = "poststratification"
cross = ["sex"]
[[weighting]]
name = "reference"
method = "ipw"
equation = "calibrated"
covariates = ["sex"]
[study]
replicates = 10
reference = {{ weighting = "none" }}
[[estimand]]
id = "outcome"
label = "Outcome"
functional = "proportion"
variable = "outcome"
levels = ["yes"]
)";
constexpr const char* kLinearization =
    "[[interval]]\nname = \"linearization\"\nmethod = \"linearization\"\n";

class Districts {
 public:
  explicit Districts(const std::string& more, const std::string& size = "240000")
      : folder_(fs::path(::testing::TempDir()) /
                fmt::format("districts_{}_{}", ::getpid(), ++count_)) {
    fs::create_directories(folder_);
    std::string levels, persons = "district,sex,outcome,persons\n";
    for (int d = 0; d < kDistricts; ++d) {
      levels += fmt::format("{}\"d{:03}\"", d == 0 ? "" : ", ", d);
      for (int s = 0; s < 2; ++s) {
        const double of_sex = persons_of(d) * (s == 0 ? men_of(d) : 1 - men_of(d));
        const char* sex = s == 0 ? "male" : "female";
        persons += fmt::format("d{:03},{},yes,{:.6f}\nd{:03},{},no,{:.6f}\n", d, sex,
                               of_sex * kOutcome[s], d, sex, of_sex * (1 - kOutcome[s]));
      }
    }
    write_file(folder_ / "population.csv", persons);
    write_file(folder_ / "odds.csv", "sex,odds\nmale,3\nfemale,1\n");
    write_file(folder_ / "scenario.toml",
               fmt::format(kScenario, fmt::arg("size", size), fmt::arg("levels", levels)) + more);
    scenario_ = load_scenario(folder_.string());
  }
  ~Districts() { fs::remove_all(folder_); }

  const Scenario& scenario() const { return scenario_; }
  StudyResults run(std::uint32_t replicates) const {
    const Study study(scenario_);
    return study.run({.seed = Seed{20}, .replicates = replicates, .threads = 2});
  }

 private:
  static inline int count_ = 0;
  fs::path folder_;
  Scenario scenario_;
};

/// The performance of the estimator of that weighting (and interval).
const PerformanceRecord& of(const StudyResults& r, const std::string& weighting,
                            const std::string& interval = "linearization") {
  for (std::size_t e = 0; e < r.estimators.size(); ++e)
    if (r.estimators[e].weighting == weighting && r.estimators[e].interval == interval)
      return r.performance[e];
  throw std::out_of_range(weighting);
}

constexpr std::uint32_t kReplicates = 5000;
constexpr double kMcses = 4;

/// Unbiased; the standard error that of the estimates; intervals cover. A variance that forgot the
/// clusters would be a quarter too small, one that forgot that they are drawn without replacement a
/// tenth too large; 4 Monte Carlo errors are 4 % of a standard error.
void expect_nominal(const PerformanceRecord& p) {
  EXPECT_EQ(p.failures, 0u);
  EXPECT_NEAR(p.bias, 0, kMcses * p.bias_mcse);
  EXPECT_NEAR(p.mean_se / p.sd, 1, kMcses * p.sd_mcse / p.sd);
  EXPECT_NEAR(p.coverage, 0.95, kMcses * std::sqrt(0.95 * 0.05 / kReplicates));
}

std::string reference(const std::string& design, const std::string& more = "") {
  return fmt::format(
      "[reference]\nasks = [\"district\", \"sex\", \"outcome\"]\ndesign = \"{}\"\n{}\n{}", design,
      more, kLinearization);
}

TEST(ReferenceDesigns, TwoStagesOfSimpleRandomDraws) {
  const Districts world(
      reference("two_stage", "cluster = [\"district\"]\nclusters = 60\nunits = 8"));
  expect_nominal(of(world.run(kReplicates), "reference"));
}

TEST(ReferenceDesigns, TwoStagesWithProbabilitiesProportionalToPersons) {
  const Districts world(reference(
      "two_stage", "cluster = [\"district\"]\nclusters = 60\nunits = 8\nselection = \"pps\""));
  expect_nominal(of(world.run(kReplicates), "reference"));
}

TEST(ReferenceDesigns, SystematicInRandomOrder) {
  const Districts world(reference("random_systematic_pps", "n = 300\nsize = { sex = [1, 4] }"));
  expect_nominal(of(world.run(kReplicates), "reference"));
}

/// Mean and variance m k/n and m (k/n)(1 - k/n)(n - m)/(n - 1), and every number there can be.
TEST(Hypergeometric, HasTheMomentsOfItsLaw) {
  struct Law {
    std::uint64_t n, k, m;
  };
  for (const Law& law : {Law{10, 4, 3}, Law{10, 9, 8}, Law{1'000'000'000, 300'000'000, 2000},
                         Law{5000, 2500, 40}, Law{100, 100, 7}, Law{100, 0, 7}}) {
    Moments drawn;
    for (std::uint64_t r = 0; r < 20000; ++r) {
      Stream stream({Seed{4}, purpose("hypergeometric test"), {}, Unit{r}});
      const std::uint64_t x = hypergeometric(stream, law.n, law.k, law.m);
      ASSERT_LE(x, std::min(law.k, law.m));
      ASSERT_GE(x + law.n, law.m + law.k);
      drawn.add(static_cast<double>(x));
    }
    const double n = static_cast<double>(law.n), p = static_cast<double>(law.k) / n,
                 m = static_cast<double>(law.m), variance = m * p * (1 - p) * (n - m) / (n - 1);
    EXPECT_NEAR(drawn.mean(), m * p, 4.5 * std::sqrt(variance / 20000) + 1e-12);
    EXPECT_NEAR(drawn.variance(), variance, 4.5 * variance * std::sqrt(2.5 / 20000) + 1e-12);
  }
}

/// In the order of the districts neighbours are often of different sexes: pairs say too much, by no
/// more than a random order would.
TEST(ReferenceDesigns, SystematicInTheOrderOfTheCellsIsSafe) {
  const Districts world(reference("systematic_pps", "n = 300\nsize = { sex = [1, 4] }"));
  const StudyResults r = world.run(kReplicates);
  const PerformanceRecord& p = of(r, "reference");
  EXPECT_EQ(p.failures, 0u);
  EXPECT_NEAR(p.bias, 0, kMcses * p.bias_mcse);
  EXPECT_GT(p.mean_se, p.sd * (1 - kMcses * p.sd_mcse / p.sd));
  EXPECT_GT(p.coverage, 0.95 - kMcses * std::sqrt(0.95 * 0.05 / kReplicates));
}

/// Every person as likely as the design says: weights of a cell sum to its persons.
TEST(ReferenceDesigns, WeightsSumToThePopulation) {
  for (const std::string& design :
       {reference("two_stage", "cluster = [\"district\"]\nclusters = 30\nunits = 8"),
        reference("two_stage",
                  "cluster = [\"district\"]\nclusters = 30\nunits = 8\nselection = \"pps\""),
        reference("random_systematic_pps", "n = 300\nsize = { sex = [1, 4] }"),
        reference(
            "systematic_pps", "n = 301\nsize = { sex = [1, 4], district = [" + [] {
              std::string sizes;
              for (int d = 0; d < kDistricts; ++d)
                sizes += fmt::format("{}{}", d ? "," : "", 1 + d % 3);
              return sizes;
            }() + "] }")}) {
    SCOPED_TRACE(design);
    const Districts world(design);
    const Study study(world.scenario());
    const auto synthesizer = study.reference_synthesizer(study.population());
    const Synthesizer answers = study.sample_synthesizer({});
    Study::Scratch scratch = study.scratch(answers);
    Moments all, men;
    for (std::uint32_t r = 0; r < 400; ++r) {
      const auto drawn = study.draw_reference(Seed{3}, Replicate{r}, &*synthesizer, scratch);
      ASSERT_TRUE(drawn.ok());
      const Sample& b = drawn.value()->sample;
      double sum = 0, of_men = 0;
      for (std::size_t j = 0; j < b.n; ++j) {
        sum += b.base_weights[j];
        if (b.column(world.scenario().schema.id(1))[j] == 0) of_men += b.base_weights[j];
      }
      all.add(sum);
      men.add(of_men);
    }
    double persons = 0, truth = 0;
    for (int d = 0; d < kDistricts; ++d) {
      persons += persons_of(d);
      truth += persons_of(d) * men_of(d);
    }
    EXPECT_NEAR(all.mean(), 240000, 4.5 * all.mean_se() + 1e-6);
    EXPECT_NEAR(men.mean(), 240000 * truth / persons, 4.5 * men.mean_se());
  }
}

/// Calibrated to the sexes themselves the reference sample has no error left: estimates are those
/// of post-stratification to the known sexes.
TEST(ReferenceDesigns, WeightsCalibratedToWhatIsAskedAreTheBenchmarks) {
  const Districts world(reference(
      "two_stage", "cluster = [\"district\"]\nclusters = 40\nunits = 8\nmargins = [\"sex\"]"));
  const StudyResults r = world.run(20);
  for (std::size_t k = 0; k < 20; ++k) {
    const double known = r.at(r.estimate, 1, k), calibrated = r.at(r.estimate, 2, k);
    EXPECT_NEAR(calibrated, known, 1e-9);
    // Respondents are a Poisson sample there, which leaves (1 - π), π from 0.02 to 0.06.
    EXPECT_NEAR(r.at(r.se, 2, k) / r.at(r.se, 1, k), std::sqrt(1 - 0.03), 0.02);
  }
}

/// Calibrated to the outcome: what that says of the sexes has no error, the rest has.
TEST(ReferenceDesigns, CalibratedWeightsCarryTheErrorOfWhatIsLeft) {
  const Districts plain(reference("simple_random", "n = 300")),
      calibrated(reference("simple_random", "n = 300\nmargins = [\"outcome\"]"));
  const StudyResults with = calibrated.run(kReplicates), without = plain.run(kReplicates);
  expect_nominal(of(without, "reference"));
  expect_nominal(of(with, "reference"));
  EXPECT_LT(of(with, "reference").sd, 0.98 * of(without, "reference").sd);
}

TEST(ReferenceDesigns, AReferenceSampleThatCannotBeCalibratedIsAFailure) {
  const Districts world(reference(
      "two_stage", "cluster = [\"district\"]\nclusters = 40\nunits = 8\nmargins = [\"district\"]"));
  const StudyResults r = world.run(5);
  EXPECT_EQ(of(r, "reference").failures, 5u);
  EXPECT_EQ(of(r, "known").failures, 0u);
  ASSERT_FALSE(r.failures.empty());
  EXPECT_NE(r.failures[0].detail.find("the reference sample cannot be calibrated: "),
            std::string::npos)
      << r.failures[0].detail;
}

/// A fifth of the men are recorded as women: the estimate moves by that, and none without weights.
TEST(ReferenceDesigns, MeasurementOfTheReferenceSampleIsItsOwn) {
  const std::string error =
      "[[measurement]]\nname = \"misread\"\nkind = \"misclassification\"\nvariable = \"sex\"\n"
      "matrix = { male = [0.8, 0.2] }\nsample = \"reference\"\nsource = \"made for the test\"\n";
  const std::string design = reference("simple_random", "n = 2000");
  const StudyResults with = Districts(design + error).run(200),
                     without = Districts(design).run(200);
  double persons = 0, men = 0;
  for (int d = 0; d < kDistricts; ++d) {
    persons += persons_of(d);
    men += persons_of(d) * men_of(d);
  }
  const double moved = 0.2 * men / persons * (kOutcome[1] - kOutcome[0]);
  const PerformanceRecord &p = of(with, "reference"), &q = of(without, "reference");
  EXPECT_NEAR(p.bias - q.bias, moved, kMcses * (p.bias_mcse + q.bias_mcse));
  EXPECT_EQ(of(with, "none").mean_estimate, of(without, "none").mean_estimate);
}

/// Replication draws both samples again: the bootstrap of primary units without replacement.
TEST(ReferenceDesigns, ReplicatesAreByTheDesignToo) {
  const Districts world(
      reference("two_stage", "cluster = [\"district\"]\nclusters = 60\nunits = 8") +
      "[[interval]]\nname = \"bootstrap\"\nmethod = \"bootstrap\"\nreplicates = 100\n"
      "[[interval]]\nname = \"jackknife\"\nmethod = \"jackknife\"\ngroups = 30\n");
  const StudyResults r = world.run(60);
  const double linear = of(r, "reference").mean_se;
  EXPECT_NEAR(of(r, "reference", "bootstrap").mean_se / linear, 1, 0.06);
  // Groups of primary units as if drawn with replacement: above the truth, by a fifth at most.
  EXPECT_GT(of(r, "reference", "jackknife").mean_se / linear, 0.97);
  EXPECT_LT(of(r, "reference", "jackknife").mean_se / linear, 1.25);
}

/// Models that learn from everybody and predict a benchmark's cells are made again in replicates.
TEST(ReferenceDesigns, MultilevelModelsOfBenchmarksHaveReplicates) {
  const Districts world(std::string("[[interval]]\nname = \"bootstrap\"\nmethod = \"bootstrap\"\n"
                                    "replicates = 8\n") +
                        "[[weighting]]\nname = \"mrp\"\nmethod = \"mrp\"\nfixed = [\"sex\"]\n"
                        "groups = [\"district\"]\n" +
                        "[[estimand]]\nid = \"of_men\"\nfunctional = \"proportion\"\n"
                        "variable = \"outcome\"\nlevels = [\"yes\"]\ndomain = \"sex=male\"\n" +
                        reference("simple_random", "n = 2000"));
  const StudyResults r = world.run(2);
  for (std::size_t e = 0; e < r.estimators.size(); ++e) {
    if (r.estimators[e].weighting != "mrp" || r.estimators[e].interval != "bootstrap") continue;
    EXPECT_EQ(r.performance[e].failures, 0u);
    EXPECT_GT(r.performance[e].mean_se, 0.002);
    EXPECT_LT(r.performance[e].mean_se, 0.03);
  }
}

TEST(ReferenceDesigns, WhatThePopulationHasNotIsRefused) {
  const auto says = [](const std::string& section, const std::string& text,
                       const std::string& size = "240000") {
    const std::string told = message([&] {
      const Districts world(section, size);
      const Study study(world.scenario());
    });
    EXPECT_NE(told.find(text), std::string::npos) << told;
  };
  const std::string units = "cluster = [\"district\"]\nclusters = 10\nunits = 5\n";
  says(reference("two_stage", units),
       "\"design\" = \"two_stage\" draws from a list of persons, and a superpopulation has none",
       "\"superpopulation\"");
  says(reference("systematic_pps", "n = 100\nsize = { sex = [1, 2] }"),
       "a superpopulation has none", "\"superpopulation\"");
  says(reference("two_stage", "cluster = [\"village\"]\nclusters = 10\nunits = 5\n"), "village");
  says(reference("two_stage", "cluster = []\nclusters = 10\nunits = 5\n"), "names no variable");
  says(reference("two_stage", "cluster = [\"district\"]\nclusters = 121\nunits = 5\n"),
       "= 121 exceeds the population's 120 primary units");
  says(reference("two_stage", units + "stratum = [\"sex\"]"),
       "\"stratum\" is given to design = \"two_stage\"");
  says(reference("systematic_pps", "n = 100"), "\"size\" is missing");
  says(reference("systematic_pps", "n = 100\nsize = { sex = [1, 2, 3] }"),
       "has 3 numbers for 2 levels");
  says(reference("systematic_pps", "n = 100\nsize = { sex = [1, 0] }"),
       "gives the level \"female\" the size 0, so that its persons are never drawn");
  says(reference("random_systematic_pps", "n = 200000\nsize = { sex = [1, 5] }"),
       "takes persons of the largest size for certain");
  says(
      "[reference]\nasks = [\"sex\"]\ndesign = \"simple_random\"\nn = 100\nmargins = "
      "[\"outcome\"]\n" +
          std::string(kLinearization),
      "which it does not ask");
  says(
      "[[measurement]]\nname = \"a\"\nkind = \"item_nonresponse\"\nquestions = [\"sex\"]\n"
      "rate = 0.1\nsample = \"reference\"\nsource = \"x\"\n" +
          std::string(kLinearization),
      "there is no reference sample");
}

}  // namespace
}  // namespace steelyard
