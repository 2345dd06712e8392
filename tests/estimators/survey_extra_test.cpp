// Design effects, domains, single-unit strata and intervals of proportions against R's survey
// (tests/golden/README.md), and by hand where R has no such thing.

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/survey/contrasts.hpp"
#include "tests/estimators/schools.hpp"

namespace steelyard {
namespace {

using namespace testing;
using nlohmann::json;

INSTANTIATE_TEST_SUITE_P(Api, SurveyExtra,
                         ::testing::Values("strat", "clus1", "clus2", "jk1", "jkn"),
                         [](const auto& test) { return std::string(test.param); });

class SurveyDomains : public ::testing::TestWithParam<const char*> {};

TEST_P(SurveyDomains, DesignEffectsAndMissingAnswers) {
  World world(GetParam());
  const auto check = [&](const EstimateRequest& q, std::size_t domain, const std::string& id) {
    const EstimateRow row = estimate_all(world.data, {&q, 1}, world.options)[domain];
    ASSERT_FALSE(row.failure) << id << row.failure->detail;
    const json c = reference(world.name + id);
    expect_close(row.estimate, c["estimate"][0], world.name + id);
    expect_close(row.se, c["se"][0], world.name + id + " se");
    if (c.contains("deff")) expect_close(row.deff, c["deff"][0], world.name + id + " deff");
    if (c.contains("df")) expect_close(row.df, c["df"][0], world.name + id + " df", 0);
  };
  check(request(SurveyStatistic::ratio, 2, 3), 0, "_ratio_deff");
  check(request(SurveyStatistic::total, 3), 0, "_total");
  world.options.domain_df = true;
  world.by_type();
  check(request(SurveyStatistic::mean, 0), 1, "_domain_deff");
  check(request(SurveyStatistic::total, 3), 1, "_domain_total_deff");
  world.data.domain_of = levels(world.csv, "comp_imp", {"No", "Yes"}).code;
  world.data.domains = {"No", "Yes"};
  check(request(SurveyStatistic::mean, 3), 0, "_missing_domain");
}

INSTANTIATE_TEST_SUITE_P(Api, SurveyDomains, ::testing::Values("strat", "clus1", "clus2"),
                         [](const auto& test) { return std::string(test.param); });

/// Forty, twelve and one school of the three types.
TEST(LonelyPsu, EveryRuleIsRs) {
  const World all("strat");
  for (const bool take_all : {false, true})
    for (const auto& [rule, name] : {std::pair{LonelyPsu::certainty, "certainty"},
                                     {LonelyPsu::certainty, "remove"},
                                     {LonelyPsu::adjust, "adjust"},
                                     {LonelyPsu::average, "average"}}) {
      DesignColumns columns;
      SurveyData data;
      data.columns.resize(1);
      columns.fpc.resize(1);
      columns.lonely = rule;
      const auto fpc = numbers(all.csv, "fpc");
      std::size_t taken[3] = {40, 12, 1};
      for (std::size_t i = 0; i < all.data.n; ++i) {
        const std::uint32_t h = all.stype.code[i];
        if (taken[h] == 0) continue;
        --taken[h];
        columns.strata.push_back(h);
        columns.fpc[0].push_back(take_all && h == 1 ? 12 : fpc[i]);
        data.d.push_back(all.data.d[i]);
        data.columns[0].push_back(all.data.columns[0][i]);
      }
      data.w = data.d;
      data.n = columns.n = data.d.size();
      const SurveyDesign design = SurveyDesign::make(columns).value();
      data.design = &design;
      const EstimateRequest requests[] = {request(SurveyStatistic::mean, 0),
                                          request(SurveyStatistic::total, 0)};
      const auto rows = estimate_all(data, requests, {});
      const std::string id = std::string("lonely_") + name + (take_all ? "_take_all" : "");
      expect_close(rows[0].se, reference(id)["mean_se"][0], id);
      expect_close(rows[1].se, reference(id)["total_se"][0], id);
      const auto joint = JointEstimates::make(data, requests, {});
      const Term second[] = {{1, 1}};
      expect_close(joint.linear(second).value().se, rows[1].se, id, 1e-12);
    }
}

TEST(LonelyPsu, FailNamesTheStratumAndTheRemedy) {
  DesignColumns columns;
  columns.n = 3;
  columns.strata = {7, 7, 9};
  const SurveyDesign design = SurveyDesign::make(columns).value();
  const SurveyData data = file_of(design, {1, 2, 3}, {1, 1, 1});
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto row = estimate_all(data, {&mean, 1}, {})[0];
  ASSERT_TRUE(row.failure);
  EXPECT_EQ(row.failure->kind, FailureKind::single_unit);
  EXPECT_EQ(
      row.failure->detail,
      "stratum 2 has a single primary unit, so its variance cannot be estimated; merge strata "
      "or choose --lonely-psu certainty, adjust or average");
  const Term one[] = {{0, 1}};
  EXPECT_EQ(JointEstimates::make(data, {&mean, 1}, {}).linear(one).failure().kind,
            FailureKind::single_unit);
}

TEST(LonelyPsu, FailNamesTheUnitOfALaterStage) {
  DesignColumns columns;
  columns.n = 5;
  columns.clusters = {{1, 1, 2, 3, 3}, {1, 2, 3, 4, 5}};
  columns.fpc = {{10, 10, 10, 10, 10}, {4, 4, 4, 4, 4}};
  const SurveyDesign design = SurveyDesign::make(columns).value();
  const std::vector<double> u = {1, 2, 3, 4, 5};
  EXPECT_EQ(design.variance(u).failure().detail,
            "unit 2 of stage 1 has a single unit of stage 2, so the variance within it cannot be "
            "estimated; merge strata or choose --lonely-psu certainty, adjust or average");
  EXPECT_EQ(design.deviations(u).failure().detail, design.variance(u).failure().detail);
}

TEST(Domains, EmptyOnesAndThoseWithoutAnswersSaySo) {
  const SurveyDesign design = SurveyDesign::rows(4);
  SurveyData data = file_of(design, {1, 2, 3, std::nan("")}, {1, 2, 3, 4});
  data.domain_of = {0, 0, 0, 1};
  data.domains = {"answered", "silent", "nobody"};
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto rows = estimate_all(data, {&mean, 1}, {});
  EXPECT_FALSE(rows[0].failure);
  for (std::size_t k : {1, 2}) {
    ASSERT_TRUE(rows[k].failure);
    EXPECT_EQ(rows[k].failure->kind, FailureKind::empty_domain);
    EXPECT_EQ(rows[k].failure->detail, "no respondent in the domain");
    EXPECT_EQ(rows[k].n, 0u);
  }
}

/// p = 0, p = 1, one respondent, no degrees of freedom.
TEST(ProportionIntervals, AtTheEdges) {
  const SurveyDesign design = SurveyDesign::rows(10);
  std::vector<double> y(10, 0.0);
  y[9] = 1;
  SurveyData data = file_of(design, y, std::vector<double>(10, 1.0));
  data.domain_of = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2};
  data.domains = {"none", "one without", "one with"};
  const EstimateRequest share = request(SurveyStatistic::proportion, 0);
  for (const auto method :
       {ProportionInterval::xlogit, ProportionInterval::asin, ProportionInterval::beta,
        ProportionInterval::likelihood, ProportionInterval::wilson, ProportionInterval::mean}) {
    EstimationOptions options;
    options.proportions = method;
    const auto rows = estimate_all(data, {&share, 1}, options);
    for (std::size_t k = 0; k < 3; ++k) {
      ASSERT_FALSE(rows[k].failure);
      EXPECT_EQ(rows[k].se, 0);
      EXPECT_GE(rows[k].lower, 0);
      EXPECT_LE(rows[k].upper, 1);
      EXPECT_LT(rows[k].lower, rows[k].upper) << "an estimate of 0 or 1 is not certain";
    }
    if (method == ProportionInterval::beta) {  // Clopper-Pearson with the domain's respondents
      EXPECT_NEAR(rows[0].upper, 1 - std::pow(0.025, 1.0 / 8), 1e-12);
      EXPECT_NEAR(rows[1].upper, 0.975, 1e-12);
      EXPECT_NEAR(rows[2].lower, 0.025, 1e-12);
    }
    EXPECT_NEAR(rows[2].lower, 1 - rows[1].upper, 1e-12);
  }
  EstimationOptions options;
  options.domain_df = true;
  const auto rows = estimate_all(data, {&share, 1}, options);
  EXPECT_EQ(rows[0].df, 7);
  EXPECT_EQ(rows[1].failure->detail, "0 degrees of freedom: too few for an interval");
  EXPECT_EQ(rows[1].se, 0);
}

}  // namespace
}  // namespace steelyard
