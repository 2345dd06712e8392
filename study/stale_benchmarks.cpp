#include "study/stale_benchmarks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/sums.hpp"

namespace steelyard {
namespace {

StaleBenchmark read_one(ConfigReader& section, const Scenario& scenario,
                        const std::vector<std::vector<VariableId>>& benchmarks) {
  const Schema& schema = scenario.schema;
  StaleBenchmark stale;
  stale.name = section.text("name", {.help = "for --set and messages"});
  stale.active = section.flag("active", true, "false: the benchmarks are true");
  stale.source = section.text("source", {.help = "where its numbers come from"});
  const std::string name = section.text("variable", {.help = "of which the totals are wrong"});
  const std::vector<double> errors =
      section.reals("relative_errors", {.help = "of each level's total: 0.1 is 10 % too many"});
  section.finish();
  stale.variable = schema.require(name, section.place("variable"));
  const Variable& v = schema[stale.variable];
  if (v.kind == VariableKind::continuous && errors.size() != 1)
    section.fail("relative_errors",
                 fmt::format("has {} numbers for the number \"{}\"", errors.size(), name),
                 "give one: its benchmark is one total");
  if (v.kind != VariableKind::continuous && errors.size() != v.size())
    section.fail("relative_errors",
                 fmt::format("has {} numbers for {} levels", errors.size(), v.size()),
                 "give one a level");
  for (double e : errors) {
    if (!(e > -1))
      section.fail("relative_errors", fmt::format("holds {}", e),
                   "a total stays above 0: above -1");
    stale.factor.push_back(1 + e);
  }
  bool found = false;
  for (const auto& table : benchmarks) {
    const auto has = [&](VariableId id) {
      return std::find(table.begin(), table.end(), id) != table.end();
    };
    if (has(stale.variable)) {
      found = true;
      continue;
    }
    for (VariableId id : table)
      if (schema[id].kind == VariableKind::grouping && schema[id].group_of == stale.variable)
        section.fail("variable",
                     "= \"" + name + "\" is known only in the groups of \"" + schema[id].name +
                         "\" in one benchmark",
                     "name the grouping, or give the benchmark \"" + name + "\" as well");
  }
  if (!found)
    section.fail("variable", "= \"" + name + "\" is in no benchmark",
                 "name a variable of a [[benchmark]]");
  return stale;
}

}  // namespace

std::vector<StaleBenchmark> read_stale_benchmarks(
    const Scenario& scenario, const std::vector<std::vector<VariableId>>& benchmarks) {
  ConfigReader root = scenario.reader();
  std::vector<StaleBenchmark> list;
  for (ConfigReader& section : root.sections("stale_benchmark")) {
    StaleBenchmark stale = read_one(section, scenario, benchmarks);
    for (const StaleBenchmark& other : list)
      if (other.name == stale.name)
        section.fail("name", "= \"" + stale.name + "\" stands twice", "rename one");
    list.push_back(std::move(stale));
  }
  return list;
}

double stale_number(VariableId id, double total, const std::vector<StaleBenchmark>& errors) {
  for (const StaleBenchmark& stale : errors)
    if (stale.active && stale.variable == id) total *= stale.factor[0];
  return total;
}

Benchmarks::Table stale_table(const Schema& schema, Benchmarks::Table table,
                              const std::vector<StaleBenchmark>& errors) {
  const double everybody = total(table.totals);
  for (const StaleBenchmark& stale : errors) {
    const auto at = std::find(table.variables.begin(), table.variables.end(), stale.variable);
    if (!stale.active || at == table.variables.end()) continue;
    std::size_t inner = 1;
    for (auto later = at + 1; later != table.variables.end(); ++later)
      inner *= schema[*later].size();
    for (std::size_t cell = 0; cell < table.totals.size(); ++cell)
      table.totals[cell] *= stale.factor[cell / inner % stale.factor.size()];
    const double now = total(table.totals);
    for (double& x : table.totals) x *= now > 0 ? everybody / now : 1;
  }
  return table;
}

}  // namespace steelyard
