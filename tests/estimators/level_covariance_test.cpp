// The covariance of a table's level totals gives the variance that residuals of every cell give.

#include "estimators/intervals/level_covariance.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using testing::make;
using testing::RandomWorld;

struct Case {
  const char* weighting;
  const char* options;
  bool taken;  ///< the covariance is used; false: the residuals are
};

class OfATable : public ::testing::TestWithParam<Case> {};

TEST_P(OfATable, EveryInfluenceHasTheVarianceOfItsResiduals) {
  for (const bool base : {false, true}) {
    RandomWorld world(17);
    Stream stream({Seed{4}, purpose("test"), {}, {}});
    if (base)
      for (std::size_t i = 0; i < world.sample.n; ++i)
        world.sample.base_weights.push_back(1 + 4 * stream.uniform());
    const auto weighting =
        make(weightings(), GetParam().weighting, world.schema, GetParam().options);
    const CellIndex index = make_cell_index(world.sample, world.cross());
    // Without the cross, so that a margin can be one that only the reference sample knows.
    Benchmarks benchmarks(world.schema);
    benchmarks.set_reference(world.reference);
    const std::vector<VariableId> region = {world.schema.id(0)}, age = {world.schema.id(2)};
    for (const auto& margin : {region, age})
      benchmarks.add({margin, *world.benchmarks->margin(margin)});
    const bool estimated =
        std::string_view(GetParam().options).find("reference_margins") != std::string_view::npos;
    const auto weights = weighting->weigh(index, estimated ? benchmarks : *world.benchmarks);
    ASSERT_TRUE(weights.ok()) << weights.failure().detail;
    const auto method = make(intervals(), "linearization", world.schema);
    const auto prepared =
        method->prepare({.index = index, .weights = weights.value(), .many_of_a_table = true});
    ASSERT_TRUE(prepared.ok());
    Tabulator tabulator(world.sample, index);
    const VariableId answers[] = {world.schema.id(3)};
    for (const Domain& domain :
         {Domain{}, Domain{{world.schema.id(1), {1}}}, Domain{{world.schema.id(2), {3}}}}) {
      const Tabulation table = tabulator.tabulate(answers, domain_rows(world.sample, domain));
      KeptOfTable kept;
      for (int round = 0; round < 20; ++round) {
        PointEstimate point{1, std::vector<double>(5)};
        for (double& z : point.influence) z = stream.uniform() - 0.5;
        const auto plain = prepared.value()->interval({table, point}),
                   shared = prepared.value()->interval(
                       {.tabulation = table, .point = point, .kept = &kept});
        ASSERT_TRUE(plain.ok() && shared.ok());
        EXPECT_NEAR(shared.value().se, plain.value().se, 1e-12 * plain.value().se);
      }
      EXPECT_EQ(kept.made != nullptr, GetParam().taken);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Weightings, OfATable,
    ::testing::Values(
        Case{"none", "", true}, Case{"poststratification", "cross = [\"region\", \"sex\"]", true},
        Case{"raking", "margins = [\"region\", [\"sex\", \"age\"]]", true},
        Case{"calibration", "margins = [\"region\", [\"sex\", \"age\"]]", true},
        Case{"calibration",
             "margins = [\"region\", \"age\"]\nreference_margins = [\"sex\"]\ndistance = "
             "\"linear\"",
             true},
        Case{"sequential",
             "steps = [{method = \"poststratification\", cross = [\"region\"]}, "
             "{method = \"raking\", margins = [\"region\", [\"sex\", \"age\"]]}]",
             false},
        Case{"ipw", "covariates = [\"region\", [\"sex\", \"age\"]]", false}));

/// Two groups of two respondents, weighted to totals 6 and 2: by hand Q of the answers' totals.
TEST(LevelCovariance, OfAPostStratificationByHand) {
  Schema schema;
  schema.add(testing::categorical("g", {"a", "b"}));
  schema.add(testing::categorical("y", {"no", "yes"}));
  Sample sample;
  sample.schema = &schema;
  sample.n = 4;
  sample.columns = {{0, 0, 1, 1}, {0, 1, 1, 1}};
  Benchmarks benchmarks(schema);
  const std::vector<VariableId> g = {schema.id(0)}, y = {schema.id(1)};
  benchmarks.add({g, {6, 2}});
  const CellIndex index = make_cell_index(sample, g);
  const auto weights =
      make(weightings(), "poststratification", schema, "cross = [\"g\"]")->weigh(index, benchmarks);
  ASSERT_TRUE(weights.ok());
  const Residuals residuals(weights.value(), index.weight);
  const auto covariance = LevelCovariance::make(index, weights.value(), residuals);
  ASSERT_TRUE(covariance.has_value());
  const Tabulation table = Tabulator(sample, index).tabulate(y, domain_rows(sample, {}));
  // Weighted residuals of "yes": 3 × (∓ 1/2) in group a, none in b; of "no" the opposite.
  const double v = 4.0 / 3 * (2 * 1.5 * 1.5);
  const Eigen::MatrixXd q = covariance->of(table);
  EXPECT_NEAR(q(0, 0), v, 1e-12);
  EXPECT_NEAR(q(1, 1), v, 1e-12);
  EXPECT_NEAR(q(0, 1), -v, 1e-12);
  EXPECT_NEAR(q(1, 0), -v, 1e-12);
}

}  // namespace
}  // namespace steelyard
