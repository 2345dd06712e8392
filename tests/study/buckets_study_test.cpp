// Bucket rules in studies: truths of functionals of a law, one value asked in several sets of
// buckets, what a rule does on its own.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/text.hpp"
#include "study/rule_effects.hpp"
#include "study/truth.hpp"

namespace steelyard {
namespace {

const Scenario& bucket_methods() {
  static const Scenario scenario = load_scenario("bucket-methods");
  return scenario;
}
const Study& known_laws() {
  static const Study study(bucket_methods());
  return study;
}

double truth_of(const std::string& estimand, const std::string& domain) {
  const StudyPlan& plan = known_laws().plan();
  for (const PlannedEstimand& e : plan.estimands) {
    if (e.id != estimand || e.domain_name != domain) continue;
    static LatentLaws latent(known_laws().population());
    return true_value(*e.functional,
                      superpopulation_truth(known_laws().population(), e, 1, latent));
  }
  ADD_FAILURE() << estimand << " " << domain;
  return 0;
}

// All laws were scaled to the mean 6,000; the latent tables may be off by their stated error.
TEST(KnownLaws, HaveTheMeanTheyWereMadeWithInEverySetOfBuckets) {
  for (const char* law : {"lognormal", "gb2", "dagum", "pareto_tailed", "mixture", "heaped"})
    for (const char* set : {"mean_5", "mean_7", "mean_12", "mean_16"})
      EXPECT_NEAR(truth_of(set, "law=" + std::string(law) + " & n=1000"), 6000, 0.0005 * 6000)
          << law << " " << set;
}

// Gini of a lognormal: 2 Φ(σ/√2) - 1; its median: mean exp(-σ²/2). The pieces of the scenario and
// the tables of the latent law are what the tolerances are for.
TEST(KnownLaws, TruthsOfLawFunctionalsAreTheClosedForms) {
  const std::string domain = "law=lognormal & n=5000";
  EXPECT_NEAR(truth_of("gini_5", domain), std::erf(0.7 / 2), 5e-4);
  EXPECT_NEAR(truth_of("median_5", domain), 6000 * std::exp(-0.245), 10);
  // Dagum (a = 3, p = 0.6): Γ(p) Γ(2p + 1/a) / (Γ(2p) Γ(p + 1/a)) - 1.
  EXPECT_NEAR(truth_of("gini_7", "law=dagum & n=250"),
              std::tgamma(0.6) * std::tgamma(1.2 + 1 / 3.) /
                      (std::tgamma(1.2) * std::tgamma(0.6 + 1 / 3.)) -
                  1,
              5e-4);
}

TEST(KnownLaws, AllSetsOfBucketsAskTheSamePersonsTheSameValue) {
  for (const char* statistic : {"median_", "gini_"})
    for (const char* law : {"mixture", "heaped"}) {
      const std::string domain = "law=" + std::string(law) + " & n=250";
      const double first = truth_of(statistic + std::string("5"), domain);
      for (const char* set : {"7", "12", "16"})
        EXPECT_EQ(truth_of(statistic + std::string(set), domain), first) << statistic << set;
    }
  // Shares of coarse buckets are sums of the fine ones'.
  const Schema& schema = bucket_methods().schema;
  const VariableId fine = *schema.find("income"), coarse = *schema.find("income_5");
  const auto fine_law = known_laws().population().law().query({}, {&fine, 1});
  const auto coarse_law = known_laws().population().law().query({}, {&coarse, 1});
  std::vector<double> sums(schema[coarse].size(), 0.0);
  for (std::size_t f = 0; f < schema[fine].size(); ++f)
    sums[schema[coarse].group_map[f]] += fine_law[f];
  for (std::size_t b = 0; b < sums.size(); ++b) EXPECT_NEAR(sums[b], coarse_law[b], 1e-12);
}

// Values are uniform inside the closed buckets of that scenario, so interpolation is exact.
TEST(RuleEffects, AreZeroWhereTheRuleIsRightAndKnownWhereItIsNot) {
  const Scenario scenario = load_scenario("weighting-holds");
  const Study study(scenario);
  std::map<std::pair<std::string, std::string>, RuleEffectRecord> found;
  for (const auto& effect : rule_effects(study, {.seed = Seed{1}, .samples = 400, .threads = 2})) {
    const std::string& id = study.plan().estimands[effect.estimand].id;
    EXPECT_TRUE(found.emplace(std::pair(id, effect.value_rule), effect).second) << id;
  }
  for (const char* rule : {"linear_cdf", "step_top2", "mid_arith"}) {
    const RuleEffectRecord& effect = found.at({"mean_income", rule});
    EXPECT_NEAR(effect.value / effect.truth, 1, 1e-9) << rule;
    // A linear statistic of a simple random sample is unbiased; its RMSE is that of the buckets.
    EXPECT_LT(std::abs(effect.bias), 4 * effect.bias_mcse) << rule;
    EXPECT_EQ(effect.samples, 400u);
    EXPECT_EQ(effect.status, "ok");
  }
  // mid_geo: the square root of lo hi (half the upper edge of the first).
  const RuleEffectRecord& geo = found.at({"mean_commute", "mid_geo"});
  const double share[] = {0.25, 0.35, 0.3, 0.1};
  const double number[] = {7.5, std::sqrt(15 * 30.), std::sqrt(30 * 60.), std::sqrt(60 * 90.)};
  double expected = 0, squares = 0;
  for (int b = 0; b < 4; ++b) {
    expected += share[b] * number[b];
    squares += share[b] * number[b] * number[b];
  }
  EXPECT_NEAR(geo.value, expected, 1e-9);
  EXPECT_NEAR(geo.truth, 0.25 * 7.5 + 0.35 * 22.5 + 0.3 * 45 + 0.1 * 75, 1e-6);
  EXPECT_NEAR(geo.bias, expected - geo.truth, 4 * geo.bias_mcse);
  const auto n = static_cast<double>(scenario.sample_size);
  const double sd = std::sqrt((squares - expected * expected) / n);
  EXPECT_NEAR(geo.bias_mcse, sd / 20, 4 * sd / 20 / std::sqrt(2 * 399.));
  EXPECT_FALSE(found.contains({"mean_commute", "maxent_mean"}));
}

TEST(RuleEffects, AreTheSameForAnyNumberOfThreads) {
  const Scenario scenario = load_scenario("weighting-holds");
  const Study study(scenario);
  const auto one = rule_effects(study, {.seed = Seed{7}, .samples = 5, .threads = 1});
  const auto four = rule_effects(study, {.seed = Seed{7}, .samples = 5, .threads = 4});
  ASSERT_EQ(one.size(), four.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].value_rule, four[i].value_rule);
    if (one[i].status == "ok") {
      EXPECT_EQ(one[i].bias, four[i].bias) << one[i].value_rule;
    }
  }
}

TEST(OtherBuckets, AreRefusedWhereTheyAreNoCoarsening) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "steelyard-other-buckets";
  fs::remove_all(folder);
  fs::copy(fs::path(STEELYARD_SOURCE_DIR) / "scenarios/bucket-methods", folder,
           fs::copy_options::recursive);
  const std::string text = read_file((folder / "scenario.toml").string());
  const auto refused = [&](std::string from, const std::string& to) {
    std::string changed = text;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos);
    changed.replace(at, from.size(), to);
    std::ofstream(folder / "scenario.toml") << changed;
    try {
      load_scenario(folder.string());
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refused("edges = [0, 2000, 5000, 8000, 20000, inf]",
                    "edges = [0, 2100, 5000, 8000, 20000, inf]")
                .find("have 2100, which is no edge of \"income\""),
            std::string::npos);
  EXPECT_NE(refused("edges = [0, 2000, 5000, 8000, 20000, inf]",
                    "edges = [0, 2000, 5000, 8000, 20000, 40000]")
                .find("do not start and end where those of \"income\" do"),
            std::string::npos);
  EXPECT_NE(refused("same_value_as = \"income\"", "same_value_as = \"law\"")
                .find("= \"law\" is not asked in buckets"),
            std::string::npos);
  EXPECT_NE(refused("same_value_as = \"income\"", "same_value_as = \"incme\"")
                .find("did you mean \"income\"?"),
            std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace steelyard
