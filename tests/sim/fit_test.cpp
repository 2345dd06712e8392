#include "sim/population/fit.hpp"

#include <array>
#include <functional>

#include "tests/sim/small_world.hpp"

namespace steelyard {
namespace {

using testing::chain_schema;
using testing::dense_joint;
using testing::random_potentials;

VariableId id(std::size_t i) { return VariableId{static_cast<std::uint16_t>(i)}; }

const FitOptions kTight{.max_sweeps = 20000, .tolerance = 1e-12};

BlockConstraint block(const JunctionTree& tree, const VariableSet& set,
                      std::vector<double> target) {
  BlockConstraint b;
  b.clique = tree.home(set);
  project(tree.schema(), tree.cliques()[b.clique], set, b.state_of);
  b.target = std::move(target);
  return b;
}

/// P(v = level | scope variable = scope level) in [lower, upper].
MeanConstraint share(const JunctionTree& tree, VariableId v, LevelCode level, VariableId scope,
                     LevelCode scope_level, double lower, double upper) {
  MeanConstraint k;
  const VariableSet set = v < scope ? VariableSet{v, scope} : VariableSet{scope, v};
  k.clique = tree.home(set);
  const Clique& c = tree.cliques()[k.clique];
  k.groups = {{0.0, 1.0, {}}, {1.0, 1.0, {}}};
  for (std::size_t i = 0; i < c.cells; ++i)
    if (c.code(i, c.position(scope)) == scope_level)
      k.groups[c.code(i, c.position(v)) == level].cells.push_back(static_cast<std::uint32_t>(i));
  k.lower = lower;
  k.upper = upper;
  return k;
}

double divergence(const std::vector<double>& p, const std::vector<double>& q) {
  double kl = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) kl += p[i] * std::log(p[i] / q[i]);
  return kl;
}

class FitTest : public ::testing::Test {
 protected:
  FitTest()
      : schema_(chain_schema(4, 2)),
        tree_(schema_, {{id(0), id(1)}, {id(1), id(2)}, {id(2), id(3)}, {id(3), id(0)}},
              {id(0), id(1)}) {
    random_potentials(tree_, 3);
  }
  Schema schema_;
  JunctionTree tree_;
};

TEST_F(FitTest, BlocksAreMetAndOddsRatiosKept) {
  // Raking a 2 x 2 table to margins (0.3, 0.7) and (0.6, 0.4) keeps its odds ratio 6.
  const Schema two = chain_schema(2, 2);
  JunctionTree tree(two, {{id(0), id(1)}}, {id(0), id(1)});
  tree.root().p = {0.3, 0.1, 0.2, 0.4};
  std::vector<MeanConstraint> none;
  const auto report =
      fit(tree, none, {block(tree, {id(0)}, {0.3, 0.7}), block(tree, {id(1)}, {0.6, 0.4})}, kTight);
  const auto& p = tree.root().p;
  EXPECT_LT(report.largest_block_error, 1e-9);
  EXPECT_NEAR(p[0] + p[1], 0.3, 1e-9);
  EXPECT_NEAR(p[0] + p[2], 0.6, 1e-9);
  EXPECT_NEAR(p[0] * p[3] / (p[1] * p[2]), 6, 1e-7);
}

TEST_F(FitTest, AnIntervalThatHoldsAlreadyChangesNothing) {
  const auto before = dense_joint(tree_);
  std::vector<MeanConstraint> k{share(tree_, id(3), 1, id(0), 0, 0.0, 1.0)};
  (void)fit(tree_, k, {}, kTight);
  const auto after = dense_joint(tree_);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i], 1e-15);
}

TEST_F(FitTest, IntervalsAreMetAtTheirNearestEnds) {
  std::vector<MeanConstraint> k{share(tree_, id(3), 1, id(0), 0, 0.8, 0.9),
                                share(tree_, id(2), 0, id(1), 1, 0.1, 0.2)};
  const auto report = fit(tree_, k, {block(tree_, {id(1)}, {0.25, 0.75})}, kTight);
  EXPECT_TRUE(report.unmet.empty());
  for (const auto& c : k) {
    EXPECT_GE(constraint_mean(tree_, c), c.lower - 1e-7);
    EXPECT_LE(constraint_mean(tree_, c), c.upper + 1e-7);
  }
}

TEST_F(FitTest, IsTheIProjection) {
  // Pythagoras (Csiszár 1975, theorem 2.2): for every other feasible r, KL(r, q) >= KL(r, p) +
  // KL(p, q).
  const auto q = dense_joint(tree_);
  std::vector<MeanConstraint> k{share(tree_, id(3), 1, id(0), 0, 0.8, 0.9)};
  (void)fit(tree_, k, {block(tree_, {id(1)}, {0.25, 0.75})}, kTight);
  const auto p = dense_joint(tree_);
  JunctionTree other(schema_, {{id(0), id(1), id(2), id(3)}}, {id(0), id(1)});
  for (std::uint64_t seed = 10; seed < 40; ++seed) {
    random_potentials(other, seed);
    std::vector<MeanConstraint> same{share(other, id(3), 1, id(0), 0, 0.8, 0.9)};
    (void)fit(other, same, {block(other, {id(1)}, {0.25, 0.75})}, kTight);
    const auto r = dense_joint(other);
    EXPECT_GE(divergence(r, q), divergence(r, p) + divergence(p, q) - 1e-7);
  }
}

TEST_F(FitTest, JunctionTreeEqualsDenseProjection) {
  JunctionTree dense(schema_, {{id(0), id(1), id(2), id(3)}}, {id(0), id(1)});
  dense.root().p = dense_joint(tree_);
  const auto constraints = [&](const JunctionTree& t) {
    return std::vector<MeanConstraint>{share(t, id(3), 1, id(0), 0, 0.8, 0.9),
                                       share(t, id(2), 0, id(3), 1, 0.3, 0.3)};
  };
  auto a = constraints(tree_), b = constraints(dense);
  (void)fit(tree_, a, {block(tree_, {id(1), id(2)}, {0.1, 0.2, 0.3, 0.4})}, kTight);
  (void)fit(dense, b, {block(dense, {id(1), id(2)}, {0.1, 0.2, 0.3, 0.4})}, kTight);
  const auto p = dense_joint(tree_);
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], dense.root().p[i], 1e-8);
}

/// The I-projection on the full joint, written out: each share's dual by bisection, clipped at
/// zero, cyclically, until nothing moves.
std::vector<double> dense_projection(std::vector<double> p,
                                     const std::vector<std::array<double, 6>>& shares) {
  // share: variable, level, scope variable, scope level, lower, upper; four two-level variables
  const auto bit = [](std::size_t cell, double variable) {
    return static_cast<double>(cell >> (3 - static_cast<std::size_t>(variable)) & 1);
  };
  std::vector<std::array<double, 2>> dual(shares.size(), {0, 0});
  for (int sweep = 0; sweep < 20000; ++sweep) {
    double moved = 0;
    for (std::size_t k = 0; k < shares.size(); ++k)
      for (int side = 0; side < 2; ++side) {
        const auto& s = shares[k];
        const double bound = s[4 + static_cast<std::size_t>(side)], sign = side == 0 ? 1 : -1;
        const auto slope = [&](double t) {
          double h = 0;
          for (std::size_t c = 0; c < 16; ++c)
            if (bit(c, s[2]) == s[3]) {
              const double g = sign * ((bit(c, s[0]) == s[1] ? 1.0 : 0.0) - bound);
              h += p[c] * std::exp(t * g) * g;
            }
          return h;
        };
        double low = -60, high = 60;
        for (int i = 0; i < 200; ++i) (slope((low + high) / 2) > 0 ? high : low) = (low + high) / 2;
        const double t = std::max((low + high) / 2, -dual[k][static_cast<std::size_t>(side)]);
        dual[k][static_cast<std::size_t>(side)] += t;
        moved = std::max(moved, std::abs(t));
        for (std::size_t c = 0; c < 16; ++c)
          if (bit(c, s[2]) == s[3])
            p[c] *= std::exp(t * sign * ((bit(c, s[0]) == s[1] ? 1.0 : 0.0) - bound));
        double sum = 0;
        for (double x : p) sum += x;
        for (double& x : p) x /= sum;
      }
    if (moved < 1e-13) break;
  }
  return p;
}

TEST_F(FitTest, RandomChainsAndRingsEqualTheProjectionOnTheFullJoint) {
  for (std::uint64_t round = 0; round < 40; ++round) {
    const bool ring = round % 2 == 1;
    Stream stream({Seed{round}, purpose("fit models"), {}, {}});
    std::vector<VariableSet> generators{{id(0), id(1)}, {id(1), id(2)}, {id(2), id(3)}};
    if (ring) generators.push_back({id(0), id(3)});
    JunctionTree tree(schema_, generators, {id(0), id(1)});
    random_potentials(tree, 100 + round);
    // Shares that some law has, so that the intervals around them can be met.
    JunctionTree other(schema_, generators, {id(0), id(1)});
    random_potentials(other, 200 + round);
    std::vector<std::array<double, 6>> shares;
    std::vector<MeanConstraint> constraints;
    for (const VariableSet& g : generators) {
      const double scope_level = stream.uniform() < 0.5 ? 0 : 1;
      MeanConstraint k = share(other, g[1], 1, g[0], static_cast<LevelCode>(scope_level), 0, 1);
      const double mean = constraint_mean(other, k), half = 0.02 * stream.uniform();
      shares.push_back({static_cast<double>(index(g[1])), 1, static_cast<double>(index(g[0])),
                        scope_level, mean - half, mean + half});
      constraints.push_back(share(tree, g[1], 1, g[0], static_cast<LevelCode>(scope_level),
                                  mean - half, mean + half));
    }
    const auto wanted = dense_projection(dense_joint(tree), shares);
    (void)fit(tree, constraints, {}, kTight);
    const auto found = dense_joint(tree);
    for (std::size_t c = 0; c < 16; ++c)
      EXPECT_NEAR(found[c], wanted[c], 1e-9) << "round " << round;
  }
}

TEST_F(FitTest, AMarginOfFiniteImportanceYieldsToOneOfInfinite) {
  MeanConstraint hard = share(tree_, id(3), 1, id(0), 0, 0.5, 0.5),
                 soft = share(tree_, id(3), 1, id(0), 0, 0.2, 0.2);
  soft.importance = 3;
  soft.number = 1;
  std::vector<MeanConstraint> k{soft, hard};
  const auto report = fit(tree_, k, {}, {.max_sweeps = 2000, .tolerance = 1e-9});
  EXPECT_NEAR(constraint_mean(tree_, k[1]), 0.5, 1e-6);
  ASSERT_EQ(report.unmet.size(), 1u);
  EXPECT_EQ(report.unmet[0].number, 1u);
  EXPECT_NEAR(report.unmet[0].violation, 0.3, 1e-6);
}

TEST_F(FitTest, AMarginOfSmallImportanceIsMetInPart) {
  // min KL(p || q) + w |share - target| over one share: the dual is at most w, so the tilted odds
  // are the prior odds times exp(w) at most.
  const JunctionTree before = tree_;
  MeanConstraint k = share(tree_, id(3), 1, id(0), 0, 0.99, 0.99);
  const double prior = constraint_mean(before, k);
  k.importance = 0.1;
  std::vector<MeanConstraint> list{k};
  (void)fit(tree_, list, {}, kTight);
  const double found = constraint_mean(tree_, list[0]);
  EXPECT_GT(found, prior);
  EXPECT_LT(found, 0.99);
  EXPECT_NEAR(std::log(found / (1 - found)) - std::log(prior / (1 - prior)), 0.1, 1e-6);
}

TEST_F(FitTest, DivergenceOfTwoTreesIsThatOfTheirJoints) {
  JunctionTree other = tree_;
  random_potentials(other, 77);
  EXPECT_NEAR(divergence(tree_, other), divergence(dense_joint(tree_), dense_joint(other)), 1e-12);
}

TEST_F(FitTest, WhatCannotBeMetIsListedWithItsDistance) {
  MeanConstraint low = share(tree_, id(3), 1, id(0), 0, 0.0, 0.2),
                 high = share(tree_, id(3), 1, id(0), 0, 0.5, 1.0);
  low.number = 0;
  high.number = 1;
  std::vector<MeanConstraint> k{low, high};
  FitOptions options;
  options.max_sweeps = 50;
  const auto report = fit(tree_, k, {}, options);
  ASSERT_FALSE(report.unmet.empty());
  double missed = 0;
  for (const auto& u : report.unmet) missed += u.violation;
  EXPECT_NEAR(missed, 0.3, 1e-6);
}

}  // namespace
}  // namespace steelyard
