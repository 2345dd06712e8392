#include "sim/households/household_groups.hpp"

#include <fmt/format.h>

namespace steelyard {
namespace {

bool holds(const HouseholdScenario& s, const Domain& domain, std::size_t household,
           std::size_t person) {
  for (const Condition& condition : domain) {
    const std::size_t v = index(condition.variable);
    if (!condition.holds(s.seeds.codes[v][s.of_household[v] ? household : person])) return false;
  }
  return true;
}

std::size_t count_in(const HouseholdScenario& s, const ControlColumn& column,
                     std::size_t household) {
  if (s.controls[column.control].of_households) return holds(s, column.domain, household, 0);
  std::size_t count = 0;
  for (std::size_t p = s.seeds.first[household]; p < s.seeds.first[household + 1]; ++p)
    count += holds(s, column.domain, household, p);
  return count;
}

}  // namespace

void make_groups(HouseholdScenario& s, const std::vector<VariableId>& match,
                 const std::vector<std::vector<LevelCode>>& group_codes) {
  for (const auto& codes : group_codes) {
    Incidence a;
    a.columns = s.columns.size();
    a.first.push_back(0);
    for (std::uint32_t h = 0; h < s.seeds.households(); ++h) {
      bool serves = s.seeds.weight[h] > 0;
      for (std::size_t m = 0; m < match.size(); ++m)
        serves = serves && s.seeds.codes[index(match[m])][h] == codes[m];
      if (!serves) continue;
      a.seeds.push_back(h);
      for (std::uint32_t c = 0; c < a.columns; ++c) {
        const std::size_t count = count_in(s, s.columns[c], h);
        if (count == 0) continue;
        a.column.push_back(c);
        a.count.push_back(static_cast<float>(count));
      }
      a.first.push_back(a.column.size());
    }
    s.groups.push_back(std::move(a));
  }
}

void check_support(const HouseholdScenario& s, double scale) {
  for (std::size_t z = 0; z < s.zones.size(); ++z) {
    const Incidence& a = s.groups[s.zones[z].group];
    const std::vector<double> targets = s.zone_targets(z);
    std::vector<bool> supported(a.columns);
    for (std::size_t i = 0; i < a.rows(); ++i) {
      bool possible = true;
      for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
        possible = possible && targets[a.column[e]] != 0;
      for (std::size_t e = a.first[i]; possible && e < a.first[i + 1]; ++e)
        supported[a.column[e]] = true;
    }
    for (std::size_t c = 0; c < a.columns; ++c)
      if (targets[c] > 0 && !supported[c])
        throw Contradiction(
            {s.controls[s.columns[c].control].file, s.columns[c].lines[z]},
            "control " + s.controls[s.columns[c].control].id,
            fmt::format("zone \"{}\" wants {:.6g} of {}, but no seed household that may live there "
                        "has any",
                        s.zones[z].name, targets[c] / scale, s.columns[c].text),
            "add such a seed household, or merge the level with another one (levels are joined by "
            "|)");
  }
}

std::vector<double> HouseholdScenario::zone_targets(std::size_t zone) const {
  std::vector<double> targets;
  for (std::size_t c = 0; c < columns.size(); ++c)
    targets.push_back(is_meta(c) ? kNoTarget : columns[c].targets[zone]);
  return targets;
}

std::vector<double> HouseholdScenario::importance() const {
  std::vector<double> values;
  for (const ControlColumn& column : columns) values.push_back(controls[column.control].importance);
  return values;
}

std::vector<ColumnKind> HouseholdScenario::kinds() const {
  std::vector<ColumnKind> kinds;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::size_t control = columns[c].control;
    kinds.push_back({control, controls[control].of_households, c > 0});
  }
  return kinds;
}

}  // namespace steelyard
