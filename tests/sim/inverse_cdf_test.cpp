// Draws by inverse CDF: the exact law, in the order of the words, and hardly moved by a change of
// it.

#include "sim/population/inverse_cdf.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.hpp"
#include "sim/population/cell_draw.hpp"
#include "tests/sim/small_world.hpp"

namespace steelyard {
namespace {

/// Weights of every shape: even, steep, with zeros at the ends and between.
std::vector<std::vector<double>> laws() {
  std::vector<std::vector<double>> list{
      {1}, {0.5, 0, 0.3, 0.2}, {0, 0, 2, 1, 0}, {1e-12, 1, 1e-12}};
  Stream stream({Seed{3}, purpose("inverse cdf test"), {}, {}});
  for (int power = 0; power < 8; ++power)
    for (std::size_t n : {2u, 3u, 5u, 11u, 40u, 300u}) {
      std::vector<double>& law = list.emplace_back();
      for (std::size_t k = 0; k < n; ++k) {
        const double u = stream.uniform();
        law.push_back(u < 0.1 ? 0 : std::pow(u, power));
      }
      law[n / 2] = 1;
    }
  return list;
}

/// All states in one: entries are listed if none has more than eight, else looked up in guides.
void expect_shares(const std::vector<std::vector<double>>& laws) {
  std::vector<std::size_t> begin{0};
  std::vector<double> weights;
  for (const auto& law : laws) {
    weights.insert(weights.end(), law.begin(), law.end());
    begin.push_back(weights.size());
  }
  const InverseCdf cdf(begin, weights);
  const std::vector<std::uint32_t>& positions = cdf.positions();
  ASSERT_TRUE(std::is_sorted(positions.begin(), positions.end()));
  std::vector<double> share(weights.size(), 0.0);
  std::uint32_t entry = 0;
  for (std::uint32_t s = 0; s < laws.size(); ++s) {
    std::uint64_t first = 0;
    for (; entry < positions.size() && positions[entry] < begin[s + 1]; ++entry) {
      const std::uint64_t end = std::uint64_t{cdf.last_word(entry)} + 1;
      ASSERT_LT(first, end);
      for (std::uint64_t word : {first, (first + end) / 2, end - 1})
        EXPECT_EQ(cdf.draw(s, static_cast<std::uint32_t>(word)), entry);
      share[positions[entry]] = static_cast<double>(end - first) * 0x1p-32;
      first = end;
    }
    const double sum = std::accumulate(laws[s].begin(), laws[s].end(), 0.0);
    EXPECT_EQ(first, sum > 0 ? std::uint64_t{1} << 32 : 0);
    for (std::size_t k = 0; k < laws[s].size(); ++k) {
      EXPECT_NEAR(share[begin[s] + k], sum > 0 ? laws[s][k] / sum : 0, 0x1p-32);
      EXPECT_TRUE(laws[s][k] > 0 || share[begin[s] + k] == 0);
    }
  }
  EXPECT_EQ(entry, positions.size());
}

TEST(InverseCdf, EveryEntryHasItsShareOfTheWordsInOrder) {
  expect_shares(laws());
  for (std::size_t most = 1; most <= 9; ++most) {
    std::vector<std::vector<double>> few;
    for (const auto& law : laws())
      if (law.size() <= most) few.push_back(law);
    few.push_back({0, 0});  // never drawn from
    few.emplace_back(most, 1.0);
    expect_shares(few);
  }
}

/// Counts of cells over many draws, all from the same words.
std::vector<std::uint32_t> cells(const CellDraw& draw, std::size_t n) {
  std::vector<std::uint32_t> words(draw.blocks() * 4 * n), cells(n);
  Stream stream({Seed{4}, purpose("cell draw test"), {}, {}});
  for (std::uint32_t& word : words) word = stream();
  draw.draw(words.data(), n, cells);
  return cells;
}

/// Three variables of 3, 19 and 4 levels, with a law of its own.
struct Table {
  Schema schema;
  std::unique_ptr<JunctionTree> tree;
  std::vector<double> weights;
  Table() {
    for (std::size_t levels : {3u, 19u, 4u}) {
      Variable v;
      v.name = "v" + std::to_string(schema.size());
      for (std::size_t k = 0; k < levels; ++k) v.levels.push_back(std::to_string(k));
      schema.add(v);
    }
    tree = std::make_unique<JunctionTree>(schema, std::vector<VariableSet>{},
                                          VariableSet{schema.id(0), schema.id(1), schema.id(2)});
    Stream stream({Seed{5}, purpose("cell draw test"), {}, {}});
    for (std::size_t c = 0; c < tree->root().cells; ++c)
      weights.push_back(c % 7 == 3 ? 0 : 0.2 + stream.uniform());
  }
  CellDraw draw(const std::vector<double>& w) const { return {schema, tree->root(), w}; }
};

TEST(CellDraw, CellsHaveTheirWeights) {
  const Table table;
  constexpr std::size_t kDraws = 400'000;
  std::vector<double> counts(table.weights.size(), 0.0);
  for (std::uint32_t c : cells(table.draw(table.weights), kDraws)) counts[c] += 1;
  const double sum = std::accumulate(table.weights.begin(), table.weights.end(), 0.0);
  double chi2 = 0, degrees = -1;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const double expected = kDraws * table.weights[c] / sum;
    if (expected == 0) {
      EXPECT_EQ(counts[c], 0);
      continue;
    }
    chi2 += (counts[c] - expected) * (counts[c] - expected) / expected;
    degrees += 1;
  }
  // Mean 195, sd 19.7. A cell whose share is wrong by a tenth would add 20.
  EXPECT_LT(std::abs(chi2 - degrees), 4.5 * std::sqrt(2 * degrees));
}

TEST(CellDraw, ASmallChangeOfTheLawMovesFewDraws) {
  const Table table;
  constexpr std::size_t kDraws = 100'000;
  std::vector<double> other = table.weights;
  double before = 0, added = 0;
  for (std::size_t c = 0; c < other.size(); ++c) {
    before += other[c];
    if (table.tree->root().code(c, 1) != 12) continue;
    added += 0.2 * other[c];
    other[c] *= 1.2;  // one of 19 levels
  }
  const auto a = cells(table.draw(table.weights), kDraws), b = cells(table.draw(other), kDraws);
  std::size_t moved = 0, in_one = 0;
  for (std::size_t i = 0; i < kDraws; ++i) {
    if (a[i] == b[i]) continue;
    ++moved;
    std::size_t differ = 0;
    for (std::size_t k = 0; k < 3; ++k)
      differ += table.tree->root().code(a[i], k) != table.tree->root().code(b[i], k);
    in_one += differ == 1;
  }
  // No coupling moves less than the laws' distance in total variation, about 1 %; with one inverse
  // CDF over all 228 cells, or an alias table, nearly all would move.
  const double distance = added / (before + added) * (1 - 1.0 / 19);
  EXPECT_GT(static_cast<double>(moved), 0.8 * distance * kDraws);
  EXPECT_LT(static_cast<double>(moved), 4 * distance * kDraws);
  EXPECT_GT(in_one, moved / 2);
}

}  // namespace
}  // namespace steelyard
