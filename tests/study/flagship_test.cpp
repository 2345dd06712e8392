// The flagship: what the report printed is met, and a population made from the law agrees with it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "study/engine.hpp"
#include "study/paired.hpp"

namespace steelyard {
namespace {

struct Flagship {
  Scenario scenario =
      load_scenario("flexible-employment-2022q2", {"population.size=4000000", "sample.size=2000"});
  Study study{scenario};
};

const Flagship& flagship() {
  static const Flagship f;
  return f;
}

TEST(Flagship, HasARowForEveryPublishedNumber) {
  std::map<std::string, int> tables;
  int not_modelled = 0, excluded = 0;
  for (const PublishedNumber& n : flagship().scenario.numbers) {
    if (n.provenance == Provenance::assumed || n.view == View::population) continue;
    ++tables[n.id.substr(0, n.id.find('.'))];
    not_modelled += n.use == Use::not_modelled;
    excluded += n.use == Use::excluded;
    if (n.use == Use::excluded || n.use == Use::not_modelled) {
      EXPECT_GT(n.note.size(), 20u) << n.id;
    }
  }
  const std::map<std::string, int> expected{{"table1", 77}, {"table2", 66}, {"table3", 66},
                                            {"table4", 66}, {"table5", 6},  {"table6", 15},
                                            {"table7", 33}, {"table8", 18}, {"headline", 132}};
  EXPECT_EQ(tables, expected);
  EXPECT_LT(not_modelled, 10);
  EXPECT_LE(excluded, 30);
}

TEST(Flagship, EveryNumberThatIsNotExcludedLiesWithinItsInterval) {
  for (const PublishedNumber& n : flagship().scenario.numbers) {
    if (n.use != Use::fit && n.use != Use::check) continue;
    const double expected = flagship().study.population().expected(n);
    // Intervals are fitted inside their ends; an exact number is met to the fit's tolerance.
    const double slack = (n.upper > n.lower ? 1e-9 : 2e-6) * std::max(1.0, std::abs(n.value));
    EXPECT_GE(expected, n.lower - slack) << n.id;
    EXPECT_LE(expected, n.upper + slack) << n.id;
  }
}

TEST(Flagship, ThePopulationKeepsTheCensusTables) {
  const Scenario& s = flagship().scenario;
  for (const MarginTable& table : s.tables) {
    if (table.role != TableRole::margin) continue;
    const auto shares = flagship().study.population().share(table.variables);
    double total = 0;
    for (double value : table.values) total += value;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      std::size_t at = 0;
      for (std::size_t k = 0; k < table.variables.size(); ++k)
        at = at * s.schema[table.variables[k]].size() +
             table.codes[row * table.variables.size() + k];
      EXPECT_NEAR(shares[at], table.values[row] / total, 1e-7) << table.id << " row " << row;
    }
  }
}

TEST(Flagship, FiniteAndSuperpopulationTruthsAgree) {
  const auto truths = make_truths(flagship().study.population(), flagship().study.frame(),
                                  flagship().study.plan(), Seed{1}, Tally::yes, 0);
  ASSERT_GE(truths.size(), 120u);
  double squares = 0;
  for (std::size_t e = 0; e < truths.size(); ++e) {
    // Root cells are whole persons: a share may be off by a few of them.
    const double z = (truths[e].finite - truths[e].superpopulation) / truths[e].finite_se;
    EXPECT_LT(std::abs(z), 4.5) << flagship().study.plan().estimands[e].id << " "
                                << flagship().study.plan().estimands[e].domain_name;
    squares += z * z;
  }
  // The stated sd is an upper bound (root cells are fixed), but not a loose one.
  EXPECT_LT(squares / static_cast<double>(truths.size()), 1.5);
  EXPECT_GT(squares / static_cast<double>(truths.size()), 0.3);
}

TEST(Flagship, ADrawnSampleSizeDoesNotChangeThePublishedCounts) {
  for (const PublishedNumber& n : flagship().scenario.numbers)
    if (n.id == "headline.12") {
      EXPECT_NEAR(flagship().study.population().expected(n), 5894, 0.5);
    }
}

/// Median over all estimators of paired over unpaired Monte Carlo error of the change of bias that
/// these settings make.
double pairing(const std::vector<std::string>& settings, std::uint64_t seed) {
  std::vector<std::string> all{"population.size=4000000", "sample.size=2000"};
  all.insert(all.end(), settings.begin(), settings.end());
  const Scenario scenario = load_scenario("flexible-employment-2022q2", all);
  const Study study(scenario);
  StudyOptions options{.seed = Seed{1}, .replicates = 40, .threads = 2, .tally = Tally::no};
  static const StudyResults base = flagship().study.run(options);
  options.seed = Seed{seed};
  const StudyResults moved = study.run(options);
  const std::vector<BaseChange> changes = paired_changes(base, moved);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const double unpaired =
        std::hypot(base.performance[i].bias_mcse, moved.performance[i].bias_mcse);
    if (unpaired > 0 && std::isfinite(changes[i].bias.mcse))
      ratios.push_back(changes[i].bias.mcse / unpaired);
  }
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2),
                   ratios.end());
  return ratios[ratios.size() / 2];
}

TEST(Flagship, ConditionsShareTheirRespondents) {
  // A number of the sample, and one of the population, whose cells then all change their size.
  EXPECT_LT(pairing({"number.assumed.sex.male=72"}, 1), 0.3);
  EXPECT_LT(pairing({"number.labour.unemployed=3.6"}, 1), 0.3);
  // With other random numbers nothing is shared: what the measure says of independent samples.
  EXPECT_NEAR(pairing({"number.assumed.sex.male=72"}, 2), 1, 0.1);
}

}  // namespace
}  // namespace steelyard
