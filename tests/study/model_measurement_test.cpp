// Errors of measurement and of benchmarks in populations by formulas: biases that follow by hand.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/models/model_sampler.hpp"
#include "study/model_study.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

/// x is exponential with mean 1, y is 0 or 1 by even chance, g is a for a half of the people.
constexpr const char* kHead = R"toml(
seed = 5
[scenario]
name = "measured"
title = "Measured"
[population]
kind = "model"
size = 20000
[[variable]]
name = "x"
distribution = { name = "exponential", rate = 1 }
[[variable]]
name = "y"
distribution = { name = "bernoulli", p = 0.5 }
[[variable]]
name = "g"
kind = "categorical"
levels = ["a", "b"]
distribution = { name = "levels", shares = [0.5, 0.5] }
[[variable]]
name = "bucket"
kind = "bucketed"
levels = ["low", "high"]
edges = [0, 1, inf]
formula = "x"
[sample]
design = "simple_random"
n = 1000
[[benchmark]]
variables = ["g"]
[[benchmark]]
variables = ["x"]
[study]
replicates = 40
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "ps"
method = "poststratification"
cross = ["g"]
[[weighting]]
name = "on_x"
method = "calibration"
distance = "linear"
margins = ["x"]
[[estimand]]
id = "x"
functional = "mean"
variable = "x"
[[estimand]]
id = "y"
functional = "mean"
variable = "y"
[[estimand]]
id = "b"
functional = "proportion"
variable = "g"
levels = ["b"]
[[estimand]]
id = "high"
functional = "proportion"
variable = "bucket"
levels = ["high"]
)toml";

std::string section(const std::string& rest) {
  return "[[measurement]]\nname = \"error\"\nsource = \"test\"\n" + rest + "\n";
}

class ModelMeasurement : public ::testing::Test {
 protected:
  ModelMeasurement()
      : folder_(fs::temp_directory_path() / ("steelyard-measured-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~ModelMeasurement() override { fs::remove_all(folder_); }

  StudyResults run(const std::string& errors, const std::vector<std::string>& settings = {}) const {
    std::ofstream(folder_ / "scenario.toml") << kHead << errors;
    return ModelStudy(folder_.string(), settings).run({.seed = Seed{5}, .replicates = 40});
  }
  std::string refused(const std::string& errors,
                      const std::vector<std::string>& settings = {}) const {
    return message([&] { (void)run(errors, settings); });
  }
  static std::size_t position(const StudyResults& r, const std::string& estimand,
                              const std::string& weighting) {
    for (std::size_t i = 0; i < r.estimators.size(); ++i)
      if (r.estimands[r.estimators[i].estimand].estimand == estimand &&
          r.estimators[i].weighting == weighting)
        return i;
    ADD_FAILURE() << estimand << " " << weighting;
    return 0;
  }
  static PerformanceRecord measures(const StudyResults& r, const std::string& estimand,
                                    const std::string& weighting = "none") {
    return r.performance[position(r, estimand, weighting)];
  }
  fs::path folder_;
};

/// 4.5 Monte Carlo errors: false alarm 7e-6.
void expect_bias(const PerformanceRecord& p, double bias) {
  EXPECT_NEAR(p.bias, bias, 4.5 * p.bias_mcse + 1e-12);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ModelMeasurement, AShiftAndAFactorMoveEveryMeanByWhatTheySay) {
  const StudyResults truly = run(""),
                     erring = run(section("kind = \"response_error\"\nvariable = \"x\"\n"
                                          "shift = 0.25\nfactor = 1.5"));
  const std::size_t i = position(truly, "x", "none");
  for (std::uint32_t r = 0; r < 40; ++r)
    EXPECT_NEAR(erring.at(erring.estimate, i, r), 1.5 * truly.at(truly.estimate, i, r) + 0.25,
                1e-12);
  EXPECT_EQ(erring.estimands[0].truth, truly.estimands[0].truth) << "the truth is of true answers";
  // The error is in x alone, not in what a formula made of it.
  EXPECT_EQ(measures(erring, "high").bias, measures(truly, "high").bias);
}

TEST_F(ModelMeasurement, NoiseAddsItsVarianceAndNoBias) {
  const StudyResults r = run(section("kind = \"response_error\"\nvariable = \"x\"\nsd = 3"));
  const PerformanceRecord p = measures(r, "x");
  expect_bias(p, 0);
  // (1 + 9)/1000 less the 5 % that are sampled of the first; without noise it would be 0.031.
  EXPECT_NEAR(p.mean_se, std::sqrt(10.0 / 1000), 0.005);
}

TEST_F(ModelMeasurement, HeapingOfAnExponentialHasTheBiasOfItsSteps) {
  // E floor(x + 1/2) = sum over k >= 1 of P(x >= k - 1/2) = exp(-1/2)/(1 - exp(-1)).
  const StudyResults r =
      run(section("kind = \"heaping\"\nvariable = \"x\"\nsteps = [1]\nshares = [1]"));
  const double all = std::exp(-0.5) / (1 - std::exp(-1)) - 1;
  // The population's own heaped mean differs from that of the law by its sd over sqrt(20,000).
  EXPECT_NEAR(measures(r, "x").bias, all, 4.5 * measures(r, "x").bias_mcse + 4.5 * 0.3 / 141);
  const StudyResults half =
      run(section("kind = \"heaping\"\nvariable = \"x\"\nsteps = [1]\nshares = [0.5]"));
  EXPECT_NEAR(measures(half, "x").bias, all / 2,
              4.5 * measures(half, "x").bias_mcse + 4.5 * 0.3 / 141);
}

TEST_F(ModelMeasurement, AValueBehindABucketIsShiftedIntoTheNext) {
  // P(x >= 1) = exp(-1); shifted by one half P(x >= 1/2) = exp(-1/2).
  const StudyResults truly = run(""),
                     r = run(
                         section("kind = \"response_error\"\nvariable = \"bucket\"\nshift = 0.5"));
  EXPECT_EQ(measures(r, "x").bias, measures(truly, "x").bias) << "the number itself is untouched";
  const double moved = measures(r, "high").bias - measures(truly, "high").bias;
  EXPECT_NEAR(moved, std::exp(-0.5) - std::exp(-1),
              4.5 * (measures(r, "high").bias_mcse + 0.5 / std::sqrt(20000.0)));
}

TEST_F(ModelMeasurement, NumbersMissingThroughThemselvesHaveTheRespondentsMean) {
  // Half of the zeros answer and a quarter of the ones (odds of no answer 1 and 3): the mean of
  // those who answer is (1/2 1/4)/(1/2 1/4 + 1/2 1/2) = 1/3.
  const StudyResults r =
      run(section("kind = \"item_nonresponse\"\nquestions = [\"y\"]\nrate = 0.5\n"
                  "own = [1.0986122886681098]"));
  const double p = r.estimands[1].truth;
  expect_bias(measures(r, "y"), p / 4 / (p / 4 + (1 - p) / 2) - p);
}

TEST_F(ModelMeasurement, NumbersMissingAtRandomLeaveAMeanThatDoesNotDependOnIt) {
  // Of b (nearly) everybody answers, of a one of two; x does not depend on g.
  const StudyResults r = run(section(
      "kind = \"item_nonresponse\"\nquestions = [\"x\"]\nrate = 0.5\nby = { g = [0, -9] }"));
  expect_bias(measures(r, "x"), 0);
  EXPECT_EQ(measures(r, "x").failures, 0u);
  // A weighting on the unanswered number itself fails, with its reason.
  EXPECT_EQ(measures(r, "x", "on_x").failures, 40u);
  ASSERT_FALSE(r.failures.empty());
  EXPECT_PRED2(has, r.failures[0].detail, "respondents left \"x\" unanswered");
}

TEST_F(ModelMeasurement, MissingThroughANumberThatTheAnswerIs) {
  // logit P = log odds 1 + ln 3 y, by the same column under `by`: as through the answer itself.
  const StudyResults by = run(section("kind = \"item_nonresponse\"\nquestions = [\"y\"]\n"
                                      "rate = 0.5\nby = { y = [1.0986122886681098] }")),
                     own = run(section("kind = \"item_nonresponse\"\nquestions = [\"y\"]\n"
                                       "rate = 0.5\nown = [1.0986122886681098]"));
  EXPECT_EQ(by.estimate.size(), own.estimate.size());
  EXPECT_EQ(measures(by, "y").bias, measures(own, "y").bias);
}

TEST_F(ModelMeasurement, LevelsReportedForOthers) {
  const StudyResults r =
      run(section("kind = \"misclassification\"\nvariable = \"g\"\nmatrix = { a = [0.8, 0.2] }"));
  const double b = r.estimands[2].truth;
  expect_bias(measures(r, "b"), 0.2 * (1 - b));
  // Poststratified on what is reported, the shares are the benchmark's: exactly true.
  EXPECT_NEAR(measures(r, "b", "ps").bias, 0, 1e-12);
}

TEST_F(ModelMeasurement, SecondAnswersAreOfTheSamePersonWithItsDesignWeight) {
  // Bigger persons are sampled more often: with weights of their own the mean is right, also of
  // those who answer twice.
  const std::string twice = section("kind = \"duplicates\"\nshare = 0.5");
  const StudyResults r = run(twice, {"sample.design=random_systematic_pps", "sample.size=x + 0.1"});
  expect_bias(measures(r, "x"), 0);
  // Half of 1,000 answers stand for somebody else: the estimates vary more than they know.
  EXPECT_GT(measures(r, "y").sd, 1.1 * measures(run(""), "y").sd);
}

TEST_F(ModelMeasurement, StaleTotalsOfALevelAndOfANumber) {
  const auto stale = [](const std::string& variable, const std::string& errors) {
    return "[[stale_benchmark]]\nname = \"old\"\nsource = \"test\"\nvariable = \"" + variable +
           "\"\nrelative_errors = " + errors + "\n";
  };
  const StudyResults levels = run(stale("g", "[0.5, 0]"));
  const double b = levels.estimands[2].truth;
  EXPECT_NEAR(measures(levels, "b", "ps").bias, b / (b + 1.5 * (1 - b)) - b, 1e-12);
  // Totals of x are met by weights that need not sum to the population: x's total is 10 % too high.
  const StudyResults number = run(
      stale("x", "[0.1]") + R"(
[[estimand]]
id = "total_x"
functional = "total"
variable = "x"
)",
      {"weighting=[{name=\"on_x\",method=\"calibration\",distance=\"linear\",margins=[\"x\"]}]"});
  const PerformanceRecord p = measures(number, "total_x", "on_x");
  EXPECT_NEAR(p.bias, 0.1 * p.truth, 1e-6 * p.truth);
  EXPECT_PRED2(has, refused(stale("x", "[0.1, 0.2]")), "has 2 numbers for the number \"x\"");
}

TEST_F(ModelMeasurement, ErrorsAreThePersonsOwnWhoeverElseIsInTheSample) {
  // Another sample size draws other people; of those who are in both the error is the same, so that
  // threads and sizes change nothing: replicate by replicate the same bits.
  const std::string noisy = section("kind = \"response_error\"\nvariable = \"x\"\nsd = 3");
  std::ofstream(folder_ / "scenario.toml") << kHead << noisy;
  const ModelStudy study(folder_.string());
  const StudyResults one = study.run({.seed = Seed{5}, .replicates = 20, .threads = 1}),
                     three = study.run({.seed = Seed{5}, .replicates = 20, .threads = 3});
  EXPECT_EQ(one.estimate, three.estimate);
}

constexpr const char* kReference = R"toml(
[reference]
design = "simple_random"
n = 500
asks = ["x", "g"]
)toml";

TEST_F(ModelMeasurement, AReferenceSampleErrsByItsOwnSources) {
  const auto drawn = [&](const std::string& errors) {
    std::ofstream(folder_ / "scenario.toml") << kHead << kReference << errors;
    const ModelStudy study(folder_.string(), {});
    const ModelCondition& c = study.condition(0);
    const ModelPopulation population(c.model, Seed{5}, Replicate{0});
    const ModelSampler sampler(c.model, population, c.measurement.get(),
                               c.reference_measurement.get());
    ModelSampler::Scratch s;
    sampler.draw(Seed{5}, Replicate{0}, s);
    return s;
  };
  const std::string shift = "kind = \"response_error\"\nvariable = \"x\"\nshift = 0.25\n";
  const auto truly = drawn(""), both = drawn(section(shift + "sample = \"reference\"")),
             respondents = drawn(section(shift));
  EXPECT_EQ(both.sample.numbers, truly.sample.numbers);
  EXPECT_EQ(respondents.reference->sample.numbers, truly.reference->sample.numbers);
  EXPECT_EQ(both.reference->sample.base_weights, truly.reference->sample.base_weights);
  const auto& from = truly.reference->sample.numbers[0];
  const auto& to = both.reference->sample.numbers[0];
  ASSERT_EQ(from.size(), 500u);
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(to[i], from[i] + 0.25);
}

TEST_F(ModelMeasurement, SourcesOfAReferenceSampleNeedOneAndItsQuestions) {
  const std::string of_reference = "sample = \"reference\"\n";
  EXPECT_PRED2(
      has,
      refused(section("kind = \"response_error\"\nvariable = \"x\"\nshift = 1\n" + of_reference)),
      "= \"reference\", and there is no reference sample");
  EXPECT_PRED2(has,
               refused(kReference + section("kind = \"duplicates\"\nshare = 0.1\n" + of_reference)),
               "= \"reference\" with duplicates: a design draws nobody twice");
  EXPECT_PRED2(
      has,
      refused(kReference +
              section("kind = \"response_error\"\nvariable = \"y\"\nshift = 1\n" + of_reference)),
      "[measurement error] needs \"y\", which the reference sample is not asked");
}

TEST_F(ModelMeasurement, SaysWhatHasNoMeaning) {
  EXPECT_PRED2(has,
               refused(section("kind = \"misclassification\"\nvariable = \"g\"\n"
                               "matrix = { a = [0.8, 0.2] }\nkeep_observed = true")),
               "\"keep_observed\" has no meaning in a population by formulas");
  EXPECT_PRED2(has, refused(section("kind = \"careless\"\nquestions = [\"x\"]\nshare = 0.1")),
               "names the number \"x\", which has no levels");
  EXPECT_PRED2(has, refused(section("kind = \"response_error\"\nvariable = \"g\"\nshift = 1")),
               "names \"g\", which is neither a number nor bucketed");
  EXPECT_PRED2(has,
               refused(section("kind = \"item_nonresponse\"\nquestions = [\"x\"]\nrate = 0.1\n"
                               "own = [1, 2]")),
               "has 2 numbers for the number \"x\"; give one, per unit of it");
  EXPECT_PRED2(has,
               refused(section("kind = \"response_error\"\nvariable = \"x\"\nshift = 1"),
                       {"sample.asks=[\"y\", \"g\", \"bucket\"]"}),
               "[measurement error] needs \"x\", which respondents are not asked");
}

}  // namespace
}  // namespace steelyard
