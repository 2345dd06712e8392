// Cross tables and multiple response against R's survey (tests/golden/README.md), and by hand.

#include "estimators/survey/cross_tables.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "estimators/survey/multiple_response.hpp"
#include "tests/estimators/schools.hpp"

namespace steelyard {
namespace {

using namespace testing;
using nlohmann::json;

TEST_P(SurveyExtra, CrossTables) {
  const World world(GetParam());
  for (const auto& [column, title] : {std::pair{"awards", "awards"}, {"sch_wide", "sch"}}) {
    const CrossTable table = cross_table(world.data, world.stype,
                                         levels(world.csv, column, {"No", "Yes"}), world.options);
    for (const auto& test : table.tests) {
      ASSERT_TRUE(test.ok()) << test.failure().detail;
      const std::string id =
          world.name + "_chisq_stype_" + title + "_" + to_string(test.value().kind);
      const json c = reference(id);
      expect_close(test.value().statistic, c["statistic"][0], id);
      expect_close(test.value().df1, c["parameter"][0], id);
      if (c["parameter"].size() > 1) expect_close(test.value().df2, c["parameter"][1], id);
      expect_close(test.value().p_value, c["p"][0], id);
    }
    if (std::string(column) != "awards") continue;
    const json row = reference(world.name + "_row_share"),
               total = reference(world.name + "_total_share"),
               count = reference(world.name + "_counts");
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 2; ++c) {
        const CrossCell& cell = table.cells[2 * r + c];
        const std::size_t at = 3 * c + r;  // R's tables run down their columns
        expect_close(cell.row_share.estimate, row["estimate"][at], "row share");
        expect_close(cell.row_share.se, row["se"][at], "row share se");
        expect_close(cell.total_share.estimate, total["estimate"][at], "share");
        expect_close(cell.total_share.se, total["se"][at], "share se");
        expect_close(cell.count.estimate, count["estimate"][at], "count");
        if (world.name != "strat" && world.name != "jkn")
          expect_close(cell.count.se, count["se"][at], "count se");
      }
  }
}

TEST_P(SurveyExtra, MultipleResponse) {
  World world(GetParam());
  MultipleResponse question;
  question.name = "improved";
  for (const char* column : {"awards", "sch_wide", "comp_imp"}) {
    const CrossedVariable item = levels(world.csv, column, {"No", "Yes"});
    question.items.push_back(world.data.columns.size());
    question.names.push_back(column);
    world.data.columns.emplace_back(item.code.begin(), item.code.end());
  }
  const auto requests = add_multiple_response(world.data, question);
  const auto respondents = estimate_all(world.data, requests.of_respondents, world.options);
  const auto mentions = estimate_all(world.data, requests.of_mentions, world.options);
  const json a = reference(world.name + "_of_respondents"),
             b = reference(world.name + "_of_mentions");
  for (std::size_t j = 0; j < 3; ++j) {
    expect_close(respondents[j].estimate, a["estimate"][j], "respondents");
    expect_close(respondents[j].se, a["se"][j], "respondents se");
    expect_close(mentions[j].estimate, b["estimate"][j], "mentions");
    expect_close(mentions[j].se, b["se"][j], "mentions se");
  }
}

TEST(MultipleResponse, BlanksCountAsTheQuestionSays) {
  const SurveyDesign design = SurveyDesign::rows(4);
  const double blank = std::nan("");
  SurveyData data = file_of(design, {1, blank, 0, blank}, {1, 1, 1, 1});
  data.columns.push_back({1, 1, 0, blank});
  MultipleResponse question{"media", {0, 1}, {"tv", "web"}};
  const auto loose = add_multiple_response(data, question);
  question.blank = BlankItem::missing;
  const auto strict = add_multiple_response(data, question);
  const EstimateRequest requests[] = {loose.of_respondents[0], loose.of_mentions[0], loose.mentions,
                                      strict.of_respondents[0], strict.of_mentions[0]};
  const auto rows = estimate_all(data, requests, {});
  const double expected[] = {1.0 / 3, 1.0 / 3, 1, 0.5, 0.5};
  for (std::size_t j = 0; j < 5; ++j) EXPECT_DOUBLE_EQ(rows[j].estimate, expected[j]);
  EXPECT_EQ(rows[0].n, 3u);
  EXPECT_EQ(rows[3].n, 2u);
  data.columns[0][2] = 2;
  EXPECT_THROW(add_multiple_response(data, question), UserError);
}

TEST(CrossTables, ATableOfOneRowHasSharesButNoTest) {
  const SurveyDesign design = SurveyDesign::rows(4);
  const SurveyData data = file_of(design, {0, 0, 0, 0}, {1, 1, 1, 1});
  const CrossedVariable row{{0, 0, 0, 2}, {"a", "b"}}, column{{0, 1, 1, 0}, {"c", "d"}};
  const CrossTable table = cross_table(data, row, column, {});
  EXPECT_DOUBLE_EQ(table.cells[1].row_share.estimate, 2.0 / 3);
  EXPECT_TRUE(table.cells[2].row_share.failure);  // nobody in the row
  for (const auto& test : table.tests) {
    ASSERT_FALSE(test.ok());
    EXPECT_EQ(test.failure().detail,
              "a test of independence needs two levels of both variables with respondents; the "
              "table has 1 rows and 2 columns");
  }
}

}  // namespace
}  // namespace steelyard
