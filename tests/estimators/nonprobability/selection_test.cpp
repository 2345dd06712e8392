// Terms of a participation model kept by a penalty: limits, optimality, and what is fitted on them.

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/weighting/penalised_participation.hpp"
#include "estimators/weighting/propensity_selection.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::expect_derivatives;
using testing::TwoSampleWorld;

struct Fitted {
  CellIndex index;
  TwoSamples samples;
};
Fitted five_terms(const TwoSampleWorld& world) {
  const MarginVariables terms{{world.schema.id(0)},
                              {world.schema.id(1)},
                              {world.schema.id(2)},
                              {world.schema.id(3)},
                              {world.schema.id(4)}};
  CellIndex index = make_cell_index(world.a, variables_of(terms));
  auto samples = make_two_samples(terms, index, world.benchmarks());
  return {std::move(index), std::move(samples.value())};
}

TEST(PenalisedParticipation, RunsFromTheFullModelToTheNullModel) {
  const TwoSampleWorld world(10);
  const Fitted made = five_terms(world);
  const TwoSamples& samples = made.samples;
  const PenalisedParticipation model(samples, samples.weight_a, samples.reference_index.weight);
  const std::vector<double> weight(5, 1.0);
  const double largest = model.largest_lambda(weight);
  for (const double size : model.sizes(model.maximise(model.null_model(), 1.001 * largest, weight)))
    EXPECT_EQ(size, 0);
  const auto some = model.sizes(model.maximise(model.null_model(), 0.98 * largest, weight));
  EXPECT_EQ(std::count_if(some.begin(), some.end(), [](double s) { return s > 0; }), 1);
  const auto full =
      fit_participation(samples, ParticipationEquation::pseudo_likelihood, Link::logit);
  const std::vector<double> theta = model.maximise(model.null_model(), 1e-9 * largest, weight);
  std::vector<double> eta(samples.a.cells);
  samples.a.multiply(theta, eta);
  for (std::size_t c = 0; c < eta.size(); ++c) EXPECT_NEAR(eta[c], full.value().eta_a[c], 1e-5);
}

// At the maximum the score of a kept term has the length λ w, against its coefficients; of one left
// out at most that.
TEST(PenalisedParticipation, MeetsTheOptimalityConditions) {
  const TwoSampleWorld world(11);
  const Fitted made = five_terms(world);
  const TwoSamples& samples = made.samples;
  const PenalisedParticipation model(samples, samples.weight_a, samples.reference_index.weight);
  const std::vector<double> weight{1.4, 1, 1.7, 1, 1};
  const double lambda = 0.2 * model.largest_lambda(weight);
  const std::vector<double> theta = model.maximise(model.null_model(), lambda, weight);
  std::vector<double> a(samples.a.cells), b(samples.b.cells), score(samples.columns()),
      other(samples.columns()), share(samples.columns());
  samples.b.multiply(theta, b);
  const std::vector<double>& d = samples.reference_index.weight;
  for (std::size_t c = 0; c < b.size(); ++c) b[c] = d[c] / (1 + std::exp(-b[c]));
  samples.a.transpose_multiply(samples.weight_a, score);
  samples.b.transpose_multiply(b, other);
  samples.b.transpose_multiply(d, share);
  EXPECT_NEAR(score[0], other[0], 1e-6 * score[0]);
  int kept = 0;
  const std::vector<double> sizes = model.sizes(theta);
  for (std::size_t g = 0; g < 3; ++g) {  // the categorical terms
    const Auxiliary::Block& block = samples.a.blocks[g + 1];
    double squares = 0;
    for (std::size_t j = block.offset; j < block.offset + block.size(); ++j) {
      const double gradient = score[j] - other[j], s = share[j] / share[0];
      squares += gradient * gradient / s;
      if (sizes[g] > 0) {
        EXPECT_NEAR(gradient, lambda * weight[g] * s * theta[j] / sizes[g], 1e-4 * lambda) << j;
      }
    }
    kept += sizes[g] > 0;
    EXPECT_LE(std::sqrt(squares), lambda * weight[g] * (1 + 1e-5)) << g;
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 3);
}

TEST(Selection, FindsTheTermsThatMatterWhateverTheirUnits) {
  TwoSampleWorld world(12, 3000, 1500);
  for (int units = 0; units < 2; ++units) {
    if (units == 1) {
      for (double& age : world.a.numbers[3]) age *= 12;
      for (double& age : world.b->sample.numbers[3]) age *= 12;
    }
    const Fitted made = five_terms(world);
    for (const auto penalty :
         {SelectionPenalty::lasso, SelectionPenalty::adaptive, SelectionPenalty::scad}) {
      const auto kept = select_terms(made.samples, made.index, {.penalty = penalty});
      ASSERT_TRUE(kept.ok()) << kept.failure().detail;
      EXPECT_EQ(kept.value().terms, (std::vector<std::size_t>{0, 3})) << static_cast<int>(penalty);
      const auto validated =
          select_terms(made.samples, made.index,
                       {.penalty = penalty, .criterion = SelectionCriterion::cross_validation});
      ASSERT_TRUE(validated.ok());
      for (const std::size_t term : {0u, 3u})  // a held-out deviance keeps more as a rule
        EXPECT_TRUE(
            std::count(validated.value().terms.begin(), validated.value().terms.end(), term));
    }
  }
}

TEST(Selection, RefitsOnWhatItKeepsAndSaysSo) {
  const TwoSampleWorld world(13, 400, 250);
  const auto all = world.weighting(
      "ipw",
      "covariates = [\"region\", \"sex\", \"noise\", \"age\", \"hours\"]\nselection = \"lasso\"");
  const CellIndex index = world.index(*all);
  const Weights w = all->weigh(index, world.benchmarks()).value();
  ASSERT_FALSE(w.notes.empty());
  EXPECT_EQ(w.notes[0].find("selected terms: region, age; left out: sex, noise, hours"), 0u)
      << w.notes[0];
  const auto some = world.weighting("ipw", "covariates = [\"region\", \"age\"]");
  const CellIndex own = world.index(*some);
  const Weights direct = some->weigh(own, world.benchmarks()).value();
  for (std::size_t i = 0; i < index.n; ++i)
    EXPECT_NEAR(w.factor[index.cell_of[i]] / direct.factor[own.cell_of[i]], 1, 1e-9);
  expect_derivatives(world, *all, world.b);
}

}  // namespace
}  // namespace steelyard
