// The error budget: Shapley values against the algebra, and a survey whose parts follow by hand.

#include "study/budget.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/output.hpp"
#include "study/shapley.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

TEST(Shapley, OfAnAdditiveGameIsWhatEachPlayerAdds) {
  // v = 10 + 3 [a] - 2 [b] + 5 [c]
  std::vector<double> v;
  for (int s = 0; s < 8; ++s) v.push_back(10 + 3 * (s & 1) - 2 * (s >> 1 & 1) + 5 * (s >> 2));
  const Attribution a = attribute(v, 3);
  const std::vector<double> parts{3, -2, 5};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(a.shapley[i], parts[i], 1e-12);
    EXPECT_NEAR(a.first_in[i], parts[i], 1e-12);
    EXPECT_NEAR(a.last_in[i], parts[i], 1e-12);
  }
}

TEST(Shapley, SharesAnInteractionEqually) {
  // v = 2 [a] + 6 [a and b]: half of the interaction each.
  const Attribution a = attribute(std::vector<double>{0, 2, 0, 8}, 2);
  EXPECT_NEAR(a.shapley[0], 5, 1e-12);
  EXPECT_NEAR(a.shapley[1], 3, 1e-12);
  EXPECT_EQ(a.first_in[1], 0);
  EXPECT_EQ(a.last_in[1], 6);
}

TEST(Shapley, EqualsTheAverageOverAllOrders) {
  constexpr std::size_t k = 4;
  std::vector<double> v;
  for (int s = 0; s < 16; ++s) v.push_back(std::sin(7.0 * s) + 0.1 * s * s);
  std::vector<double> mean(k, 0.0);
  std::vector<std::size_t> order{0, 1, 2, 3};
  int orders = 0;
  do {
    std::size_t set = 0;
    for (std::size_t i : order) {
      mean[i] += v[set | (1u << i)] - v[set];
      set |= 1u << i;
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  ASSERT_EQ(orders, 24);
  const Attribution a = attribute(v, k);
  double sum = 0;
  for (std::size_t i = 0; i < k; ++i) {
    EXPECT_NEAR(a.shapley[i], mean[i] / 24, 1e-12);
    sum += a.shapley[i];
  }
  EXPECT_NEAR(sum, v[15] - v[0], 1e-12);
}

TEST(BudgetAttribution, ByHandOnTwoReplicatesAndOneSource) {
  // Truth 10. Off: 11 and 9 (errors 1, -1); on: 14 and 10 (errors 4, 0). The source adds 3 and 1.
  const std::vector<double> values{11, 14, 9, 10};
  const BudgetRecord r = attribute_errors(10, values, 1);
  EXPECT_EQ(r.mean_estimate, 12);
  EXPECT_NEAR(r.bias.value, 2, 1e-12);
  EXPECT_NEAR(r.mse.value, 8, 1e-12);
  EXPECT_NEAR(r.parts[0].bias.value, 2, 1e-12);
  EXPECT_NEAR(r.parts[0].bias.mcse, 1, 1e-12);  // sd of 3 and 1 over the root of 2
  EXPECT_NEAR(r.parts[1].bias.value, 0, 1e-12);
  // Squared bias without noise: 3 x 1 = 3. With noise: 1 off, 8 on. The source comes before noise
  // (3 - 0) or after it (8 - 1); noise before (1) or after (8 - 3).
  EXPECT_NEAR(r.parts[0].mse.value, 5, 1e-12);
  EXPECT_NEAR(r.parts[1].mse.value, 3, 1e-12);
  EXPECT_NEAR(r.parts[0].first_mse.value, 3, 1e-12);
  EXPECT_NEAR(r.parts[0].last_mse.value, 7, 1e-12);
}

TEST(BudgetAttribution, PartsSumToBiasAndMse) {
  std::vector<double> values;
  for (int i = 0; i < 16 * 30; ++i) values.push_back(5 + std::sin(1.7 * i) + 0.1 * (i % 16));
  const BudgetRecord r = attribute_errors(4.5, values, 4);
  double bias = 0, mse = 0;
  for (const BudgetPart& p : r.parts) {
    bias += p.bias.value;
    mse += p.mse.value;
  }
  EXPECT_NEAR(bias, r.bias.value, 1e-12);
  EXPECT_NEAR(mse, r.mse.value, 1e-12);
}

/// Half of the persons are men. One of five men and three of five women rate 1, the others 0. Men
/// answer with three times the odds. Three of ten report one more than is true.
constexpr const char* kScenario = R"(
[scenario]
name = "rating"
title = "Rating"
[population]
size = "superpopulation"
unit = "person"
root = ["sex", "rating"]
[sample]
size = 2000
[[variable]]
name = "sex"
kind = "categorical"
levels = ["male", "female"]
[[variable]]
name = "rating"
kind = "count"
maximum = 2
[[table]]
id = "population"
file = "population.csv"
variables = ["sex", "rating"]
value = "persons"
role = "margin"
side = "population"
provenance = "assumed"
source = "made"
[[selection]]
file = "odds.csv"
variables = ["sex"]
source = "made"
[[benchmark]]
variables = ["sex"]
[[weighting]]
name = "none"
method = "none"
[[weighting]]
name = "by_sex"
method = "poststratification"
cross = ["sex"]
[[interval]]
name = "linearization"
method = "linearization"
[[estimand]]
id = "mean_rating"
functional = "mean"
variable = "rating"
[[measurement]]
name = "upward"
kind = "desirability"
variable = "rating"
from = ["0", "1"]
direction = "up"
share = 0.3
source = "made"
)";

class BudgetTest : public ::testing::Test {
 protected:
  BudgetTest()
      : folder_(fs::temp_directory_path() / ("steelyard-budget-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_file(folder_ / "population.csv",
               "sex,rating,persons\nmale,0,40\nmale,1,10\nmale,2,0\nfemale,0,20\nfemale,1,30\n"
               "female,2,0\n");
    write_file(folder_ / "odds.csv", "sex,odds\nmale,3\nfemale,1\n");
  }
  ~BudgetTest() override { fs::remove_all(folder_); }

  BudgetResults run(const std::string& more = {}, int threads = 2, std::uint32_t replicates = 100) {
    write_file(folder_ / "scenario.toml", kScenario + more);
    const Scenario scenario = load_scenario(folder_.string());
    const Study study(scenario);
    return run_budget(study, plan_budget(study),
                      {.seed = Seed{4}, .replicates = replicates, .threads = threads});
  }
  static const BudgetPart& part(const BudgetResults& b, const std::string& weighting,
                                const std::string& source) {
    for (const BudgetRecord& r : b.records)
      for (std::size_t i = 0; i < r.parts.size(); ++i)
        if (r.weighting == weighting && b.switches[i].name == source) return r.parts[i];
    throw std::runtime_error("no " + source);
  }
  fs::path folder_;
};

/// Within 4.5 Monte Carlo standard errors (false alarm 7e-6), which are small enough to see a
/// defect of 0.01.
void expect_measured(const Measured& m, double expected) {
  EXPECT_LT(m.mcse, 0.0022);
  EXPECT_NEAR(m.value, expected, 4.5 * m.mcse + 1e-12);
}

TEST_F(BudgetTest, PartsAreThoseOfTheAlgebra) {
  // Truth 0.4; unweighted with selection 0.75 x 0.2 + 0.25 x 0.6 = 0.3. Misreport adds 0.3 to any
  // of them: it is additive, and selection needs the weighting that leaves it: half of -0.1 each.
  const BudgetResults b = run();
  ASSERT_EQ(b.switches.size(), 4u);
  EXPECT_EQ(b.estimands[0].truth, 0.4);
  expect_measured(part(b, "none", "misreport").bias, 0.3);
  expect_measured(part(b, "none", "misreport").first_bias, 0.3);
  expect_measured(part(b, "none", "misreport").last_bias, 0.3);
  expect_measured(part(b, "none", "selection_benchmarked").bias, -0.05);
  expect_measured(part(b, "none", "selection_benchmarked").first_bias, 0);
  expect_measured(part(b, "none", "selection_benchmarked").last_bias, -0.1);
  expect_measured(part(b, "none", "weighting").bias, -0.05);
  expect_measured(part(b, "none", "sampling_noise").bias, 0);
  expect_measured(part(b, "by_sex", "selection_benchmarked").bias, 0);
  expect_measured(part(b, "by_sex", "weighting").bias, 0);
  expect_measured(part(b, "by_sex", "misreport").bias, 0.3);
}

TEST_F(BudgetTest, SquaredBiasIsSharedAsTheAlgebraSays) {
  // Without noise v² over {selection, misreport, weighting}: 0.09 with misreport alone, 0.01 with
  // selection and weighting, 0.04 with all.
  const BudgetResults b = run();
  expect_measured(part(b, "none", "misreport").first_mse, 0.09);
  expect_measured(part(b, "none", "selection_benchmarked").first_mse, 0);
  std::vector<double> squares(8);
  for (std::size_t s = 0; s < 8; ++s)
    squares[s] = std::pow((s & 2 ? 0.3 : 0) - ((s & 5) == 5 ? 0.1 : 0), 2);
  const Attribution exact = attribute(squares, 3);
  // Noise adds less than 0.0003 to any subset (sd of a mean of 2,000 ratings below 0.016).
  EXPECT_NEAR(part(b, "none", "misreport").mse.value, exact.shapley[1], 0.003);
  EXPECT_NEAR(part(b, "none", "selection_benchmarked").mse.value, exact.shapley[0], 0.003);
  // Its own part, about 0.00015, is measured with 0.00023 over 100 replicates, so take more.
  const BudgetResults more = run({}, 2, 1600);
  const Measured noise = part(more, "none", "sampling_noise").mse;
  EXPECT_NEAR(noise.value, 0.00015, 4.5 * noise.mcse);
  EXPECT_LT(noise.mcse, 0.00007);
}

TEST_F(BudgetTest, StaleBenchmarksActThroughTheWeighting) {
  // 100 men in place of 50 to 50 women: weighted mean (2 x 0.2 + 0.6) / 3 = 1/3 in place of 0.4.
  const BudgetResults b =
      run("[[stale_benchmark]]\nname = \"old\"\nvariable = \"sex\"\nrelative_errors = [1, 0]\n"
          "source = \"made\"\n");
  expect_measured(part(b, "by_sex", "stale_benchmarks").last_bias, 1.0 / 3 - 0.4);
  expect_measured(part(b, "by_sex", "stale_benchmarks").first_bias, 0);
  expect_measured(part(b, "by_sex", "stale_benchmarks").bias, (1.0 / 3 - 0.4) / 2);
  expect_measured(part(b, "none", "stale_benchmarks").last_bias, 0);
}

TEST(BudgetAttribution, MonteCarloErrorsCoverAtTheNominalRate) {
  // 2,000 budgets of 50 replicates, each v(none) = 2 + e, v(source) = 5 + e + f; parts of the bias
  // are 3 and 0, of the MSE, with variances 1 and 0.25: c(source) = 9, c(noise) = 1, c(both) =
  // 10.25, so (9 + 9.25) / 2 and (1 + 1.25) / 2. Intervals of 1.96 errors cover 94.4 % under a t of
  // 49 degrees; within 4.5 binomial errors of 0.005 that is above 0.92 and below 0.97.
  constexpr int kBudgets = 2000, kReplicates = 50;
  Stream stream({Seed{8}, purpose("nested budgets"), {}, {}});
  const auto normal = [&] {
    return std::sqrt(-2 * std::log(stream.uniform())) * std::cos(2 * M_PI * stream.uniform());
  };
  const double exact[4] = {3, 0, 9.125, 1.125};
  double covered[4] = {}, too_small[4] = {};
  for (int b = 0; b < kBudgets; ++b) {
    std::vector<double> values;
    for (int r = 0; r < kReplicates; ++r) {
      const double e = normal(), f = 0.5 * normal();
      values.insert(values.end(), {2 + e, 5 + e + f});
    }
    const BudgetRecord record = attribute_errors(2, values, 1);
    const Measured parts[4] = {record.parts[0].bias, record.parts[1].bias, record.parts[0].mse,
                               record.parts[1].mse};
    for (int k = 0; k < 4; ++k) {
      const double z = std::abs(parts[k].value - exact[k]) / parts[k].mcse;
      covered[k] += z <= 1.96;
      too_small[k] += z <= 1.96 / 1.5;  // errors two thirds as large would not cover
    }
  }
  for (int k = 0; k < 4; ++k) {
    EXPECT_GT(covered[k] / kBudgets, 0.92) << k;
    EXPECT_LT(covered[k] / kBudgets, 0.97) << k;
    EXPECT_LT(too_small[k] / kBudgets, 0.92) << k;
  }
}

TEST_F(BudgetTest, ThreadsDoNotChangeABit) {
  const std::string one = write_budget_csv(run({}, 1, 20)),
                    three = write_budget_csv(run({}, 3, 20));
  EXPECT_EQ(one, three);
}

TEST_F(BudgetTest, ASourceThatIsSwitchedOffInTheScenarioIsNoPlayer) {
  const BudgetResults b = run("active = false\n", 2, 4);
  ASSERT_EQ(b.switches.size(), 3u);
  EXPECT_EQ(b.switches[0].name, "selection_benchmarked");
}

TEST_F(BudgetTest, AWeightingThatFailsIsCountedWithItsReason) {
  const BudgetResults b =
      run("[[measurement]]\nname = \"silent\"\nkind = \"item_nonresponse\"\nquestions = [\"sex\"]\n"
          "rate = 0.1\nsource = \"made\"\n",
          2, 5);
  ASSERT_EQ(b.records.size(), 2u);
  EXPECT_EQ(b.records[0].failures, 0u);
  EXPECT_EQ(b.records[1].failures, 5u);
  EXPECT_TRUE(std::isnan(b.records[1].bias.value));
  EXPECT_NE(b.records[1].failure.find("left \"sex\" unanswered"), std::string::npos);
}

/// Of each record the parts sum to bias and MSE, and none is NaN.
void expect_parts_sum(const BudgetResults& b) {
  for (const BudgetRecord& r : b.records) {
    ASSERT_EQ(r.failures, 0u) << r.weighting << ": " << r.failure;
    double bias = 0, mse = 0;
    for (const BudgetPart& p : r.parts) {
      bias += p.bias.value;
      mse += p.mse.value;
    }
    EXPECT_NEAR(bias, r.bias.value, 1e-9) << r.weighting << ", " << r.value_rule;
    EXPECT_NEAR(mse, r.mse.value, 1e-9) << r.weighting << ", " << r.value_rule;
  }
}

/// Amounts in two buckets, uniform inside them; of 50 men 25 are in the lower one, of 50 women 5.
std::string amounts() {
  std::string text = kScenario;
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("root = [\"sex\", \"rating\"]", "root = [\"sex\", \"amount\"]");
  replace("name = \"rating\"\nkind = \"count\"\nmaximum = 2",
          "name = \"amount\"\nkind = \"bucketed\"\nunit = \"CNY\"\nlevels = [\"low\", \"high\"]\n"
          "edges = [0, 10, 40]\nassumed_values = [5, 25]\n"
          "latent = { family = \"density\", file = \"density.csv\", group = [\"sex\"] }");
  replace("variables = [\"sex\", \"rating\"]", "variables = [\"sex\", \"amount\"]");
  text = text.substr(0, text.find("[[estimand]]"));
  for (const char* rule : {"midpoints", "linear_cdf"})
    text += std::string("[[value_rule]]\nname = \"") + rule + "\"\nmethod = \"" + rule + "\"\n";
  for (const char* functional : {"gini", "law_quantile", "quantile"})
    text += std::string("[[estimand]]\nid = \"") + functional + "\"\nfunctional = \"" + functional +
            "\"\nvariable = \"amount\"\n";
  return text;
}

TEST_F(BudgetTest, FunctionalsOfTheWholeLawHaveParts) {
  write_file(folder_ / "population.csv",
             "sex,amount,persons\nmale,low,25\nmale,high,25\nfemale,low,5\nfemale,high,45\n");
  write_file(folder_ / "density.csv",
             "sex,lower,upper,weight\nmale,0,10,1\nmale,10,40,1\nfemale,0,10,1\n"
             "female,10,40,1\n");
  write_file(folder_ / "scenario.toml", amounts());
  const Scenario scenario = load_scenario(folder_.string());
  const Study study(scenario);
  const BudgetResults b =
      run_budget(study, plan_budget(study), {.seed = Seed{4}, .replicates = 60});
  ASSERT_EQ(b.estimands.size(), 3u);
  // S = 1 - .03 x up to 10, .7 (40 - x) / 30 beyond: ∫ S² = 7.3 + 4.9, mean 19; half is below
  // 10 + 30 x .2/.7.
  EXPECT_NEAR(b.estimands[0].truth, 1 - 12.2 / 19, 1e-7);
  EXPECT_NEAR(b.estimands[1].truth, 10 + 6 / 0.7, 1e-6);
  EXPECT_NEAR(b.estimands[2].truth, 10 + 6 / 0.7, 1e-6);
  ASSERT_EQ(b.records.size(), 2 * (2 + 2 + 1u));
  expect_parts_sum(b);
  for (const BudgetRecord& r : b.records) {
    const auto source = [&](const char* name) {
      for (std::size_t i = 0; i < r.parts.size(); ++i)
        if (b.switches[i].name == name) return r.parts[i];
      throw std::runtime_error(name);
    };
    const std::string what =
        b.estimands[r.estimand].estimand + " " + r.weighting + " " + r.value_rule;
    const BudgetPart rule = source("bucket_rule");
    if (r.value_rule != "midpoints") {
      // Values are uniform inside buckets, as linear interpolation has it.
      EXPECT_NEAR(rule.bias.value, 0, 1e-6) << what;
    } else if (r.estimand == 0) {
      // Two points 5 and 25: .3 x .7 x 20 / 19.
      EXPECT_LT(rule.first_bias.mcse, 0.001) << what;
      EXPECT_NEAR(rule.first_bias.value, 0.3 * 0.7 * 20 / 19 - (1 - 12.2 / 19),
                  4.5 * rule.first_bias.mcse + 1e-4)
          << what;
    } else {
      EXPECT_NEAR(rule.first_bias.value, 25 - (10 + 6 / 0.7), 0.5)
          << what;  // the point of the half
    }
    // Three men to a woman: a share of (3 x .5 + .1) / 4 in the lower bucket.
    const Measured selection = source("selection_benchmarked").last_bias;
    if (r.value_rule == "linear_cdf" && r.estimand == 1 && r.weighting == "none") {
      EXPECT_NEAR(selection.value, 10 + 30 * 0.1 / 0.6 - (10 + 6 / 0.7),
                  4.5 * selection.mcse + 0.05);
    }
    if (r.weighting == "by_sex") {
      EXPECT_NEAR(selection.value, 0, 4.5 * selection.mcse + 1e-9) << what;
    }
  }
}

TEST_F(BudgetTest, WeightingsWithAReferenceSampleAndModelsOfAnswersHaveParts) {
  // Persons enough for a participation probability.
  write_file(folder_ / "population.csv",
             "sex,rating,persons\nmale,0,40000\nmale,1,10000\nmale,2,0\nfemale,0,20000\n"
             "female,1,30000\nfemale,2,0\n");
  const BudgetResults b =
      run("[reference]\ndesign = \"simple_random\"\nn = 500\nasks = [\"sex\"]\n"
          "[[weighting]]\nname = \"ipw\"\nmethod = \"ipw\"\ncovariates = [\"sex\"]\n"
          "[[weighting]]\nname = \"dr\"\nmethod = \"doubly_robust\"\nmodel = \"own\"\n"
          "covariates = [\"sex\"]\n"
          "[[weighting]]\nname = \"imputed\"\nmethod = \"mass_imputation\"\nmodel = \"own\"\n"
          "covariates = [\"sex\"]\n");
  expect_parts_sum(b);
  for (const char* weighting : {"ipw", "dr", "imputed"}) {
    // All know the men and women of the reference sample, so selection is undone, as by the ideal
    // weights: nothing is left of it. sd of the reference sample's share of men 0.022, over 100
    // replicates 0.0022, times the difference of 0.4: below 0.001.
    const Measured& left = part(b, weighting, "weighting").bias;
    EXPECT_LT(left.mcse, 0.003) << weighting;
    EXPECT_NEAR(left.value, 0, 4.5 * left.mcse) << weighting;
    expect_measured(part(b, weighting, "misreport").bias, 0.3);
  }
}

TEST_F(BudgetTest, SaysWhatIsWrong) {
  EXPECT_NE(message([&] {
              run("[budget]\nestimands = [\"mean_ratin\"]\n");
            }).find("did you mean \"mean_rating\"?"),
            std::string::npos);
  EXPECT_NE(
      message([&] { run("[budget]\nselection_on_answers = 1\n"); }).find("give [worlds.selection]"),
      std::string::npos);
  EXPECT_NE(
      message([&] { run("[budget]\nreplicate = 10\n"); }).find("did you mean \"replicates\"?"),
      std::string::npos);
}

}  // namespace
}  // namespace steelyard
