#include "core/config.hpp"

#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "tests/message.hpp"

namespace steelyard {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  ConfigReader read(std::string_view text) {
    table_ = toml::parse(text);
    return ConfigReader(table_, "s.toml", "response");
  }
  toml::table table_;
};

TEST_F(ConfigTest, ReadsEveryKindOfOption) {
  ConfigReader c = read(
      "name = \"x\"\nrate = 0.5\nn = 3\non = true\nlist = [\"a\", \"b\"]\nnumbers = [1, "
      "2.5]\nnested = [\"a\", [\"b\", \"c\"]]\n");
  EXPECT_EQ(c.text("name"), "x");
  EXPECT_EQ(c.real("rate", {.min = 0, .max = 1}), 0.5);
  EXPECT_EQ(c.integer("n"), 3);
  EXPECT_TRUE(c.flag("on", false));
  EXPECT_EQ(c.texts("list"), (Texts{"a", "b"}));
  EXPECT_EQ(c.reals("numbers"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(c.text_lists("nested"), (std::vector<Texts>{{"a"}, {"b", "c"}}));
  EXPECT_EQ(c.real("absent", {.fallback = 7}), 7);
  EXPECT_NO_THROW(c.finish());
}

TEST_F(ConfigTest, UnknownKeyNamesTheNearest) {
  ConfigReader c = read("respone_rate = 0.5\n");
  (void)c.real("response_rate", {.fallback = 1});
  EXPECT_EQ(
      message([&] { c.finish(); }),
      "s.toml:1:16: [response] unknown key \"respone_rate\"; did you mean \"response_rate\"?");
}

TEST_F(ConfigTest, WrongValuesAreNamed) {
  ConfigReader c = read("rate = 1.5\nn = 2.5\nname = 3\nkind = \"rakin\"\n");
  EXPECT_EQ(message([&] { (void)c.real("rate", {.min = 0, .max = 1}); }),
            "s.toml:1:8: [response] \"rate\" = 1.5 is out of range; allowed: 0 to 1");
  EXPECT_EQ(message([&] { (void)c.integer("n"); }),
            "s.toml:2:5: [response] \"n\" must be a whole number");
  EXPECT_EQ(message([&] { (void)c.text("name"); }),
            "s.toml:3:8: [response] \"name\" must be a text in quotes");
  EXPECT_EQ(message([&] {
              (void)c.text("kind", {.choices = {"raking", "none"}});
            }),
            "s.toml:4:8: [response] \"kind\" = \"rakin\" is not one of: raking, none; did you mean "
            "\"raking\"?");
  EXPECT_EQ(message([&] { (void)c.real("absent"); }),
            "s.toml:1:1: [response] key \"absent\" is missing; add it");
}

TEST(Config, DocumentingReaderRecordsOptions) {
  ConfigReader c = ConfigReader::documenting();
  EXPECT_EQ(c.real("tolerance", {.min = 0, .fallback = 1e-10, .help = "when to stop"}), 1e-10);
  (void)c.texts("margins", {.help = "what to meet"});
  ASSERT_EQ(c.records().size(), 2u);
  EXPECT_EQ(c.records()[0].range, "at least 0");
  EXPECT_EQ(c.records()[0].fallback, "1e-10");
  EXPECT_EQ(c.records()[1].fallback, "required");
}

}  // namespace
}  // namespace steelyard
