// Multilevel regression and post-stratification over 5,000 worlds that its model draws, effects
// anew in each: unbiased with nominal coverage for answers of two levels, in order and for numbers;
// visibly wrong without the variable that moves answers and selection.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/estimators/nonprobability/performance_study.hpp"

namespace steelyard {
namespace {

using testing::categorical;
using testing::Estimator;
using testing::expect_right;
using testing::expect_visibly_wrong;
using testing::study;

double logistic(double eta) { return 1 / (1 + std::exp(-eta)); }

/// 24 areas × 2 sexes. Answers: "works" (logit), "rating" (cumulative logit of three levels) and
/// "wage" (a number), each with an effect of sex and normal effects of areas. Women are half of the
/// population and a fifth of the respondents; areas have 10 to 40 respondents.
class Areas {
 public:
  static constexpr std::size_t kAreas = 24;

  Areas() {
    std::vector<std::string> names;
    for (std::size_t g = 0; g < kAreas; ++g) names.push_back(std::to_string(g));
    schema.add(categorical("area", names));
    schema.add(categorical("sex", {"m", "f"}));
    Variable works = categorical("works", {"no", "yes"});
    works.assumed_values = {0, 1};
    schema.add(works);
    Variable rating = categorical("rating", {"low", "middle", "high"});
    rating.kind = VariableKind::ordered;
    rating.assumed_values = {1, 2, 3};
    schema.add(rating);
    Variable wage;
    wage.name = "wage";
    wage.kind = VariableKind::continuous;
    schema.add(wage);
  }

  testing::DrawnSample drawn(std::uint32_t replicate) const {
    Stream stream({Seed{20261130}, purpose("areas"), Replicate{replicate}, {}});
    testing::DrawnSample out{{}, Benchmarks(schema), std::vector<double>(schema.size(), 0.0)};
    Sample& a = out.a;
    a.schema = &schema;
    a.columns.resize(schema.size());
    a.numbers.resize(schema.size());
    std::vector<double> people;
    double population = 0;
    for (std::size_t g = 0; g < kAreas; ++g) {
      const double effects[3] = {0.5 * normal(stream), 0.5 * normal(stream), normal(stream)};
      for (std::size_t sex = 0; sex < 2; ++sex) {
        const double size = 1000 + 100.0 * static_cast<double>(g % 5);
        people.push_back(size);
        population += size;
        const double yes = logistic(-0.3 + 0.8 * static_cast<double>(sex) + effects[0]);
        const double eta = 0.8 * static_cast<double>(sex) + effects[1];
        const double low = logistic(-0.7 - eta), up_to_middle = logistic(0.9 - eta);
        const double mean = 10 + static_cast<double>(sex) + effects[2];
        out.truth[2] += size * yes;
        out.truth[3] += size * (3 - low - up_to_middle);
        out.truth[4] += size * mean;
        const std::size_t respondents = (2 + g % 4 * 2) * (sex == 0 ? 4 : 1);
        for (std::size_t i = 0; i < respondents; ++i, ++a.n) {
          a.columns[0].push_back(static_cast<LevelCode>(g));
          a.columns[1].push_back(static_cast<LevelCode>(sex));
          a.columns[2].push_back(stream.uniform() < yes);
          const double u = stream.uniform();
          a.columns[3].push_back(static_cast<LevelCode>((u >= low) + (u >= up_to_middle)));
          a.numbers[4].push_back(mean + 2 * normal(stream));
        }
      }
    }
    for (double& total : out.truth) total /= population;
    out.known.add({{schema.id(0), schema.id(1)}, people});
    return out;
  }

  Schema schema;

 private:
  static double normal(Stream& stream) {
    return std::sqrt(-2 * std::log(1 - stream.uniform())) *
           std::cos(2 * std::acos(-1.0) * stream.uniform());
  }
};

std::vector<Estimator> of_answers(const std::string& options) {
  std::vector<Estimator> out;
  for (const std::string variable : {"works", "rating", "wage"})
    out.push_back({"mrp of " + variable + ": " + options, "mrp",
                   options + (variable == "rating" ? "\nlevels = \"ordered\"" : ""), variable});
  return out;
}

TEST(MrpCoverage, IsRightWhereItsModelDrawsTheWorld) {
  const Areas world;
  const auto draw = [&](std::uint32_t r) { return world.drawn(r); };
  expect_right(study(world.schema, of_answers("fixed = [\"sex\"]\ngroups = [\"area\"]"), draw));
  expect_visibly_wrong(study(world.schema, of_answers("groups = [\"area\"]"), draw, 1000));
}

}  // namespace
}  // namespace steelyard
