// Tables of counts, prior weights and selection odds.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/scenario_reader.hpp"

namespace steelyard::detail {

std::vector<std::size_t> ScenarioReader::cell_columns(const CsvFile& file,
                                                      const std::vector<VariableId>& ids,
                                                      const std::string& value) {
  std::vector<std::size_t> columns;
  for (VariableId id : ids) columns.push_back(file.column(s_.schema[id].name));
  columns.push_back(file.column(value));
  if (file.header().size() != columns.size())
    throw UserError({file.name(), 1}, {},
                    fmt::format("wrong number of columns: {}, expected {}", file.header().size(),
                                columns.size()),
                    "keep the variables and the value column only");
  return columns;
}

void ScenarioReader::read_table(ConfigReader& c) {
  MarginTable t;
  t.place = c.place();
  t.id = c.text("id");
  const std::string file_name = c.text("file");
  t.variables = variables(c, "variables", c.texts("variables"));
  t.value_name = c.text("value");
  t.role = choose<TableRole>(c.text("role", {.fallback = "margin"}),
                             {{"margin", TableRole::margin}, {"seed", TableRole::seed}},
                             c.place("role"), "role");
  t.side = choose<Side>(c.text("side", {.fallback = "population"}),
                        {{"population", Side::population}, {"answers", Side::answers}},
                        c.place("side"), "side");
  t.provenance = parse_provenance(c.text("provenance"), c.place("provenance"));
  t.source = c.text("source");
  for (const MarginTable& other : s_.tables) {
    if (other.id == t.id) c.fail("id", "= \"" + t.id + "\" stands twice", "rename one");
    auto a = other.variables, b = t.variables;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (other.role == TableRole::margin && t.role == TableRole::margin && a == b)
      c.fail(
          {},
          "duplicate margin: \"" + t.id + "\" is over the same variables as \"" + other.id + "\"",
          "remove one");
  }
  const CsvFile file = csv(c, file_name);
  const auto columns = cell_columns(file, t.variables, t.value_name);
  std::map<std::vector<LevelCode>, int> seen;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const Place place{file.name(), file.line(row)};
    std::vector<LevelCode> codes;
    for (std::size_t k = 0; k < t.variables.size(); ++k)
      codes.push_back(s_.schema.require_level(t.variables[k], file.field(row, columns[k]), place));
    const double value = file.number(row, columns.back());
    if (!(value >= 0) || !std::isfinite(value))
      throw UserError(place, t.value_name, fmt::format("negative or infinite count {}", value),
                      "counts and weights are finite and >= 0");
    const auto [at, fresh] = seen.emplace(codes, file.line(row));
    if (!fresh)
      throw UserError(place, {}, fmt::format("the cell of line {} stands again", at->second),
                      "remove one");
    t.codes.insert(t.codes.end(), codes.begin(), codes.end());
    t.values.push_back(value);
    t.lines.push_back(file.line(row));
  }
  const std::string zeros = c.text(
      "zeros", {.fallback = "structural",
                .choices = {"structural", "sampling"},
                .help = "what a seed's zero means: nobody can be there, or nobody was seen"});
  if (zeros == "sampling") {
    // Half the smallest weight that was seen.
    double smallest = std::numeric_limits<double>::infinity();
    for (double value : t.values)
      if (value > 0) smallest = std::min(smallest, value);
    if (t.role != TableRole::seed) c.fail("zeros", "= \"sampling\" is for seeds");
    for (double& value : t.values)
      if (value == 0 && std::isfinite(smallest)) value = 0.5 * smallest;
  }
  c.finish();
  s_.tables.push_back(std::move(t));
}

void ScenarioReader::read_selection(ConfigReader& c) {
  SelectionOdds odds;
  odds.place = c.place();
  odds.variables = variables(c, "variables", c.texts("variables"));
  for (VariableId id : odds.variables)
    if (std::find(s_.root.begin(), s_.root.end(), id) == s_.root.end())
      c.fail("variables", "names \"" + s_.schema[id].name + "\", which is not in population.root",
             "add it to the root");
  odds.source = c.text("source");
  const std::string value = c.text("value", {.fallback = "odds"});
  const CsvFile file = csv(c, c.text("file"));
  const auto columns = cell_columns(file, odds.variables, value);
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const Place place{file.name(), file.line(row)};
    for (std::size_t k = 0; k < odds.variables.size(); ++k)
      odds.codes.push_back(
          s_.schema.require_level(odds.variables[k], file.field(row, columns[k]), place));
    odds.odds.push_back(file.number(row, columns.back()));
    if (!(odds.odds.back() > 0)) throw UserError(place, value, "is not positive", "odds are > 0");
  }
  c.finish();
  s_.selection.push_back(std::move(odds));
}

void ScenarioReader::check_tables() {
  double first = -1;
  const MarginTable* first_table = nullptr;
  for (const MarginTable& t : s_.tables) {
    double sum = 0;
    for (double value : t.values) sum += value;
    if (!(sum > 0))
      throw UserError(t.place, "table " + t.id, "all its values are zero",
                      "give at least one positive value");
    if (t.role != TableRole::margin) continue;
    if (!first_table) {
      first = sum;
      first_table = &t;
    } else if (std::abs(sum - first) > 1e-9 * first) {
      throw Contradiction(t.place, "table " + t.id,
                          fmt::format("totals disagree: {:.0f} here, {:.0f} in \"{}\"", sum, first,
                                      first_table->id),
                          "rescale one of them");
    }
    for (VariableId id : t.variables)
      if (std::find(s_.root.begin(), s_.root.end(), id) == s_.root.end())
        throw UserError(t.place, "table " + t.id,
                        "is over \"" + s_.schema[id].name + "\", which is not in population.root",
                        "add it to the root");
  }
  for (const MarginTable& seed : s_.tables)
    if (seed.role == TableRole::seed)
      for (const MarginTable& margin : s_.tables)
        if (margin.role == TableRole::margin) check_zero(seed, margin);
}

void ScenarioReader::check_zero(const MarginTable& seed, const MarginTable& margin) {
  if (seed.variables != margin.variables) return;
  const std::size_t k = seed.variables.size();
  for (std::size_t i = 0; i < seed.rows(); ++i)
    for (std::size_t j = 0; j < margin.rows(); ++j)
      if (seed.values[i] == 0 && margin.values[j] > 0 &&
          std::equal(seed.codes.begin() + static_cast<std::ptrdiff_t>(i * k),
                     seed.codes.begin() + static_cast<std::ptrdiff_t>((i + 1) * k),
                     margin.codes.begin() + static_cast<std::ptrdiff_t>(j * k)))
        throw UserError({seed.place.file, seed.place.line}, "table " + seed.id,
                        fmt::format("zero cell against positive margin: line {} is a structural "
                                    "zero, \"{}\" line {} has {}",
                                    seed.lines[i], margin.id, margin.lines[j], margin.values[j]),
                        "give the seed a positive weight");
}

}  // namespace steelyard::detail
