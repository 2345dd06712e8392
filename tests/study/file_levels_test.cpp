#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "study/file_questions.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Spelling {
  const char* level;
  double lower, upper;
};

class LevelsThatSayTheirBucket : public testing::TestWithParam<Spelling> {};

TEST_P(LevelsThatSayTheirBucket, AreRead) {
  const Spelling& expected = GetParam();
  const auto limits = read_bucket(expected.level);
  ASSERT_TRUE(limits) << expected.level;
  EXPECT_EQ(limits->lower, expected.lower) << expected.level;
  EXPECT_EQ(limits->upper, expected.upper) << expected.level;
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, LevelsThatSayTheirBucket,
    testing::Values(
        Spelling{"0-2000", 0, 2000}, Spelling{"2,000 to 5,000", 2000, 5000},
        Spelling{"2000_5000", 2000, 5000}, Spelling{"under_2000", 0, 2000},
        Spelling{"Over_20000", 20000, kInfinity}, Spelling{"at least 20000", 20000, kInfinity},
        Spelling{"20000+", 20000, kInfinity}, Spelling{"-100-0", -100, 0},
        Spelling{"1.5-2.5", 1.5, 2.5}, Spelling{"<= 40", 0, 40}, Spelling{"2000元以下", 0, 2000},
        Spelling{"5000-8000元", 5000, 8000}, Spelling{"8000-2万元", 8000, 20000},
        Spelling{"1-2万元", 10000, 20000}, Spelling{"1.5万至2万元", 15000, 20000},
        Spelling{"2万元以上", 20000, kInfinity}, Spelling{"20000元及以上", 20000, kInfinity},
        Spelling{"超过2万元", 20000, kInfinity}, Spelling{"不足2000元", 0, 2000}));

TEST(LevelsThatSayNoBucket, AreNotGuessed) {
  for (const char* level : {"", "better", "2000", "a_b", "no_answer", "over", "_2000", "万", "以上"})
    EXPECT_FALSE(read_bucket(level)) << level;
}

}  // namespace
}  // namespace steelyard
