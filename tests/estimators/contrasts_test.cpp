// Contrasts of domains, variables and waves against R's survey (tests/golden/README.md), and by
// hand where R has no such thing.

#include "estimators/survey/contrasts.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/estimators/schools.hpp"

namespace steelyard {
namespace {

using namespace testing;
using nlohmann::json;

void expect_contrast(const Result<ContrastRow>& ours, const std::string& id) {
  ASSERT_TRUE(ours.ok()) << id << ": " << ours.failure().detail;
  const json c = reference(id);
  expect_close(ours.value().estimate, c["estimate"][0], id + " estimate");
  expect_close(ours.value().se, c["se"][0], id + " se");
}

TEST_P(SurveyExtra, ContrastsOfDomainsAndVariables) {
  World world(GetParam());
  const EstimateRequest means[] = {request(SurveyStatistic::mean, 0),
                                   request(SurveyStatistic::mean, 1)};
  const auto both = JointEstimates::make(world.data, means, world.options);
  const Term difference[] = {{0, 1}, {1, -1}};
  expect_contrast(both.linear(difference), world.name + "_variables");
  const std::size_t pair[] = {0, 1};
  const auto covariance = both.covariance(pair);
  for (std::size_t k = 0; k < 4; ++k)
    expect_close(covariance.value()[k], reference(world.name + "_covariance")["covariance"][k],
                 world.name);
  world.by_type();
  const auto types = JointEstimates::make(world.data, {means, 1}, world.options);
  const Term two[] = {{0, 1}, {1, -1}}, three[] = {{0, 1}, {1, -0.5}, {2, -0.5}};
  expect_contrast(types.linear(two), world.name + "_domains");
  expect_contrast(types.linear(three), world.name + "_domains3");
  expect_contrast(types.ratio(0, 1), world.name + "_domain_ratio");
}

TEST(Contrasts, ComparingOverlappingWavesOfTheSamePanelEqualsTheStackedDesign) {
  World world("clus1");
  const EstimateRequest means[] = {request(SurveyStatistic::mean, 1),
                                   request(SurveyStatistic::mean, 0)};
  const auto before = JointEstimates::make(world.data, {means, 1}, {});
  const auto after = JointEstimates::make(world.data, {means + 1, 1}, {});
  const auto ids = codes(numbers(world.csv, "dnum"));
  const WaveOverlap overlap{ids, ids};
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  expect_contrast(across_waves(before, minus, after, plus, &overlap), "clus1_waves");
}

TEST(Contrasts, IndependentWavesAddVariancesAndSatterthwaitesDf) {
  const SurveyDesign three = SurveyDesign::rows(3), four = SurveyDesign::rows(4);
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto a = JointEstimates::make(file_of(three, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  const auto b = JointEstimates::make(file_of(four, {4, 4, 8, 8}, {1, 1, 1, 1}), {&mean, 1}, {});
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  const auto change = across_waves(a, minus, b, plus, nullptr);
  const double va = 7.0 / 3, vb = (16.0 / 3) / 4;
  expect_close(change.value().estimate, 3, "estimate", 1e-14);
  expect_close(change.value().se, std::sqrt(va + vb), "se", 1e-14);
  expect_close(change.value().df, (va + vb) * (va + vb) / (va * va / 2 + vb * vb / 3), "df", 1e-14);
}

/// Totals of two waves with n = 3 and 4 of N = 6, units 2 and 3 in both: by Tam's formula
/// cov = (2 - 3 × 4 / 6) s_ab = 0, and without population sizes 2 s_ab.
TEST(Contrasts, PartlyOverlappingWavesFollowTam) {
  const std::vector<std::uint32_t> ids_a = {1, 2, 3}, ids_b = {2, 3, 4, 5};
  const WaveOverlap overlap{ids_a, ids_b};
  const std::vector<double> y = {1, 2, 6}, x = {4, 5, 8, 8};
  const EstimateRequest total = request(SurveyStatistic::total, 0);
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  for (const double size : {0.0, 6.0, 8.0}) {
    DesignColumns ca, cb;
    ca.n = 3;
    cb.n = 4;
    if (size > 0) ca.fpc = {{size, size, size}}, cb.fpc = {{size, size, size, size}};
    const SurveyDesign da = SurveyDesign::make(ca).value(), db = SurveyDesign::make(cb).value();
    const auto a = JointEstimates::make(file_of(da, y, {2, 2, 2}), {&total, 1}, {});
    const auto b = JointEstimates::make(file_of(db, x, {1.5, 1.5, 1.5, 1.5}), {&total, 1}, {});
    const double fa = size > 0 ? 3 / size : 0, fb = size > 0 ? 4 / size : 0;
    const double va = (1 - fa) * 3 * 28, vb = (1 - fb) * 4 * 2.25 * (12.75 / 3);
    const double sab = (12 - 4) * (7.5 - 6) / 2;  // of (4, 12) and (6, 7.5)
    const double cov = (2 - (size > 0 ? 12 / size : 0)) * sab;
    const auto change = across_waves(a, minus, b, plus, &overlap);
    ASSERT_TRUE(change.ok()) << change.failure().detail;
    expect_close(change.value().se, std::sqrt(va + vb - 2 * cov), "se", 1e-13);
    EXPECT_EQ(change.value().df, 2);
  }
}

TEST(Contrasts, WavesThatCannotBePairedSayWhy) {
  const SurveyDesign design = SurveyDesign::rows(3);
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto a = JointEstimates::make(file_of(design, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  const std::vector<std::uint32_t> twice = {1, 1, 2}, once = {1, 2, 3};
  const WaveOverlap overlap{once, twice};
  const Term one[] = {{0, 1}};
  EXPECT_EQ(across_waves(a, one, a, one, &overlap).failure().detail,
            "two primary units of the second wave have the same id 1");
  const SurveyDesign other = SurveyDesign::rows(3);
  auto b = JointEstimates::make(file_of(other, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  EXPECT_NE(b.append(a)->detail.find("only estimates of the same rows"), std::string::npos);
}

/// Post-stratified and unweighted estimates of the same rows, paired: R's influence values.
TEST(Contrasts, TwoWeightingsOfTheSameRowsArePaired) {
  World world("clus1");
  CellIndex index;
  index.cells = 3;
  index.n = world.data.n;
  index.cell_of = world.stype.code;
  Weights weights;
  const double size[] = {4421, 755, 1018};
  std::vector<double> sum(3, 0.0);
  for (std::size_t i = 0; i < world.data.n; ++i) sum[index.cell_of[i]] += world.data.d[i];
  for (std::size_t c = 0; c < 3; ++c) weights.factor.push_back(size[c] / sum[c]);
  weights.stages = {{.blocks = {{{{0, 1, 2}, 3}, {}}}}};
  SurveyData calibrated = world.data;
  for (std::size_t i = 0; i < world.data.n; ++i)
    calibrated.w[i] *= weights.factor[index.cell_of[i]];
  calibrated.index = &index;
  calibrated.weights = &weights;
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  auto joint = JointEstimates::make(world.data, {&mean, 1}, {});
  ASSERT_FALSE(joint.append(JointEstimates::make(calibrated, {&mean, 1}, {})));
  const Term difference[] = {{1, 1}, {0, -1}};
  expect_contrast(joint.linear(difference), "clus1_weightings");
  const Term same[] = {{0, 1}, {0, -1}};
  EXPECT_EQ(joint.linear(same).value().se, 0);
}

/// Under every estimator of the variance with unequal probabilities, a combination's variance is
/// that of its influence: a difference of two means is the mean of the differences.
TEST(Contrasts, UnequalProbabilitiesUseTheirOwnVariance) {
  const std::vector<double> y = {3, 1, 4, 1, 5, 9}, x = {2, 6, 5, 3, 5, 8};
  DesignColumns columns;
  columns.n = 6;
  columns.pps.emplace();
  columns.pps->probability = {0.1, 0.5, 0.3, 0.8, 0.6, 1};
  for (const PpsMethod method : {PpsMethod::brewer, PpsMethod::deville, PpsMethod::overton}) {
    const std::string name(to_string(method));
    columns.pps->method = method;
    const SurveyDesign design = SurveyDesign::make(columns).value();
    std::vector<double> w;
    for (const double p : columns.pps->probability) w.push_back(1 / p);
    SurveyData data = file_of(design, y, w);
    data.columns.push_back(x);
    data.columns.emplace_back();
    for (std::size_t i = 0; i < 6; ++i) data.columns[2].push_back(y[i] - x[i]);
    const EstimateRequest means[] = {request(SurveyStatistic::mean, 0),
                                     request(SurveyStatistic::mean, 1),
                                     request(SurveyStatistic::mean, 2)};
    const auto joint = JointEstimates::make(data, means, {});
    const auto direct = estimate_all(data, means, {});
    const Term difference[] = {{0, 1}, {1, -1}}, one[] = {{0, 1}};
    expect_close(joint.linear(difference).value().se, direct[2].se, name, 1e-12);
    expect_close(joint.linear(one).value().se, direct[0].se, name, 1e-12);
    const std::size_t all[] = {0, 1, 2};
    const auto v = joint.covariance(all).value();
    expect_close(v[0] + v[4] - 2 * v[1], direct[2].se * direct[2].se, name, 1e-11);
  }
}

TEST(Contrasts, AQuantileAloneHasItsWoodruffError) {
  for (const char* id : {"strat", "clus1", "jk1"}) {
    World world(id);
    world.by_type();
    EstimateRequest median = request(SurveyStatistic::quantile, 0);
    const auto joint = JointEstimates::make(world.data, {&median, 1}, world.options);
    for (std::size_t k = 0; k < 3; ++k) {
      const Term one[] = {{k, 1}};
      expect_close(joint.linear(one).value().se, joint.rows()[k].se, id, 1e-10);
    }
  }
}

}  // namespace
}  // namespace steelyard
