#include "sim/population/dense_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/sim/dense_tables.hpp"
#include "tests/sim/small_world.hpp"

namespace steelyard {
namespace {

TEST(DenseFit, TwoByTwoKeepsTheOddsRatio) {
  std::vector<double> cells{1, 2, 3, 12};  // odds ratio 2
  const auto report = fit_dense(cells, {2, 2}, {{{0}, {40, 60}}, {{1}, {30, 70}}});
  EXPECT_TRUE(report.converged);
  EXPECT_NEAR(cells[0] * cells[3] / (cells[1] * cells[2]), 2, 1e-9);
  EXPECT_NEAR(cells[0] + cells[1], 40, 1e-7);
  EXPECT_NEAR(cells[0] + cells[2], 30, 1e-7);
}

TEST(DenseFit, MeetsACycleOfMarginsWhateverTheOrderOfTheAxes) {
  const std::vector<std::size_t> dims{3, 7, 2, 4};
  std::vector<double> truth, seed;
  Stream stream({Seed{4}, purpose("dense test"), {}, {}});
  for (std::size_t c = 0; c < 3 * 7 * 2 * 4; ++c) {
    truth.push_back(0.1 + stream.uniform());
    seed.push_back(0.1 + stream.uniform());
  }
  std::vector<DenseMargin> margins;
  for (const auto& axes : {std::vector<std::size_t>{0, 1}, {1, 2}, {2, 3}, {0, 3}})
    margins.push_back({axes, margin_of(truth, dims, axes)});
  std::vector<double> cells = seed;
  const auto report = fit_dense(cells, dims, margins, 1e-12);
  EXPECT_TRUE(report.converged);
  for (const DenseMargin& m : margins) {
    const auto sums = margin_of(cells, dims, m.axes);
    for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_NEAR(sums[i], m.target[i], 1e-9);
  }
  // The I-projection keeps every interaction that no margin holds: here those of axes 0, 2.
  const auto log_odds = [&](const std::vector<double>& t, std::size_t b, std::size_t d) {
    const auto at = [&](std::size_t a, std::size_t c) { return ((a * 7 + b) * 2 + c) * 4 + d; };
    return std::log(t[at(0, 0)] * t[at(1, 1)] / (t[at(0, 1)] * t[at(1, 0)]));
  };
  EXPECT_NEAR(log_odds(cells, 2, 1), log_odds(seed, 2, 1), 1e-9);
}

TEST(DenseFit, EqualsTheJunctionTreesFit) {
  const Schema schema = testing::chain_schema(3, 3);
  VariableSet all{schema.id(0), schema.id(1), schema.id(2)};
  JunctionTree tree(schema, {}, all);
  testing::random_potentials(tree, 9);
  std::vector<double> cells = tree.root().p;
  std::vector<double> truth;
  Stream stream({Seed{5}, purpose("dense test"), {}, {}});
  for (std::size_t c = 0; c < 27; ++c) truth.push_back(0.2 + stream.uniform());
  const double total = std::accumulate(truth.begin(), truth.end(), 0.0);
  for (double& x : truth) x /= total;
  std::vector<DenseMargin> margins;
  std::vector<BlockConstraint> blocks;
  for (const auto& axes : {std::vector<std::size_t>{0, 1}, {1, 2}, {0, 2}}) {
    margins.push_back({axes, margin_of(truth, {3, 3, 3}, axes)});
    BlockConstraint block;
    block.clique = 0;
    block.target = margins.back().target;
    const VariableSet set{schema.id(axes[0]), schema.id(axes[1])};
    project(schema, tree.root(), set, block.state_of);
    blocks.push_back(block);
  }
  std::vector<MeanConstraint> none;
  FitOptions options;
  options.tolerance = 1e-12;
  fit(tree, none, blocks, options);
  EXPECT_TRUE(fit_dense(cells, {3, 3, 3}, margins, 1e-13).converged);
  for (std::size_t c = 0; c < cells.size(); ++c) EXPECT_NEAR(cells[c], tree.root().p[c], 1e-9);
}

TEST(DenseFit, AStructuralZeroStaysZeroAndAnImpossibleMarginIsNotConverged) {
  std::vector<double> cells{0, 0, 1, 1};
  const auto report = fit_dense(cells, {2, 2}, {{{0}, {1, 1}}, {{1}, {1, 1}}}, 1e-10, 50);
  EXPECT_FALSE(report.converged);
  EXPECT_EQ(report.sweeps, 50);
  EXPECT_EQ(cells[0], 0);
  EXPECT_GT(report.largest_error, 0.1);
}

}  // namespace
}  // namespace steelyard
