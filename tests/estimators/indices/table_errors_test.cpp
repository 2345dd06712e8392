// Design-based errors of bucket statistics: R's survey (tests/golden/binned/README.md), closed
// forms, and what must stay equal.

#include "estimators/buckets/table_errors.hpp"

#include <fmt/format.h>

#include "estimators/survey/contrasts.hpp"
#include "tests/estimators/indices/micro.hpp"

namespace steelyard {
namespace {

using testing::expect_block;
using testing::Micro;
using testing::Numbers;
using testing::UniformRule;

const BucketQuestion kQuestion{Micro::bucket, testing::kEdges, {}};
const LawStatistic kMean{"mean", [](const Law& law) { return law.mean(); }, {}};
const LawStatistic kGini{"gini", [](const Law& law) { return law.gini(); }, {}};
const LawStatistic kTheil{"theil", [](const Law& law) { return law.theil(); }, {}};

ReplicateDesign jackknife(const Micro& micro, bool mse) {
  return make_replicates(*micro.design, {.method = ReplicateMethod::jkn, .mse = mse}).value();
}

TEST(TableErrors, GoldenBlocksAreAllKnown) {
  std::size_t lines = 0;
  for (const auto& [block, stats] : testing::golden_blocks()) lines += stats.size();
  EXPECT_EQ(lines, 206u);
  EXPECT_EQ(testing::golden_blocks().size(), 18u);
}

TEST(TableErrors, SharesAndTheirCovarianceAreThoseOfR) {
  const Micro micro;
  const ShareRequests shares = share_requests(micro.data, kQuestion);
  const auto joint = JointEstimates::make(shares.data, shares.requests, {});
  const std::vector<std::size_t> all{0, 1, 2, 3, 4};
  const auto covariance = joint.covariance(all).value();
  Numbers marginal, cross;
  for (std::size_t a = 0; a < 5; ++a) {
    marginal[fmt::format("p{}", a + 1)] = joint.rows()[a].estimate;
    marginal[fmt::format("se{}", a + 1)] = joint.rows()[a].se;
    for (std::size_t b = a; b < 5; ++b)
      cross[fmt::format("v{}{}", a + 1, b + 1)] = covariance[a * 5 + b];
  }
  expect_block("shares", marginal);
  expect_block("shares_cov", cross);
}

TEST(TableErrors, MeanGiniAndTheilAreThoseOfR) {
  const Micro micro;
  const std::vector<LawStatistic> statistics{kMean, kGini, kTheil};
  const auto linear = estimate_table(micro.data, kQuestion, UniformRule(), statistics, {});
  const ReplicateDesign jkn = jackknife(micro, false), mse = jackknife(micro, true);
  EstimationOptions options;
  options.replicates = &jkn;
  const auto replicated = estimate_table(micro.data, kQuestion, UniformRule(), statistics, options);
  options.replicates = &mse;
  const auto about = estimate_table(micro.data, kQuestion, UniformRule(), statistics, options);
  expect_block("midpoint_mean", {{"mean", linear[0].estimate},
                                 {"se", linear[0].se},
                                 {"deff", linear[0].deff},
                                 {"se_jkn", replicated[0].se}});
  expect_block(
      "gini",
      {{"est", linear[1].estimate}, {"se_delta", linear[1].se}, {"se_jkn_mse", about[1].se}});
  expect_block(
      "theil",
      {{"est", linear[2].estimate}, {"se_delta", linear[2].se}, {"se_jkn_mse", about[2].se}});
  expect_block("design", {{"degf", linear[0].df},
                          {"n", static_cast<double>(linear[0].n)},
                          {"kish_neff", kish_effective_n(micro.data.w)}});
  EXPECT_NEAR(linear[1].upper - linear[1].estimate, 2.10092204024104 * linear[1].se, 1e-9);
}

TEST(TableErrors, QuantilesHaveTheirLinearAndWoodruffErrors) {
  const Micro micro;
  const std::vector<double> probabilities{0.1, 0.25, 0.5, 0.75, 0.9};
  const auto made =
      estimate_table_quantiles(micro.data, kQuestion, UniformRule(), probabilities, {});
  Numbers got;
  for (std::size_t j = 0; j < 5; ++j) {
    const std::string name = fmt::format("q{:.0f}", 100 * probabilities[j]);
    ASSERT_FALSE(made[j].row.failure);
    got[name] = made[j].row.estimate;
    got[name + "_seF"] = made[j].se_cdf;
    got[name + "_se_linear"] = made[j].se_linear;
    got[name + "_woodruff_lo"] = made[j].row.lower;
    got[name + "_woodruff_hi"] = made[j].row.upper;
    got[name + "_woodruff_se"] = made[j].row.se;
  }
  expect_block("quantile", got);
  const ReplicateDesign mse = jackknife(micro, true);
  EstimationOptions options;
  options.replicates = &mse;
  options.quantiles = QuantileInterval::replicates;
  const auto median = estimate_table_quantiles(micro.data, kQuestion, UniformRule(),
                                               std::vector<double>{0.5}, options);
  expect_block("median_jkn", {{"se_jkn_mse", median[0].row.se}});
  // Woodruff on the jackknife's error of F: near the linearized one.
  options.quantiles = QuantileInterval::woodruff;
  const auto through = estimate_table_quantiles(micro.data, kQuestion, UniformRule(),
                                                std::vector<double>{0.5}, options);
  EXPECT_NEAR(through[0].se_cdf / made[2].se_cdf, 1, 0.02);
  EXPECT_NE(through[0].se_cdf, made[2].se_cdf);
}

TEST(TableErrors, RandomSamplingNeedsTheTableOnly) {
  const Micro micro;
  const BucketTable table = table_of(micro.data, kQuestion, 0);
  const std::vector<LawStatistic> statistics{kMean, kGini};
  const double n = static_cast<double>(micro.data.n);
  const auto rows = table_errors(UniformRule(), table, statistics,
                                 multinomial_covariance(table.shares(), n), INFINITY, 0.95);
  ASSERT_TRUE(rows);
  expect_block("srs", {{"mean_se", rows.value()[0].se}, {"gini_se", rows.value()[1].se}});
  EXPECT_NEAR(rows.value()[0].upper - rows.value()[0].estimate,
              1.959963984540054 * rows.value()[0].se, 1e-6);
}

TEST(TableErrors, SlopesAreTheClosedForms) {
  const Micro micro;
  const BucketTable table = table_of(micro.data, kQuestion, 0);
  LawStatistic exact = kMean;
  const std::vector<double> middle{1000, 3500, 6500, 14000, 25000};
  exact.by_share = [&](const BucketTable&) { return middle; };
  const std::vector<LawStatistic> statistics{kMean, exact};
  const auto slopes = table_slopes(UniformRule(), table, statistics).value().statistics;
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(slopes[0].by_share[k], middle[k] - slopes[0].value, 1e-5);
    EXPECT_NEAR(slopes[1].by_share[k], middle[k] - slopes[1].value, 1e-9);
  }
}

TEST(TableErrors, AnEmptyBucketChangesNothing) {
  Micro micro;
  const std::vector<LawStatistic> statistics{kGini, kTheil};
  const auto rows = estimate_table(micro.data, kQuestion, UniformRule(), statistics, {});
  BucketQuestion longer = kQuestion;
  longer.edges.push_back(50000);
  const auto again = estimate_table(micro.data, longer, UniformRule(), statistics, {});
  for (std::size_t s = 0; s < 2; ++s) {
    EXPECT_NEAR(again[s].estimate, rows[s].estimate, 1e-14);
    EXPECT_NEAR(again[s].se, rows[s].se, 1e-14);
  }
}

TEST(TableErrors, DomainsAreTheirOwnTablesAndCompare) {
  Micro micro;
  const auto group = testing::numbers(micro.file, "group");
  for (const double g : group) micro.data.domain_of.push_back(g > 0 ? 1 : 0);
  micro.data.domains = {"first", "others"};
  const std::vector<LawStatistic> statistics{kGini};
  const auto rows = estimate_table(micro.data, kQuestion, UniformRule(), statistics, {});
  ASSERT_EQ(rows.size(), 2u);
  for (std::size_t k = 0; k < 2; ++k)
    EXPECT_NEAR(rows[k].estimate, testing::UniformLaw(table_of(micro.data, kQuestion, k)).gini(),
                1e-14);
  const auto same = [&](std::size_t, const Law&) { return statistics; };
  const auto table = linearized_table(micro.data, kQuestion, UniformRule(), same, 1);
  const auto joint = JointEstimates::make(table.data, table.requests, {});
  const Term change[] = {{0, 1}, {1, -1}};
  const auto difference = joint.linear(change).value();
  EXPECT_NEAR(difference.estimate, rows[0].estimate - rows[1].estimate, 1e-14);
  EXPECT_GT(difference.se, 0.5 * std::hypot(rows[0].se, rows[1].se));
  EXPECT_LT(difference.se, 1.5 * std::hypot(rows[0].se, rows[1].se));
}

/// Weights of the micro-data raised to these totals of cells, and all that a variance needs of it.
struct Calibrated {
  CellIndex index;
  Weights weights;
  SurveyData data;

  Calibrated(const Micro& micro, const std::vector<double>& cell, std::vector<double> totals) {
    index.cells = totals.size();
    index.n = micro.data.n;
    std::vector<double> sum(index.cells, 0.0);
    for (std::size_t i = 0; i < index.n; ++i) {
      index.cell_of.push_back(static_cast<std::uint32_t>(cell[i]));
      sum[index.cell_of[i]] += micro.data.d[i];
    }
    std::vector<std::uint32_t> groups;
    for (std::uint32_t c = 0; c < index.cells; ++c) {
      weights.factor.push_back(totals[c] / sum[c]);
      groups.push_back(c);
    }
    weights.stages = {{.blocks = {{{groups, index.cells}, {}}}}};
    data = micro.data;
    for (std::size_t i = 0; i < index.n; ++i) data.w[i] *= weights.factor[index.cell_of[i]];
    data.index = &index;
    data.weights = &weights;
  }
};

TEST(TableErrors, TheLinearizedValueIsTheDeltaMethodAlsoAfterCalibration) {
  const Micro micro;
  const std::vector<LawStatistic> statistics{kGini, kTheil};
  const Calibrated calibrated(micro, testing::numbers(micro.file, "group"), {40000, 30000, 35000});
  for (const SurveyData* data : {&micro.data, &calibrated.data}) {
    const ShareRequests shares = share_requests(*data, kQuestion);
    const std::vector<std::size_t> all{0, 1, 2, 3, 4};
    const auto covariance =
        JointEstimates::make(shares.data, shares.requests, {}).covariance(all).value();
    const auto by_delta =
        table_errors(UniformRule(), table_of(*data, kQuestion, 0), statistics, covariance, 18, 0.95)
            .value();
    const auto by_person = estimate_table(*data, kQuestion, UniformRule(), statistics, {});
    for (std::size_t s = 0; s < 2; ++s) {
      EXPECT_NEAR(by_person[s].se, by_delta[s].se, 1e-12);
      EXPECT_NEAR(by_person[s].lower, by_delta[s].lower, 1e-11);
    }
  }
  EXPECT_NE(estimate_table(micro.data, kQuestion, UniformRule(), statistics, {})[0].se,
            estimate_table(calibrated.data, kQuestion, UniformRule(), statistics, {})[0].se);
}

TEST(TableErrors, SharesKnownFromTheBenchmarksLeaveNoError) {
  const Micro micro;
  const Calibrated calibrated(micro, micro.data.columns[Micro::bucket],
                              {9000, 38000, 28000, 31000, 2000});
  const std::vector<LawStatistic> statistics{kMean, kGini, kTheil};
  const auto rows = estimate_table(calibrated.data, kQuestion, UniformRule(), statistics, {});
  EXPECT_NEAR(rows[0].estimate, (9 * 1000 + 38 * 3500 + 28 * 6500 + 31 * 14000 + 2 * 25000) / 108.0,
              1e-8);
  for (const EstimateRow& row : rows) EXPECT_LT(row.se, 1e-12 * row.estimate);
}

TEST(TableErrors, WhatCannotBeSaidIsRefusedWithItsReason) {
  Micro micro;
  const std::vector<LawStatistic> statistics{kMean};
  BucketQuestion open = kQuestion;
  open.edges.back() = INFINITY;
  const auto rows = estimate_table(micro.data, open, UniformRule(), statistics, {});
  ASSERT_TRUE(rows[0].failure);
  EXPECT_EQ(rows[0].failure->kind, FailureKind::unbounded_tail);
  EXPECT_EQ(rows[0].failure->detail, "the top bucket is open");
  EXPECT_EQ(rows[0].n, 350u);
  const std::vector<LawStatistic> undefined{{"mld", [](const Law& law) { return law.mld(); }, {}},
                                            kMean};
  const auto half = estimate_table(micro.data, kQuestion, UniformRule(), undefined, {});
  EXPECT_EQ(half[0].failure->detail, "the mld of the fitted law is undefined");
  EXPECT_FALSE(half[1].failure);
  micro.data.domain_of.assign(micro.data.n, 0);
  micro.data.domains = {"all", "nobody"};
  const auto empty = estimate_table(micro.data, kQuestion, UniformRule(), statistics, {});
  EXPECT_FALSE(empty[0].failure);
  EXPECT_EQ(empty[1].failure->kind, FailureKind::empty_domain);
  EstimationOptions score;
  score.quantiles = QuantileInterval::score;
  const auto refused = estimate_table_quantiles(micro.data, kQuestion, UniformRule(),
                                                std::vector<double>{0.5}, score);
  EXPECT_EQ(refused[0].row.failure->detail,
            "score intervals need the answers themselves, not their buckets");
}

}  // namespace
}  // namespace steelyard
