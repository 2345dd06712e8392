#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "study/file_questions.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr const char* kTenThousand = "\u4e07";

/// Which of the levels named stand where in the column. A level that nobody chose is fine unless
/// the column has one that nobody named: then it is likely misspelt.
std::vector<std::optional<std::size_t>> find_levels(
    const std::vector<std::string>& named, const LevelColumn& column, const std::string& name,
    const std::string& option, const std::string& file, const std::string& remedy,
    std::vector<std::string>& notes) {
  std::vector<std::string> others;
  for (const std::string& level : column.levels)
    if (std::find(named.begin(), named.end(), level) == named.end()) others.push_back(level);
  std::vector<std::optional<std::size_t>> out;
  for (std::size_t l = 0; l < named.size(); ++l) {
    const std::string& level = named[l];
    if (std::find(named.begin(), named.begin() + static_cast<std::ptrdiff_t>(l), level) !=
        named.begin() + static_cast<std::ptrdiff_t>(l))
      throw UserError({}, option, fmt::format("level \"{}\" of {} is given twice", level, name),
                      "give every level once");
    const auto at = std::find(column.levels.begin(), column.levels.end(), level);
    if (at != column.levels.end()) {
      out.emplace_back(static_cast<std::size_t>(at - column.levels.begin()));
      continue;
    }
    if (!others.empty()) {
      const std::string nearest = suggestion(level, others);
      const auto shown = std::vector<std::string>(
          others.begin(),
          others.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(others.size(), 8)));
      throw UserError(
          {file}, option, fmt::format("column {} has no level \"{}\"", name, level),
          fmt::format("{} (it has \"{}\"{}, not named: {})",
                      nearest.empty() ? "check the spelling" : nearest, join(shown, "\", \""),
                      others.size() > shown.size() ? " and others" : "", remedy));
    }
    notes.push_back(fmt::format("nobody gave the answer \"{}\" of {}", level, name));
    out.emplace_back(std::nullopt);
  }
  return out;
}

std::size_t count_unnumbered(const LevelColumn& column, const std::vector<double>& number) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < number.size(); ++i)
    n += std::isnan(number[i]) && column.codes[i] != kMissingCode;
  return n;
}

bool answered(const LevelColumn& column) {
  return std::any_of(column.codes.begin(), column.codes.end(),
                     [](std::uint16_t code) { return code != kMissingCode; });
}

bool drop_prefix(std::string& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text = std::string(trim(text.substr(word.size())));
  return true;
}

bool drop_suffix(std::string& text, std::string_view word) {
  if (!text.ends_with(word)) return false;
  text = std::string(trim(text.substr(0, text.size() - word.size())));
  return true;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Digits in groups of three lose their commas.
std::string without_grouping(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto at = [&](std::size_t k) { return k < text.size() && digit(text[k]); };
    const bool grouping =
        text[i] == ',' && i > 0 && at(i - 1) && at(i + 1) && at(i + 2) && at(i + 3) && !at(i + 4);
    if (!grouping) out += text[i];
  }
  return out;
}

/// Edges of levels that say their own, and the order that they bring the levels into.
std::vector<double> edges_of(std::vector<std::string>& levels, const std::string& column,
                             const std::string& file, const std::string& option,
                             std::vector<std::string>& notes) {
  const std::string remedy = fmt::format(
      "name the levels that are buckets with --levels '{}=...', from the lowest up, and their "
      "boundaries with --edges '{}=...'",
      column, column);
  std::vector<std::pair<Limits, std::string>> buckets;
  for (const std::string& level : levels) {
    const auto limits = read_bucket(level);
    if (!limits)
      throw UserError({file}, option,
                      fmt::format("level \"{}\" of {} cannot be read as a bucket such as 0-2000 or "
                                  "20000+",
                                  level, column),
                      remedy);
    if (!(limits->lower < limits->upper))
      throw UserError({file}, option,
                      fmt::format("level \"{}\" of {} does not go upwards", level, column), remedy);
    buckets.emplace_back(*limits, level);
  }
  std::sort(buckets.begin(), buckets.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.lower, a.first.upper) < std::pair(b.first.lower, b.first.upper);
  });
  std::vector<double> edges{buckets.empty() ? 0.0 : buckets[0].first.lower};
  std::size_t closed = 0;
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    levels[b] = buckets[b].second;
    double upper = buckets[b].first.upper;
    if (b + 1 < buckets.size() && buckets[b + 1].first.lower != upper) {
      const double next = buckets[b + 1].first.lower;
      // Whole numbers written 0-1999, 2000-4999.
      if (next - upper == 1 && upper == std::floor(upper)) {
        upper = next;
        ++closed;
      } else {
        throw UserError(
            {file}, option,
            fmt::format("levels \"{}\" and \"{}\" of {} {}", buckets[b].second,
                        buckets[b + 1].second, column, next < upper ? "overlap" : "leave a gap"),
            next < upper ? remedy
                         : "a bucket that nobody chose is named with --levels '" + column +
                               "=...'; or give --edges too");
      }
    }
    edges.push_back(upper);
  }
  if (closed > 0)
    notes.push_back(fmt::format(
        "the buckets of {} are whole numbers (one ends 1 below the next): each is taken to reach "
        "up to the next one's start",
        column));
  return edges;
}

}  // namespace

PlacedLevels place(const ScoredQuestion& question, const LevelColumn& column,
                   const std::string& file) {
  PlacedLevels out;
  std::vector<std::string> named;
  for (const auto& [level, score] : question.scores) named.push_back(level);
  const auto at = find_levels(
      named, column, question.column, question.option, file,
      question.option == "--index" ? "give it a score, or =none" : "put it on a side", out.notes);
  out.scores.assign(column.levels.size(), kNan);
  for (std::size_t l = 0; l < at.size(); ++l) {
    if (at[l])
      out.scores[*at[l]] = question.scores[l].second;
    else
      out.scores.push_back(question.scores[l].second);
  }
  std::size_t without = 0, with = 0;
  for (const std::uint16_t code : column.codes) {
    out.number.push_back(code == kMissingCode ? kNan : static_cast<double>(code));
    if (code != kMissingCode) ++(std::isnan(out.scores[code]) ? without : with);
  }
  if (with == 0)
    throw UserError({file}, question.option,
                    fmt::format("no row has an answer to {} that has a score", question.column),
                    "check the levels, and the column");
  if (without > 0)
    out.notes.push_back(fmt::format("{} of {} answers to {} have no score and are left out",
                                    without, with + without, question.column));
  return out;
}

PlacedLevels place(const BucketedQuestion& question, const LevelColumn& column,
                   const std::string& file) {
  PlacedLevels out;
  if (!answered(column))
    throw UserError({file}, question.option,
                    fmt::format("no row has an answer to {}", question.column), "check the column");
  std::vector<std::string> levels = question.levels.empty() ? column.levels : question.levels;
  out.edges = question.edges.empty()
                  ? edges_of(levels, question.column, file, question.option, out.notes)
                  : question.edges;
  const BucketTable shape{out.edges, std::vector<double>(levels.size(), 1.0), 1, {}};
  if (const auto wrong = objection(shape))
    throw UserError({file}, question.edges.empty() ? question.option : "--edges",
                    question.column + " " + *wrong);
  const auto at = find_levels(levels, column, question.column, "--levels", file,
                              "list it, or correct the level", out.notes);
  std::vector<double> bucket(column.levels.size(), kNan);
  for (std::size_t b = 0; b < at.size(); ++b)
    if (at[b]) bucket[*at[b]] = static_cast<double>(b);
  for (const std::uint16_t code : column.codes)
    out.number.push_back(code == kMissingCode ? kNan : bucket[code]);
  const std::size_t without = count_unnumbered(column, out.number);
  if (without > 0)
    out.notes.push_back(fmt::format("{} answers to {} are none of its --levels and are left out",
                                    without, question.column));
  return out;
}

std::optional<Limits> read_bucket(std::string_view level) {
  std::string text(trim(level));
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  replace_all(text, "\u2013", "-");
  replace_all(text, "\u2014", "-");
  replace_all(text, "\u2264", "<=");
  replace_all(text, "\u2265", ">=");
  for (const char* word : {"\u81f3", "\u5230", "\uff5e", "~"}) replace_all(text, word, "-");
  replace_all(text, "\u5143", "");
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '_')
      text[i] =
          i > 0 && i + 1 < text.size() && digit(text[i - 1]) && digit(text[i + 1]) ? '-' : ' ';
  text = without_grouping(text);
  const auto number = [](std::string_view part) -> std::optional<double> {
    std::string digits(trim(part));
    const double unit = drop_suffix(digits, kTenThousand) ? 1e4 : 1;
    const auto value = parse_number(digits);
    return value && !std::isnan(*value) ? std::optional(*value * unit) : std::nullopt;
  };
  const auto half = [&](bool upwards) -> std::optional<Limits> {
    const auto value = number(text);
    if (!value) return std::nullopt;
    return upwards ? Limits{*value, kInfinity} : Limits{0, *value};
  };
  for (const char* word : {"+", "or more", "and more", "or over", "and over", "and above",
                           "\u53ca\u4ee5\u4e0a", "\u4ee5\u4e0a"})
    if (drop_suffix(text, word)) return half(true);
  for (const char* word : {">=", ">", "at least", "more than", "over", "above", "\u8d85\u8fc7"})
    if (drop_prefix(text, word)) return half(true);
  for (const char* word : {"\u53ca\u4ee5\u4e0b", "\u4ee5\u4e0b"})
    if (drop_suffix(text, word)) return half(false);
  for (const char* word :
       {"<=", "<", "at most", "up to", "less than", "under", "below", "\u4e0d\u8db3"})
    if (drop_prefix(text, word)) return half(false);
  replace_all(text, " to ", "-");
  const std::size_t dash = text.find('-', 1);
  if (dash == std::string::npos) return std::nullopt;
  const auto upper = number(std::string_view(text).substr(dash + 1));
  std::string from = text.substr(0, dash);
  // 1-2万 is 10,000 to 20,000, and 8000-2万 is 8,000 to 20,000.
  if (const auto plain = parse_number(trim(from));
      plain && upper && text.ends_with(kTenThousand) && *plain < *upper / 1e4)
    from += kTenThousand;
  const auto lower = number(from);
  if (!lower || !upper) return std::nullopt;
  return Limits{*lower, *upper};
}

}  // namespace steelyard
