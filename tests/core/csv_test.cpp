#include "core/csv.hpp"

#include <gtest/gtest.h>

#include "core/errors.hpp"

namespace steelyard {
namespace {

std::string message(std::string_view text) {
  try {
    CsvFile::parse(text, "t.csv");
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Csv, ReadsQuotesNewlinesByteOrderMarkAndCrlf) {
  const CsvFile f = CsvFile::parse(
      "\xEF\xBB\xBF"
      "a,b\r\n\"x, \"\"y\"\"\",1\r\n\"two\nlines\",2\r\nlast,3",
      "t.csv");
  ASSERT_EQ(f.rows(), 3u);
  EXPECT_EQ(f.field(0, 0), "x, \"y\"");
  EXPECT_EQ(f.field(1, 0), "two\nlines");
  EXPECT_EQ(f.field(2, 0), "last");
  EXPECT_EQ(f.line(2), 5);
  EXPECT_EQ(f.number(2, 1), 3);
}

TEST(Csv, FaultsNameFileAndLine) {
  EXPECT_EQ(message(""), "t.csv: is empty; give a header row and at least one row");
  EXPECT_EQ(message("a,b\n"), "t.csv: has a header and no rows; add at least one row");
  EXPECT_EQ(message("a,b\n1,2\n1,2,3\n"),
            "t.csv:3: 3 columns, the header has 2; quote fields that hold a comma");
  EXPECT_EQ(message("a,a\n1,2\n"), "t.csv:1: column \"a\" stands twice; rename or remove one");
  EXPECT_EQ(message("a,b\n1,\"2\n"), "t.csv:2: a quote is never closed; close it, or double it");
  EXPECT_EQ(message("a,b\n1,\"2\"x\n"),
            "t.csv:2: text after a closing quote; double the quotes inside a quoted field");
  EXPECT_EQ(message("a,b\n1,2\n\xC1\xE9,2\n"),
            "t.csv:3: is not UTF-8; convert it, for instance: iconv -f GB18030 -t UTF-8");
}

TEST(Csv, UnknownColumnNamesTheNearest) {
  const CsvFile f = CsvFile::parse("province,persons\nx,1\n", "t.csv");
  try {
    (void)f.column("person");
    FAIL();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "t.csv:1: has no column \"person\"; did you mean \"persons\"?");
  }
}

TEST(Csv, NumbersAreReadCompletelyOrRefused) {
  const CsvFile f = CsvFile::parse("a\n\"1,234\"\nnan\n", "t.csv");
  for (std::size_t row = 0; row < 2; ++row) EXPECT_THROW((void)f.number(row, 0), UserError);
}

}  // namespace
}  // namespace steelyard
