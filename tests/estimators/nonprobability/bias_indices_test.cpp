// Indices of selection bias by algebra, and their errors against moving one weight at a time.

#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <functional>

#include "core/sums.hpp"
#include "estimators/bias_indices/pattern_mixture.hpp"
#include "estimators/bias_indices/representativity.hpp"
#include "estimators/survey/residuals.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::TwoSampleWorld;

/// The world's samples on region, sex and age, with base weights that can be moved.
struct Case {
  TwoSampleWorld world;
  std::vector<double> a;
  std::vector<double> y;
  MarginVariables terms;

  explicit Case(bool share = false) : world(7, 150, 60) {
    for (const char* name : {"region", "sex", "age"}) terms.push_back({*world.schema.find(name)});
    for (std::size_t i = 0; i < world.a.n; ++i) a.push_back(1 + 0.3 * static_cast<double>(i % 4));
    const double middle = total(world.y) / static_cast<double>(world.y.size());
    for (const double value : world.y) y.push_back(share ? double(value > middle) : value);
  }

  struct Made {
    CellIndex index;
    TwoSamples samples;
  };
  Made make(const std::vector<double>& weight_a, const std::vector<double>& weight_b) const {
    Sample sample = world.a;
    sample.base_weights = weight_a;
    auto reference = std::make_shared<ReferenceSample>(*world.b);
    reference->sample.base_weights = weight_b;
    Benchmarks known(world.schema);
    known.set_reference(reference);
    Made out{make_cell_index(sample, variables_of(terms)), {}};
    auto samples = make_two_samples(terms, out.index, known);
    EXPECT_TRUE(samples.ok());
    out.samples = std::move(samples.value());
    return out;
  }
  ProxyData proxy(const Made& made, const std::vector<double>& weight) const {
    return {&made.samples.a, made.index.cell_of, y, weight, {}, &made.samples};
  }
  const std::vector<double>& d() const { return world.b->sample.base_weights; }
};

/// What moving each weight by a small part of itself does to a number.
std::vector<double> moved(std::vector<double> weights,
                          const std::function<double(const std::vector<double>&)>& number) {
  std::vector<double> out;
  for (double& w : weights) {
    const double value = w, h = 1e-4;
    w = value * (1 + h);
    const double up = number(weights);
    w = value * (1 - h);
    const double down = number(weights);
    w = value;
    out.push_back((up - down) / (2 * h));
  }
  return out;
}

double with_replacement(const std::vector<double>& u) {
  Moments m;
  for (const double x : u) m.add(x);
  return static_cast<double>(u.size()) * m.variance();
}

/// Standard error of an index by moving each row's weight.
double moved_error(const Case& c, const std::function<double(const ProxyData&)>& index) {
  const auto of = [&](const std::vector<double>& wa, const std::vector<double>& wb) {
    const auto made = c.make(wa, wb);
    return index(c.proxy(made, wa));
  };
  const auto a = moved(c.a, [&](const auto& w) { return of(w, c.d()); });
  const auto b = moved(c.d(), [&](const auto& w) { return of(c.a, w); });
  return std::sqrt(with_replacement(a) + with_replacement(b));
}

TEST(BiasIndices, OfAMeanByHand) {
  // One covariate x in {0, 1} with respondents y = 1, 2 | 4, 7: slope 4, mean 3.5, x'β = 1.5, 5.5.
  Schema schema;
  schema.add(testing::categorical("x", {"0", "1"}));
  Sample sample;
  sample.schema = &schema;
  sample.n = 4;
  sample.columns = {{0, 0, 1, 1}};
  const std::vector<double> y{1, 2, 4, 7}, w(4, 1.0);
  const std::vector<VariableId> ids{schema.id(0)};
  const CellIndex index = make_cell_index(sample, ids);
  Auxiliary x;
  x.cells = index.cells;
  x.schema = &schema;
  x.add_number(std::vector<double>(index.cells, 1.0), 0);
  x.add_groups(group_cells(index, schema, ids), std::vector<double>{0, 0});
  const ProxyData data{&x, index.cell_of, y, w, {1, 0.75, 0.25}, nullptr};
  const auto made = bias_of_mean(data);
  ASSERT_TRUE(made.ok());
  // Population mean of the proxy: 0.75 · 1.5 + 0.25 · 5.5 = 2.5; D = 3.5 - 2.5 = 1.
  const double variance_y = (6.25 + 2.25 + 0.25 + 12.25) / 4, rho = std::sqrt(4 / variance_y);
  EXPECT_NEAR(made.value().correlation.value, rho, 1e-12);
  EXPECT_NEAR(made.value().mub[0].value, 1, 1e-12);
  EXPECT_NEAR(made.value().mub[1].value, 1 / rho, 1e-12);
  EXPECT_NEAR(made.value().mub[2].value, 1 / (rho * rho), 1e-12);
  EXPECT_NEAR(made.value().standardised[1].value, 1 / rho / std::sqrt(variance_y), 1e-12);
  // The corrected means run from 2.5 to 3.5 - 1/ρ²; half way in g is φ = ½ for 3.5 - 1/ρ.
  const auto dial = tipping_dial(data, 3.5 - 1 / rho);
  ASSERT_TRUE(dial.ok() && dial.value().phi);
  EXPECT_NEAR(dial.value().phi->value, 0.5, 1e-9);
  const auto never = tipping_dial(data, 3.4);
  ASSERT_TRUE(never.ok());
  EXPECT_FALSE(never.value().phi);
  EXPECT_NEAR(never.value().at_zero, 2.5, 1e-12);
  // Totals do not say how the proxy varies.
  const std::vector<double> yes{1, 0, 1, 1};
  EXPECT_EQ(
      bias_of_share({&x, index.cell_of, yes, w, {1, 0.75, 0.25}, nullptr}, 100).failure().kind,
      FailureKind::unsupported);
}

TEST(BiasIndices, ErrorsOfAMeanAgreeWithMovingEachWeight) {
  const Case c;
  const auto made = c.make(c.a, c.d());
  const auto bias = bias_of_mean(c.proxy(made, c.a));
  ASSERT_TRUE(bias.ok());
  for (std::size_t k = 0; k < 3; ++k) {
    const double error =
        moved_error(c, [&](const ProxyData& p) { return bias_of_mean(p).value().mub[k].value; });
    EXPECT_NEAR(bias.value().mub[k].se / error, 1, 1e-5) << k;
    const double scaled = moved_error(
        c, [&](const ProxyData& p) { return bias_of_mean(p).value().standardised[k].value; });
    EXPECT_NEAR(bias.value().standardised[k].se / scaled, 1, 1e-5) << k;
  }
  // The mean that φ = ½ gives.
  const auto mean_of = [&](const ProxyData& p) {
    double sum = 0;
    for (std::size_t i = 0; i < p.y.size(); ++i) sum += p.weight[i] * p.y[i];
    return sum / total(p.weight);
  };
  const double goal = mean_of(c.proxy(made, c.a)) - bias.value().mub[1].value;
  const auto dial = tipping_dial(c.proxy(made, c.a), goal);
  ASSERT_TRUE(dial.ok() && dial.value().phi);
  EXPECT_NEAR(dial.value().phi->value, 0.5, 1e-9);
  EXPECT_NEAR(dial.value().phi->se / moved_error(c,
                                                 [&](const ProxyData& p) {
                                                   return tipping_dial(p, goal).value().phi->value;
                                                 }),
              1, 1e-5);
}

TEST(BiasIndices, ErrorsOfAShareAgreeWithMovingEachWeight) {
  const Case c(true);
  const double population = total(c.d());
  const auto made = c.make(c.a, c.d());
  const auto bias = bias_of_share(c.proxy(made, c.a), population);
  ASSERT_TRUE(bias.ok());
  EXPECT_TRUE(bias.value().failures.empty());
  EXPECT_NEAR(bias.value().correlation.se /
                  moved_error(c,
                              [&](const ProxyData& p) {
                                return bias_of_share(p, population).value().correlation.value;
                              }),
              1, 1e-4);
  for (std::size_t k = 0; k < 3; ++k) {
    const double error = moved_error(
        c, [&](const ProxyData& p) { return bias_of_share(p, population).value().mubp[k].value; });
    EXPECT_NEAR(bias.value().mubp[k].se / error, 1, 1e-4) << k;
  }
  // More selection on the answer itself moves the index farther the same way.
  const auto& m = bias.value().mubp;
  EXPECT_GT(std::abs(m[2].value), std::abs(m[1].value));
  EXPECT_GT(std::abs(m[1].value), std::abs(m[0].value));
}

TEST(BiasIndices, ShareAtRandomWithANormalProxyIsTheProbitsOwn) {
  // x normal in the sample and, shifted, in the population; P(y = 1 | x) = Φ(0.2 + 0.8 x) in both,
  // as a row of each answer with that weight. At random (φ = 0) the population's share is
  // Φ((0.2 + 0.8 μ)/sqrt(1 + 0.64 σ²)), μ = 0.7, σ = 1.1.
  constexpr std::size_t kPoints = 400;
  const boost::math::normal normal;
  Schema schema;
  Variable number;
  number.name = "x";
  number.kind = VariableKind::continuous;
  schema.add(number);
  Sample sample;
  sample.schema = &schema;
  sample.columns.resize(1);
  sample.numbers.resize(1);
  auto reference = std::make_shared<ReferenceSample>();
  reference->sample = sample;
  std::vector<double> y;
  for (std::size_t k = 0; k < kPoints; ++k) {
    const double z = quantile(normal, (static_cast<double>(k) + 0.5) / kPoints);
    const double p = cdf(normal, 0.2 + 0.8 * z);
    for (int answer : {0, 1}) {
      sample.numbers[0].push_back(z);
      sample.base_weights.push_back(answer == 1 ? p : 1 - p);
      y.push_back(answer);
    }
    reference->sample.numbers[0].push_back(0.7 + 1.1 * z);
    reference->sample.base_weights.push_back(1e6);
  }
  sample.n = y.size();
  reference->sample.n = kPoints;
  const std::vector<VariableId> ids{schema.id(0)};
  const CellIndex index = make_cell_index(sample, ids);
  Benchmarks known(schema);
  known.set_reference(reference);
  const auto samples = make_two_samples({ids}, index, known);
  ASSERT_TRUE(samples.ok());
  const auto bias = bias_of_share(
      {&samples.value().a, index.cell_of, y, sample.base_weights, {}, &samples.value()}, 4e8);
  ASSERT_TRUE(bias.ok());
  const double share = cdf(normal, 0.2 / std::sqrt(1.64));
  const double population = cdf(normal, (0.2 + 0.8 * 0.7) / std::sqrt(1 + 0.64 * 1.21));
  EXPECT_NEAR(bias.value().correlation.value, 0.8 / std::sqrt(1.64), 2e-3);
  EXPECT_NEAR(bias.value().mubp[0].value, share - population, 1e-3);
}

TEST(BiasIndices, AnswersThatDoNotVary) {
  Case c;
  c.y.assign(c.y.size(), 2.0);
  const auto made = c.make(c.a, c.d());
  EXPECT_EQ(bias_of_mean(c.proxy(made, c.a)).failure().detail,
            "all respondents give the same answer");
  c.y.assign(c.y.size(), 1.0);
  EXPECT_EQ(bias_of_share(c.proxy(made, c.a), 1e4).failure().detail,
            "all respondents give the same answer");
}

TEST(Representativity, ByAlgebraWithOneCategory) {
  // 10 of 40 and 10 of 160 take part: π = 0.25 and 0.0625, mean 0.1, sd 0.075.
  Schema schema;
  schema.add(testing::categorical("x", {"0", "1"}));
  Sample sample;
  sample.schema = &schema;
  sample.n = 20;
  sample.columns.resize(1);
  auto reference = std::make_shared<ReferenceSample>();
  reference->sample.schema = &schema;
  reference->sample.n = 20;
  reference->sample.columns.resize(1);
  for (LevelCode i = 0; i < 20; ++i) {
    sample.columns[0].push_back(i < 10);
    reference->sample.columns[0].push_back(i < 16);
    reference->sample.base_weights.push_back(10);
  }
  const std::vector<VariableId> ids{schema.id(0)};
  const CellIndex index = make_cell_index(sample, ids);
  Benchmarks known(schema);
  known.set_reference(reference);
  const auto samples = make_two_samples({ids}, index, known);
  ASSERT_TRUE(samples.ok());
  const auto made = representativity(samples.value(), index);
  ASSERT_TRUE(made.ok());
  const Representativity& r = made.value();
  EXPECT_NEAR(r.mean, 0.1, 1e-12);
  EXPECT_NEAR(r.raw_sd, 0.075, 1e-12);
  EXPECT_LT(r.sd, r.raw_sd);
  EXPECT_NEAR(r.r, 1 - 2 * r.sd, 1e-12);
  EXPECT_NEAR(r.cv, r.sd / 0.1, 1e-12);
  ASSERT_EQ(r.partial.size(), 1u);
  EXPECT_NEAR(r.partial[0].cv, 0.75, 1e-12);
  EXPECT_NEAR(r.respondents.front(), 0.0625, 1e-12);
  EXPECT_NEAR(r.population.back(), 0.25, 1e-12);
  EXPECT_EQ(r.below, 0);
  EXPECT_EQ(r.above, 0);
}

TEST(Representativity, ErrorsAgreeWithMovingEachWeight) {
  const Case c;
  const auto made = c.make(c.a, c.d());
  const auto result = representativity(made.samples, made.index);
  ASSERT_TRUE(result.ok());
  const Representativity& r = result.value();
  const auto of = [&](const std::vector<double>& wa, const std::vector<double>& wb,
                      const std::function<double(const Representativity&)>& number) {
    const auto moved_case = c.make(wa, wb);
    return number(representativity(moved_case.samples, moved_case.index).value());
  };
  // π of each respondent, for the Poisson variance.
  const auto fit =
      fit_participation(made.samples, ParticipationEquation::pseudo_likelihood, Link::logit);
  ASSERT_TRUE(fit.ok());
  const auto error = [&](const std::function<double(const Representativity&)>& number) {
    const auto a = moved(c.a, [&](const auto& w) { return of(w, c.d(), number); });
    const auto b = moved(c.d(), [&](const auto& w) { return of(c.a, w, number); });
    double v = with_replacement(b);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double pi = participation_terms(ParticipationEquation::pseudo_likelihood, Link::logit,
                                            fit.value().eta_a[made.index.cell_of[i]])
                            .pi;
      v += (1 - pi / c.a[i]) * a[i] * a[i];
    }
    return std::sqrt(v);
  };
  // The correction of S² is taken as fixed: sd² = raw² - constant.
  const double fixed = r.raw_sd * r.raw_sd - r.sd * r.sd;
  const auto corrected = [fixed](const Representativity& x) {
    return std::sqrt(x.raw_sd * x.raw_sd - fixed);
  };
  EXPECT_NEAR(r.r_se / error([&](const Representativity& x) { return 1 - 2 * corrected(x); }), 1,
              1e-5);
  EXPECT_NEAR(r.cv_se / error([&](const Representativity& x) { return corrected(x) / x.mean; }), 1,
              1e-5);
}

TEST(Representativity, MoreRespondentsThanPeople) {
  const Case c;
  std::vector<double> few(c.d());
  for (double& d : few) d /= 1000;
  const auto made = c.make(c.a, few);
  const auto result = representativity(made.samples, made.index);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().kind, FailureKind::infeasible);
  EXPECT_NE(result.failure().detail.find("scale the design weights to the population"),
            std::string::npos);
}

}  // namespace
}  // namespace steelyard
