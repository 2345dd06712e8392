#include "study/file_questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// "level=value,...", split at the last = of each, since a level may have one.
ScoredQuestion parse_pairs(const std::string& text, const std::string& option,
                           const std::string& form, const std::string& example, auto&& take) {
  const auto parts = name_and_rest(text, ':');
  const UserError malformed({}, option, "\"" + text + "\" is not " + form, example);
  if (!parts) throw malformed;
  ScoredQuestion out{option, parts->first, {}};
  for (const std::string& pair : split_quoted(parts->second, ',')) {
    const std::size_t equals = pair.rfind('=');
    if (equals == std::string::npos || equals == 0) throw malformed;
    take(out, std::string(trim(pair.substr(0, equals))),
         std::string(trim(pair.substr(equals + 1))));
  }
  return out;
}

}  // namespace

std::vector<std::string> split_quoted(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"')
      quoted = !quoted;
    else if (c == separator && !quoted)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  for (std::string& part : parts) part = std::string(trim(part));
  return parts;
}

std::optional<std::pair<std::string, std::string>> name_and_rest(const std::string& text,
                                                                 char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string::npos) return std::nullopt;
  std::pair out{std::string(trim(text.substr(0, at))), std::string(trim(text.substr(at + 1)))};
  if (out.first.empty() || out.second.empty()) return std::nullopt;
  return out;
}

ScoredQuestion parse_index(const std::string& text) {
  const std::string option = "--index";
  ScoredQuestion out = parse_pairs(
      text, option, "column:level=score,level=score,...",
      "for instance --index 'outlook:better=1,same=0,worse=-1,no idea=none'",
      [&](ScoredQuestion& question, std::string level, const std::string& score) {
        const auto value = parse_number(score);
        if (score != "none" && !(value && std::isfinite(*value)))
          throw UserError(
              {}, option,
              fmt::format("the score \"{}\" of level \"{}\" is not a number", score, level),
              "write a number, or none for answers without an opinion");
        question.scores.emplace_back(std::move(level), score == "none" ? kNan : *value);
      });
  double lowest = kInfinity, highest = -kInfinity;
  for (const auto& [level, score] : out.scores)
    if (!std::isnan(score)) {
      lowest = std::min(lowest, score);
      highest = std::max(highest, score);
    }
  if (!(lowest < highest))
    throw UserError({}, option,
                    fmt::format("{} has no two levels with different scores", out.column),
                    "an index needs an answer that is higher than another");
  return out;
}

ScoredQuestion parse_up_same_down(const std::string& text) {
  const std::string option = "--carlson-parkin";
  const std::string example =
      "for instance --carlson-parkin 'prices:up=rise|rise a lot,same=no change,down=fall'";
  bool seen[3] = {};
  ScoredQuestion out = parse_pairs(
      text, option, "column:up=level|level,same=...,down=...", example,
      [&](ScoredQuestion& question, const std::string& side, const std::string& levels) {
        const std::string sides[] = {"up", "same", "down"};
        const auto at = std::find(std::begin(sides), std::end(sides), side) - std::begin(sides);
        if (at == 3 || seen[at])
          throw UserError({}, option,
                          fmt::format("\"{}\" is {}", side,
                                      at == 3 ? "not one of up, same, down" : "given twice"),
                          example);
        seen[at] = true;
        for (const std::string& level : split_quoted(levels, '|'))
          question.scores.emplace_back(level, 1.0 - static_cast<double>(at));
      });
  for (std::size_t side = 0; side < 3; ++side)
    if (!seen[side])
      throw UserError({}, option,
                      fmt::format("{} has no level for {}", out.column,
                                  side == 0   ? "up"
                                  : side == 1 ? "same"
                                              : "down"),
                      example);
  return out;
}

std::vector<std::string> FileQuestions::columns() const {
  std::vector<std::string> out;
  for (const auto* list : {&indices, &quantified})
    for (const ScoredQuestion& question : *list) out.push_back(question.column);
  for (const auto* list : {&bucketed, &regressed, &imputed})
    for (const BucketedQuestion& question : *list) out.push_back(question.column);
  return out;
}

std::pair<std::size_t, std::size_t> parse_change(const std::string& text,
                                                 const std::vector<ScoredQuestion>& indices) {
  const std::vector<std::string> names = split_quoted(text, ',');
  if (names.size() != 2 || names[0] == names[1])
    throw UserError({}, "--index-change", "\"" + text + "\" is not two columns a,b",
                    "for instance --index-change current,expected: expected minus current");
  const auto number = [&](const std::string& name) {
    std::vector<std::string> columns;
    for (const ScoredQuestion& question : indices) columns.push_back(question.column);
    const auto at = std::find(columns.begin(), columns.end(), name);
    if (at == columns.end()) {
      const std::string nearest = suggestion(name, columns);
      throw UserError({}, "--index-change", "\"" + name + "\" has no --index",
                      nearest.empty() ? "pass --index '" + name + ":level=score,...'" : nearest);
    }
    return static_cast<std::size_t>(at - columns.begin());
  };
  return {number(names[0]), number(names[1])};
}

FileQuestions parse_questions(const IndexRequest& index, const BucketedRequest& bucketed,
                              const RegressionRequest& regression) {
  FileQuestions out;
  for (const std::string& text : index.indices) {
    out.indices.push_back(parse_index(text));
    for (std::size_t k = 0; k + 1 < out.indices.size(); ++k)
      if (out.indices[k].column == out.indices.back().column)
        throw UserError({}, "--index", out.indices[k].column + " has two indices",
                        "give every column one set of scores");
  }
  for (const std::string& text : index.changes) parse_change(text, out.indices);
  if (index.power_of && out.indices.empty())
    throw UserError({}, "--power-of", "is of an index, and there is none",
                    "pass --index 'column:level=score,...'");
  for (const std::string& text : index.carlson_parkin)
    out.quantified.push_back(parse_up_same_down(text));
  parse_buckets(bucketed, regression, out);
  return out;
}

}  // namespace steelyard
