// Studies of model populations: truths by hand, conditions that share random numbers, published
// measures beside what is found, and the same bits for any number of threads.

#include "study/model_study.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sim/models/model_population.hpp"
#include "sim/models/model_sampler.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

constexpr const char* kHead = R"toml(
[scenario]
name = "m"
title = "M"
[population]
kind = "model"
size = 400
[[variable]]
name = "x"
distribution = { name = "normal", mean = 1, sd = 1 }
[[variable]]
name = "group"
kind = "categorical"
levels = ["a", "b"]
formula = "x > 1 ? 1 : 0"
[[variable]]
name = "income"
kind = "bucketed"
levels = ["low", "middle", "high"]
edges = [0, 1, 2, inf]
formula = "abs(x)"
assumed_values = [0.5, 1.5, 3]
[[variable]]
name = "y"
formula = "2*x + 1"
[participation]
linear = "0.5*x"
expected_size = 100
[reference]
design = "simple_random"
n = 80
asks = ["x", "group"]
[study]
replicates = 20
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "ipw"
method = "ipw"
covariates = ["x"]
)toml";
constexpr const char* kMean = R"(
[[estimand]]
id = "mean_y"
functional = "mean"
variable = "y"
by = ["group"]
)";

constexpr const char* kMeanIncome = R"(
[[value_rule]]
name = "assumed"
method = "midpoints"
[[estimand]]
id = "mean_income"
functional = "mean"
variable = "income"
)";

class Folder {
 public:
  explicit Folder(const std::string& toml)
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("study_" + std::to_string(::getpid()) + "_" + std::to_string(++count_))) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "scenario.toml") << toml;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

StudyResults run(const Folder& folder, std::uint32_t replicates = 20, int threads = 1) {
  return ModelStudy(folder.path())
      .run({.seed = Seed{3}, .replicates = replicates, .threads = threads});
}

std::string complaint(const std::string& toml) {
  const Folder folder(toml);
  std::string text = message([&] { (void)run(folder, 2); });
  const std::string file = folder.path() + "/";
  for (std::size_t at; (at = text.find(file)) != std::string::npos;) text.erase(at, file.size());
  return text;
}

TEST(ModelStudy, TruthIsThatOfItsPopulation) {
  const Folder folder(std::string(kHead) + kMean);
  const ModelScenario model = load_model_scenario(folder.path());
  const ModelPopulation population(model, Seed{3}, Replicate{0});
  const auto& x = *population.columns().find("x");
  double sum = 0, sum_b = 0, b = 0;
  for (double v : x) {
    sum += 2 * v + 1;
    if (v > 1) sum_b += 2 * v + 1, b += 1;
  }
  const StudyResults results = run(folder);
  ASSERT_EQ(results.estimands.size(), 3u);
  EXPECT_NEAR(results.estimands[0].truth, sum / 400, 1e-12);
  EXPECT_EQ(results.estimands[2].domain, "group=b");
  EXPECT_NEAR(results.estimands[2].truth, sum_b / b, 1e-12);
  EXPECT_EQ(results.population_kind, "model");
  EXPECT_EQ(results.sample_size, 100u);
  EXPECT_TRUE(results.failures.empty());
}

TEST(ModelStudy, DataDefectIsTheCorrelationOfTakingPartWithTheAnswer) {
  const Folder folder(std::string(kHead) + kMean);
  const ModelScenario model = load_model_scenario(folder.path());
  const ModelPopulation population(model, Seed{3}, Replicate{0});
  const ModelSampler sampler(model, population);
  const auto& x = *population.columns().find("x");
  double p_sum = 0, py = 0, y_sum = 0, yy = 0;
  for (double v : x) {
    const double p = 1 / (1 + std::exp(-(*sampler.intercept() + 0.5 * v))), y = 2 * v + 1;
    p_sum += p;
    py += p * y;
    y_sum += y;
    yy += y * y;
  }
  const double n = 400, f = 100 / n, sd = std::sqrt(yy / n - y_sum * y_sum / (n * n));
  const double expected = (py / p_sum - y_sum / n) / (sd * std::sqrt((1 - f) / f));
  const StudyResults results = run(folder, 1000);
  ASSERT_EQ(results.selection.size(), results.estimators.size());
  const SelectionRecord& s = results.selection[0];
  EXPECT_EQ(results.estimators[0].weighting, "none");
  EXPECT_EQ(results.estimands[results.estimators[0].estimand].domain, "all");
  EXPECT_NEAR(s.unit_sd, sd, 1e-12);
  EXPECT_GT(s.ddc_mcse, 0);
  EXPECT_NEAR(s.ddc, expected, 4 * s.ddc_mcse);
  EXPECT_GT(s.ddc, 4 * s.ddc_mcse);
  EXPECT_NEAR(s.effective_n, std::pow(sd / results.performance[0].rmse, 2), 1e-9 * s.effective_n);
}

TEST(ModelStudy, SpreadOfBucketedAnswersIsThatOfTheValuesBehindThem) {
  const Folder folder(std::string(kHead) + kMeanIncome);
  const ModelPopulation population(load_model_scenario(folder.path()), Seed{3}, Replicate{0});
  double sum = 0, squares = 0;
  for (double v : *population.columns().find("x")) {
    sum += std::abs(v);
    squares += v * v;
  }
  const double sd = std::sqrt(squares / 400 - sum * sum / 160000);
  // Variances within buckets have the divisor of samples.
  EXPECT_NEAR(run(folder, 2).selection[0].unit_sd, sd, 0.01 * sd);
}

TEST(ModelStudy, NoDataDefectWhereThePopulationIsDrawnAnew) {
  std::string text = std::string(kHead) + kMean;
  text.replace(text.find("size = 400"), 10, "size = 400\ndraw = \"replicate\"");
  const StudyResults results = run(Folder(text), 5);
  EXPECT_TRUE(std::isnan(results.selection[0].ddc));
  EXPECT_NEAR(results.selection[0].unit_sd, 2, 0.02);
  EXPECT_GT(results.selection[0].effective_n, 0);
}

TEST(ModelStudy, TruthOfBucketedAnswersIsOfTheValuesBehindThem) {
  const Folder folder(std::string(kHead) + kMeanIncome);
  const ModelScenario model = load_model_scenario(folder.path());
  const ModelPopulation population(model, Seed{3}, Replicate{0});
  double sum = 0, assumed = 0;
  for (double v : *population.columns().find("x")) {
    const double income = std::abs(v);
    sum += income;
    assumed += income < 1 ? 0.5 : income < 2 ? 1.5 : 3;
  }
  const StudyResults results = run(folder);
  EXPECT_NEAR(results.estimands[0].truth, sum / 400, 1e-12);
  EXPECT_NEAR(results.estimators[0].rule_bias, (assumed - sum) / 400, 1e-12);
}

TEST(ModelStudy, ThreadsDoNotChangeABit) {
  const Folder folder(std::string(kHead) + kMean);
  const StudyResults one = run(folder, 20, 1), two = run(folder, 20, 2);
  EXPECT_EQ(one.estimate, two.estimate);
  EXPECT_EQ(one.se, two.se);
}

TEST(ModelStudy, ConditionsShareRandomNumbersAndStandOneAfterAnother) {
  const Folder folder(std::string(kHead) + kMean + R"(
[[condition]]
name = "as it stands"
set = []
[[condition]]
name = "larger"
set = ["participation.expected_size=200"]
)");
  const StudyResults results = run(folder);
  ASSERT_EQ(results.estimands.size(), 6u);
  EXPECT_EQ(results.estimands[0].domain, "as it stands");
  EXPECT_EQ(results.estimands[5].domain, "larger: group=b");
  EXPECT_EQ(results.estimands[0].truth, results.estimands[3].truth);
  ASSERT_EQ(results.estimators.size(), 12u);
  EXPECT_EQ(results.estimators[6].estimand, 3u);
  // The first condition alone gives the same estimates.
  const Folder alone(std::string(kHead) + kMean);
  const StudyResults first = run(alone);
  EXPECT_TRUE(std::equal(first.estimate.begin(), first.estimate.end(), results.estimate.begin()));
  // Whoever takes part at the lower propensity does so at the higher one.
  EXPECT_LT(results.performance[6].sd, results.performance[0].sd);
}

TEST(ModelStudy, APopulationDrawnAnewIsMeasuredAgainstTheStatedTruth) {
  std::string toml = std::string(kHead) + kMean;
  toml.replace(toml.find("size = 400"), 10, "size = 400\ndraw = \"replicate\"");
  toml += "truth = 3\n";
  const Folder folder(toml);
  const StudyResults results = run(folder, 400);
  EXPECT_EQ(results.estimands[0].truth, 3);
  // By group the truth is that of many persons: E(2x + 1 | x > 1) = 3 + 2 φ(0) / 0.5.
  EXPECT_NEAR(results.estimands[2].truth, 3 + 2 * 0.3989422804014327 / 0.5,
              5 * 2 / std::sqrt(2.5e6));
  const PerformanceRecord& ipw = results.performance[1];
  EXPECT_LT(std::abs(ipw.bias), 4.5 * ipw.bias_mcse + 0.05);
  EXPECT_GT(results.performance[0].bias, 10 * results.performance[0].bias_mcse);
}

TEST(ModelStudy, PublishedMeasuresStandBesideWhatIsFound) {
  const Folder folder(std::string(kHead) + kMean + "[published]\nfile = \"p.csv\"\n");
  folder.write("p.csv",
               "id,condition,estimand,weighting,measure,value,tolerance,source\n"
               "a,all,mean_y,none,bias,0.5,100,paper\n"
               "b,all,mean_y,ipw,coverage,250,1%,paper\n");
  const StudyResults results = run(folder);
  ASSERT_EQ(results.reproduction.size(), 2u);
  const ReproductionRecord &a = results.reproduction[0], &b = results.reproduction[1];
  EXPECT_EQ(a.status, ReproductionStatus::reproduced);
  EXPECT_EQ(a.simulated, results.performance[0].bias);
  EXPECT_EQ(a.simulated_mcse, results.performance[0].bias_mcse);
  EXPECT_EQ(b.status, ReproductionStatus::contradicted);
  EXPECT_EQ(b.lower, 247.5);
  EXPECT_EQ(b.simulated, 100 * results.performance[1].coverage);
}

TEST(ModelStudy, SaysWhatIsWrong) {
  const std::string study = std::string(kHead) + kMean;
  EXPECT_NE(
      complaint(study + "truth = 3\n").find("\"truth\" is given, but the population is drawn once"),
      std::string::npos);
  EXPECT_NE(complaint(study + "[[condition]]\nname = \"a\"\nset = []\n[[condition]]\nname = \"a\"\n"
                              "set = []\n")
                .find("\"name\" = \"a\" stands twice"),
            std::string::npos);
  EXPECT_NE(complaint(study + "[[condition]]\nname = \"a\"\nset = [\"participation.expektd=3\"]\n")
                .find("expektd"),
            std::string::npos);
  EXPECT_NE(message([&] {
              ModelStudy("chen-li-wu-2020", {}, {"nA=500,nB=500,rho=0.9"});
            }).find("\"nA=500,nB=500,rho=0.9\" is no condition of the scenario; did you mean"),
            std::string::npos);
  const auto published = [&](const std::string& row) {
    const Folder folder(study + "[published]\nfile = \"p.csv\"\n");
    folder.write("p.csv",
                 "id,condition,estimand,weighting,measure,value,tolerance,source\n" + row + "\n");
    return message([&] { (void)run(folder, 2); });
  };
  EXPECT_NE(published("a,all,mean_y,none,byas,0.5,1,s")
                .find("p.csv:2: [measure] \"byas\" is not known; did you mean \"bias\"?"),
            std::string::npos)
      << published("a,all,mean_y,none,byas,0.5,1,s");
  EXPECT_NE(
      published("a,all,mean_y,ipv,bias,0.5,1,s").find("[weighting] \"ipv\" is not in the study"),
      std::string::npos)
      << published("a,all,mean_y,ipv,bias,0.5,1,s");
  EXPECT_NE(published("a,all,mean_y,ipw,bias,x,1,s").find("[value] is \"x\", not a number"),
            std::string::npos);
}

TEST(ModelStudy, ShippedScenariosRunAndKnowWhatWasPublished) {
  for (const char* name :
       {"chen-li-wu-2020", "kang-schafer-2007", "yang-kim-hwang-2021", "deville-sarndal-1992"}) {
    const ModelStudy study(name);
    const StudyResults results = study.run({.seed = Seed{1}, .replicates = 3, .threads = 1});
    EXPECT_EQ(results.estimands.size(), study.conditions() * study.plan().estimands.size()) << name;
    EXPECT_LT(results.failures.size(), results.estimators.size() / 10) << name;
    EXPECT_EQ(results.reproduction.empty(), std::string(name) != "chen-li-wu-2020") << name;
  }
}

// One setting of the paper, 400 replicates: the doubly robust means have no bias where a model is
// right, and do where none is; 4 Monte Carlo errors are a fifth of a standard deviation.
TEST(ModelStudy, DoublyRobustMeansNeedOneRightModel) {
  const ModelStudy study("chen-li-wu-2020", {}, {"nA=500,nB=500,rho=0.8"});
  const StudyResults results = study.run({.seed = Seed{12}, .replicates = 400, .threads = 0});
  std::size_t seen = 0;
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    const EstimatorRecord& e = results.estimators[i];
    const EstimandRecord& estimand = results.estimands[e.estimand];
    if (estimand.estimand != "mean" || !e.weighting.starts_with("DR2")) continue;
    ++seen;
    const PerformanceRecord& p = results.performance[i];
    const double allowed = 4 * p.bias_mcse + 0.05 * p.sd;
    if (e.weighting == "DR2_FF")
      EXPECT_GT(std::abs(p.bias), 5 * allowed) << e.weighting;
    else
      EXPECT_LT(std::abs(p.bias), allowed) << e.weighting << ' ' << p.bias;
  }
  EXPECT_EQ(seen, 4u);
}

TEST(ModelStudy, WithoutAReferenceSampleWhatNeedsOneFailsInEveryReplicate) {
  std::string toml = std::string(kHead) + kMean;
  const auto at = toml.find("[reference]");
  toml.erase(at, toml.find("[study]") - at);
  const std::string text = complaint(toml);
  EXPECT_NE(text.find("weighting \"ipw\" needs a reference sample"), std::string::npos) << text;
}

}  // namespace
}  // namespace steelyard
