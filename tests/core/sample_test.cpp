#include "core/sample.hpp"

#include <gtest/gtest.h>

namespace steelyard {
namespace {

class SampleTest : public ::testing::Test {
 protected:
  SampleTest() {
    for (const char* name : {"region", "sex"}) {
      Variable v;
      v.name = name;
      v.levels = {"a", "b"};
      schema_.add(v);
    }
    Variable age;
    age.name = "age";
    age.levels = {"young", "middle", "old"};
    schema_.add(age);
    sample_.schema = &schema_;
    sample_.n = 5;
    sample_.columns = {{0, 0, 1, 1, 0}, {0, 1, 1, 1, 0}, {2, 0, 1, 1, 2}};
  }
  Schema schema_;
  Sample sample_;
};

TEST_F(SampleTest, RespondentsCollapseIntoOccupiedCells) {
  const std::vector<VariableId> all{schema_.id(0), schema_.id(1), schema_.id(2)};
  const CellIndex index = make_cell_index(sample_, all);
  ASSERT_EQ(index.cells, 3u);
  EXPECT_EQ(index.cell_of, (std::vector<std::uint32_t>{0, 1, 2, 2, 0}));
  EXPECT_EQ(index.weight, (std::vector<double>{2, 1, 2}));
  EXPECT_EQ(index.code(0, 2), 2);
  EXPECT_EQ(index.code(2, 0), 1);
}

TEST_F(SampleTest, BaseWeightsAreSummed) {
  sample_.base_weights = {1, 2, 3, 4, 5};
  const std::vector<VariableId> region{schema_.id(0)};
  const CellIndex index = make_cell_index(sample_, region);
  EXPECT_EQ(index.weight, (std::vector<double>{8, 7}));
  EXPECT_EQ(index.weight_squared, (std::vector<double>{30, 25}));
}

TEST_F(SampleTest, GroupsFollowTheLevelsOfTheVariablesNamed) {
  const std::vector<VariableId> all{schema_.id(0), schema_.id(1), schema_.id(2)};
  const CellIndex index = make_cell_index(sample_, all);
  const std::vector<VariableId> margin{schema_.id(1), schema_.id(2)};
  const CellGroups groups = group_cells(index, schema_, margin);
  EXPECT_EQ(groups.groups, 6u);
  EXPECT_EQ(groups.group_of, (std::vector<std::uint32_t>{2, 3, 4}));
}

TEST_F(SampleTest, BenchmarkMarginsAreSummedOutOfLargerTables) {
  Benchmarks benchmarks(schema_);
  benchmarks.add({{schema_.id(0), schema_.id(2)}, {1, 2, 3, 10, 20, 30}});
  const std::vector<VariableId> region{schema_.id(0)}, age{schema_.id(2)},
      swapped{schema_.id(2), schema_.id(0)}, sex{schema_.id(1)};
  EXPECT_EQ(benchmarks.margin(region), (std::vector<double>{6, 60}));
  EXPECT_EQ(benchmarks.margin(age), (std::vector<double>{11, 22, 33}));
  EXPECT_EQ(benchmarks.margin(swapped), (std::vector<double>{1, 10, 2, 20, 3, 30}));
  EXPECT_FALSE(benchmarks.margin(sex));
}

}  // namespace
}  // namespace steelyard
