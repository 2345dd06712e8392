#include "sim/population/integerise.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "core/random.hpp"
#include "sim/population/exact.hpp"
#include "sim/selection/selection.hpp"
#include "tests/sim/dense_tables.hpp"
#include "tests/sim/worlds.hpp"

namespace steelyard {
namespace {

TEST(Integerise, RoundsATableWhoseMarginsAreWhole) {
  // 2 x 2 with 0.5 everywhere and margins of one person: a diagonal.
  const auto made =
      integerise({0.5, 0.5, 0.5, 0.5}, {2, 2}, {{{0}, {1, 1}, {1, 1}}, {{1}, {1, 1}, {1, 1}}}, 2);
  EXPECT_EQ(made.violation, 0);
  EXPECT_EQ(made.counts[0] + made.counts[1], 1);
  EXPECT_EQ(made.counts[0] + made.counts[2], 1);
}

TEST(Integerise, MeetsEveryTwoWayMarginOfRandomPopulations) {
  const std::vector<std::size_t> dims{5, 4, 3, 3};
  for (std::uint64_t round = 0; round < 20; ++round) {
    Stream stream({Seed{round}, purpose("integerise test"), {}, {}});
    std::vector<std::int64_t> truth;
    std::vector<double> expected;
    for (int c = 0; c < 5 * 4 * 3 * 3; ++c) {
      truth.push_back(static_cast<std::int64_t>(40 * stream.uniform()));
      expected.push_back(20);
    }
    const std::int64_t total = std::accumulate(truth.begin(), truth.end(), std::int64_t{0});
    std::vector<IntegerMargin> margins;
    for (std::size_t a = 0; a < 4; ++a)
      for (std::size_t b = a + 1; b < 4; ++b) {
        const auto sums = margin_of(truth, dims, {a, b});
        margins.push_back({{a, b}, sums, sums});
      }
    const auto made = integerise(expected, dims, margins, total);
    EXPECT_EQ(made.violation, 0) << "round " << round;
    for (const IntegerMargin& m : margins) EXPECT_EQ(margin_of(made.counts, dims, m.axes), m.lower);
    for (std::int64_t n : made.counts) EXPECT_GE(n, 0);
    EXPECT_EQ(integerise(expected, dims, margins, total).counts, made.counts);  // deterministic
  }
}

TEST(Integerise, SaysWhatCannotBeMetAndKeepsEmptyCellsEmpty) {
  const auto made =
      integerise({0, 1, 1, 1}, {2, 2}, {{{0}, {2, 1}, {2, 1}}, {{1}, {3, 0}, {3, 0}}}, 3);
  EXPECT_GT(made.violation, 0);
  EXPECT_FALSE(made.unmet.empty());
  EXPECT_EQ(made.counts[0], 0);
  EXPECT_EQ(std::accumulate(made.counts.begin(), made.counts.end(), std::int64_t{0}), 3);
}

TEST(ExactCounts, MeetTheCensusToThePerson) {
  const Scenario s = testing::small_scenario(100, 10);  // census 30, 20, 10, 40
  const Population population(s);
  const ExactCounts exact = exact_counts(population, 100);
  EXPECT_EQ(exact.left, 0);
  const PopulationFrame frame(exact.persons);
  EXPECT_EQ(frame.size(), 100u);
  std::vector<std::uint64_t> counts;
  for (std::size_t c = 0; c < 4; ++c) counts.push_back(frame.count(c));
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{30, 20, 10, 40}));
}

}  // namespace
}  // namespace steelyard
