// Planning: best edges that are known, designs compared on the same samples, changes that are
// found.

#include "study/planning.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/message.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Half of the values uniform on [0, 1), half on [1, 4): of two buckets the middle of one is above
/// its mean unless the edge is 1.
constexpr const char* kSteps = R"toml(
seed = 1
[scenario]
name = "steps"
title = "Steps"
[population]
kind = "model"
size = 100000
[[variable]]
name = "u"
observed = false
distribution = { name = "uniform", min = 0, max = 1 }
[[variable]]
name = "income"
kind = "bucketed"
levels = ["low", "middle", "high"]
edges = [0, 0.5, 2, 4]
assumed_values = [0.25, 1.25, 3]
formula = "u < 0.5 ? 2*u : 1 + 6*(u - 0.5)"
[sample]
design = "simple_random"
n = 400
[study]
replicates = 20
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[value_rule]]
name = "middles"
method = "midpoints"
[[estimand]]
id = "mean_income"
functional = "mean"
variable = "income"
headline = true
[plan]
replicates = 400
[[plan.design]]
name = "as it stands"
[[plan.design]]
name = "four times the sample"
set = ["sample.n=1600"]
cost = 1200
[[plan.design]]
name = "better edges"
set = ["variable.income.edges=[0, 1, 2.5, 4]", "variable.income.assumed_values=[0.5, 1.75, 3.25]"]
[plan.edges]
variable = "income"
estimand = "mean_income"
value_rule = "middles"
buckets = 2
range = [0.1, 3.9]
step = 0.1
respondents = 100000
[plan.change]
overlaps = [0, 0.5]
correlation = 0.8
)toml";

class Planning : public ::testing::Test {
 protected:
  Planning() : folder_(fs::temp_directory_path() / ("steelyard-plan-" + std::to_string(getpid()))) {
    write(kSteps);
  }
  ~Planning() override { fs::remove_all(folder_); }
  void write(const std::string& text) const {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "scenario.toml") << text;
  }
  std::string with(const std::string& from, const std::string& to) const {
    std::string text = kSteps;
    EXPECT_NE(text.find(from), std::string::npos) << from;
    return text.replace(text.find(from), from.size(), to);
  }
  fs::path folder_;
};

TEST_F(Planning, TheBestEdgeIsWhereTheDensityChanges) {
  const auto plan = read_questionnaire_plan(folder_.string(), {});
  const auto found = search_edges(folder_.string(), {}, *plan.edges, Seed{1});
  const auto& choices = found.choices;
  ASSERT_EQ(choices.size(), 3u);
  const EdgeChoice& best = choices[2];
  ASSERT_EQ(best.edges.size(), 3u);
  EXPECT_NEAR(best.edges[1], 1, 1e-9);
  // Shares 1/4, 5/12, 1/3 at .25, 1.25, 3 against a mean of 1.5; 100,000 persons have it ± .011.
  EXPECT_NEAR(choices[0].bias, 0.25 * 0.25 + 1.25 * 5 / 12 + 3.0 / 3 - 1.5, 0.01);
  EXPECT_NEAR(best.bias, 0, 0.01);
  EXPECT_NEAR(best.sd, 1 / std::sqrt(1e5), 2e-5);  // half at .5, half at 2.5
}

/// Share of the values below x.
double share_below(double x) { return x < 1 ? x / 2 : 0.5 + (x - 1) / 6; }

TEST_F(Planning, WithMoreBucketsNoEdgesOfTheGridAreMuchBetter) {
  auto plan = read_questionnaire_plan(folder_.string(), {});
  plan.edges->buckets = 3;
  const EdgeChoice best =
      search_edges(folder_.string(), {"population.size=2000000"}, *plan.edges, Seed{1}).choices[2];
  double smallest = 1e9;
  for (int i = 1; i < 39; ++i)
    for (int j = i + 1; j < 40; ++j) {
      const double a = i / 10.0, b = j / 10.0, p = share_below(a), q = share_below(b) - p;
      const double middle[] = {a / 2, (a + b) / 2, (b + 4) / 2}, shares[] = {p, q, 1 - p - q};
      double mean = 0, square = 0;
      for (int k = 0; k < 3; ++k) {
        mean += shares[k] * middle[k];
        square += shares[k] * middle[k] * middle[k];
      }
      smallest =
          std::min(smallest, std::hypot(mean - 1.5, std::sqrt((square - mean * mean) / 1e5)));
    }
  // The shares of 2,000,000 persons differ from the law's by about 0.0004, hence the tolerance.
  EXPECT_LT(best.rmse, 1.1 * smallest);
  EXPECT_GT(best.rmse, 0.9 * smallest);
}

TEST_F(Planning, TheBestEdgesOfOtherNumbersOfBucketsStandBeside) {
  const auto plan = read_questionnaire_plan(folder_.string(), {});
  const EdgeResults found = search_edges(folder_.string(), {}, *plan.edges, Seed{1});
  ASSERT_EQ(found.by_number.size(), 4u);  // 2 to 5
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(found.by_number[k].buckets(), k + 2);
  EXPECT_EQ(found.by_number[0].edges, found.choices[2].edges);
  // Every number is looked for by itself as well: alone three buckets are found as good.
  EdgeSearch three = *plan.edges;
  three.buckets = 3;
  EXPECT_EQ(search_edges(folder_.string(), {}, three, Seed{1}).choices[2].rmse,
            found.by_number[1].rmse);
}

TEST_F(Planning, TheCurveOfChangesThatAreFoundMeetsTheDesignsOwn) {
  const ChangeQuestion change{0.8, 0.95, {0, 0.5}, 0.8};
  const DetectableCurve curve = detectable_curve(change);
  const boost::math::normal normal;
  const double z = quantile(normal, 0.975) + quantile(normal, 0.8);
  ASSERT_EQ(curve.overlaps.size(), curve.changes.size());
  EXPECT_EQ(curve.overlaps.front(), 0);
  EXPECT_EQ(curve.overlaps.back(), 1);
  for (std::size_t i = 0; i < curve.overlaps.size(); ++i)
    EXPECT_NEAR(curve.changes[i], z * std::sqrt(2 * (1 - 0.8 * curve.overlaps[i])), 1e-4);
}

TEST_F(Planning, DesignsAreComparedOnTheSameSamples) {
  const auto plan = read_questionnaire_plan(folder_.string(), {});
  StudyOptions options;
  options.seed = Seed{1};
  options.replicates = plan.replicates;
  const auto results =
      compare_designs(folder_.string(), {}, plan, options, Population::Unmet::refuse);
  ASSERT_EQ(results.size(), 3u);
  for (const DesignResults& d : results) ASSERT_EQ(d.rows.size(), 1u) << d.failure;
  const DesignRow &first = results[0].rows[0], &larger = results[1].rows[0],
                  &better = results[2].rows[0];
  EXPECT_TRUE(std::isnan(first.change.rmse.change));
  EXPECT_EQ(*results[1].design.cost, 1200);
  EXPECT_NEAR(larger.performance.sd / first.performance.sd, 0.5, 0.08);
  // The same persons answer in other buckets: the change's error is far below that of two studies.
  EXPECT_LT(better.change.bias.mcse,
            0.6 * std::hypot(first.performance.bias_mcse, better.performance.bias_mcse));
  EXPECT_NEAR(better.change.bias.change, better.performance.bias - first.performance.bias, 1e-12);
  // (z.975 + z.8) sqrt(2) sd; half overlapping with correlation .8: times sqrt(1 - .4).
  const boost::math::normal normal;
  const double z = quantile(normal, 0.975) + quantile(normal, 0.8);
  EXPECT_NEAR(first.smallest_changes[0], z * std::sqrt(2.0) * first.performance.sd,
              1e-5);  // the test's other tail
  EXPECT_NEAR(first.smallest_changes[1] / first.smallest_changes[0], std::sqrt(0.6), 1e-9);
}

TEST_F(Planning, WhatCannotBePlannedIsRefused) {
  const auto wrong = [&](const std::string& from, const std::string& to) {
    write(with(from, to));
    return message([&] {
      const auto plan = read_questionnaire_plan(folder_.string(), {});
      if (plan.edges) (void)search_edges(folder_.string(), {}, *plan.edges, Seed{1});
    });
  };
  EXPECT_PRED2(has, wrong("sample.n=1600", "sampel.n=1600"), "there is no \"sampel\"");
  EXPECT_PRED2(has, wrong("correlation = 0.8", ""), "respondents are in both quarters");
  EXPECT_PRED2(has, wrong("overlaps = [0, 0.5]", "overlaps = [0, 1.5]"), "are shares, 0 to 1");
  EXPECT_PRED2(has, wrong("step = 0.1", "step = 0"), "must be above 0");
  EXPECT_PRED2(has, wrong("range = [0.1, 3.9]", "range = [3.9, 0.1]"), "LOW < HIGH");
  EXPECT_PRED2(has, wrong("estimand = \"mean_income\"", "estimand = \"mean_incom\""),
               "did you mean \"mean_income\"?");
  EXPECT_PRED2(has, wrong("value_rule = \"middles\"", "value_rule = \"midles\""),
               "did you mean \"middles\"?");
  EXPECT_PRED2(has, wrong("name = \"better edges\"", "name = \"as it stands\""), "stands twice");
}

}  // namespace
}  // namespace steelyard
