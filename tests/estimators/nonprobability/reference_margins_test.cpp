// Margins estimated from the reference sample: their totals, and the error that they bring.

#include <gtest/gtest.h>

#include <cmath>

#include "core/sums.hpp"
#include "estimators/survey/linearizer.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::TwoSampleWorld;

struct Estimate {
  double mean = 0, variance = 0;
};

/// Weighted mean of y and its linearized variance.
Estimate estimate(const TwoSampleWorld& world, const Weighting& weighting,
                  const Benchmarks& known) {
  const CellIndex index = world.index(weighting);
  const auto weights = weighting.weigh(index, known);
  EXPECT_TRUE(weights.ok()) << (weights ? "" : weights.failure().detail);
  const std::size_t n = index.n;
  std::vector<double> w(n), d(n, 1.0), z(n);
  double size = 0, sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    w[i] = weights.value().factor[index.cell_of[i]];
    size += w[i];
    sum += w[i] * world.y[i];
  }
  for (std::size_t i = 0; i < n; ++i) z[i] = (world.y[i] - sum / size) / size;
  const SurveyDesign design = SurveyDesign::rows(n);
  Linearizer linearizer(design, w, d, &index, &weights.value());
  return {sum / size, linearizer.variance({}, z).value()};
}

/// Totals of the reference sample's sexes and ages, scaled to 5,300 persons.
Benchmarks known_exactly(const TwoSampleWorld& world) {
  Benchmarks known = world.benchmarks();
  const Sample& b = world.b->sample;
  const double scale = 5300 / total(b.base_weights);
  std::vector<double> sexes(2, 0.0);
  double age = 0;
  for (std::size_t j = 0; j < b.n; ++j) {
    sexes[b.columns[1][j]] += scale * b.base_weights[j];
    age += scale * b.base_weights[j] * b.numbers[3][j];
  }
  known.add({{world.schema.id(1)}, sexes});
  known.add_number(world.schema.id(3), age);
  return known;
}

/// @param tolerance  of the ratio: for distances other than the linear one the variance takes
/// slopes by base weights, which are those of the derivative in large samples only
void compare(const char* method, const char* options, double tolerance) {
  const TwoSampleWorld world(11, 200, 80);
  const std::string rest = options;
  const auto from_reference = world.weighting(
      method, "margins = [\"region\"]\nreference_margins = [\"sex\", \"age\"]\n" + rest);
  const auto exact = world.weighting(method, "margins = [\"region\", \"sex\", \"age\"]\n" + rest);
  EXPECT_TRUE(from_reference->needs_reference());
  EXPECT_FALSE(exact->needs_reference());
  const Estimate with = estimate(world, *from_reference, world.benchmarks());
  const Estimate without = estimate(world, *exact, known_exactly(world));
  EXPECT_NEAR(with.mean, without.mean, 1e-9);
  // What the reference sample adds: the variance of what moving each of its weights does.
  Moments moves;
  for (std::size_t j = 0; j < world.b->sample.n; ++j) {
    double mean[2];
    for (int side : {0, 1}) {
      auto moved = std::make_shared<ReferenceSample>(*world.b);
      moved->sample.base_weights[j] *= side == 0 ? 1 - 1e-4 : 1 + 1e-4;
      mean[side] = estimate(world, *from_reference, world.benchmarks(moved)).mean;
    }
    moves.add((mean[1] - mean[0]) / 2e-4);
  }
  const double added = static_cast<double>(moves.n()) * moves.variance();
  EXPECT_GT(added, 0.05 * without.variance);
  EXPECT_NEAR((with.variance - without.variance) / added, 1, tolerance);
}

TEST(ReferenceMargins, BringTheReferenceSamplesErrorIntoRaking) { compare("raking", "", 0.15); }
TEST(ReferenceMargins, BringTheReferenceSamplesErrorIntoCalibration) {
  compare("calibration", "", 1e-4);
  compare("calibration", "distance = \"raking\"", 0.15);
}

TEST(ReferenceMargins, SayWhatTheyLack) {
  const TwoSampleWorld world(11, 200, 80);
  const auto failure = [&](const char* toml, const Benchmarks& known) {
    const auto weighting = world.weighting("raking", toml);
    return weighting->weigh(world.index(*weighting), known).failure().detail;
  };
  const char* sex = "margins = [\"region\"]\nreference_margins = [\"sex\"]";
  EXPECT_EQ(failure(sex, world.benchmarks(nullptr)),
            "there is no reference sample to estimate reference_margins from");
  EXPECT_EQ(failure(sex, known_exactly(world)),
            "a benchmark holds the reference margin of \"sex\"; put it among the margins");
  auto lacking = std::make_shared<ReferenceSample>(*world.b);
  lacking->sample.columns[1].clear();
  EXPECT_EQ(failure(sex, world.benchmarks(lacking)), "the reference sample does not have \"sex\"");
}

}  // namespace
}  // namespace steelyard
