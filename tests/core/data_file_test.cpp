#include "core/data_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/message.hpp"

namespace steelyard {
namespace {

using As = ColumnRequest::As;

/// The messages' remedies are tested where they are the point.
bool has(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

DataFile over(std::string_view text) { return DataFile::over(text, "d.csv"); }

std::vector<std::string> texts(const DataFile& file, const std::string& column, int threads = 1) {
  const LevelColumn read =
      file.read(std::vector<ColumnRequest>{{column, As::levels}}, threads)[0].levels;
  std::vector<std::string> out;
  for (std::uint16_t code : read.codes)
    out.push_back(code == kMissingCode ? "(none)" : read.levels[code]);
  return out;
}

std::vector<double> numbers(const DataFile& file, const std::string& column, int threads = 1) {
  return file.read(std::vector<ColumnRequest>{{column, As::numbers}}, threads)[0].numbers;
}

std::string fault(std::string_view text, const std::string& column = "a", As as = As::levels,
                  int threads = 1) {
  return message([&] { over(text).read(std::vector<ColumnRequest>{{column, as}}, threads); });
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in = text, out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

using Texts = std::vector<std::string>;

TEST(DataFile, ReadsByteOrderMarkCrlfQuotesAndAnUnendedLastLine) {
  const DataFile f = over(
      "\xEF\xBB\xBF"
      "a,\"b\"\r\n\"x, \"\"y\"\"\",1\r\n\"two\r\nlines\",2\r\n\r\n\nlast,3");
  EXPECT_EQ(f.header()[0], "a");
  EXPECT_EQ(f.header()[1], "b");
  EXPECT_EQ(f.header_record(), "a,\"b\"");
  EXPECT_EQ(texts(f, "a"), (Texts{"x, \"y\"", "two\r\nlines", "last"}));
  EXPECT_EQ(f.rows(), 3u);
  EXPECT_EQ(numbers(f, "b"), (std::vector<double>{1, 2, 3}));
}

TEST(DataFile, LevelsAreInAlphabeticalOrder) {
  const DataFile f = over("a\nz\nb\nz\na\n");
  const auto read = f.read(std::vector<ColumnRequest>{{"a", As::levels}, {"a", As::ids}}, 1);
  EXPECT_EQ(read[0].levels.levels, (Texts{"a", "b", "z"}));
  EXPECT_EQ(read[0].levels.codes, (std::vector<std::uint16_t>{2, 1, 2, 0}));
  EXPECT_EQ(read[1].ids[0], read[1].ids[2]);
  EXPECT_NE(read[1].ids[0], read[1].ids[1]);
}

TEST(DataFile, SemicolonsAndTabsSeparateWhereNoCommaDoes) {
  EXPECT_EQ(texts(over("a;b\n\"x;1\";2\n"), "a"), Texts{"x;1"});
  EXPECT_EQ(texts(over("a\tb\nx,1\t2\n"), "a"), Texts{"x,1"});
  EXPECT_EQ(texts(over("a,b;c\nx,1;2\n"), "b;c"), Texts{"1;2"});
}

TEST(DataFile, ALastLineOfACarriageReturnIsEmpty) {
  const DataFile f = over("a\r\nx\r\n\r");
  EXPECT_EQ(texts(f, "a"), Texts{"x"});
  std::size_t records = 0;
  f.each_record([&](std::size_t, std::string_view) { ++records; });
  EXPECT_EQ(records, 1u);
  EXPECT_EQ(texts(over("a,b\r\n1,\"x\"\r"), "b"), Texts{"x"});
}

TEST(DataFile, RecordsAndFieldsAreTheRows) {
  const DataFile f = over("a,b\n\"x\ny\",1\n\nNA,\"2\"\"\"\r\nz\r\r\n");
  EXPECT_TRUE(has(fault("a,b\nz\r\r\n"), "d.csv:2"));
  Texts records, fields;
  over("a,b\n\"x\ny\",1\n\nNA,\"2\"\"\"\r\n").each_record([&](std::size_t, std::string_view r) {
    records.emplace_back(r);
  });
  EXPECT_EQ(records, (Texts{"\"x\ny\",1", "NA,\"2\"\"\""}));
  const DataFile g = over("a,b\n\"x\ny\",1\nNA,p\r\r\n");
  g.each_field(1, [&](std::size_t, std::string_view t) { fields.emplace_back(t); });
  EXPECT_EQ(fields, texts(g, "b"));
}

TEST(DataFile, UnpacksGzip) {
  const std::string head = "a,b\nx,1\n", rest = "y,2\n";
  EXPECT_EQ(texts(over(gzip(head)), "a"), Texts{"x"});
  EXPECT_EQ(texts(over(gzip(head) + gzip(rest)), "a"), (Texts{"x", "y"}));
  const std::string packed = gzip(head + rest);
  for (std::size_t cut : {3ul, packed.size() / 2, packed.size() - 1})
    EXPECT_TRUE(has(message([&] { over(packed.substr(0, cut)); }), "damaged or truncated gzip"))
        << cut;
  EXPECT_TRUE(has(message([&] { over(packed + "rest"); }), "damaged or truncated gzip"));
}

TEST(DataFile, OpensFilesAndSaysWhyNot) {
  const auto path = std::filesystem::path(testing::TempDir()) / "data_file_test.csv.gz";
  std::ofstream(path, std::ios::binary) << gzip("a,b\nx,1\n");
  EXPECT_EQ(texts(DataFile::open(path), "a"), Texts{"x"});
  std::ofstream(path, std::ios::binary) << "";
  EXPECT_TRUE(has(message([&] { DataFile::open(path); }), "is empty"));
  std::filesystem::remove(path);
  EXPECT_TRUE(has(message([&] { DataFile::open(path); }), "No such file"));
  EXPECT_TRUE(has(message([&] { DataFile::open(testing::TempDir()); }), "it is a folder"));
}

TEST(DataFile, HeaderAloneOrNothingIsRefused) {
  EXPECT_TRUE(has(fault("a,b\n"), "has a header but no rows"));
  EXPECT_TRUE(has(fault("a,b\r\n\r\n\n"), "has a header but no rows"));
  EXPECT_TRUE(has(fault(" \n"), "is empty"));
}

TEST(DataFile, TitlesAreThereAndDiffer) {
  EXPECT_TRUE(has(fault("a,b,a\n1,2,3\n"), "d.csv:1: column \"a\" stands twice"));
  EXPECT_TRUE(has(fault("a,,c\n1,2,3\n"), "d.csv:1: column 2 has no name"));
  EXPECT_TRUE(has(fault("region,sex\n1,2\n", "regoin"), "did you mean \"region\"?"));
  EXPECT_TRUE(has(fault("region,sex\n1,2\n", "income"), "the columns are: region, sex"));
}

TEST(DataFile, RaggedRowsNameTheirLine) {
  EXPECT_TRUE(has(fault("a,b\n1,2\n3\n"), "d.csv:3: has 1 fields, the header has 2"));
  EXPECT_TRUE(has(fault("a,b\n\"1\n1\",2\n\n3,4,5\n"), "d.csv:5: has 3 fields"));
  EXPECT_TRUE(has(fault("\"a\",\"b\nb\"\n1,2\n3\n"), "d.csv:4: has 1 fields"));
}

/// Rows of 16 bytes; every second record holds a line end, so it stands on two lines.
std::string long_text(std::size_t records) {
  std::string text = "a,b\n";
  for (std::size_t i = 0; i < records; ++i) {
    const std::string n = std::to_string(100000 + i);
    text += i % 2 == 0 ? "\"l\n" + n.substr(5) + "\"," + n + "\n"
                       : "lev" + n.substr(5) + "," + n + "\n";
  }
  return text;
}

TEST(DataFile, ThreadsReadTheSame) {
  const std::string text = long_text(30000);
  ASSERT_GT(text.size(), 3u << 16);
  const std::vector<ColumnRequest> all = {{"a", As::levels}, {"b", As::numbers}, {"a", As::ids}};
  const DataFile f = over(text);
  const auto one = f.read(all, 1);
  ASSERT_EQ(one[1].numbers.size(), 30000u);
  EXPECT_EQ(one[1].numbers[29999], 129999);
  for (int threads : {2, 3}) {
    const auto more = f.read(all, threads);
    EXPECT_EQ(more[0].levels.levels, one[0].levels.levels);
    EXPECT_EQ(more[0].levels.codes, one[0].levels.codes);
    EXPECT_EQ(more[1].numbers, one[1].numbers);
    EXPECT_EQ(more[2].ids, one[2].ids);
  }
}

TEST(DataFile, FaultsInALaterChunkNameTheirLine) {
  // 25,000 records on 37,500 lines below the header; the next line is 37,502.
  const std::string text = long_text(25000) + "x\n" + long_text(5000).substr(4);
  for (int threads : {1, 2, 3}) {
    EXPECT_TRUE(has(fault(text, "a", As::levels, threads), "d.csv:37502: has 1 fields")) << threads;
    EXPECT_TRUE(has(fault(long_text(25000) + "x,\"1\n2", "a", As::levels, threads),
                    "d.csv:37502: has a quoted field that never ends"));
  }
}

TEST(DataFile, QuotesStandRight) {
  EXPECT_TRUE(has(fault("a,b\nx,\"y\n"), "d.csv:2: has a quoted field that never ends"));
  EXPECT_TRUE(has(fault("a,b\nx,\"y\"z\n"), "d.csv:2: has text after a closing quote"));
  EXPECT_TRUE(has(fault("a,b\nx,y\"z\n"), "d.csv:2: has a quote inside an unquoted field"));
}

TEST(DataFile, OtherEncodingsAreNamed) {
  EXPECT_TRUE(has(fault("a\n\xC4\xD0\n"), "iconv -f GB18030 -t UTF-8 d.csv"));
  EXPECT_TRUE(has(fault("a\n\xC4\xD0\n", "a", As::numbers), "d.csv:2: is not valid UTF-8"));
  EXPECT_TRUE(has(fault("\xD0\xD4\xB1\xF0,a\n1,2\n"), "d.csv:1: is not valid UTF-8"));
  EXPECT_TRUE(has(fault(std::string_view("\xFF\xFE"
                                         "a\0\n\0",
                                         6)),
                  "iconv -f UTF-16 -t UTF-8 d.csv"));
}

TEST(DataFile, NumbersAreWholeAndFinite) {
  const auto n = numbers(over("a\n1\n +2.5e3\n-.5\n\"7\"\n"), "a");
  EXPECT_EQ(n, (std::vector<double>{1, 2500, -0.5, 7}));
  for (const char* text : {"NaN", "inf", "-inf", "1e999"})
    EXPECT_TRUE(has(fault(std::string("a\n") + text + "\n", "a", As::numbers),
                    "which is not a finite number"))
        << text;
  for (const char* text : {"1x", "+-5", "++5", "+", "0x10", "1 000"})
    EXPECT_TRUE(
        has(fault(std::string("a\n") + text + "\n", "a", As::numbers), "which is not a number"))
        << text;
  EXPECT_TRUE(
      has(fault("a\n\"1,000\"\n", "a", As::numbers), "write numbers without thousands separators"));
}

TEST(DataFile, NothingNaAndAPointAreNoAnswer) {
  const DataFile f = over("a,b\n,1\nNA,2\n.,3\n\"\",4\nna,5\n");
  EXPECT_EQ(texts(f, "a"), (Texts{"(none)", "(none)", "(none)", "(none)", "na"}));
  const auto n = numbers(over("a,b\n,1\n NA ,2\n.,3\n4,5\n"), "a");
  ASSERT_EQ(n.size(), 4u);
  EXPECT_TRUE(std::isnan(n[0]) && std::isnan(n[1]) && std::isnan(n[2]));
  EXPECT_EQ(n[3], 4);
  const auto ids = f.read(std::vector<ColumnRequest>{{"a", As::ids}}, 1)[0].ids;
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{kMissingId, kMissingId, kMissingId, kMissingId, 0}));
}

TEST(DataFile, LevelsHaveALimitAndIdsDoNot) {
  const auto with = [](std::size_t levels) {
    std::string text = "a\n";
    for (std::size_t i = 0; i < levels; ++i) text += std::to_string(i) + "\n";
    return text;
  };
  for (int threads : {1, 3}) {
    EXPECT_EQ(fault(with(65534), "a", As::levels, threads), "no error");
    EXPECT_TRUE(has(fault(with(65535), "a", As::levels, threads), "more than 65,534 levels"));
    EXPECT_EQ(fault(with(65535), "a", As::ids, threads), "no error");
  }
}

}  // namespace
}  // namespace steelyard
