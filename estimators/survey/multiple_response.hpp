#pragma once

// Questions with several answers ("name all that apply"), held as one yes/no column an item.

#include <string>
#include <vector>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// What a blank in an item's column means where another item of the question is answered. Where
/// every item is blank the question was not answered, and the row is missing for all of them.
enum class BlankItem {
  not_named,  ///< only the items that were ticked are recorded
  missing,    ///< the whole question counts as unanswered: its number of mentions is unknown
};

struct MultipleResponse {
  std::string name;                ///< of the question
  std::vector<std::size_t> items;  ///< columns of SurveyData, 1 named, 0 not, NaN blank
  std::vector<std::string> names;  ///< of the items
  BlankItem blank = BlankItem::not_named;
};

/// Requests that follow from a question, by item.
struct MultipleResponseRequests {
  std::vector<EstimateRequest> of_respondents;  ///< share of those who answered that name it
  std::vector<EstimateRequest> of_mentions;     ///< share of all mentions that are of it
  EstimateRequest mentions;                     ///< mean number of items named
};

/// Adds the columns that these estimates need to `data`. Shares of respondents are proportions;
/// shares of mentions are ratios Σ w y_j / Σ w Σ_j y_j, whose variance is that of a ratio: several
/// mentions of one respondent are not independent. Cost O(n items), n (items + 1) doubles.
/// Source: Rao & Scott (1981), JASA 76, 221-230 (on why mentions are not multinomial).
/// Throws UserError if a value is neither 0, 1 nor missing.
MultipleResponseRequests add_multiple_response(SurveyData& data, const MultipleResponse& question);

}  // namespace steelyard
