// Multilevel models against R's lme4 (tests/golden/README.md), closed forms and quadrature.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cells.hpp"
#include "core/csv.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/multilevel/poststratify.hpp"

namespace steelyard {
namespace {

using testing::OneTerm;

double normal(Stream& stream) {
  return std::sqrt(-2 * std::log(stream.uniform())) *
         std::cos(2 * 3.14159265358979323846 * stream.uniform());
}

/// tests/golden/multilevel: region (9), sex, age (4), edu (3), their cells in full.
struct Golden {
  Schema schema;
  CellIndex index;
  MultilevelTerms terms;
  CellAnswers binary, linear;
  std::vector<double> population;
  nlohmann::json cases;

  Golden() {
    const std::string folder = STEELYARD_TEST_DATA "/golden/multilevel/";
    cases = nlohmann::json::parse(read_file(folder + "lme4_cases.json"));
    const CsvFile file = CsvFile::read(folder + "cells.csv");
    schema.add(testing::numbered("region", 9));
    schema.add(testing::numbered("sex", 2));
    schema.add(testing::numbered("age", 4));
    schema.add(testing::numbered("edu", 3));
    std::vector<std::uint32_t> codes;
    linear.model = OutcomeModel::linear;
    for (std::size_t row = 0; row < file.rows(); ++row) {
      for (std::size_t v = 0; v < 4; ++v)
        codes.push_back(static_cast<std::uint32_t>(file.number(row, v)) - 1);
      const double n = file.number(row, file.column("n"));
      const double yes = file.number(row, file.column("yes"));
      binary.counts.insert(binary.counts.end(), {n - yes, yes});
      linear.n.push_back(n);
      linear.mean.push_back(file.number(row, file.column("mean")));
      linear.within += file.number(row, file.column("squares"));
      population.push_back(file.number(row, file.column("population")));
    }
    index = testing::cells_of(schema, codes);
    terms.fixed = {{schema.id(1)}, {schema.id(3)}};
    terms.groups = {{schema.id(0)}, {schema.id(2)}, {schema.id(0), schema.id(3)}};
  }
  MultilevelDesign design() const {
    return make_multilevel_design(terms, index, schema, linear.n).value();
  }
};

/// Coefficients of R's coding (the first level is nothing) from ours (the last one is).
Eigen::MatrixXd to_r_coding() {
  Eigen::MatrixXd to(4, 4);
  to << 1, 1, 1, 0,  //
      0, -1, 0, 0,   //
      0, 0, -1, 1,   //
      0, 0, -1, 0;
  return to;
}

TEST(GoldenMultilevel, MeetsLme4) {
  const Golden golden;
  const MultilevelDesign design = golden.design();
  const TargetCells target =
      make_target_cells(design, golden.index, golden.schema, golden.population).value();
  const struct {
    const char* name;
    OutcomeModel model;
    double tolerance, se_tolerance;
  } all[] = {
      // lme4 stops its search and its modes earlier than we do, and differences for standard
      // errors.
      {"logit", OutcomeModel::logit, 2e-5, 2e-3},
      {"linear", OutcomeModel::linear, 1e-6, 1e-6},
  };
  for (const auto& e : all) {
    SCOPED_TRACE(e.name);
    const auto& cased = golden.cases[e.name];
    const bool linear = e.model == OutcomeModel::linear;
    CellAnswers answers = linear ? golden.linear : golden.binary;
    answers.model = e.model;
    // lmer's standard errors take the variances as known.
    const auto made = fit_multilevel(design, answers, {.prior = {}, .deviation_error = !linear});
    ASSERT_TRUE(made.ok()) << made.failure().detail;
    const MultilevelFit& fit = made.value();
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_NEAR(fit.deviations[static_cast<Eigen::Index>(k)], cased["sd"][k].get<double>(),
                  e.tolerance);
    EXPECT_NEAR(fit.log_likelihood, cased["log_likelihood"].get<double>(), 1e-6);
    if (linear) {
      EXPECT_NEAR(fit.residual_deviation, cased["residual"].get<double>(), e.tolerance);
    }
    const Eigen::MatrixXd to = to_r_coding();
    const Eigen::VectorXd beta = to * fit.beta;
    const Eigen::MatrixXd covariance = to * fit.covariance.topLeftCorner(4, 4) * to.transpose();
    for (Eigen::Index j = 0; j < 4; ++j) {
      const auto at = static_cast<std::size_t>(j);
      EXPECT_NEAR(beta[j], cased["beta"][at].get<double>(), e.tolerance);
      EXPECT_NEAR(std::sqrt(covariance(j, j)) / cased["beta_se"][at].get<double>(), 1,
                  e.se_tolerance);
    }
    for (std::size_t g = 0; g < 9; ++g)
      EXPECT_NEAR(fit.effects[static_cast<Eigen::Index>(g)], cased["region"][g].get<double>(),
                  2 * e.tolerance);
    const Poststratifier cells(design, fit, target);
    Sum sum;
    for (std::size_t c = 0; c < design.cells(); ++c)
      sum.add(golden.population[c] * cells.predicted()[c]);
    EXPECT_NEAR(sum.value() / cased["total"].get<double>(), 1, e.tolerance);
    for (std::size_t c = 0; c < 10; ++c)
      EXPECT_NEAR(cells.predicted()[c], cased["fitted"][c].get<double>(), 2 * e.tolerance);
  }
}

// lme4 puts the expected information of a probit in place of the observed one into Laplace's
// approximation, so that the two agree only as far as that matters.
TEST(GoldenMultilevel, ProbitIsNearLme4) {
  const Golden golden;
  const MultilevelDesign design = golden.design();
  CellAnswers answers = golden.binary;
  answers.model = OutcomeModel::probit;
  const auto fit = fit_multilevel(design, answers);
  ASSERT_TRUE(fit.ok()) << fit.failure().detail;
  const auto& cased = golden.cases["probit"];
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(fit.value().deviations[static_cast<Eigen::Index>(k)], cased["sd"][k].get<double>(),
                0.005);
  EXPECT_NEAR(fit.value().log_likelihood, cased["log_likelihood"].get<double>(), 0.05);
}

/// Log-likelihood of one term of groups, each group alone: Laplace's approximation by bisection of
/// the mode and differences of ℓ, or 200-point quadrature of the integral itself.
double by_hand(const OneTerm& world, const CellAnswers& answers, double beta,
               const Eigen::VectorXd& tau, double sigma, bool quadrature) {
  const std::size_t groups = world.schema[world.schema.id(0)].size();
  const std::size_t each = world.index.cells / groups;
  Predicted predicted;
  double sum = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto log_joint = [&](double u) {
      double value = -u * u / 2;
      predict(answers.model, beta + sigma * u, tau, predicted);
      std::vector<double> share = predicted.value;
      if (share.size() == 1) share = {1 - share[0], share[0]};
      for (std::size_t c = g * each; c < (g + 1) * each; ++c)
        for (std::size_t k = 0; k < answers.levels; ++k)
          value += answers.counts[c * answers.levels + k] * std::log(share[k]);
      return value;
    };
    double low = -8, high = 8;
    for (int i = 0; i < 200; ++i) {
      const double third = (high - low) / 3;
      (log_joint(low + third) < log_joint(high - third) ? low : high) +=
          log_joint(low + third) < log_joint(high - third) ? third : -third;
    }
    const double mode = (low + high) / 2, h = 1e-3, at = log_joint(mode);
    const double curvature = (-log_joint(mode + 2 * h) + 16 * log_joint(mode + h) - 30 * at +
                              16 * log_joint(mode - h) - log_joint(mode - 2 * h)) /
                             (12 * h * h);
    if (!quadrature) {
      sum += at - std::log(-curvature) / 2;
    } else {
      const double step = 0.08 / std::sqrt(-curvature);
      double integral = 0;
      for (int i = -125; i <= 125; ++i) integral += std::exp(log_joint(mode + i * step) - at);
      sum += at + std::log(integral * step / std::sqrt(2 * 3.14159265358979323846));
    }
  }
  return sum;
}

CellAnswers simulated(const OneTerm& world, OutcomeModel model, std::size_t levels, int persons,
                      double sigma, std::uint64_t seed) {
  CellAnswers answers{.model = model, .levels = levels};
  answers.counts.assign(world.index.cells * levels, 0.0);
  Stream stream({Seed{seed}, purpose("multilevel_test"), {}, {}});
  const std::size_t groups = world.schema[world.schema.id(0)].size();
  const std::size_t each = world.index.cells / groups;
  Eigen::VectorXd tau(static_cast<Eigen::Index>(levels) - 1);
  for (Eigen::Index j = 0; j < tau.size(); ++j) tau[j] = -1.0 + static_cast<double>(j);
  Predicted predicted;
  for (std::size_t g = 0; g < groups; ++g) {
    predict(model, 0.3 + sigma * normal(stream), tau, predicted);
    std::vector<double> share = predicted.value;
    if (share.size() == 1) share = {1 - share[0], share[0]};
    for (std::size_t c = g * each; c < (g + 1) * each; ++c)
      for (int i = 0; i < persons; ++i) {
        double u = stream.uniform();
        std::size_t k = 0;
        while (k + 1 < levels && u > share[k]) u -= share[k++];
        answers.counts[c * levels + k] += 1;
      }
  }
  return answers;
}

TEST(Multilevel, MaximisesTheApproximationAndIsNearTheIntegral) {
  const OneTerm world(12, 2);
  const std::vector<double> weight(world.index.cells, 1.0);
  const auto design = make_multilevel_design(world.terms, world.index, world.schema, weight);
  const struct {
    OutcomeModel model;
    std::size_t levels;
  } all[] = {{OutcomeModel::logit, 2}, {OutcomeModel::probit, 2}, {OutcomeModel::ordered, 4}};
  for (const auto& e : all) {
    SCOPED_TRACE(static_cast<int>(e.model));
    const CellAnswers answers = simulated(world, e.model, e.levels, 20, 0.8, 3);
    const auto made = fit_multilevel(design.value(), answers);
    ASSERT_TRUE(made.ok()) << made.failure().detail;
    const MultilevelFit& fit = made.value();
    const double beta = fit.beta.size() > 0 ? fit.beta[0] : 0, sigma = fit.deviations[0];
    EXPECT_GT(sigma, 0.3);
    const double here = by_hand(world, answers, beta, fit.thresholds, sigma, false);
    EXPECT_NEAR(here, fit.log_likelihood, 1e-6);
    // Every parameter: down on both sides, and by as much.
    const auto check = [&](double b, const Eigen::VectorXd& t, double s, double b2,
                           const Eigen::VectorXd& t2, double s2) {
      const double up = here - by_hand(world, answers, b, t, s, false);
      const double low = here - by_hand(world, answers, b2, t2, s2, false);
      EXPECT_GT(up, 0);
      EXPECT_NEAR(up / low, 1, 0.05);
    };
    constexpr double kStep = 0.01;
    check(beta, fit.thresholds, sigma + kStep, beta, fit.thresholds, sigma - kStep);
    if (fit.beta.size() > 0)
      check(beta + kStep, fit.thresholds, sigma, beta - kStep, fit.thresholds, sigma);
    for (Eigen::Index j = 0; j < fit.thresholds.size(); ++j) {
      Eigen::VectorXd up = fit.thresholds, low = up;
      up[j] += kStep;
      low[j] -= kStep;
      check(beta, up, sigma, beta, low, sigma);
    }
    // The integral differs by what Laplace's approximation leaves out, O(1/persons) a group.
    const double exact = by_hand(world, answers, beta, fit.thresholds, sigma, true);
    EXPECT_NEAR(exact, here, 0.15);
    EXPECT_GT(std::abs(exact - here), 1e-6);
  }
}

TEST(Multilevel, LinearModelIsTheAnalysisOfVarianceWhenBalanced) {
  constexpr std::size_t kGroups = 10;
  constexpr double kPersons = 7;
  const OneTerm world(kGroups, 1);
  Stream stream({Seed{8}, purpose("multilevel_anova"), {}, {}});
  CellAnswers answers{.model = OutcomeModel::linear};
  Moments between;
  for (std::size_t g = 0; g < kGroups; ++g) {
    answers.n.push_back(kPersons);
    answers.mean.push_back(3 + normal(stream));
    between.add(answers.mean.back());
  }
  answers.within = 55;
  const auto design = make_multilevel_design(world.terms, world.index, world.schema, answers.n);
  const auto made = fit_multilevel(design.value(), answers);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  const double msw = 55 / (kGroups * (kPersons - 1)), msb = kPersons * between.variance();
  EXPECT_NEAR(made.value().residual_deviation, std::sqrt(msw), 1e-8);
  EXPECT_NEAR(made.value().deviations[0], std::sqrt((msb - msw) / kPersons), 1e-7);
  EXPECT_NEAR(made.value().beta[0], between.mean(), 1e-12);
  EXPECT_NEAR(made.value().covariance(0, 0), msb / (kPersons * kGroups), 1e-9);
  const double shrunk = 1 - msw / msb;
  for (std::size_t g = 0; g < kGroups; ++g)
    EXPECT_NEAR(made.value().effects[static_cast<Eigen::Index>(g)],
                shrunk * (answers.mean[g] - between.mean()), 1e-7);
}

TEST(Multilevel, NoDifferencesGiveNoVariance) {
  const OneTerm world(8, 1);
  CellAnswers binary{.model = OutcomeModel::logit}, linear{.model = OutcomeModel::linear};
  for (int g = 0; g < 8; ++g) {
    binary.counts.insert(binary.counts.end(), {6.0, 4.0});
    linear.n.push_back(10);
    linear.mean.push_back(g % 2 == 0 ? 1.0 : 1.01);
  }
  linear.within = 80;
  const auto design = make_multilevel_design(world.terms, world.index, world.schema, linear.n);
  const auto a = fit_multilevel(design.value(), binary), b = fit_multilevel(design.value(), linear);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_LT(a.value().deviations[0], 1e-4);
  EXPECT_LT(b.value().deviations[0], 1e-4);
  EXPECT_NEAR(a.value().beta[0], std::log(4.0 / 6.0), 1e-6);
  const auto kept_off = fit_multilevel(design.value(), binary,
                                       {.prior = {DeviationPrior::Kind::boundary_avoiding, 1}});
  ASSERT_TRUE(kept_off.ok());
  EXPECT_GT(kept_off.value().deviations[0], 0.05);
}

TEST(Multilevel, LinearWeightsGiveTheTotalAndTheSize) {
  const Golden golden;
  const MultilevelDesign design = golden.design();
  const auto fit = fit_multilevel(design, golden.linear);
  const TargetCells target =
      make_target_cells(design, golden.index, golden.schema, golden.population).value();
  const Poststratifier cells(design, fit.value(), target);
  const auto w = linear_model_weights(design, fit.value(), target, golden.population);
  double by_weights = 0, size = 0, by_model = 0;
  for (std::size_t c = 0; c < w.size(); ++c) {
    by_weights += w[c] * golden.linear.n[c] * golden.linear.mean[c];
    size += w[c] * golden.linear.n[c];
    by_model += golden.population[c] * cells.predicted()[c];
  }
  EXPECT_NEAR(by_weights / by_model, 1, 1e-10);
  EXPECT_NEAR(size / total(golden.population), 1, 1e-10);
}

TEST(Multilevel, SaysWhatItCannotTell) {
  const OneTerm world(4, 2);
  const std::vector<double> everywhere(8, 1.0);
  // A fixed term with a level that nobody has.
  MultilevelTerms fixed;
  fixed.fixed = {{world.schema.id(0)}};
  std::vector<double> weight = everywhere;
  weight[6] = weight[7] = 0;
  const auto design = make_multilevel_design(fixed, world.index, world.schema, weight);
  const auto unseen = make_target_cells(design.value(), world.index, world.schema, everywhere);
  ASSERT_FALSE(unseen.ok());
  EXPECT_EQ(unseen.failure().kind, FailureKind::empty_cell);
  EXPECT_NE(unseen.failure().detail.find("group=4"), std::string::npos) << unseen.failure().detail;
  // The same as a group is drawn from all groups: nothing is added, and σ² to the variance.
  const auto random = make_multilevel_design(world.terms, world.index, world.schema, weight);
  CellAnswers answers = simulated(world, OutcomeModel::logit, 2, 30, 1, 5);
  answers.counts[12] = answers.counts[13] = answers.counts[14] = answers.counts[15] = 0;
  const auto fit = fit_multilevel(random.value(), answers);
  ASSERT_TRUE(fit.ok()) << fit.failure().detail;
  const TargetCells target =
      make_target_cells(random.value(), world.index, world.schema, everywhere).value();
  const Poststratifier cells(random.value(), fit.value(), target);
  const double p = 1 / (1 + std::exp(-fit.value().beta[0]));
  EXPECT_NEAR(cells.predicted()[7], p, 1e-12);
  std::vector<double> one(8, 0.0);
  one[7] = 1;
  const double slope = p * (1 - p), sigma = fit.value().deviations[0];
  EXPECT_NEAR(cells.variance(cells.gradient(one)),
              slope * slope * (fit.value().covariance(0, 0) + sigma * sigma), 1e-12);
  // All of a fixed level say the same.
  const auto both = make_multilevel_design(fixed, world.index, world.schema, everywhere);
  CellAnswers same = simulated(world, OutcomeModel::logit, 2, 30, 0.3, 6);
  same.counts[0] = same.counts[2] = 0;
  const auto separated = fit_multilevel(both.value(), same);
  ASSERT_FALSE(separated.ok());
  EXPECT_EQ(separated.failure().kind, FailureKind::no_convergence);
}

// 400 worlds drawn from the model, effects anew in each: 95 % intervals of the mean of one group
// cover, two-sided. It would catch a standard error 12 % too small or too large.
TEST(Multilevel, IntervalsCoverWhatTheModelDraws) {
  constexpr int kWorlds = 400;
  const OneTerm world(20, 1);
  const std::vector<double> weight(20, 1.0);
  const auto design = make_multilevel_design(world.terms, world.index, world.schema, weight);
  const TargetCells target =
      make_target_cells(design.value(), world.index, world.schema, weight).value();
  int covered = 0, covered_halved = 0, made = 0;
  for (int r = 0; r < kWorlds; ++r) {
    Stream stream(
        {Seed{17}, purpose("multilevel_cover"), Replicate{static_cast<std::uint32_t>(r)}, {}});
    CellAnswers answers{.model = OutcomeModel::logit};
    double truth = 0;
    for (int g = 0; g < 20; ++g) {
      const double p = 1 / (1 + std::exp(0.5 - 0.7 * normal(stream)));
      if (g == 0) truth = p;
      double yes = 0;
      for (int i = 0; i < 25; ++i) yes += stream.uniform() < p;
      answers.counts.insert(answers.counts.end(), {25 - yes, yes});
    }
    const auto fit = fit_multilevel(design.value(), answers);
    if (!fit) continue;
    ++made;
    const Poststratifier cells(design.value(), fit.value(), target);
    std::vector<double> one(20, 0.0);
    one[0] = 1;
    const double se = std::sqrt(cells.variance(cells.gradient(one)));
    covered += std::abs(cells.predicted()[0] - truth) <= 1.96 * se;
    covered_halved += std::abs(cells.predicted()[0] - truth) <= 1.96 * se / 2;
  }
  EXPECT_EQ(made, kWorlds);
  const double mcse = std::sqrt(0.95 * 0.05 / kWorlds);  // 0.011
  EXPECT_NEAR(static_cast<double>(covered) / kWorlds, 0.95, 3 * mcse);
  EXPECT_LT(static_cast<double>(covered_halved) / kWorlds, 0.95 - 3 * mcse);
}

}  // namespace
}  // namespace steelyard
