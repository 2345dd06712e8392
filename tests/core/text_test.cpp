#include "core/text.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/errors.hpp"

namespace steelyard {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(Suggestion, NamesTheNearestAndIsSilentWhenNothingIsNear) {
  const std::vector<std::string> names{"raking", "none", "region_only"};
  EXPECT_EQ(suggestion("rakng", names), "did you mean \"raking\"?");
  EXPECT_EQ(suggestion("completely different", names), "");
}

TEST(Utf8, AcceptsChineseAndFindsTheBadByte) {
  EXPECT_FALSE(invalid_utf8("灵活就业 abc"));
  EXPECT_EQ(invalid_utf8("ab\xC1\xE9"), 2u);    // GBK bytes
  EXPECT_EQ(invalid_utf8("\xE7\x81"), 0u);      // cut short
  EXPECT_EQ(invalid_utf8("\xED\xA0\x80"), 0u);  // surrogate
}

TEST(ParseNumber, ReadsTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number("1.5"), 1.5);
  EXPECT_EQ(parse_number("-2e3"), -2000);
  EXPECT_TRUE(std::isinf(*parse_number("inf")));
  for (const char* bad : {"", "1,5", "1.5x", "0x1", " 1", "1 2"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(Shortest, ReadsBackAsTheSameDouble) {
  for (double x : {0.1, 1.0 / 3, 1e300, 5894.0 / 26252}) EXPECT_EQ(parse_number(shortest(x)), x);
}

TEST(ReadFile, SaysWhyItCannot) {
  try {
    read_file("/nonexistent/file.csv");
    FAIL();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(),
                 "/nonexistent/file.csv: cannot read: No such file or directory; check the path "
                 "and its permissions");
  }
}

}  // namespace
}  // namespace steelyard
