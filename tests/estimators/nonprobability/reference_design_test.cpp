// The design of a reference sample: variances by hand, deviations whose squares are the variance,
// calibrated weights, and the sample drawn again.

#include "estimators/survey/reference_design.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/survey/reference_replicates.hpp"

namespace steelyard {
namespace {

const Schema& schema() {
  static const Schema made = [] {
    Schema s;
    Variable v;
    v.name = "sex";
    v.kind = VariableKind::categorical;
    v.levels = {"m", "f"};
    s.add(v);
    v.name = "age";
    v.levels = {"young", "old"};
    s.add(v);
    return s;
  }();
  return made;
}

/// Six persons: sexes m m f f f m, ages y o y o o y, weights 10.
ReferenceSample six() {
  ReferenceSample b;
  b.sample.schema = &schema();
  b.sample.n = 6;
  b.sample.columns = {{0, 0, 1, 1, 1, 0}, {0, 1, 0, 1, 1, 0}};
  b.sample.numbers.resize(2);
  b.sample.base_weights.assign(6, 10.0);
  return b;
}

double squares(std::span<const double> e) {
  return std::inner_product(e.begin(), e.end(), e.begin(), 0.0);
}

const std::vector<double> kU = {3, 1, 4, 1, 5, 9};

/// 3 of 6 primary units with π = 1/2, 2 of 4 persons in each: (1 - 1/2) 3/2 Σ (t - mean)² between
/// totals 4, 5, 14, and 1/2 (1 - 1/2) 2 Σ (u - mean)² within: 0.75 × 182/3 and 0.5 × (2 + 4.5 + 8).
TEST(ReferenceDesign, TwoStagesWithoutReplacementByHand) {
  ReferenceSample b = six();
  b.unit = {7, 7, 3, 3, 5, 5};
  b.unit_prob.assign(6, 0.5);
  b.within_share.assign(6, 0.5);
  const ReferenceDesign design = design_of(b);
  EXPECT_NEAR(design.variance(kU).value(), 0.75 * 182 / 3 + 0.5 * 14.5, 1e-12);
  EXPECT_NEAR(squares(design.deviations(kU).value()), design.variance(kU).value(), 1e-12);
  EXPECT_FALSE(design.plain());
  // With replacement only the primary units count: 3/2 Σ (t - mean)².
  b.unit_prob.clear();
  b.within_share.clear();
  EXPECT_NEAR(design_of(b).variance(kU).value(), 1.5 * 182 / 3, 1e-12);
}

/// Unequal probabilities, one of them certain, in strata of which one has a lonely unit.
TEST(ReferenceDesign, DeviationsHaveTheVarianceAsTheirSquares) {
  ReferenceSample b = six();
  b.stratum = {0, 0, 0, 1, 1, 2};
  b.unit_prob = {0.2, 0.5, 1, 0.3, 0.4, 0.1};
  const ReferenceDesign rows = design_of(b);
  EXPECT_NEAR(squares(rows.deviations(kU).value()), rows.variance(kU).value(), 1e-12);
  b.unit = {0, 0, 1, 2, 3, 4};
  b.unit_prob = {0.2, 0.2, 1, 0.3, 0.4, 0.1};
  b.within_share = {0.1, 0.1, 0.5, 0.4, 1, 0.2};
  const ReferenceDesign units = design_of(b);
  EXPECT_NEAR(squares(units.deviations(kU).value()), units.variance(kU).value(), 1e-12);
  // Linear: the covariance of two totals is the product of their deviations.
  const std::vector<double> v = {2, 7, 1, 8, 2, 8};
  std::vector<double> sum(6);
  for (std::size_t j = 0; j < 6; ++j) sum[j] = kU[j] + v[j];
  const auto e = units.deviations(kU).value(), f = units.deviations(v).value();
  EXPECT_NEAR(units.variance(sum).value(),
              squares(e) + squares(f) + 2 * std::inner_product(e.begin(), e.end(), f.begin(), 0.0),
              1e-10);
}

/// Weights of 10 calibrated to 40 men and 20 women: post-stratification, 40/3 and 20/3.
TEST(ReferenceDesign, OneMarginIsPoststratification) {
  ReferenceSample b = six();
  b.design_weights = b.sample.base_weights;
  b.calibrated_to = {{{schema().id(0)}, {40, 20}}};
  ASSERT_FALSE(calibrate_reference(b));
  for (std::size_t j = 0; j < 6; ++j)
    EXPECT_NEAR(b.sample.base_weights[j], b.sample.columns[0][j] == 0 ? 40.0 / 3 : 20.0 / 3, 1e-12);
  // The total of a sex has no variance; of the old what is left within the sexes: u - its mean,
  // 40/3 (−1/3, 2/3, −1/3) of men and 20/3 (−2/3, 1/3, 1/3) of women, and 6/5 Σ of squares.
  const ReferenceDesign design = design_of(b);
  std::vector<double> men(6), old(6);
  for (std::size_t j = 0; j < 6; ++j) {
    men[j] = b.sample.base_weights[j] * (b.sample.columns[0][j] == 0);
    old[j] = b.sample.base_weights[j] * b.sample.columns[1][j];
  }
  EXPECT_NEAR(design.variance(men).value(), 0, 1e-10);
  EXPECT_NEAR(design.variance(old).value(), 1.2 * (1600.0 / 9 + 400.0 / 9) * 2 / 3, 1e-9);
  EXPECT_NEAR(squares(design.deviations(old).value()), design.variance(old).value(), 1e-9);
  EXPECT_FALSE(design.plain());
}

TEST(ReferenceDesign, TwoMarginsAreMet) {
  ReferenceSample b = six();
  b.design_weights = b.sample.base_weights;
  b.calibrated_to = {{{schema().id(0)}, {32, 28}}, {{schema().id(1)}, {33, 27}}};
  ASSERT_FALSE(calibrate_reference(b));
  std::vector<double> sex(2), age(2);
  for (std::size_t j = 0; j < 6; ++j) {
    sex[b.sample.columns[0][j]] += b.sample.base_weights[j];
    age[b.sample.columns[1][j]] += b.sample.base_weights[j];
  }
  EXPECT_NEAR(sex[0], 32, 1e-9);
  EXPECT_NEAR(age[1], 27, 1e-9);
}

TEST(ReferenceDesign, SaysWhyWeightsCannotBeCalibrated) {
  ReferenceSample b = six();
  b.design_weights = b.sample.base_weights;
  b.calibrated_to = {{{schema().id(0)}, {40, 20}}, {{schema().id(1)}, {1, 59}}};
  auto failure = calibrate_reference(b);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::infeasible);
  EXPECT_NE(failure->detail.find("the reference sample cannot be calibrated: a weight of linear "
                                 "calibration would be -"),
            std::string::npos)
      << failure->detail;
  for (LevelCode& code : b.sample.columns[0]) code = 0;
  b.calibrated_to = {{{schema().id(0)}, {40, 20}}};
  failure = calibrate_reference(b);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::empty_cell);
  EXPECT_NE(failure->detail.find("sex=f"), std::string::npos) << failure->detail;
}

/// Rows that a replicate leaves out are gone, and the others' weights are calibrated again.
TEST(ReferenceReplicates, TheSampleUnderOtherWeights) {
  ReferenceSample b = six();
  b.stratum = {0, 0, 0, 1, 1, 1};
  b.design_weights = b.sample.base_weights;
  b.calibrated_to = {{{schema().id(0)}, {40, 20}}};
  ASSERT_FALSE(calibrate_reference(b));
  std::vector<std::uint32_t> kept;
  const auto made = resampled(b, std::vector<double>{2, 0, 1, 1, 0, 1}, kept);
  ASSERT_TRUE(made.ok());
  const ReferenceSample& again = *made.value();
  EXPECT_EQ(kept, (std::vector<std::uint32_t>{0, 2, 3, 5}));
  EXPECT_EQ(again.stratum, (std::vector<std::uint32_t>{0, 0, 1, 1}));
  EXPECT_EQ(again.sample.columns[0], (std::vector<LevelCode>{0, 1, 1, 0}));
  const double expected[] = {80.0 / 3, 10, 10, 40.0 / 3};
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(again.sample.base_weights[k], expected[k], 1e-12);
  EXPECT_EQ(places_of(std::vector<std::uint32_t>{1, 2, 5}, kept),
            (std::vector<std::uint32_t>{1, 3}));
  const auto none = resampled(b, std::vector<double>{1, 1, 0, 0, 0, 1}, kept);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.failure().detail.find("sex=f"), std::string::npos) << none.failure().detail;
}

/// A jackknife of 4 respondents and one of 6 reference persons in two strata: one after another,
/// each with its own constants. Random draws with the same constants: side by side.
TEST(ReferenceReplicates, AreJoinedSoThatVariancesAddUp) {
  ReferenceSample b = six();
  b.stratum = {0, 0, 0, 1, 1, 1};
  const SurveyDesign rows = SurveyDesign::rows(4);
  const ReplicateOptions jackknife{.method = ReplicateMethod::jk1};
  const ReplicateDesign both =
      join_replicates(make_replicates(rows, jackknife).value(),
                      reference_replicates(b, jackknife).value(), Joining::one_after_another);
  EXPECT_EQ(both.replicates, 10u);
  EXPECT_EQ(both.df, 3);
  EXPECT_TRUE(both.mse);
  std::vector<double> factor(4), of_reference(6);
  EXPECT_FALSE(both.fill_reference(3, of_reference));
  both.fill(3, factor);
  EXPECT_EQ(factor[3], 0);
  EXPECT_TRUE(both.fill_reference(4, of_reference));
  both.fill(4, factor);
  EXPECT_EQ(factor, (std::vector<double>{1, 1, 1, 1}));
  EXPECT_EQ(of_reference, (std::vector<double>{0, 1.5, 1.5, 1, 1, 1}));
  // θ = Σ respondents' factors × (1 2 3 4) + Σ reference factors × u: 4/3 × 5 and 3/2 Σ in strata.
  std::vector<double> theta;
  for (std::size_t r = 0; r < 10; ++r) {
    both.fill(r, factor);
    if (!both.fill_reference(r, of_reference)) of_reference.assign(6, 1.0);
    double sum = std::inner_product(kU.begin(), kU.end(), of_reference.begin(), 0.0);
    for (std::size_t i = 0; i < 4; ++i) sum += factor[i] * static_cast<double>(i + 1);
    theta.push_back(sum);
  }
  EXPECT_NEAR(both.variance(theta, 10 + 23), 4.0 / 3 * 5 + 1.5 * (14.0 / 3 + 32), 1e-10);

  const ReplicateOptions bootstrap{
      .method = ReplicateMethod::bootstrap, .replicates = 7, .seed = Seed{1}};
  const ReplicateDesign paired =
      join_replicates(make_replicates(rows, bootstrap).value(),
                      reference_replicates(b, bootstrap).value(), Joining::side_by_side);
  EXPECT_EQ(paired.replicates, 7u);
  EXPECT_TRUE(paired.rscales.empty());
  EXPECT_TRUE(paired.fill_reference(0, of_reference));
  EXPECT_NEAR(total(of_reference), 6, 1e-12);
}

}  // namespace
}  // namespace steelyard
