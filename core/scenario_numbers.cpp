// Files of single published numbers.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "core/scenario_reader.hpp"

namespace steelyard::detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// a / b as the share of a among a and b.
double share_of_ratio(double ratio) {
  if (std::isinf(ratio)) return ratio > 0 ? 1 : 0;
  return std::max(ratio, 0.0) / (1 + std::max(ratio, 0.0));
}

}  // namespace
}  // namespace steelyard::detail

namespace steelyard {

bool exchange_levels(const Schema& schema, PublishedNumber& n, const LevelExchange& x) {
  bool changed = false;
  const auto swap = [&](std::vector<LevelCode>& levels) {
    std::vector<LevelCode> before = levels;
    for (LevelCode& level : levels)
      level = level == x.first ? x.second : level == x.second ? x.first : level;
    std::sort(levels.begin(), levels.end());
    std::sort(before.begin(), before.end());
    changed |= levels != before;
  };
  if (n.quantity.size() == 1 && n.quantity[0] == x.variable) swap(n.levels);
  for (Domain* domain : {&n.scope, &n.other_scope})
    for (Condition& condition : *domain)
      if (condition.variable == x.variable) swap(condition.levels);
  if (!changed) return false;
  const Variable& v = schema[x.variable];
  if (!n.levels.empty()) {
    Texts names;
    for (LevelCode level : n.levels) names.push_back(schema[n.quantity[0]].levels[level]);
    n.level_text = join(names, "|");
  }
  if (!n.scope.empty()) n.scope_text = schema.describe(n.scope);
  n.note += fmt::format("{}read with {} and {} exchanged", n.note.empty() ? "" : "; ",
                        v.levels[x.first], v.levels[x.second]);
  return true;
}

}  // namespace steelyard

namespace steelyard::detail {

void ScenarioReader::read_numbers(ConfigReader& c) {
  const CsvFile file = csv(c, c.text("file"));
  c.finish();
  const char* titles[] = {"id",          "view",  "scope",       "quantity",   "level",
                          "statistic",   "value", "relation",    "lower",      "upper",
                          "unit",        "use",   "status_note", "provenance", "range_lower",
                          "range_upper", "source"};
  std::map<std::string, std::size_t> at;
  for (const char* title : titles) at[title] = file.column(title);
  // One more column may be there.
  const bool weighted = file.has_column("importance");
  if (weighted) at["importance"] = file.column("importance");
  if (file.header().size() != std::size(titles) + (weighted ? 1 : 0))
    throw UserError({file.name(), 1}, {},
                    fmt::format("wrong number of columns: {}, expected {}", file.header().size(),
                                std::size(titles)),
                    "remove the others");
  for (std::size_t row = 0; row < file.rows(); ++row) {
    s_.numbers.push_back(number(file, row, [&](const char* title) -> const std::string& {
      return file.field(row, at[title]);
    }));
    if (!weighted || file.field(row, at["importance"]).empty()) continue;
    const double importance = file.number(row, at["importance"]);
    if (!(importance > 0))
      throw UserError({file.name(), file.line(row)}, "importance", "is not above 0",
                      "leave it empty for a number that must be met");
    s_.numbers.back().importance = importance;
  }
}

PublishedNumber ScenarioReader::number(const CsvFile& file, std::size_t row, const Field& field) {
  PublishedNumber n;
  n.place = {file.name(), file.line(row)};
  n.id = field("id");
  n.printed = field("value");
  n.unit = field("unit");
  n.note = field("status_note");
  n.source = field("source");
  n.scope_text = field("scope");
  n.quantity_text = field("quantity");
  n.level_text = field("level");
  n.view = choose<View>(field("view"),
                        {{"population", View::population},
                         {"sample", View::sample},
                         {"sample:weighted", View::weighted_sample}},
                        n.place, "view");
  n.use = choose<Use>(field("use"),
                      {{"fit", Use::fit},
                       {"check", Use::check},
                       {"excluded", Use::excluded},
                       {"not_modelled", Use::not_modelled}},
                      n.place, "use");
  n.provenance = parse_provenance(field("provenance"), n.place);
  if (n.view == View::weighted_sample && s_.weighting_view.empty())
    throw UserError(n.place, "view", "\"sample:weighted\" needs scenario.weighting_view",
                    "name the weighting that the report used");
  if ((n.use == Use::excluded || n.use == Use::not_modelled) && n.note.empty())
    throw UserError(n.place, "status_note", "is empty for a number that is left out",
                    "give the reason");
  if (n.use == Use::not_modelled) return n;
  n.statistic = choose<Statistic>(field("statistic"),
                                  {{"share", Statistic::share},
                                   {"ratio", Statistic::share},
                                   {"mean", Statistic::mean},
                                   {"index", Statistic::index},
                                   {"count", Statistic::count},
                                   {"difference", Statistic::difference},
                                   {"mean_difference", Statistic::mean_difference},
                                   {"ratio_to_population", Statistic::ratio_to_population}},
                                  n.place, "statistic");
  const bool ratio = field("statistic") == "ratio";
  const double ratio_unit = n.unit == "per_100" ? 0.01 : 1;
  if (ratio) {
    read_ratio(n, field, ratio_unit);
  } else {
    read_what(n);
    read_interval(n, field);
  }
  if (n.provenance == Provenance::assumed) {
    const auto low = parse_number(field("range_lower")), high = parse_number(field("range_upper"));
    if (!low || !high || *low > *high)
      throw UserError(n.place, "range_lower", "an assumed number has no range",
                      "give range_lower <= range_upper");
    n.range = {*low, *high};
    if (ratio)
      n.range = {100 * share_of_ratio(*low * ratio_unit), 100 * share_of_ratio(*high * ratio_unit)};
  }
  return n;
}

void ScenarioReader::read_what(PublishedNumber& n) {
  n.scope = s_.schema.parse_domain(n.scope_text, n.place);
  const auto need = [&](bool ok, const char* problem, const char* hint) {
    if (!ok)
      throw UserError(n.place, "statistic", std::string(to_string(n.statistic)) + " " + problem,
                      hint);
  };
  if (!n.quantity_text.empty())
    for (const std::string& name : split(n.quantity_text, "-"))
      n.quantity.push_back(s_.schema.require(name, n.place));
  const bool pair = n.statistic == Statistic::difference;
  need(n.quantity.size() == (pair ? 2u : 1u) ||
           (n.statistic == Statistic::count && n.quantity.empty()),
       pair ? "needs two variables" : "needs one variable",
       pair ? "write quantity a-b" : "give quantity");
  if (n.statistic == Statistic::mean_difference) {
    n.other_scope = s_.schema.parse_domain(n.level_text, n.place);
  } else if (!n.level_text.empty()) {
    need(!n.quantity.empty(), "has a level and no variable", "give quantity");
    for (const std::string& level : split(n.level_text, "|"))
      n.levels.push_back(s_.schema.require_level(n.quantity[0], level, n.place));
  }
  const bool of_levels = n.statistic == Statistic::share ||
                         n.statistic == Statistic::ratio_to_population ||
                         (n.statistic == Statistic::count && !n.quantity.empty());
  need(!of_levels || !n.levels.empty(), "needs a level", "give level");
  for (VariableId id : n.quantity) {
    const Variable& v = s_.schema[id];
    if (n.statistic == Statistic::mean || n.statistic == Statistic::mean_difference)
      need(!v.assumed_values.empty(), "needs numbers for the levels",
           "give the variable assumed_values");
    if (n.statistic == Statistic::index || pair)
      need(!v.scores.empty(), "needs scores", "give the variable scores");
  }
}

/// A ratio r of some levels to others is the share r / (1 + r) of the first among them all: so it
/// is fitted, audited and estimated as that share.
void ScenarioReader::read_ratio(PublishedNumber& n, const Field& field, double unit) {
  const Texts groups = split(n.level_text, "/");
  if (groups.size() != 2)
    throw UserError(n.place, "level", "\"" + n.level_text + "\" is not a ratio of levels",
                    "write level a/b, or a|b/c|d");
  n.scope = s_.schema.parse_domain(n.scope_text, n.place);
  const VariableId v = s_.schema.require(n.quantity_text, n.place);
  n.quantity = {v};
  Condition both{v, {}};
  for (const std::string& group : groups)
    for (const std::string& name : split(group, "|")) {
      const LevelCode level = s_.schema.require_level(v, name, n.place);
      if (std::find(both.levels.begin(), both.levels.end(), level) != both.levels.end())
        throw UserError(n.place, "level",
                        "\"" + name + "\" stands twice in \"" + n.level_text + "\"",
                        "the levels of a ratio are disjoint");
      both.levels.push_back(level);
      if (&group == &groups[0]) n.levels.push_back(level);
    }
  std::sort(both.levels.begin(), both.levels.end());
  if (std::any_of(n.scope.begin(), n.scope.end(),
                  [&](const Condition& c) { return c.variable == v; }))
    throw UserError(n.place, "scope", "restricts \"" + n.quantity_text + "\" itself",
                    "the levels of the ratio do that");
  n.scope.push_back(both);
  n.statistic = Statistic::index;  // an interval as printed, without per cent
  read_interval(n, field);
  n.statistic = Statistic::share;
  if (!(n.value > 0))
    throw UserError(n.place, "value", "a ratio of " + n.printed + " is impossible",
                    "give a number above 0");
  n.note += (n.note.empty() ? "" : "; ") + ("ratio " + n.printed + " of " + n.level_text);
  n.value = share_of_ratio(n.value * unit);
  n.lower = share_of_ratio(n.lower * unit);
  n.upper = share_of_ratio(n.upper * unit);
  n.printed = fmt::format("{:.2f}", 100 * n.value);
  n.unit = "pct";
}

void ScenarioReader::read_interval(PublishedNumber& n, const Field& field) {
  const auto value = parse_number(n.printed);
  if (!value)
    throw UserError(n.place, "value", "\"" + n.printed + "\" is not a number",
                    "write plain digits");
  n.value = *value;
  const auto dot = n.printed.find('.');
  const auto decimals = dot == std::string::npos ? 0 : static_cast<int>(n.printed.size() - dot - 1);
  const double half = 0.5 * std::pow(10.0, -decimals);
  const std::string relation = field("relation");
  if (relation == "=")
    std::tie(n.lower, n.upper) = std::pair(n.value - half, n.value + half);
  else if (relation == "~")
    std::tie(n.lower, n.upper) = std::pair(n.value - s_.about_relative_width * std::abs(n.value),
                                           n.value + s_.about_relative_width * std::abs(n.value));
  else if (relation == ">" || relation == ">=")
    std::tie(n.lower, n.upper) = std::pair(n.value, kInfinity);
  else if (relation == "<" || relation == "<=")
    std::tie(n.lower, n.upper) = std::pair(-kInfinity, n.value);
  else
    throw UserError(n.place, "relation",
                    "\"" + relation + "\" is not one of: = ~ > >= < <=", "use =");
  if (!field("lower").empty() || !field("upper").empty()) {
    const auto low = parse_number(field("lower")), high = parse_number(field("upper"));
    if (!low || !high || *low > *high)
      throw UserError(n.place, "lower", "lower and upper are not an interval",
                      "give both, lower <= upper");
    std::tie(n.lower, n.upper) = std::pair(*low, *high);
  }
  if (n.statistic == Statistic::share) {
    if (n.value < 0 || n.value > 100)
      throw UserError(n.place, "value", "a share of " + n.printed + " % is impossible",
                      "give per cent between 0 and 100");
    n.lower = std::max(n.lower, 0.0) / 100;
    n.upper = std::min(n.upper, 100.0) / 100;
    n.value /= 100;
  }
  if (n.statistic == Statistic::count && n.value < 0)
    throw UserError(n.place, "value", "negative count " + n.printed, "counts are >= 0");
}

void ScenarioReader::read_exchange(ConfigReader& c) {
  LevelExchange x;
  x.place = c.place();
  x.numbers = c.texts("numbers", {.help = "identifiers; a trailing * stands for any ending"});
  x.variable = s_.schema.require(c.text("variable"), c.place("variable"));
  const Texts levels = c.texts("levels", {.help = "the two levels that are exchanged"});
  if (levels.size() != 2 || levels[0] == levels[1]) c.fail("levels", "must name two levels");
  x.first = s_.schema.require_level(x.variable, levels[0], c.place("levels"));
  x.second = s_.schema.require_level(x.variable, levels[1], c.place("levels"));
  x.source = c.text("source");
  c.finish();
  for (const std::string& pattern : x.numbers) {
    bool found = false;
    for (PublishedNumber& n : s_.numbers) {
      const bool any = pattern.ends_with('*');
      if (any ? !n.id.starts_with(pattern.substr(0, pattern.size() - 1)) : n.id != pattern)
        continue;
      found = true;
      if (s_.reading == Reading::corrected) exchange_levels(s_.schema, n, x);
    }
    if (!found) {
      Texts ids;
      for (const PublishedNumber& n : s_.numbers) ids.push_back(n.id);
      c.fail("numbers", "\"" + pattern + "\" names no number", suggestion(pattern, ids));
    }
  }
  s_.exchanges.push_back(std::move(x));
}

void ScenarioReader::take_as_printed() {
  for (PublishedNumber& n : s_.numbers)
    if (n.use != Use::not_modelled) n.use = Use::fit;
}

void ScenarioReader::check_numbers() {
  std::map<std::string, const PublishedNumber*> ids, fits;
  struct Group {
    double lower = 0, upper = 0;
    std::set<LevelCode> levels;
    const PublishedNumber* first = nullptr;
    int last_line = 0;
    bool single = true;
  };
  std::map<std::string, Group> groups;
  for (const PublishedNumber& n : s_.numbers) {
    if (const auto [at, fresh] = ids.emplace(n.id, &n); !fresh)
      throw UserError(n.place, "id",
                      fmt::format("\"{}\" stands twice (line {} of {})", n.id,
                                  at->second->place.line, at->second->place.file),
                      "rename one");
    if (n.use != Use::fit) continue;
    const std::string what =
        fmt::format("{}|{}|{}|{}", to_string(n.view), s_.schema.describe(n.scope), n.quantity_text,
                    to_string(n.statistic));
    if (const auto [at, fresh] = fits.emplace(what + "|" + n.level_text, &n); !fresh)
      throw UserError(n.place, n.id,
                      "duplicate margin: the same number as \"" + at->second->id + "\"",
                      "set use = check for one of them");
    if (n.statistic != Statistic::share || n.levels.size() != 1) continue;
    Group& g = groups[what];
    if (!g.first) g.first = &n;
    g.levels.insert(n.levels[0]);
    g.lower += n.lower;
    g.upper += n.upper;
    g.last_line = n.place.line;
  }
  std::string problems;
  for (const auto& [what, g] : groups) {
    const bool all = g.levels.size() == s_.schema[g.first->quantity[0]].size();
    if (g.lower > 1 + 1e-9 || (all && g.upper < 1 - 1e-9))
      problems += fmt::format(
          "{}:{}: [{}] shares that do not sum: the levels of \"{}\" to line {} allow {:.2f} to "
          "{:.2f} %, not 100 %\n",
          g.first->place.file, g.first->place.line, g.first->id, g.first->quantity_text,
          g.last_line, 100 * g.lower, 100 * g.upper);
  }
  if (!problems.empty())
    throw Contradiction({}, {},
                        problems + "correct a share, widen an interval, or exclude a number");
}

}  // namespace steelyard::detail
