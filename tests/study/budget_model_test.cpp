// The error budget of populations by formulas: parts that follow from the probabilities of taking
// part, and what has no meaning there.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/models/model_sampler.hpp"
#include "study/budget.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

/// y is 2 for men, 1 more for those with the other mark, and 1 more by even chance.
constexpr const char* kHead = R"toml(
seed = 5
[scenario]
name = "taking_part"
title = "Taking part"
[population]
kind = "model"
size = 20000
[parameters]
of_sex = 0
of_other = 0
of_answer = 0
[[variable]]
name = "sex"
kind = "categorical"
levels = ["male", "female"]
distribution = { name = "levels", shares = [0.5, 0.5] }
[[variable]]
name = "other"
kind = "yes_no"
distribution = { name = "bernoulli", p = 0.4 }
[[variable]]
name = "z"
observed = false
distribution = { name = "bernoulli", p = 0.5 }
[[variable]]
name = "y"
formula = "2*is(sex, male) + other + z"
[[benchmark]]
variables = ["sex"]
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "by_sex"
method = "poststratification"
cross = ["sex"]
[[value_rule]]
name = "assumed"
method = "midpoints"
[[estimand]]
id = "y"
functional = "mean"
variable = "y"
headline = true
)toml";
constexpr const char* kBucket = R"toml(
[[variable]]
name = "bucket"
kind = "bucketed"
levels = ["low", "high"]
edges = [0, 1.5, inf]
formula = "y"
assumed_values = [1, 3]
)toml";
constexpr const char* kVolunteers = R"toml(
[participation]
linear = "of_sex*is(sex, male) + of_other*other + of_answer*z"
expected_size = 1000
)toml";
constexpr const char* kDesigned = R"toml(
[sample]
design = "random_systematic_pps"
n = 1000
size = "y + 0.5"
)toml";

class ModelBudget : public ::testing::Test {
 protected:
  ModelBudget()
      : folder_(fs::temp_directory_path() / ("steelyard-parts-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~ModelBudget() override { fs::remove_all(folder_); }

  void write(const std::string& more) const {
    std::ofstream(folder_ / "scenario.toml") << kHead << more;
  }
  BudgetResults run(const std::string& more, const std::vector<std::string>& settings = {},
                    std::uint32_t replicates = 60, int threads = 2) const {
    write(more);
    const ModelStudy study(folder_.string(), settings);
    return run_budget(study, plan_budget(study),
                      {.seed = Seed{5}, .replicates = replicates, .threads = threads});
  }
  std::string refused(const std::string& more,
                      const std::vector<std::string>& settings = {}) const {
    return message([&] { (void)run(more, settings, 2); });
  }
  /// Mean of y by the probabilities of the scenario as it was written last, minus the truth.
  double selection_bias(const std::vector<std::string>& settings) const {
    const ModelStudy study(folder_.string(), settings);
    const ModelPopulation population(study.condition(0).model, Seed{5}, Replicate{0});
    const ModelSampler sampler(study.condition(0).model, population);
    const std::vector<double>& y = *population.columns().find("y");
    const auto prob = sampler.probabilities();
    double sum = 0, weighted = 0, plain = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      sum += prob[i];
      weighted += prob[i] * y[i];
      plain += y[i];
    }
    return weighted / sum - plain / static_cast<double>(y.size());
  }
  static const BudgetRecord& record(const BudgetResults& b, const std::string& weighting) {
    for (const BudgetRecord& r : b.records)
      if (r.weighting == weighting) return r;
    throw std::runtime_error("no " + weighting);
  }
  static const BudgetPart& part(const BudgetResults& b, const std::string& weighting,
                                const std::string& source) {
    const BudgetRecord& r = record(b, weighting);
    for (std::size_t i = 0; i < r.parts.size(); ++i)
      if (b.switches[i].name == source) return r.parts[i];
    throw std::runtime_error("no " + source);
  }
  fs::path folder_;
};

bool has(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

/// 4.5 Monte Carlo errors (false alarm 7e-6), small enough to see a defect of 0.05.
void expect_part(const Measured& m, double expected) {
  EXPECT_LT(m.mcse, 0.011);
  EXPECT_NEAR(m.value, expected, 4.5 * m.mcse + 1e-12);
}

std::vector<std::string> names(const BudgetResults& b) {
  std::vector<std::string> list;
  for (const BudgetSwitch& s : b.switches) list.push_back(s.name);
  return list;
}

TEST_F(ModelBudget, SelectionOnTheBenchmarkIsHalfTheWeightings) {
  // Alone it makes no error, as ideal weights undo it; without a weighting both share the bias.
  const std::vector<std::string> on{"parameters.of_sex=1"};
  const BudgetResults b = run(kVolunteers, on);
  EXPECT_EQ(names(b),
            (std::vector<std::string>{"selection_benchmarked", "weighting", "sampling_noise"}));
  const double bias = selection_bias(on);
  EXPECT_GT(bias, 0.3);
  expect_part(part(b, "none", "selection_benchmarked").bias, bias / 2);
  expect_part(part(b, "none", "weighting").bias, bias / 2);
  expect_part(part(b, "none", "selection_benchmarked").first_bias, 0);
  expect_part(part(b, "none", "selection_benchmarked").last_bias, bias);
  // Poststratified weights are the ideal ones but for chance: they leave nothing.
  expect_part(record(b, "by_sex").bias, 0);
}

TEST_F(ModelBudget, SelectionOnOtherVariablesAndOnTheAnswersIsToldApart) {
  const std::vector<std::string> other{"parameters.of_other=1"}, answer{"parameters.of_answer=1"};
  const BudgetResults a = run(kVolunteers, other), c = run(kVolunteers, answer);
  // Chance correlations of finite persons reach the other parts: at most 1/sqrt(20,000) each.
  const double chance = 4.5 / std::sqrt(20'000.0);
  EXPECT_NEAR(part(a, "none", "selection_other").bias.value, selection_bias(other),
              4.5 * part(a, "none", "selection_other").bias.mcse + chance);
  EXPECT_NEAR(part(c, "none", "selection_answers").bias.value, selection_bias(answer),
              4.5 * part(c, "none", "selection_answers").bias.mcse + chance);
  EXPECT_GT(selection_bias(answer), 0.15);
}

TEST_F(ModelBudget, AShiftAddsItselfAndThePartsSumToWhatARunFinds) {
  const std::string error =
      std::string(kVolunteers) +
      "[[measurement]]\nname = \"up\"\nkind = \"response_error\"\nvariable = \"y\"\n"
      "shift = 0.5\nsource = \"test\"\n[study]\nreplicates = 60\n";
  const std::vector<std::string> all{"parameters.of_sex=0.7", "parameters.of_other=-0.5",
                                     "parameters.of_answer=0.4"};
  const BudgetResults b = run(error, all);
  ASSERT_EQ(b.switches.size(), 6u);
  for (const char* weighting : {"none", "by_sex"}) {
    EXPECT_NEAR(part(b, weighting, "misreport").bias.value, 0.5, 1e-10);
    double bias = 0, mse = 0;
    for (const BudgetPart& p : record(b, weighting).parts) {
      bias += p.bias.value;
      mse += p.mse.value;
    }
    EXPECT_NEAR(bias, record(b, weighting).bias.value, 1e-10);
    EXPECT_NEAR(mse, record(b, weighting).mse.value, 1e-10);
  }
  const StudyResults study =
      ModelStudy(folder_.string(), all).run({.seed = Seed{6}, .replicates = 60});
  for (std::size_t i = 0; i < study.estimators.size(); ++i) {
    const Measured& bias = record(b, study.estimators[i].weighting).bias;
    EXPECT_NEAR(study.performance[i].bias, bias.value,
                4.5 * std::hypot(study.performance[i].bias_mcse, bias.mcse));
  }
}

TEST_F(ModelBudget, ADesignedSampleHasNoSelectionThatIsAnError) {
  const std::string stale =
      std::string(kDesigned) +
      "[[stale_benchmark]]\nname = \"old\"\nvariable = \"sex\"\nrelative_errors = [0.5, 0]\n"
      "source = \"test\"\n";
  const BudgetResults b = run(stale);
  EXPECT_EQ(names(b),
            (std::vector<std::string>{"stale_benchmarks", "weighting", "sampling_noise"}));
  // Weights of the design are the ideal ones, though big persons are sampled more often.
  EXPECT_NEAR(part(b, "none", "weighting").bias.value, 0, 1e-10);
  expect_part(record(b, "none").bias, 0);
  // Men are known as 1.5 m/(1 + m/2) of all; y is 2 higher for them. The weighting without the
  // wrong totals leaves nothing, and they do nothing without the weighting: half each.
  const ModelStudy study(folder_.string());
  const ModelPopulation population(study.condition(0).model, Seed{5}, Replicate{0});
  const VariableId sex = population.everybody().schema->id(0);
  const auto totals = population.totals({&sex, 1});
  const double men = totals[0] / 20'000, known = 1.5 * men / (1 + men / 2);
  EXPECT_NEAR(part(b, "by_sex", "stale_benchmarks").last_bias.value, 2 * (known - men), 0.03);
  EXPECT_NEAR(part(b, "by_sex", "stale_benchmarks").bias.value, known - men, 0.015);
}

TEST_F(ModelBudget, ABucketRulesPartIsItsErrorOnThePopulation) {
  const std::string income =
      std::string(kBucket) + kVolunteers +
      "[budget]\nestimands = [\"income\"]\n[[estimand]]\nid = \"income\"\nfunctional = \"mean\"\n"
      "variable = \"bucket\"\n";
  const BudgetResults b = run(income);
  const ModelStudy study(folder_.string());
  const ModelPopulation population(study.condition(0).model, Seed{5}, Replicate{0});
  double rule = 0, truth = 0;
  for (double y : *population.columns().find("y")) {
    rule += y < 1.5 ? 1 : 3;
    truth += y;
  }
  EXPECT_NEAR(b.estimands[0].truth, truth / 20'000, 1e-9);
  expect_part(part(b, "none", "bucket_rule").bias, (rule - truth) / 20'000);
}

TEST_F(ModelBudget, ThreadsChangeNothing) {
  const std::vector<std::string> on{"parameters.of_sex=1", "parameters.of_answer=1"};
  const BudgetResults one = run(kVolunteers, on, 9, 1), three = run(kVolunteers, on, 9, 3);
  for (std::size_t j = 0; j < one.records.size(); ++j)
    for (std::size_t i = 0; i < one.records[j].parts.size(); ++i)
      EXPECT_EQ(one.records[j].parts[i].bias.value, three.records[j].parts[i].bias.value);
}

TEST_F(ModelBudget, SaysWhatHasNoMeaning) {
  const std::string volunteers = kVolunteers;
  EXPECT_PRED2(has, refused(volunteers, {"population.draw=replicate"}),
               "needs one population, and this one is drawn anew in each replicate");
  EXPECT_PRED2(has, refused(volunteers + "[[benchmark]]\nvariables = [\"y\"]\n"),
               "cannot tell selection on the benchmarked number \"y\" from selection on the rest");
  EXPECT_PRED2(has, refused(volunteers + "[budget]\nselection_on_answers = 0.5\n"),
               "\"selection_on_answers\" has no meaning in a population by formulas");
  EXPECT_PRED2(has,
               refused(volunteers + "[[condition]]\nname = \"one\"\nset = []\n"
                                    "[[condition]]\nname = \"two\"\nset = []\n"),
               "is of one condition, and the scenario has 2; name one: --condition \"one\"");
  EXPECT_PRED2(has,
               refused(kBucket + volunteers +
                       "[[estimand]]\nid = \"median\"\nfunctional = \"quantile\"\n"
                       "variable = \"bucket\"\nheadline = true\n"),
               "has no bucket rule to switch off for the quantile \"median\"");
  EXPECT_PRED2(has,
               refused(volunteers, {"participation.expected_size=15000", "parameters.of_sex=3",
                                    "parameters.of_answer=3"}),
               "where a part of the selection is off; lower participation.expected_size");
}

}  // namespace
}  // namespace steelyard
