#include "estimators/survey/multiple_response.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace steelyard {

MultipleResponseRequests add_multiple_response(SurveyData& data, const MultipleResponse& question) {
  EXPECTS(question.items.size() == question.names.size() && !question.items.empty());
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::size_t items = question.items.size();
  std::vector<std::vector<double>> named(items, std::vector<double>(data.n));
  std::vector<double> mentions(data.n);
  for (std::size_t i = 0; i < data.n; ++i) {
    std::size_t blanks = 0;
    for (std::size_t j = 0; j < items; ++j) {
      const double value = data.columns[question.items[j]][i];
      if (std::isnan(value))
        ++blanks;
      else if (value != 0 && value != 1)
        throw UserError({}, question.name,
                        fmt::format("item \"{}\" is {:g} in row {}; an item is 1 (named), 0 (not "
                                    "named) or missing",
                                    question.names[j], value, i + 1),
                        "recode the item's column to 0 and 1");
    }
    const bool missing = blanks == items || (blanks > 0 && question.blank == BlankItem::missing);
    for (std::size_t j = 0; j < items; ++j) {
      const double value = data.columns[question.items[j]][i];
      named[j][i] = missing ? kNan : std::isnan(value) ? 0.0 : value;
      mentions[i] = (j == 0 ? 0.0 : mentions[i]) + named[j][i];
    }
  }
  MultipleResponseRequests out;
  const std::size_t first = data.columns.size();
  const std::size_t all = first + items;
  for (std::size_t j = 0; j < items; ++j) {
    data.columns.push_back(std::move(named[j]));
    EstimateRequest share;
    share.statistic = SurveyStatistic::proportion;
    share.variable = question.name;
    share.level = question.names[j];
    share.y = first + j;
    out.of_respondents.push_back(share);
    share.statistic = SurveyStatistic::ratio;
    share.x = all;
    out.of_mentions.push_back(share);
  }
  data.columns.push_back(std::move(mentions));
  out.mentions.statistic = SurveyStatistic::mean;
  out.mentions.variable = question.name;
  out.mentions.y = all;
  return out;
}

}  // namespace steelyard
