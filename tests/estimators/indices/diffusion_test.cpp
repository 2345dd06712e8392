// Diffusion indices: R's survey, hand algebra, intervals that stay in range, power.

#include "estimators/indices/diffusion.hpp"

#include <fmt/format.h>

#include <boost/math/distributions/beta.hpp>

#include "core/random.hpp"
#include "core/sums.hpp"
#include "tests/estimators/indices/micro.hpp"

namespace steelyard {
namespace {

using testing::expect_block;
using testing::Micro;
using testing::Numbers;

const std::vector<double> kFive{1, 0.5, 0, -0.5, -1};
const std::vector<IndexQuestion> kQuestions{{"q1", Micro::q1, kFive}, {"q2", Micro::q2, kFive}};

TEST(DiffusionIndex, IndicesTheirChangeAndErrorsAreThoseOfR) {
  const Micro micro;
  const auto indices = IndexEstimates::make(micro.data, kQuestions, {});
  const std::vector<std::size_t> both{0, 1};
  const auto covariance = indices.joint().covariance(both).value();
  const auto change = indices.difference(indices.at(1, 0), indices.at(0, 0)).value();
  Numbers got;
  for (std::size_t q = 0; q < 2; ++q) {
    const IndexRow& row = indices.rows()[q];
    const std::string name = fmt::format("q{}", q + 1);
    for (std::size_t l = 0; l < 5; ++l) got[fmt::format("{}_share{}", name, l + 1)] = row.shares[l];
    got[name + "_index"] = row.row.estimate;
    got[name + "_se"] = row.row.se;
  }
  got["change"] = change.estimate;
  got["change_se"] = change.se;
  got["change_se_independent"] = std::sqrt(covariance[0] + covariance[3]);
  got["corr"] = covariance[1] / std::sqrt(covariance[0] * covariance[3]);
  // Everybody alike: Var = slope² Var(score)/n over those who answered.
  SurveyData plain = micro.data;
  plain.w.assign(plain.n, 1.0);
  const IndexRow alike = IndexEstimates::make(plain, kQuestions, {}).rows()[0];
  Moments scores;
  for (std::size_t i = 0; i < plain.n; ++i)
    if (const double level = plain.columns[Micro::q1][i]; !std::isnan(level))
      scores.add(50 * kFive[static_cast<std::size_t>(level)]);
  const auto n = static_cast<double>(scores.n());
  got["q1_unweighted"] = alike.row.estimate;
  got["q1_unweighted_srs_se"] = std::sqrt(scores.variance() * (n - 1) / n / n);
  expect_block("diffusion", got);
}

TEST(DiffusionIndex, SharesBalanceAndDontKnowByHand) {
  // Weights 1 to 6; levels up, same, down, don't know.
  SurveyData data;
  data.n = 6;
  data.w = data.d = {1, 2, 3, 4, 5, 6};
  data.columns = {{0, 1, 2, 3, 0, std::nan("")}};
  const SurveyDesign design = SurveyDesign::rows(6);
  data.design = &design;
  const std::vector<IndexQuestion> question{{"orders", 0, {1, 0, -1, std::nan("")}}};
  const IndexRow row = IndexEstimates::make(data, question, {}).rows()[0];
  EXPECT_DOUBLE_EQ(row.positive, 6.0 / 11);
  EXPECT_DOUBLE_EQ(row.neutral, 2.0 / 11);
  EXPECT_DOUBLE_EQ(row.negative, 3.0 / 11);
  EXPECT_DOUBLE_EQ(row.balance, 300.0 / 11);
  EXPECT_DOUBLE_EQ(row.row.estimate, 50 + 50 * 3.0 / 11);
  EXPECT_EQ(row.row.n, 4u);
  EXPECT_EQ(row.dont_know, 1u);
  EXPECT_DOUBLE_EQ(row.dont_know_share, 4.0 / 15);
  EXPECT_DOUBLE_EQ(row.disagreement, std::sqrt(9.0 / 11 - 9.0 / 121));
  // u = 50 w (s - 3/11)/11, with-replacement variance over 6 rows of which two are 0.
  const double u[] = {1 * (1 - 3.0 / 11), 2 * (-3.0 / 11), 3 * (-1 - 3.0 / 11), 5 * (1 - 3.0 / 11)};
  double squares = 0;
  for (const double value : u) squares += std::pow(50 * value / 11, 2);
  EXPECT_NEAR(row.row.se, std::sqrt(6.0 / 5 * squares), 1e-12);
  // The net balance is the same with base 0 and slope 100.
  IndexOptions net;
  net.base = 0;
  net.slope = 100;
  net.line = 0;
  const IndexRow balance = IndexEstimates::make(data, question, net).rows()[0];
  EXPECT_NEAR(balance.row.estimate, row.balance, 1e-12);
  EXPECT_NEAR(balance.above_line, row.above_line, 1e-12);
}

/// Index of q1 among persons of a group with these weights.
double index_of(const Micro& micro, const std::vector<double>& group, double g,
                const std::vector<double>& w) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double level = micro.data.columns[Micro::q1][i];
    if (group[i] != g || std::isnan(level)) continue;
    sum += w[i] * kFive[static_cast<std::size_t>(level)];
    weight += w[i];
  }
  return 50 + 50 * sum / weight;
}

TEST(DiffusionIndex, TheJackknifeOfADomainIsThatByHand) {
  Micro micro;
  const auto group = testing::numbers(micro.file, "group");
  for (const double g : group) micro.data.domain_of.push_back(static_cast<std::uint32_t>(g));
  micro.data.domains = {"a", "b", "c"};
  const auto jkn =
      make_replicates(*micro.design, {.method = ReplicateMethod::jkn, .mse = true}).value();
  IndexOptions options;
  options.estimation.replicates = &jkn;
  const auto replicated = IndexEstimates::make(micro.data, kQuestions, options);
  const auto linear = IndexEstimates::make(micro.data, kQuestions, {});
  // Each primary unit left out, its stratum's others n/(n - 1) times as heavy.
  const DesignStage& stage = micro.design->stages()[0];
  double variance[3] = {}, of_difference = 0;
  for (std::uint32_t u = 0; u < stage.units; ++u) {
    const double n = stage.units_in_parent[stage.parent_of_unit[u]];
    std::vector<double> w = micro.data.w;
    for (std::size_t i = 0; i < w.size(); ++i)
      if (micro.design->psu(i) == u)
        w[i] = 0;
      else if (stage.parent_of_unit[micro.design->psu(i)] == stage.parent_of_unit[u])
        w[i] *= n / (n - 1);
    double moved[3];
    for (std::size_t k = 0; k < 3; ++k) {
      const auto g = static_cast<double>(k);
      moved[k] = index_of(micro, group, g, w) - index_of(micro, group, g, micro.data.w);
      variance[k] += (n - 1) / n * moved[k] * moved[k];
    }
    of_difference += (n - 1) / n * std::pow(moved[0] - moved[2], 2);
  }
  for (std::size_t k = 0; k < 3; ++k) {
    const EstimateRow& row = replicated.rows()[replicated.at(0, k)].row;
    EXPECT_NEAR(row.estimate, index_of(micro, group, static_cast<double>(k), micro.data.w), 1e-11);
    EXPECT_NEAR(row.se, std::sqrt(variance[k]), 1e-10);
    EXPECT_NEAR(linear.rows()[k].row.estimate, row.estimate, 1e-11);
  }
  const auto difference = replicated.difference(replicated.at(0, 0), replicated.at(0, 2)).value();
  EXPECT_NEAR(difference.se, std::sqrt(of_difference), 1e-10);
}

TEST(DiffusionIndex, ACompositeHoldsTheCorrelationOfItsParts) {
  const Micro micro;
  const auto indices = IndexEstimates::make(micro.data, kQuestions, {});
  const std::vector<double> weights{0.3, 0.7}, single{1, 0};
  const auto made = indices.composite(weights, 0).value();
  const std::vector<std::size_t> both{0, 1};
  const auto v = indices.joint().covariance(both).value();
  EXPECT_NEAR(made.estimate,
              0.3 * indices.rows()[0].row.estimate + 0.7 * indices.rows()[1].row.estimate, 1e-12);
  EXPECT_NEAR(made.se, std::sqrt(0.09 * v[0] + 0.42 * v[1] + 0.49 * v[3]), 1e-12);
  EXPECT_GT(made.se, std::sqrt(0.09 * v[0] + 0.49 * v[3]));
  const auto alone = indices.composite(single, 0).value();
  EXPECT_NEAR(alone.lower, indices.rows()[0].row.lower, 1e-10);
  EXPECT_NEAR(alone.upper, indices.rows()[0].row.upper, 1e-10);
  EXPECT_EQ(indices.composite(std::vector<double>{0, 0}, 0).failure().detail,
            "a composite index needs a question with a weight");
}

TEST(DiffusionIndex, QuartersAreComparedApartOrWithTheirOverlap) {
  const Micro micro;
  const std::vector<IndexQuestion> first{kQuestions[0]}, second{kQuestions[1]};
  const auto before = IndexEstimates::make(micro.data, first, {}),
             after = IndexEstimates::make(micro.data, second, {}),
             together = IndexEstimates::make(micro.data, kQuestions, {});
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  const auto apart = across_waves(before.joint(), minus, after.joint(), plus, nullptr).value();
  EXPECT_NEAR(apart.se, 3.60799716986191, 1e-9);
  std::vector<std::uint32_t> units(micro.data.n);
  for (std::size_t i = 0; i < units.size(); ++i) units[i] = micro.design->psu(i);
  const WaveOverlap overlap{units, units};
  const auto paired = across_waves(before.joint(), minus, after.joint(), plus, &overlap).value();
  EXPECT_NEAR(paired.se, together.difference(1, 0).value().se, 1e-10);
}

TEST(IndexIntervals, StayInTheRangeAndHaveTheirClosedForms) {
  const std::vector<double> values{100, 0}, shares{0.3, 0.7};
  IndexEvidence evidence{.estimate = 30, .se = 100 * std::sqrt(0.21 / 40), .df = INFINITY};
  evidence.range = {0, 100};
  evidence.n = evidence.kish_n = 1e9;  // t of n - 1 as normal: 40 effective answers
  evidence.values = values;
  evidence.shares = shares;
  EXPECT_NEAR(effective_answers(evidence), 40, 1e-5);
  // Two levels: Jeffreys' interval, and Wilson's by its formula.
  const boost::math::beta_distribution<> posterior(12.5, 28.5);
  const Limits dirichlet = index_limits(IndexInterval::dirichlet, evidence);
  EXPECT_NEAR(dirichlet.lower, 100 * boost::math::quantile(posterior, 0.025), 1e-4);
  EXPECT_NEAR(dirichlet.upper, 100 * boost::math::quantile(posterior, 0.975), 1e-4);
  const double z2 = 1.959963984540054 * 1.959963984540054;
  const Limits wilson = index_limits(IndexInterval::wilson, evidence);
  const double half = std::sqrt(z2) * std::sqrt(0.21 / 40 + z2 / 6400) / (1 + z2 / 40);
  EXPECT_NEAR(wilson.lower, 100 * ((0.3 + z2 / 80) / (1 + z2 / 40) - half), 1e-9);
  EXPECT_NEAR(wilson.upper, 100 * ((0.3 + z2 / 80) / (1 + z2 / 40) + half), 1e-9);
  // Near the end of the range: t leaves it, the others do not.
  evidence.estimate = 97;
  evidence.se = 4;
  const std::vector<double> high{0.97, 0.03};
  evidence.shares = high;
  EXPECT_GT(index_limits(IndexInterval::t, evidence).upper, 100);
  for (const IndexInterval method :
       {IndexInterval::logit, IndexInterval::wilson, IndexInterval::dirichlet}) {
    const Limits limits = index_limits(method, evidence);
    EXPECT_GT(limits.lower, 60);
    EXPECT_LT(limits.lower, 97);
    EXPECT_GT(limits.upper, 97);
    EXPECT_LT(limits.upper, 100);
  }
}

TEST(IndexIntervals, ASingleAnswerHasAnInterval) {
  // Twelve persons, all "same": 50, with no standard error.
  SurveyData data;
  data.n = 12;
  data.w = data.d = std::vector<double>(12, 1.0);
  data.columns = {std::vector<double>(12, 2.0)};
  const SurveyDesign design = SurveyDesign::rows(12);
  data.design = &design;
  const std::vector<IndexQuestion> question{{"q", 0, kFive}};
  for (const IndexInterval method :
       {IndexInterval::logit, IndexInterval::wilson, IndexInterval::dirichlet}) {
    IndexOptions options;
    options.interval = method;
    const IndexRow row = IndexEstimates::make(data, question, options).rows()[0];
    EXPECT_EQ(row.row.estimate, 50);
    EXPECT_EQ(row.row.se, 0);
    EXPECT_EQ(row.above_line, 0.5);
    EXPECT_NEAR(row.row.lower + row.row.upper, 100, 1e-6);
    EXPECT_GT(row.row.lower, 30);
    EXPECT_LT(row.row.lower, 48);
  }
}

TEST(IndexIntervals, ASingleAnswerIsExactUnderAnyWeights) {
  // Weighted means of equal values are equal to rounding only; 50 on the line must stay there.
  SurveyData data;
  data.n = 30;
  for (int i = 0; i < 30; ++i) data.w.push_back(1 + 0.1 * i * i);
  data.d = data.w;
  data.columns = {std::vector<double>(30, 2.0), std::vector<double>(30, 1.0)};
  const SurveyDesign design = SurveyDesign::rows(30);
  data.design = &design;
  const std::vector<IndexQuestion> questions{{"q", 0, {0.7, 0.3, 0.1}},
                                             {"dk", 1, {1, std::nan("")}}};
  IndexOptions options;
  options.line = 50 + 50 * 0.1;
  const auto rows = IndexEstimates::make(data, questions, options).rows();
  EXPECT_EQ(rows[0].row.estimate, options.line);
  EXPECT_EQ(rows[0].row.se, 0);
  EXPECT_EQ(rows[0].above_line, 0.5);
  EXPECT_GT(rows[0].row.upper, options.line + 0.1);
  // Nobody with a score: no index, and the "don't know" are still reported.
  EXPECT_EQ(rows[1].row.failure->kind, FailureKind::empty_domain);
  EXPECT_EQ(rows[1].dont_know, 30u);
  EXPECT_EQ(rows[1].dont_know_share, 1);
}

TEST(DirichletMean, IsTheBetaForTwoLevelsAndTheSimulatedLawForFive) {
  const std::vector<double> two{1, 0}, alpha{2.5, 0.7};
  const boost::math::beta_distribution<> beta(2.5, 0.7);
  for (const double x : {0.05, 0.3, 0.8, 0.99})
    EXPECT_NEAR(dirichlet_mean_cdf(two, alpha, x), boost::math::cdf(beta, x), 1e-8);
  EXPECT_EQ(dirichlet_mean_cdf(two, alpha, 1), 1);
  EXPECT_EQ(dirichlet_mean_cdf(two, alpha, -0.1), 0);
  // α of whole numbers: gamma variables are sums of exponentials.
  const std::vector<double> five{1, 1, 2, 3, 1};
  Stream stream({Seed{3}, purpose("dirichlet_test"), {}, {}});
  const int draws = 40000;
  const double at = -0.1;
  int below = 0;
  for (int r = 0; r < draws; ++r) {
    double score = 0, size = 0;
    for (std::size_t k = 0; k < 5; ++k)
      for (int j = 0; j < static_cast<int>(five[k]); ++j) {
        const double gamma = -std::log(stream.uniform());
        score += kFive[k] * gamma;
        size += gamma;
      }
    below += score / size <= at;
  }
  const double p = dirichlet_mean_cdf(kFive, five, at);
  EXPECT_LT(std::abs(below / double(draws) - p), 4.5 * std::sqrt(p * (1 - p) / draws));
  EXPECT_NEAR(dirichlet_mean_cdf(kFive, five, dirichlet_mean_quantile(kFive, five, 0.9)), 0.9,
              1e-8);
  // As large as a national sample: near normal, and still exact to the same digits.
  const std::vector<double> many{3e4, 2e4, 1e4};
  const std::vector<double> three{1, 0, -1};
  // A census: mean .25, sd sqrt((.75 - .0625)/4e7), normal to five digits.
  const std::vector<double> census{2e7, 1e7, 1e7};
  EXPECT_NEAR(dirichlet_mean_quantile(three, census, 0.975),
              0.25 + 1.959963984540054 * std::sqrt(0.6875 / 4e7), 1e-8);
  EXPECT_NEAR(dirichlet_mean_cdf(three, many, dirichlet_mean_quantile(three, many, 0.025)), 0.025,
              1e-7);
}

TEST(AboveLine, ProbabilityIsThatOfTheConfidenceDistribution) {
  EXPECT_NEAR(above_line_probability(52, 1, INFINITY, 50), 0.9772498680518208, 1e-12);
  // t with 1 df: 1/2 + atan(1)/π.
  EXPECT_NEAR(above_line_probability(52, 2, 1, 50), 0.75, 1e-12);
  EXPECT_EQ(above_line_probability(52, 0, 10, 50), 1);
  EXPECT_EQ(above_line_probability(48, 0, 10, 50), 0);
  const Micro micro;
  const auto boot =
      make_replicates(*micro.design,
                      {.method = ReplicateMethod::bootstrap, .replicates = 2000, .seed = Seed{11}})
          .value();
  IndexOptions options;
  options.estimation.replicates = &boot;
  const auto indices = IndexEstimates::make(micro.data, kQuestions, options);
  const auto share =
      above_line_share(boot, indices.joint().replicate_values(indices.at(1, 0)), 50).value();
  EXPECT_NEAR(share, indices.rows()[1].above_line, 0.05);
  EXPECT_EQ(share, indices.rows()[1].above_line_bootstrap);
  EXPECT_GT(share, 0.6);
  const auto jkn = make_replicates(*micro.design, {.method = ReplicateMethod::jkn}).value();
  const std::vector<double> theta(jkn.replicates, 51.0);
  EXPECT_EQ(above_line_share(jkn, theta, 50).failure().detail,
            "the replicates do not vary as the estimate does; use a bootstrap, or the t "
            "probability");
}

TEST(ChangePower, SampleSizeChangeAndPowerAgree) {
  const ChangeDesign design{.sd = 30, .deff = 1.5, .overlap = 0.5, .correlation = 0.6};
  // 2 · 1.5 · 900 · .7 (1.95996 + .84162)² / 3²
  EXPECT_EQ(persons_needed(design, 3), std::ceil(1890 * 7.848879734 / 9));
  const double n = persons_needed(design, 3);
  EXPECT_GE(power_of_change(design, 3, n), 0.8);
  EXPECT_LT(power_of_change(design, 3, n - 1), 0.8);
  EXPECT_NEAR(power_of_change(design, detectable_change(design, 500), 500), 0.8, 1e-9);
  EXPECT_NEAR(change_se(design, 400), std::sqrt(1890 / 400.0), 1e-12);
  EXPECT_NEAR(power_of_change(design, 0, 500), 0.05, 1e-12);
}

TEST(DiffusionIndex, ADomainWithoutAnswersFailsWithItsReason) {
  Micro micro;
  micro.data.domain_of.assign(micro.data.n, 0);
  micro.data.domains = {"all", "nobody"};
  const auto indices = IndexEstimates::make(micro.data, kQuestions, {});
  EXPECT_FALSE(indices.rows()[0].row.failure);
  EXPECT_EQ(indices.rows()[1].row.failure->kind, FailureKind::empty_domain);
  EXPECT_EQ(indices.difference(0, 1).failure().kind, FailureKind::empty_domain);
  EXPECT_EQ(indices.rows()[1].dont_know, 0u);
}

TEST(DiffusionIndex, AnswerSharesGiveTheErrorsOfQuantification) {
  const Micro micro;
  const AnswerShares shares = answer_shares(micro.data, kQuestions[0]);
  const auto rows = estimate_all(shares.data, shares.requests, {});
  EXPECT_NEAR(rows[0].estimate, 0.0853479454571679, 1e-12);
  const auto joint = JointEstimates::make(shares.data, shares.requests, {});
  const std::vector<std::size_t> all{0, 1, 2, 3, 4};
  const auto v = joint.covariance(all).value();
  const UpDown sides = up_and_down(micro.data, kQuestions[0], {}, 0).value();
  EXPECT_NEAR(sides.up, rows[0].estimate + rows[1].estimate, 1e-14);
  EXPECT_NEAR(sides.covariance.up, v[0] + 2 * v[1] + v[6], 1e-15);
  EXPECT_NEAR(sides.covariance.cross, v[3] + v[4] + v[8] + v[9], 1e-15);
  EXPECT_NEAR(sides.covariance.down, v[18] + 2 * v[19] + v[24], 1e-15);
  EXPECT_EQ(sides.df, 18);
  EXPECT_GT(carlson_parkin(sides.up, sides.down, 1, {}, sides.covariance).value().mean_se, 0);
}

}  // namespace
}  // namespace steelyard
