// The variance of a weighting in several stages, worked by hand on few respondents.

#include "estimators/weighting/stages.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/survey/linearizer.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using testing::make;
using testing::RandomWorld;

/// Everything about one stage, for respondents: design matrix, weights before, factor.
struct Stage {
  Eigen::MatrixXd x;  ///< n × columns; none: fixed
  Eigen::VectorXd before, factor;
};

/// z <- g (z - x (X'DX)^-1 X'D z) from last to first, in plain matrices.
Eigen::VectorXd influence(const std::vector<Stage>& stages, Eigen::VectorXd z) {
  for (std::size_t s = stages.size(); s-- > 0;) {
    const Stage& stage = stages[s];
    if (stage.x.cols() > 0) {
      const Eigen::MatrixXd dx = stage.before.asDiagonal() * stage.x;
      const Eigen::VectorXd beta =
          (stage.x.transpose() * dx).completeOrthogonalDecomposition().solve(dx.transpose() * z);
      z -= stage.x * beta;
    }
    z = z.cwiseProduct(stage.factor);
  }
  return z;
}

Eigen::MatrixXd indicators(const RandomWorld& world, const std::vector<std::size_t>& variables) {
  Eigen::Index columns = 0, at = 0;
  for (std::size_t v : variables)
    columns += static_cast<Eigen::Index>(world.schema[world.schema.id(v)].size());
  const auto n = static_cast<Eigen::Index>(world.sample.n);
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(n, columns);
  for (std::size_t v : variables) {
    for (Eigen::Index i = 0; i < n; ++i)
      x(i, at + world.sample.columns[v][static_cast<std::size_t>(i)]) = 1;
    at += static_cast<Eigen::Index>(world.schema[world.schema.id(v)].size());
  }
  return x;
}

struct Case {
  const char* options;
  std::vector<std::vector<std::size_t>> calibrated;  ///< of each stage; empty: fixed
  bool base = true;  ///< base weights that differ, also within cells
};

class InStages : public ::testing::TestWithParam<Case> {};

TEST_P(InStages, VarianceGoesFromTheLastStageToTheFirst) {
  RandomWorld world(31, 60);
  std::vector<double> d(world.sample.n, 1.0);
  if (GetParam().base) {
    Stream stream({Seed{5}, purpose("test"), {}, {}});
    for (double& weight : d) weight = 1 + 4 * stream.uniform();
    world.sample.base_weights = d;
  }
  const std::size_t n = world.sample.n;
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto weights = make(weightings(), "sequential", world.schema, GetParam().options)
                           ->weigh(index, *world.benchmarks);
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  const Weights& w = weights.value();
  ASSERT_EQ(w.stages.size(), GetParam().calibrated.size());

  // The influence of a mean of `answer` among sex = m.
  std::vector<double> final(n);
  double above = 0, below = 0;
  for (std::size_t i = 0; i < n; ++i) {
    final[i] = d[i] * w.factor[index.cell_of[i]];
    if (world.sample.columns[1][i] != 0) continue;
    above += final[i] * world.sample.columns[3][i];
    below += final[i];
  }
  const double mean = above / below;
  std::vector<std::uint32_t> rows;
  std::vector<double> z_rows;
  Eigen::VectorXd z = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(n));
  for (std::size_t i = 0; i < n; ++i)
    if (world.sample.columns[1][i] == 0) {
      rows.push_back(static_cast<std::uint32_t>(i));
      z_rows.push_back((world.sample.columns[3][i] - mean) / below);
      z[static_cast<Eigen::Index>(i)] = z_rows.back();
    }

  std::vector<Stage> stages;
  Eigen::VectorXd before =
      Eigen::Map<const Eigen::VectorXd>(d.data(), static_cast<Eigen::Index>(n));
  for (std::size_t s = 0; s < w.stages.size(); ++s) {
    Eigen::VectorXd factor(static_cast<Eigen::Index>(n));
    for (std::size_t i = 0; i < n; ++i)
      factor[static_cast<Eigen::Index>(i)] =
          (w.stages.size() == 1 ? w.factor : w.stages[s].factor)[index.cell_of[i]];
    Stage stage{{}, before, factor};
    if (!GetParam().calibrated[s].empty()) stage.x = indicators(world, GetParam().calibrated[s]);
    stages.push_back(stage);
    before = before.cwiseProduct(factor);
  }
  for (std::size_t i = 0; i < n; ++i)
    EXPECT_NEAR(before[static_cast<Eigen::Index>(i)], final[i], 1e-10 * final[i]);
  const Eigen::VectorXd u = stages[0].before.cwiseProduct(influence(stages, z));
  const double about = (u.array() - u.mean()).square().sum();
  const double expected = static_cast<double>(n) / static_cast<double>(n - 1) * about;

  // Respondents through the design; z scattered over rows, and over everybody.
  const SurveyDesign design = SurveyDesign::rows(n);
  Linearizer linearizer(design, final, d, &index, &w);
  EXPECT_NEAR(linearizer.variance(rows, z_rows).value(), expected, 1e-9 * expected);
  const std::vector<double> everybody(z.data(), z.data() + z.size());
  EXPECT_NEAR(linearizer.variance({}, everybody).value(), expected, 1e-9 * expected);

  // The same from sums by cell.
  const auto functional = make(functionals(), "mean", world.schema, "variable = \"answer\"");
  const auto weighting = make(weightings(), "sequential", world.schema, GetParam().options);
  const auto by_cell = testing::estimate(world.sample, *world.benchmarks, *weighting, world.cross(),
                                         *functional, {{world.schema.id(1), {0}}});
  ASSERT_TRUE(by_cell.ok());
  EXPECT_NEAR(by_cell.value().interval.se, std::sqrt(expected), 1e-9 * std::sqrt(expected));
}

INSTANTIATE_TEST_SUITE_P(
    All, InStages,
    ::testing::Values(
        Case{"steps = [{method = \"raking\", margins = [\"region\", \"sex\"]}]", {{0, 1}}},
        Case{"steps = [{method = \"poststratification\", cross = [\"sex\"]}, {method = \"raking\", "
             "margins = [\"region\", \"age\"]}]",
             {{1}, {0, 2}}},
        Case{"steps = [{method = \"raking\", margins = [\"region\", \"sex\"]}, {method = "
             "\"calibration\", margins = [\"age\"]}, {method = \"poststratification\", cross = "
             "[\"sex\"]}]",
             {{0, 1}, {2}, {1}}},
        Case{"steps = [{method = \"raking\", margins = [\"region\", \"age\"], trim = 1.2}, {method "
             "= "
             "\"raking\", margins = [\"region\", \"sex\"]}]",
             {{0, 2}, {}, {0, 1}},
             false},
        Case{"steps = [{method = \"none\", trim = 1.2}, {method = \"raking\", margins = "
             "[\"region\", \"sex\"], trim_lower = 0.9, trim_rule = \"once\"}]",
             {{}, {}, {0, 1}, {}},
             false}));

}  // namespace
}  // namespace steelyard
