// Elliott and Valliant's weights, covariate balancing and propensity classes: by hand, in their
// limits, and with the derivatives of the whole procedure.

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/weighting/participation_gmm.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::ClaimedInfluence;
using testing::expect_derivatives;
using testing::expect_reference_variance;
using testing::TwoSampleWorld;
using testing::WeightedMean;

constexpr const char* kTerms = "covariates = [\"region\", \"sex\", \"age\"]\n";

/// Four respondents in groups 0, 0, 0, 1; five reference persons.
struct Tiny {
  Schema schema;
  Sample a;
  std::shared_ptr<ReferenceSample> b = std::make_shared<ReferenceSample>();
  Tiny() {
    schema.add(testing::categorical("group", {"x", "y"}));
    a.schema = b->sample.schema = &schema;
    a.n = 4;
    a.columns = {{0, 0, 0, 1}};
    b->sample.n = 5;
    b->sample.columns = {{0, 0, 1, 1, 1}};
    b->sample.base_weights = {10, 30, 5, 15, 40};
  }
  Result<Weights> weigh(std::string_view method, std::string toml = "") const {
    const auto weighting =
        testing::make(weightings(), method, schema, "covariates = [\"group\"]\n" + toml);
    Benchmarks known(schema);
    known.set_reference(b);
    return weighting->weigh(make_cell_index(a, weighting->variables()), known);
  }
};

TEST(ElliottValliant, IsOddsTimesTheModelledDesignWeight) {
  const Tiny tiny;
  // Odds of being in B: 2/3 and 3/1; mean d: 20 and 20.
  for (const char* model : {"mean", "logit"}) {  // logit: Σ (1 - d π) = 0 is the same here
    const auto w = tiny.weigh("elliott_valliant", std::string("design_model = \"") + model + "\"");
    ASSERT_TRUE(w.ok()) << w.failure().detail;
    EXPECT_NEAR(w.value().factor[0], 20 * 2.0 / 3, 1e-9) << model;
    EXPECT_NEAR(w.value().factor[1], 20 * 3.0, 1e-9) << model;
    EXPECT_NEAR(w.value().participation[1], 1 / 60.0, 1e-12) << model;
  }
  const auto w = tiny.weigh("elliott_valliant", "design_model = \"log\"").value();
  EXPECT_NEAR(w.factor[0], std::sqrt(300) * 2.0 / 3, 1e-9);
  EXPECT_NEAR(w.factor[1], std::cbrt(3000) * 3.0, 1e-9);
}

TEST(ElliottValliantVariance, HoldsBothRegressions) {
  const TwoSampleWorld world(4);
  for (const char* model : {"mean", "log", "logit"}) {
    SCOPED_TRACE(model);
    const auto weighting = world.weighting(
        "elliott_valliant", std::string(kTerms) + "design_model = \"" + model + "\"");
    expect_derivatives(world, *weighting, world.b);
    // A row's weight is not its multiplicity here: 50 copies of everybody, one more or one less.
    constexpr std::size_t kCopies = 50;
    const CellIndex index = world.index(*weighting);
    std::vector<double> u;
    for (std::size_t j = 0; j < world.b->sample.n; ++j) {
      double moved[2];
      for (int side = 0; side < 2; ++side)
        moved[side] =
            WeightedMean(
                index,
                weighting->weigh(index, world.benchmarks(world.copied(kCopies, j, 2 * side - 1)))
                    .value(),
                world.y)
                .mean;
      u.push_back((moved[1] - moved[0]) / 2);
    }
    const auto copies = world.copied(kCopies, 0, 0);
    std::vector<double> all;
    for (const double each : u) all.insert(all.end(), kCopies, each);
    const auto weights = weighting->weigh(index, world.benchmarks(copies));
    EXPECT_NEAR(ClaimedInfluence(index, weights.value(), world.y).variance_b /
                    design_of(*copies).variance(all).value(),
                1, 2e-3);
  }
}

TEST(Cbps, JustIdentifiedWeightsMeetTheReferenceTotals) {
  const TwoSampleWorld world(5);
  for (const char* link : {"logit", "probit", "cloglog"}) {
    const auto weighting = world.weighting("cbps", std::string(kTerms) + "link = \"" + link + "\"");
    const CellIndex index = world.index(*weighting);
    const Weights w = weighting->weigh(index, world.benchmarks()).value();
    double age = 0, in_c = 0, age_b = 0, in_c_b = 0;
    for (std::size_t i = 0; i < index.n; ++i) {
      age += w.factor[index.cell_of[i]] * world.a.numbers[3][i];
      in_c += w.factor[index.cell_of[i]] * (world.a.columns[0][i] == 2);
    }
    const Sample& b = world.b->sample;
    for (std::size_t j = 0; j < b.n; ++j) {
      age_b += b.base_weights[j] * b.numbers[3][j];
      in_c_b += b.base_weights[j] * (b.columns[0][j] == 2);
    }
    EXPECT_NEAR(age / age_b, 1, 1e-9) << link;
    EXPECT_NEAR(in_c / in_c_b, 1, 1e-9) << link;
    expect_derivatives(world, *weighting, world.b);
    expect_reference_variance(world, *weighting);
  }
}

TEST(Cbps, ASaturatedModelLeavesNothingToOveridentify) {
  const Tiny tiny;
  const Weights w = tiny.weigh("cbps", "identification = \"over\"").value();
  EXPECT_NEAR(w.factor[0], 40.0 / 3, 1e-9);
  EXPECT_NEAR(w.factor[1], 60, 1e-9);
  ASSERT_EQ(w.notes.size(), 1u);
  EXPECT_NE(w.notes[0].find("no degrees of freedom"), std::string::npos);
}

/// J(θ) by rows and without any of the library's sums; Ω at `at`.
struct DenseMoments {
  Eigen::MatrixXd xa, xb;
  Eigen::VectorXd d;
  explicit DenseMoments(const TwoSampleWorld& world) {
    const auto fill = [](const Sample& s) {
      Eigen::MatrixXd x(static_cast<Eigen::Index>(s.n), 3);
      for (Eigen::Index i = 0; i < x.rows(); ++i) {
        const auto k = static_cast<std::size_t>(i);
        x.row(i) << 1, s.numbers[3][k], s.numbers[4][k];
      }
      return x;
    };
    xa = fill(world.a);
    xb = fill(world.b->sample);
    d = Eigen::Map<const Eigen::VectorXd>(world.b->sample.base_weights.data(), xb.rows());
  }
  static double expit(double eta) { return 1 / (1 + std::exp(-eta)); }
  double j(const Eigen::VectorXd& theta, const Eigen::VectorXd& at) const {
    Eigen::VectorXd g = Eigen::VectorXd::Zero(6), sum = g;
    Eigen::MatrixXd omega = Eigen::MatrixXd::Zero(6, 6);
    for (Eigen::Index i = 0; i < xa.rows(); ++i) {
      const Eigen::VectorXd x = xa.row(i);
      g.head(3) += x;
      g.tail(3) += x / expit(x.dot(theta));
      const double pi = expit(x.dot(at));
      Eigen::VectorXd h(6);
      h << x, x / pi;
      omega += (1 - pi) * h * h.transpose();
    }
    Eigen::MatrixXd rows(xb.rows(), 6);
    for (Eigen::Index k = 0; k < xb.rows(); ++k) {
      const Eigen::VectorXd x = xb.row(k);
      g.head(3) -= d[k] * expit(x.dot(theta)) * x;
      g.tail(3) -= d[k] * x;
      rows.row(k) << d[k] * expit(x.dot(at)) * x.transpose(), d[k] * x.transpose();
    }
    const auto n = static_cast<double>(xb.rows());
    const Eigen::MatrixXd centred = rows.rowwise() - rows.colwise().mean();
    omega += n / (n - 1) * centred.transpose() * centred;
    return g.dot(omega.ldlt().solve(g));
  }
};

TEST(Cbps, OveridentifiedCoefficientsMinimiseJ) {
  const TwoSampleWorld world(6);
  const auto weighting = world.weighting("cbps", "covariates = [\"age\", \"hours\"]");
  const CellIndex index = world.index(*weighting);
  const auto samples =
      make_two_samples({{world.schema.id(3)}, {world.schema.id(4)}}, index, world.benchmarks());
  const auto start =
      fit_participation(samples.value(), ParticipationEquation::pseudo_likelihood, Link::logit);
  const DenseMoments dense(world);
  const auto vector = [](const std::vector<double>& theta) {
    return Eigen::VectorXd(Eigen::Map<const Eigen::VectorXd>(theta.data(), 3));
  };
  for (const GmmWeight kind : {GmmWeight::two_step, GmmWeight::continuous}) {
    const auto fit = fit_gmm(samples.value(), index, Link::logit, start.value(), kind);
    ASSERT_TRUE(fit.ok()) << fit.failure().detail;
    EXPECT_EQ(fit.value().df, 3u);
    const Eigen::VectorXd theta = vector(fit.value().theta), first = vector(start.value().theta);
    const auto j = [&](const Eigen::VectorXd& t) {
      return dense.j(t, kind == GmmWeight::two_step ? first : t);
    };
    EXPECT_NEAR(fit.value().j / j(theta), 1, 1e-7);
    EXPECT_LT(j(theta), j(first));
    for (Eigen::Index k = 0; k < 3; ++k) {
      Eigen::VectorXd up = theta, low = theta;
      const double h = k == 0 ? 1e-5 : 2e-7;
      up[k] += h;
      low[k] -= h;
      const double gradient = (j(up) - j(low)) / (2 * h);
      const double curvature = (j(up) + j(low) - 2 * j(theta)) / (h * h);
      EXPECT_GT(curvature, 0);
      // How far the minimum along a coefficient is; from the start it is 1e-3 of x'θ or more.
      EXPECT_NEAR(gradient / curvature, 0, k == 0 ? 1e-7 : 2e-9) << k;
    }
  }
  // The same persons given as units: the general design's way to the same J.
  TwoSampleWorld grouped(6);
  for (std::uint32_t j = 0; j < grouped.b->sample.n; ++j) grouped.b->unit.push_back(j);
  const auto general =
      make_two_samples({{world.schema.id(3)}, {world.schema.id(4)}}, index, grouped.benchmarks());
  for (const GmmWeight kind : {GmmWeight::two_step, GmmWeight::continuous}) {
    const auto one = fit_gmm(samples.value(), index, Link::logit, start.value(), kind);
    const auto two = fit_gmm(general.value(), index, Link::logit, start.value(), kind);
    ASSERT_TRUE(two.ok());
    EXPECT_NEAR(one.value().j / two.value().j, 1, 1e-9);
    EXPECT_NEAR(one.value().theta[1] / two.value().theta[1], 1, 1e-6);
  }
  const auto over =
      world.weighting("cbps", "covariates = [\"age\", \"hours\"]\nidentification = \"over\"");
  const Weights w = over->weigh(index, world.benchmarks()).value();
  EXPECT_EQ(w.notes.at(0).substr(0, 3), "J =");
}

// Respondents again as a reference sample with d = 1/π: score and balance vanish at the same θ, so
// that the moments' weights do not move it, and the linearization with them fixed is exact.
TEST(Cbps, OveridentifiedVarianceIsThatOfTheWholeFit) {
  TwoSampleWorld world(6);
  const auto just = world.weighting("cbps", "covariates = [\"age\", \"hours\"]");
  const Weights first = just->weigh(world.index(*just), world.benchmarks()).value();
  const CellIndex index = world.index(*just);
  Sample again = world.a;
  for (std::size_t i = 0; i < index.n; ++i)
    again.base_weights.push_back(first.factor[index.cell_of[i]]);
  auto b = std::make_shared<ReferenceSample>();
  b->sample = again;
  world.b = b;
  for (const char* gmm : {"two_step", "continuous"}) {
    SCOPED_TRACE(gmm);
    const auto over = world.weighting(
        "cbps",
        std::string("covariates = [\"age\", \"hours\"]\nidentification = \"over\"\ngmm = \"") +
            gmm + "\"");
    EXPECT_NEAR(over->weigh(index, world.benchmarks()).value().factor[3] / first.factor[3], 1,
                1e-6);
    expect_derivatives(world, *over, world.b);
    expect_reference_variance(world, *over);
  }
}

// By hand with one covariate column: J, the leverages and the variance of Σ_B d v x'b.
TEST(IpwVariance, BiasReducedTakesEachRowsOwnPartOut) {
  const TwoSampleWorld world(11);
  const std::string terms = "covariates = [\"age\"]\n";
  const auto plain = world.weighting("ipw", terms);
  const auto reduced = world.weighting("ipw", terms + "variance = \"bias_reduced\"");
  const CellIndex index = world.index(*plain);
  const Weights w = plain->weigh(index, world.benchmarks()).value();
  const Weights r = reduced->weigh(index, world.benchmarks()).value();
  const auto samples = make_two_samples({{world.schema.id(3)}}, index, world.benchmarks());
  const auto fit =
      fit_participation(samples.value(), ParticipationEquation::pseudo_likelihood, Link::logit);
  const Sample& b = world.b->sample;
  const auto& theta = fit.value().theta;
  Eigen::Matrix2d j = Eigen::Matrix2d::Zero();
  std::vector<Eigen::Vector2d> x;
  std::vector<double> v;  // d π (1 - π)
  for (std::size_t i = 0; i < b.n; ++i) {
    x.emplace_back(1, b.numbers[3][i]);
    const double pi = 1 / (1 + std::exp(-theta[0] - theta[1] * b.numbers[3][i]));
    v.push_back(b.base_weights[i] * pi * (1 - pi));
    j += v[i] * x[i] * x[i].transpose();
  }
  double sum = 0;
  for (std::size_t i = 0; i < b.n; ++i) {
    const double h = v[i] * x[i].dot(j.inverse() * x[i]);
    sum += h;
    EXPECT_NEAR(r.stages[0].equation->reference_score[i] * std::sqrt(1 - h) /
                    w.stages[0].equation->reference_score[i],
                1, 1e-9);
  }
  EXPECT_NEAR(sum, 2, 1e-9);
  EXPECT_EQ(r.factor, w.factor);
  const ClaimedInfluence a(index, w, world.y), more(index, r, world.y);
  EXPECT_EQ(a.a, more.a);
  EXPECT_GT(more.variance_b, a.variance_b);
}

TEST(PropensityClasses, OneClassIsEqualWeights) {
  const TwoSampleWorld world(7);
  const auto one = world.weighting("ipw", std::string(kTerms) + "classes = 1");
  const CellIndex index = world.index(*one);
  const Weights w = one->weigh(index, world.benchmarks()).value();
  const Weights own = world.weighting("ipw", kTerms)->weigh(index, world.benchmarks()).value();
  double sum = 0;
  for (const double g : own.factor) sum += g;
  for (const double g : w.factor) EXPECT_NEAR(g, sum / static_cast<double>(index.n), 1e-9);
}

TEST(PropensityClasses, AverageOrReferenceTotalsByHand) {
  // π̂ = 3/40 and 1/60; group y, 60 of 100 persons, is the lower class.
  const Tiny tiny;
  const std::string two = "classes = 2\nclass_quantiles = \"reference\"\n";
  const Weights average = tiny.weigh("ipw", two).value();
  EXPECT_NEAR(average.factor[0], 40.0 / 3, 1e-9);
  EXPECT_NEAR(average.factor[1], 60, 1e-9);
  ASSERT_EQ(average.notes.size(), 1u);
  EXPECT_NE(average.notes[0].find("1/3, 3/2"), std::string::npos) << average.notes[0];
  const Weights pooled =
      tiny.weigh("ipw", two + "class_weights = \"reference\"\nequation = \"pooled\"").value();
  EXPECT_NEAR(pooled.factor[0], 40.0 / 3, 1e-9);
  EXPECT_NEAR(pooled.factor[1], 60, 1e-9);
}

TEST(PropensityClasses, AnEmptyClassIsAFailureWithAReason) {
  const Tiny tiny;  // two scores: five classes cannot be filled
  const auto failed = tiny.weigh("ipw", "classes = 5");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure().kind, FailureKind::empty_cell);
  EXPECT_NE(failed.failure().detail.find("propensity class"), std::string::npos);
  EXPECT_NE(failed.failure().detail.find("fewer classes"), std::string::npos);
}

TEST(Sequential, PropensityThenRakingHoldsBothStages) {
  const TwoSampleWorld world(9);
  for (const char* first : {"method = \"ipw\", covariates = [\"region\", \"age\"]",
                            "method = \"cbps\", covariates = [\"region\", \"age\"]"}) {
    const auto weighting =
        world.weighting("sequential", std::string("steps = [{") + first +
                                          "}, {method = \"raking\", margins = [\"region\"]}]");
    expect_derivatives(world, *weighting, world.b);
    expect_reference_variance(world, *weighting);
  }
}

TEST(PropensityFailures, NameWhatStandsInTheWay) {
  TwoSampleWorld world(14);
  const auto failure = [&](std::string_view method, const std::string& toml) {
    const auto weighting = world.weighting(method, toml);
    const auto made = weighting->weigh(world.index(*weighting), world.benchmarks());
    EXPECT_FALSE(made.ok()) << method;
    return made.ok() ? Failure{} : made.failure();
  };
  const std::vector<std::string> methods{"ipw", "elliott_valliant", "kernel_weighting", "cbps",
                                         "matching"};
  for (const std::string& method : methods) {
    SCOPED_TRACE(method);
    const TwoSampleWorld good(14);
    const auto weighting = good.weighting(method, "covariates = [\"sex\"]");
    const auto alone = weighting->weigh(good.index(*weighting), Benchmarks(good.schema));
    ASSERT_FALSE(alone.ok());
    EXPECT_NE(alone.failure().detail.find("no reference sample"), std::string::npos);
  }
  // A level that the reference sample does not have.
  for (LevelCode& code : world.b->sample.columns[2]) code = std::min<LevelCode>(code, 2);
  for (const std::string& method : methods) {
    const Failure f = failure(method, "covariates = [\"noise\"]");
    EXPECT_EQ(f.kind, FailureKind::empty_cell) << method;
    EXPECT_NE(f.detail.find("noise=4"), std::string::npos) << f.detail;
  }
  // Ages that do not overlap.
  for (double& age : world.a.numbers[3]) age += 100;
  for (const std::string& method : methods) {
    if (method == "cbps") continue;  // see below
    const Failure f = failure(method, "covariates = [\"age\"]");
    EXPECT_EQ(f.kind, FailureKind::no_convergence) << method;
    EXPECT_NE(f.detail.find("age separates"), std::string::npos) << f.detail;
  }
  EXPECT_EQ(failure("cbps", "covariates = [\"age\"]").kind, FailureKind::no_convergence);
  EXPECT_EQ(failure("ipw", "covariates = [\"age\"]\nselection = \"adaptive_lasso\"").kind,
            FailureKind::no_convergence);
  // No probabilities: design weights below one.
  for (double& d : world.b->sample.base_weights) d /= 1000;
  const Failure f = failure("elliott_valliant", "covariates = [\"sex\"]\ndesign_model = \"logit\"");
  EXPECT_EQ(f.kind, FailureKind::unsupported);
  EXPECT_NE(f.detail.find("use design_model"), std::string::npos);
}

TEST(PropensityOptions, ThatHaveNoEffectAreErrors) {
  const Tiny tiny;
  for (const char* toml : {"criterion = \"bic\"", "folds = 3", "class_weights = \"average\"",
                           "class_quantiles = \"pooled\""})
    EXPECT_THROW(tiny.weigh("ipw", toml), UserError) << toml;
  EXPECT_THROW(tiny.weigh("cbps", "gmm = \"two_step\""), UserError);
}

}  // namespace
}  // namespace steelyard
