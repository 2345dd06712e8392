#include "study/margins_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string& part : split(text, "*")) out.emplace_back(trim(part));
  return out;
}

double read_target(const CsvFile& csv, std::size_t row, std::size_t column) {
  const std::string& text = csv.field(row, column);
  const auto fail = [&](const char* problem, const char* hint) {
    throw UserError({csv.name(), csv.line(row)}, {}, "target \"" + text + "\" " + problem, hint);
  };
  const auto value = parse_number(trim(text));
  if (!value) {
    const bool grouped = text.find(',') != std::string::npos &&
                         text.find_first_not_of("0123456789,. ") == std::string::npos;
    const bool percent = !text.empty() && text.back() == '%';
    fail("is not a number", grouped   ? "write it without thousands separators"
                            : percent ? "write the share: 0.25, not 25%"
                                      : "write a count of persons, or a share");
  }
  if (!std::isfinite(*value)) fail("is not a finite number", "write a count, or a share");
  return *value;
}

/// The column of targets; other tools' names for it are taken as well.
std::size_t target_column(const CsvFile& csv) {
  for (const char* title : {"target", "count", "total", "share", "Freq"})
    if (csv.has_column(title)) return csv.column(title);
  return csv.column("target");
}

/// Targets look like shares: none above 1, and together 1 up to the rounding of each.
bool are_shares(const MarginsFile::Margin& margin) {
  const bool small = std::all_of(margin.cells.begin(), margin.cells.end(),
                                 [](const auto& cell) { return cell.target <= 1; });
  const double slack = std::min(0.05, 0.00501 * static_cast<double>(margin.cells.size()));
  return small && std::abs(margin.sum - 1) <= std::max(slack, 1e-9);
}

/// No population, in any unit, is outside; within, scaling neither overflows nor loses digits.
void check_size(double persons, const Place& place, const std::string& what) {
  if (persons >= 1e-9 && persons <= 1e18) return;
  throw UserError(place, {}, fmt::format("{} {}, which is no population", what, shortest(persons)),
                  "give counts of persons between 1e-9 and 1e18, or shares");
}

}  // namespace

std::string MarginsFile::Margin::name() const { return join(variables, "*"); }

MarginsFile MarginsFile::read(const std::string& path) { return parse(read_file(path), path); }

MarginsFile MarginsFile::parse(std::string_view text, std::string name) {
  const CsvFile csv = CsvFile::parse(text, std::move(name));
  const std::size_t variable = csv.column("variable"), level = csv.column("level"),
                    target = target_column(csv);
  MarginsFile out;
  out.file = csv.name();
  std::map<std::vector<std::string>, std::size_t> known;
  std::vector<std::set<std::vector<std::string>>> seen;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const auto fail = [&](std::string problem, std::string hint) {
      throw UserError({csv.name(), csv.line(row)}, {}, std::move(problem), std::move(hint));
    };
    const std::string title(trim(csv.field(row, variable)));
    const std::string at(trim(csv.field(row, level)));
    if (title.empty()) fail("has no variable", "name the column that the target is of");
    const double value = read_target(csv, row, target);
    if (title == "1") {
      if (!at.empty()) fail("the variable 1 is the population and has no level", "leave it empty");
      if (out.population) fail("the population stands twice", "remove one row");
      if (!(value > 0)) fail("the population must be positive", "write how many persons it has");
      out.population = value;
      out.population_line = csv.line(row);
      continue;
    }
    if (at.empty()) {
      if (title.find('*') != std::string::npos)
        fail("has no level", "a crossed margin needs one level for each variable, joined with *");
      for (const Total& other : out.totals)
        if (other.variable == title) fail("the total of " + title + " stands twice", "remove one");
      out.totals.push_back({title, value, csv.line(row)});
      continue;
    }
    if (value < 0) fail("target " + shortest(value) + " is negative", "write a count, or a share");
    const auto variables = parts_of(title);
    const auto levels = variables.size() == 1 ? std::vector<std::string>{at} : parts_of(at);
    if (levels.size() != variables.size())
      fail(fmt::format("level \"{}\" has {} parts, variable \"{}\" has {}", at, levels.size(),
                       title, variables.size()),
           "join one level of each variable with *");
    for (const std::string& part : variables)
      if (part.empty() || std::count(variables.begin(), variables.end(), part) > 1)
        fail("variable \"" + title + "\" names a variable twice or not at all",
             "join different variables with *");
    const auto [margin, fresh] = known.try_emplace(variables, out.margins.size());
    if (fresh) {
      out.margins.push_back({variables, {}, csv.line(row)});
      seen.emplace_back();
    }
    if (!seen[margin->second].insert(levels).second)
      fail(title + "=" + at + " stands twice", "remove one, or add them up");
    out.margins[margin->second].cells.push_back({levels, value, csv.line(row)});
  }
  for (const Total& number : out.totals)
    for (const Margin& margin : out.margins)
      if (std::find(margin.variables.begin(), margin.variables.end(), number.variable) !=
          margin.variables.end())
        throw UserError({out.file, number.line}, {},
                        number.variable + " has no level here, and levels elsewhere",
                        "give every row of it a level, or give its total alone");
  for (Margin& margin : out.margins) {
    Sum sum;
    for (const Cell& cell : margin.cells) sum.add(cell.target);
    margin.sum = sum.value();
    margin.shares = are_shares(margin);
    if (margin.sum == 0)
      throw UserError({out.file, margin.line}, {}, "the targets of " + margin.name() + " are all 0",
                      "give the population's counts or shares");
    check_size(margin.sum, {out.file, margin.line}, "the targets of " + margin.name() + " sum to");
  }
  return out;
}

double MarginsFile::settle(std::optional<double> given, double otherwise, bool rescale,
                           std::vector<std::string>& notes) {
  double persons = otherwise;
  std::string source = "the sum of the base weights";
  for (auto margin = margins.rbegin(); margin != margins.rend(); ++margin)
    if (!margin->shares) {
      persons = margin->sum;
      source = "the sum of " + margin->name();
    }
  if (population) {
    persons = *population;
    source = "the row for 1";
  }
  if (given) {
    persons = *given;
    source = "--population";
  }
  check_size(persons, {file, given ? 0 : population_line}, source + " is");
  for (Margin& margin : margins) {
    const double factor = persons / margin.sum;
    if (!margin.shares && std::abs(factor - 1) > 1e-9 && !rescale)
      throw Contradiction(
          {file, margin.line}, {},
          fmt::format("{} sums to {}, but {} is {}", margin.name(), shortest(margin.sum), source,
                      shortest(persons)),
          std::abs(margin.sum - 100) < 1
              ? "write shares as 0.25, not 25"
              : "correct it, or pass --rescale to bring every margin to that population");
    if (margin.shares && std::abs(margin.sum - 1) > 1e-9)
      notes.push_back(fmt::format("the shares of {} sum to {} and were scaled to 1", margin.name(),
                                  shortest(margin.sum)));
    if (!margin.shares && std::abs(factor - 1) > 1e-9)
      notes.push_back(fmt::format("{} summed to {} and was brought to the population {}",
                                  margin.name(), shortest(margin.sum), shortest(persons)));
    if (margin.shares || factor != 1)
      for (Cell& cell : margin.cells) cell.target *= factor;
  }
  return persons;
}

}  // namespace steelyard
