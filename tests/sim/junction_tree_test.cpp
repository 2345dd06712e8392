#include "sim/population/junction_tree.hpp"

#include "tests/sim/small_world.hpp"

namespace steelyard {
namespace {

using testing::chain_schema;
using testing::dense_joint;
using testing::random_potentials;

VariableId id(std::size_t i) { return VariableId{static_cast<std::uint16_t>(i)}; }

TEST(JunctionTree, HoldsEveryGeneratorInOneClique) {
  const Schema schema = chain_schema(6, 2);
  // A loop of six: not decomposable, so it must be triangulated.
  std::vector<VariableSet> loop;
  for (std::size_t i = 0; i < 6; ++i) loop.push_back({id(i), id((i + 1) % 6)});
  const JunctionTree tree(schema, loop, {id(0), id(1)});
  for (const VariableSet& g : loop) EXPECT_LT(tree.home(g), tree.cliques().size());
  for (const Clique& c : tree.cliques()) EXPECT_LE(c.variables.size(), 3u);
}

TEST(JunctionTree, HasTheRunningIntersectionProperty) {
  const Schema schema = chain_schema(8, 2);
  const JunctionTree tree(schema,
                          {{id(0), id(1), id(2)},
                           {id(2), id(3)},
                           {id(3), id(4)},
                           {id(4), id(2)},
                           {id(5), id(0)},
                           {id(6), id(7)},
                           {id(7), id(5)}},
                          {id(0), id(2)});
  for (std::size_t i = 1; i < tree.cliques().size(); ++i) {
    const Clique& c = tree.cliques()[i];
    EXPECT_LT(c.parent, i);
    for (VariableId v : c.variables)  // seen before: then it is in the parent
      for (std::size_t j = 0; j < i; ++j)
        EXPECT_TRUE(!tree.cliques()[j].contains({&v, 1}) ||
                    tree.cliques()[c.parent].contains({&v, 1}));
  }
}

TEST(JunctionTree, CalibrationGivesTheMarginalsOfTheProduct) {
  const Schema schema = chain_schema(5, 3);
  JunctionTree tree(
      schema, {{id(0), id(1)}, {id(1), id(2)}, {id(2), id(3)}, {id(3), id(0)}, {id(3), id(4)}},
      {id(0), id(1)});
  random_potentials(tree, 1);
  const auto joint = dense_joint(tree);
  double sum = 0;
  for (double p : joint) sum += p;
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(JunctionTree, QueriesEqualDenseSums) {
  const Schema schema = chain_schema(6, 2);
  JunctionTree tree(
      schema, {{id(0), id(1)}, {id(1), id(2)}, {id(2), id(3)}, {id(3), id(4)}, {id(4), id(5)}},
      {id(2), id(3)});
  random_potentials(tree, 2);
  const auto joint = dense_joint(tree);
  const Domain domain{{id(5), {1}}, {id(1), {0}}};
  const std::vector<VariableId> targets{id(0), id(4)};  // at opposite ends
  std::vector<double> expected(4, 0.0);
  for (std::size_t cell = 0; cell < joint.size(); ++cell) {
    const auto bit = [&](std::size_t v) { return (cell >> (5 - v)) & 1; };
    if (bit(5) == 1 && bit(1) == 0) expected[bit(0) * 2 + bit(4)] += joint[cell];
  }
  const auto got = tree.query(domain, targets);
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(got[k], expected[k], 1e-14);
}

TEST(JunctionTree, StoresNoCellThatTheUniverseForbids) {
  Schema schema = chain_schema(1, 2);
  Variable occupation;
  occupation.name = "occupation";
  occupation.levels = {"a", "b"};
  occupation.universe = {{id(0), {0}}};
  schema.add(occupation);
  Variable grouping;
  grouping.name = "grouping";
  grouping.levels = {"x", "y"};
  grouping.group_of = id(0);
  grouping.group_map = {1, 0};
  schema.add(grouping);
  const JunctionTree tree(schema, {{id(0), id(1), id(2)}}, {id(0)});
  ASSERT_EQ(tree.cliques().size(), 1u);
  EXPECT_EQ(tree.root().cells, 3u);  // (0, a, y), (0, b, y), (1, not applicable, x)
  EXPECT_EQ(tree.root().code(2, 1), 2);
  EXPECT_EQ(tree.root().code(2, 2), 0);
}

TEST(JunctionTree, ATableTooLargeForMemoryNamesItsVariables) {
  const Schema schema = chain_schema(27, 2);
  VariableSet all;
  for (std::size_t i = 0; i < 27; ++i) all.push_back(id(i));
  try {
    const JunctionTree tree(schema, {all}, {id(0)});
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("v0, v1, v2"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("more than 2^24 cells"), std::string::npos);
  }
}

}  // namespace
}  // namespace steelyard
