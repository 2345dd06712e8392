#include "core/sums.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace steelyard {
namespace {

TEST(Sum, KeepsWhatAPlainSumLoses) {
  const std::vector<double> values{1, 1e100, 1, -1e100};
  EXPECT_EQ(total(values), 2);
}

TEST(Sum, MergesToTheSameSum) {
  Sum a, b;
  a.add(1e16);
  b.add(1);
  b.add(-1e16);
  a.merge(b);
  EXPECT_EQ(a.value(), 1);
}

TEST(Moments, AgreeWithHandArithmetic) {
  Moments m;
  for (double x : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) m.add(x);
  EXPECT_DOUBLE_EQ(m.mean(), 5);
  EXPECT_DOUBLE_EQ(m.variance(), 32.0 / 7);
}

TEST(Moments, MergedPartsEqualTheWhole) {
  Moments whole, left, right;
  for (int i = 0; i < 100; ++i) {
    const double x = 1e6 + i * i * 0.37;
    whole.add(x);
    (i < 31 ? left : right).add(x);
  }
  left.merge(right);
  EXPECT_EQ(left.n(), whole.n());
  EXPECT_NEAR(left.mean(), whole.mean(), 1e-9);
  EXPECT_NEAR(left.variance(), whole.variance(), 1e-6);
}

}  // namespace
}  // namespace steelyard
