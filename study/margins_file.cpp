#include "study/margins_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

void read_row(const CsvFile& file, std::size_t row, MarginsFile& out) {
  const auto fail = [&](std::string problem, std::string hint) {
    throw UserError({file.name(), file.line(row)}, {}, std::move(problem), std::move(hint));
  };
  const std::string &variable = file.field(row, file.column("variable")),
                    &level = file.field(row, file.column("level")),
                    &text = file.field(row, file.column("target"));
  if (variable.empty()) fail("has no variable", "name it in the first field");
  const auto target = parse_number(text);
  if (!target || !std::isfinite(*target))
    fail("target \"" + text + "\" is not a finite number",
         text.find(',') != std::string::npos ? "write numbers without thousands separators"
                                             : "give a count or a share");
  auto at = std::find_if(out.margins.begin(), out.margins.end(),
                         [&](const FileMargin& m) { return m.name() == variable; });
  if (at == out.margins.end()) {
    out.margins.emplace_back();
    at = out.margins.end() - 1;
    for (std::string_view part : split(variable, "*"))
      at->variables.emplace_back(trim(part));
    for (std::size_t i = 0; i < at->variables.size(); ++i)
      if (at->variables[i].empty() ||
          std::find(at->variables.begin(), at->variables.begin() + static_cast<std::ptrdiff_t>(i),
                    at->variables[i]) != at->variables.begin() + static_cast<std::ptrdiff_t>(i))
        fail("variable \"" + variable + "\" is not a list of different names joined by *",
             "for instance region*sex");
  }
  FileMargin& margin = *at;
  const bool number = margin.variables.size() == 1 && (level.empty() || level == "mean");
  if (!margin.targets.empty() && (number || margin.number))
    fail("variable \"" + variable + "\" has a total and other rows",
         "a number has one row with an empty level (its total) or level mean");
  if (!number && *target < 0) fail("target " + text + " is negative", "counts and shares are not");
  std::vector<std::string> levels;
  if (!number) {
    for (std::string_view part : split(level, "*")) levels.emplace_back(trim(part));
    if (margin.variables.size() == 1) levels = {level};
    if (levels.size() != margin.variables.size())
      fail(fmt::format("level \"{}\" has {} parts, \"{}\" has {} variables", level, levels.size(),
                       variable, margin.variables.size()),
           "join the levels by * in the order of the variables");
    for (const auto& other : margin.levels)
      if (other == levels) fail("level \"" + level + "\" of " + variable + " stands twice", "");
  }
  margin.number = number;
  margin.mean = number && level == "mean";
  margin.levels.push_back(std::move(levels));
  margin.targets.push_back(*target);
  margin.lines.push_back(file.line(row));
}

/// Scales targets to `sum`; notes it if they were visibly off.
void bring_to(FileMargin& margin, double sum, std::vector<std::string>& notes) {
  const double factor = sum / margin.sum();
  if (std::abs(factor - 1) > 1e-9)
    notes.push_back(fmt::format("targets of {} sum to {:.10g}; they were scaled to {:.10g}",
                                margin.name(), margin.sum(), sum));
  for (double& t : margin.targets) t *= factor;
}

}  // namespace

std::string FileMargin::name() const { return join(variables, "*"); }
double FileMargin::sum() const { return total(targets); }

MarginsFile read_margins_file(const std::string& path, bool rescale) {
  return parse_margins_file(CsvFile::read(path), rescale);
}

MarginsFile parse_margins_file(const CsvFile& file, bool rescale) {
  for (const char* title : {"variable", "level", "target"})
    if (!file.has_column(title))
      throw UserError({file.name(), 1}, {}, std::string("has no column \"") + title + "\"",
                      "the header is: variable,level,target");
  MarginsFile out;
  out.name = file.name();
  if (file.rows() == 0)
    throw UserError({file.name()}, {}, "has a header but no rows",
                    "give a row for every level: variable,level,target");
  for (std::size_t row = 0; row < file.rows(); ++row) read_row(file, row, out);
  const FileMargin* first = nullptr;
  for (FileMargin& margin : out.margins) {
    if (margin.number) continue;
    const double sum = margin.sum(), rounding = 0.0051 * static_cast<double>(margin.targets.size());
    if (!(sum > 0))
      throw UserError({out.name, margin.lines[0]}, {}, "targets of " + margin.name() + " sum to 0",
                      "give counts or shares");
    const bool whole = std::all_of(margin.targets.begin(), margin.targets.end(), [](double t) {
      return t == std::floor(t) && t >= 1;
    });
    const bool percent = std::abs(sum - 100) <= rounding * 10 && !(whole && sum != 100);
    margin.shares = std::abs(sum - 1) <= rounding || percent;
    if (margin.shares) {
      bring_to(margin, percent ? 100 : 1, out.notes);
      for (double& t : margin.targets) t /= percent ? 100 : 1;
    } else if (first == nullptr) {
      first = &margin;
      out.population = sum;
    } else if (std::abs(sum / out.population - 1) > 1e-9) {
      if (!rescale && std::abs(sum / out.population - 1) > 1e-6)
        throw UserError({out.name, margin.lines[0]}, {},
                        fmt::format("margins do not sum alike: {} to {:.10g}, {} to {:.10g}",
                                    first->name(), out.population, margin.name(), sum),
                        "correct one, or use --rescale to bring all to the first one's sum");
      bring_to(margin, out.population, out.notes);
    }
  }
  return out;
}

void scale_margins(MarginsFile& margins, double population) {
  margins.population = population;
  for (FileMargin& margin : margins.margins) {
    if (margin.shares || margin.mean)
      for (double& t : margin.targets) t *= population;
    margin.shares = margin.mean = false;
  }
}

}  // namespace steelyard
