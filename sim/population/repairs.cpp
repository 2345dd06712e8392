#include "sim/population/repairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kLargestOrder = 6;  ///< columns of which all orders are tried: 720
constexpr std::size_t kLargestRows = 16;  ///< rows of which all pairs are tried

}  // namespace

RepairSearch::RepairSearch(const Scenario& scenario, const Margins& margins,
                           const std::vector<PublishedNumber>& present,
                           const std::vector<std::size_t>& numbers, const Conflict& conflict)
    : s_(scenario), margins_(margins), present_(present), numbers_(numbers), conflict_(conflict) {}

std::vector<RepairSearch::Table> RepairSearch::tables() const {
  std::map<std::string, Table> groups;
  for (std::size_t i : numbers_) {
    const PublishedNumber& n = present_[i];
    if (n.quantity.size() != 1) continue;
    std::string key = fmt::format("{}|{}|{}", n.source, to_string(n.view), index(n.quantity[0]));
    for (const Condition& c : n.scope) key += fmt::format("|{}", index(c.variable));
    groups[key].numbers.push_back(i);
  }
  std::vector<Table> list;
  for (auto& [key, table] : groups) {
    const bool touched =
        std::any_of(conflict_.members.begin(), conflict_.members.end(), [&](std::size_t m) {
          return std::find(table.numbers.begin(), table.numbers.end(), m) != table.numbers.end();
        });
    if (!touched || table.numbers.size() < 2) continue;
    const PublishedNumber& first = present_[table.numbers[0]];
    table.name = first.source.empty() ? first.id : first.source;
    table.variables.push_back(first.quantity[0]);
    for (std::size_t c = 0; c < first.scope.size(); ++c) {
      std::set<std::vector<LevelCode>> values;
      for (std::size_t i : table.numbers) values.insert(present_[i].scope[c].levels);
      if (values.size() > 1) table.variables.push_back(first.scope[c].variable);
    }
    list.push_back(std::move(table));
  }
  std::stable_sort(list.begin(), list.end(), [](const Table& a, const Table& b) {
    return a.numbers.size() > b.numbers.size();
  });
  return list;
}

std::vector<LevelCode> RepairSearch::levels_used(const Table& table, VariableId variable) const {
  std::set<LevelCode> used;
  for (std::size_t i : table.numbers) {
    const PublishedNumber& n = present_[i];
    if (n.quantity[0] == variable) used.insert(n.levels.begin(), n.levels.end());
    for (const Condition& c : n.scope)
      if (c.variable == variable) used.insert(c.levels.begin(), c.levels.end());
  }
  // A column that no number names by itself may still be one: the rest of the others.
  if (variable == table.variables[0])
    for (std::size_t level = 0; !used.empty() && level < s_.schema[variable].size(); ++level)
      used.insert(static_cast<LevelCode>(level));
  return {used.begin(), used.end()};
}

MarginProgram RepairSearch::program(const std::vector<LevelExchange>& steps,
                                    const std::vector<std::size_t>& changed,
                                    const std::vector<std::size_t>& dropped) {
  ++programs_;
  std::vector<LinearMargin> list;
  for (std::size_t i : numbers_) {
    if (std::find(dropped.begin(), dropped.end(), i) != dropped.end()) continue;
    PublishedNumber n = present_[i];
    if (std::find(changed.begin(), changed.end(), i) != changed.end())
      for (const LevelExchange& step : steps) exchange_levels(s_.schema, n, step);
    list.push_back(margins_.make(i, n));
  }
  return MarginProgram(s_.schema, list, static_cast<double>(s_.reported_size));
}

double RepairSearch::left(const std::vector<LevelExchange>& steps,
                          const std::vector<std::size_t>& changed,
                          const std::vector<std::size_t>& dropped, RelaxationUnit unit,
                          double bound) {
  MarginProgram p = program(steps, changed, dropped);
  if (p.feasible()) return 0;
  if (std::isfinite(bound) && !p.feasible(bound, unit)) return kInfinity;
  return p.largest_relaxation(unit);
}

void RepairSearch::find_exchanges(const Table& table, std::vector<Repair>& repairs) {
  for (VariableId variable : table.variables) {
    const Variable& v = s_.schema[variable];
    const std::vector<LevelCode> levels = levels_used(table, variable);
    if (levels.size() > kLargestRows) continue;
    for (std::size_t a = 0; a < levels.size(); ++a)
      for (std::size_t b = a + 1; b < levels.size(); ++b) {
        const LevelExchange step{{}, variable, levels[a], levels[b], {}, {}};
        bool changes = false;
        for (std::size_t i : table.numbers) {
          PublishedNumber n = present_[i];
          changes |= exchange_levels(s_.schema, n, step);
        }
        if (!changes) continue;
        // Worth telling only if it takes away at least a tenth of the contradiction.
        const double points =
            left({step}, table.numbers, {}, RelaxationUnit::points, 0.9 * conflict_.largest_points);
        if (std::isinf(points)) continue;
        Repair repair;
        repair.kind = Repair::Kind::exchange;
        repair.text = fmt::format("exchange {} and {} of {} in {}", v.levels[levels[a]],
                                  v.levels[levels[b]], v.name, table.name);
        repair.left_points = points;
        repair.steps = {step};
        repair.numbers = table.numbers;
        repairs.push_back(std::move(repair));
      }
  }
}

/// All orders of the columns: whether the labels alone can be what is wrong.
void RepairSearch::find_order(const Table& table, std::vector<Repair>& repairs) {
  const VariableId variable = table.variables[0];
  const Variable& v = s_.schema[variable];
  const std::vector<LevelCode> levels = levels_used(table, variable);
  if (levels.size() < 3 || levels.size() > kLargestOrder || table.variables.size() < 2) return;
  std::vector<std::size_t> order(levels.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  Repair best;
  best.left_points = conflict_.largest_points;
  do {
    // The order as exchanges, done one after the other.
    std::vector<std::size_t> at(order.size());
    for (std::size_t k = 0; k < at.size(); ++k) at[k] = k;
    std::vector<LevelExchange> steps;
    for (std::size_t k = 0; k < order.size(); ++k) {
      if (at[k] == order[k]) continue;
      const auto j =
          static_cast<std::size_t>(std::find(at.begin(), at.end(), order[k]) - at.begin());
      steps.push_back({{}, variable, levels[at[k]], levels[at[j]], {}, {}});
      std::swap(at[k], at[j]);
    }
    if (steps.empty()) continue;
    const double points = left(steps, table.numbers, {}, RelaxationUnit::points, best.left_points);
    if (points >= best.left_points) continue;
    best.left_points = points;
    best.steps = steps;
    if (points == 0) break;
  } while (std::next_permutation(order.begin(), order.end()));
  best.kind = Repair::Kind::reorder;
  best.numbers = table.numbers;
  if (best.left_points == 0) {
    Texts moves;
    for (const LevelExchange& step : best.steps)
      moves.push_back(v.levels[step.first] + " and " + v.levels[step.second]);
    best.text =
        fmt::format("reorder {} in {}: exchange {}", v.name, table.name, join(moves, ", then "));
  } else {
    best.left_widths = conflict_.largest_widths;
    best.text =
        fmt::format("no order of the columns of {} in {} repairs it; the best", v.name, table.name);
  }
  repairs.push_back(std::move(best));
}

void RepairSearch::find_widenings(std::vector<Repair>& repairs) {
  constexpr std::size_t kMost = 40;  // of a large set only the first: each costs two programs
  MarginProgram all = program({}, {}, {});
  for (std::size_t k = 0; k < std::min(kMost, conflict_.members.size()); ++k) {
    const std::size_t m = conflict_.members[k];
    const PublishedNumber& n = present_[m];
    const auto position =
        static_cast<std::size_t>(std::find(numbers_.begin(), numbers_.end(), m) - numbers_.begin());
    const auto range = all.range(position);
    if (!range) continue;
    const LinearMargin margin = margins_.make(m, n);
    const double unit = n.statistic == Statistic::share ? 100 : 1;
    const auto [low, high] = *range;
    const double mean = low > margin.upper ? low : high;
    Repair repair;
    repair.kind = Repair::Kind::widen;
    repair.widenings = {margins_.widening(m, n, mean)};
    const double by = std::max(margin.lower - mean, mean - margin.upper) / margin.spread;
    repair.text = fmt::format(
        "widen {} from [{:.6g}, {:.6g}] to [{:.6g}, {:.6g}] {} ({:.3g} rounding half-widths, "
        "{:.3g} "
        "points)",
        n.id, n.lower * unit, n.upper * unit, repair.widenings[0].to_lower * unit,
        repair.widenings[0].to_upper * unit, n.unit, by / margin.width, by / LinearMargin::kPoint);
    repairs.push_back(std::move(repair));
  }
  const auto by = [](const Repair& r) {
    const Widening& w = r.widenings[0];
    return std::max(w.from_lower - w.to_lower, w.to_upper - w.from_upper);
  };
  std::stable_sort(repairs.begin(), repairs.end(),
                   [&](const Repair& a, const Repair& b) { return by(a) < by(b); });
}

/// Numbers that an elastic program moves, in either unit: who could be dropped.
std::set<std::size_t> RepairSearch::suspects(const std::vector<std::size_t>& dropped) {
  std::vector<std::size_t> kept;
  for (std::size_t i : numbers_)
    if (std::find(dropped.begin(), dropped.end(), i) == dropped.end()) kept.push_back(i);
  MarginProgram p = program({}, {}, dropped);
  std::set<std::size_t> moved;
  for (RelaxationUnit unit : {RelaxationUnit::rounding_widths, RelaxationUnit::points}) {
    const auto relaxed = p.sum_relaxation(unit);
    for (std::size_t k = 0; k < relaxed.gap.size(); ++k)
      if (relaxed.gap[k].first + relaxed.gap[k].second > 0) moved.insert(kept[k]);
  }
  if (moved.empty())
    for (std::size_t k : p.proof()) moved.insert(kept[k]);
  return moved;
}

/// Single numbers whose removal leaves nothing; else numbers removed one after the other, each the
/// one that leaves the smallest sum of relaxations, and then those given back that need not go
/// (Chinneck 1996, Annals of Mathematics and AI 17, 127-144).
void RepairSearch::find_drops(std::vector<Repair>& repairs) {
  const auto add = [&](const std::vector<std::size_t>& numbers) {
    Texts ids;
    for (std::size_t i : numbers) ids.push_back(present_[i].id);
    Repair repair;
    repair.kind = Repair::Kind::drop;
    repair.numbers = numbers;
    repair.text = "drop " + join(ids, ", ");
    repairs.push_back(std::move(repair));
  };
  for (std::size_t i : conflict_.members)
    if (program({}, {}, {i}).feasible()) add({i});
  if (!repairs.empty()) return;
  std::vector<std::size_t> dropped;
  while (!program({}, {}, dropped).feasible()) {
    std::set<std::size_t> candidates = suspects(dropped);
    if (dropped.empty()) candidates.insert(conflict_.members.begin(), conflict_.members.end());
    double best = kInfinity;
    std::size_t chosen = *candidates.begin();
    for (std::size_t i : candidates) {
      std::vector<std::size_t> trial = dropped;
      trial.push_back(i);
      const double sum = program({}, {}, trial).sum_relaxation(RelaxationUnit::points).sum;
      if (sum >= best) continue;
      best = sum;
      chosen = i;
    }
    dropped.push_back(chosen);
  }
  for (std::size_t k = dropped.size(); k-- > 0;) {
    std::vector<std::size_t> fewer = dropped;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(k));
    if (program({}, {}, fewer).feasible()) dropped = fewer;
  }
  add(dropped);
}

std::vector<Repair> RepairSearch::find() {
  std::vector<Repair> exchanges, orders, widenings, drops;
  if (conflict_.largest_widths > 1) {
    const std::vector<Table> list = tables();
    for (const Table& table : list) find_exchanges(table, exchanges);
    const bool repaired = std::any_of(exchanges.begin(), exchanges.end(),
                                      [](const Repair& r) { return r.left_points == 0; });
    if (!repaired && !list.empty()) find_order(list[0], orders);
  }
  std::stable_sort(exchanges.begin(), exchanges.end(),
                   [](const Repair& a, const Repair& b) { return a.left_points < b.left_points; });
  constexpr std::size_t kKept = 3;  // exchanges told that leave something
  std::size_t whole = 0;
  while (whole < exchanges.size() && exchanges[whole].left_points == 0) ++whole;
  exchanges.resize(std::min(exchanges.size(), std::max(whole, kKept)));
  for (auto* part : {&exchanges, &orders})
    for (Repair& r : *part)
      if (r.left_points > 0 && !r.steps.empty())
        r.left_widths = left(r.steps, r.numbers, {}, RelaxationUnit::rounding_widths, kInfinity);
  find_widenings(widenings);
  find_drops(drops);
  // Of single numbers, set aside the one whose widening is the least in its own rounding.
  if (!drops.empty() && drops.back().numbers.size() == 1 && !widenings.empty()) {
    const auto half_widths = [&](const Repair& r) {
      const Widening& w = r.widenings[0];
      const LinearMargin m = margins_.make(w.number, present_[w.number]);
      return std::max(w.from_lower - w.to_lower, w.to_upper - w.from_upper) /
             std::max(m.width * m.spread, 1e-300);
    };
    const auto least = std::min_element(
        widenings.begin(), widenings.end(),
        [&](const Repair& a, const Repair& b) { return half_widths(a) < half_widths(b); });
    const auto at = std::find_if(drops.begin(), drops.end(), [&](const Repair& r) {
      return r.numbers[0] == least->widenings[0].number;
    });
    if (at != drops.end()) std::rotate(drops.begin(), at, at + 1);
  }
  std::vector<Repair> repairs = std::move(exchanges);
  for (auto* part : {&orders, &widenings, &drops})
    std::move(part->begin(), part->end(), std::back_inserter(repairs));
  return repairs;
}

}  // namespace steelyard
