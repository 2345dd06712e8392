#include "sim/population/audit_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

/// Where a variable stands in a table; the number of its variables if it does not.
std::size_t column_of(const MarginTable& t, VariableId id) {
  return static_cast<std::size_t>(std::find(t.variables.begin(), t.variables.end(), id) -
                                  t.variables.begin());
}

/// Sums of a table over the cross of some of its variables, keyed by their codes.
std::map<std::vector<LevelCode>, double> sub_margin(const MarginTable& t,
                                                    const std::vector<VariableId>& shared) {
  std::vector<std::size_t> at;
  for (VariableId id : shared) at.push_back(column_of(t, id));
  std::map<std::vector<LevelCode>, double> sums;
  for (std::size_t row = 0; row < t.rows(); ++row) {
    std::vector<LevelCode> key;
    for (std::size_t k : at) key.push_back(t.codes[row * t.variables.size() + k]);
    sums[key] += t.values[row];
  }
  return sums;
}

/// Half a unit of the last printed digit, on the scale of the number's level values.
double printed_half_width(const PublishedNumber& n, double value_unit) {
  const auto dot = n.printed.find('.');
  const auto decimals = dot == std::string::npos ? 0 : static_cast<int>(n.printed.size() - dot - 1);
  return 0.5 * std::pow(10.0, -decimals) * value_unit;
}

/// What a table of counts makes of a number of its own variables; nothing if nobody is in its
/// scope.
std::optional<double> value_in(const MarginTable& t, const Schema& schema,
                               const PublishedNumber& n) {
  const std::vector<double> values = level_values(schema, n, 0);
  const std::size_t quantity = column_of(t, n.quantity[0]);
  double sum = 0, total = 0;
  for (std::size_t row = 0; row < t.rows(); ++row) {
    const LevelCode* codes = &t.codes[row * t.variables.size()];
    const bool inside = std::all_of(n.scope.begin(), n.scope.end(), [&](const Condition& c) {
      return c.holds(codes[column_of(t, c.variable)]);
    });
    if (!inside || codes[quantity] >= values.size()) continue;
    sum += t.values[row] * values[codes[quantity]];
    total += t.values[row];
  }
  if (!(total > 0)) return {};
  return sum / total;
}

/// Population numbers that a table of counts settles, and settles otherwise.
void audit_numbers(const Scenario& s, std::vector<TableFinding>& findings) {
  for (const PublishedNumber& n : s.numbers) {
    const bool plain = n.statistic == Statistic::share || n.statistic == Statistic::mean ||
                       n.statistic == Statistic::index;
    if (n.use != Use::fit || n.view != View::population || !plain || std::isfinite(n.importance))
      continue;
    const VariableSet variables = variables_of(n);
    for (const MarginTable& t : s.tables) {
      if (t.role != TableRole::margin || t.side != Side::population) continue;
      const bool covered = std::all_of(variables.begin(), variables.end(), [&](VariableId id) {
        return column_of(t, id) < t.variables.size();
      });
      if (!covered) continue;
      const auto value = value_in(t, s.schema, n);
      if (!value || (*value >= n.lower - 1e-9 && *value <= n.upper + 1e-9)) continue;
      const double unit = n.statistic == Statistic::share ? 100 : 1;
      findings.push_back({fmt::format(
          "{}:{}: [{}] {} {} = {} allows {:.6g} to {:.6g}, but table \"{}\" has {:.6g}",
          n.place.file, n.place.line, n.id, n.quantity_text, n.level_text, n.printed,
          n.lower * unit, n.upper * unit, t.id, *value * unit)});
    }
  }
}

}  // namespace

std::vector<TableFinding> audit_tables(const Scenario& s) {
  std::vector<TableFinding> findings;
  for (std::size_t a = 0; a < s.tables.size(); ++a)
    for (std::size_t b = a + 1; b < s.tables.size(); ++b) {
      const MarginTable &x = s.tables[a], &y = s.tables[b];
      if (x.role != TableRole::margin || y.role != TableRole::margin || x.side != y.side) continue;
      std::vector<VariableId> shared;
      for (VariableId id : x.variables)
        if (std::find(y.variables.begin(), y.variables.end(), id) != y.variables.end())
          shared.push_back(id);
      auto left = sub_margin(x, shared), right = sub_margin(y, shared);
      for (const auto& [key, value] : right) left.emplace(key, 0.0);
      double total = 0, worst = 0, worst_left = 0, worst_right = 0;
      std::size_t differing = 0;
      std::vector<LevelCode> worst_key;
      for (const auto& [key, value] : left) {
        const double other = right.contains(key) ? right.at(key) : 0.0;
        total += value;
        const double gap = std::abs(value - other);
        if (gap > 1e-9 * std::max(value, other)) ++differing;
        if (gap <= worst) continue;
        worst = gap;
        worst_left = value;
        worst_right = other;
        worst_key = key;
      }
      if (worst <= 1e-9 * total) continue;
      std::string names, cell;
      for (std::size_t k = 0; k < shared.size(); ++k) {
        names += (k ? ", " : "") + s.schema[shared[k]].name;
        cell += (k ? ", " : "") + s.schema[shared[k]].levels[worst_key[k]];
      }
      findings.push_back(
          {shared.empty()
               ? fmt::format("{}: tables \"{}\" and \"{}\" have totals {:.10g} and {:.10g}",
                             y.place.file, x.id, y.id, worst_left, worst_right)
               : fmt::format("{}: tables \"{}\" and \"{}\" disagree on {} in {} cells, most at {}: "
                             "{:.10g} and {:.10g}, {:.10g} apart",
                             y.place.file, x.id, y.id, names, differing, cell, worst_left,
                             worst_right, worst)});
    }
  audit_numbers(s, findings);
  return findings;
}

Margins::Margins(const Scenario& scenario) : s_(scenario), root_(scenario) {
  view_factor_ = view_factor(s_, root_);
}

LinearMargin Margins::make(std::size_t number, const PublishedNumber& n) const {
  LinearMargin m;
  m.number = number;
  m.what = n;
  m.variables = variables_of(n);
  std::tie(m.lower, m.upper) = as_mean(s_, root_, n);
  if (n.view == View::sample && !view_factor_.empty()) {
    m.view_cross = s_.weighting_view_cross;
    m.view_weight = view_factor_;
    m.variables.insert(m.variables.end(), m.view_cross.begin(), m.view_cross.end());
    std::sort(m.variables.begin(), m.variables.end());
    m.variables.erase(std::unique(m.variables.begin(), m.variables.end()), m.variables.end());
  }
  double low = 0, high = 0;
  for (std::size_t k = 0; k < n.quantity.size(); ++k) {
    const auto values = level_values(s_.schema, n, k);
    const auto [a, b] = std::minmax_element(values.begin(), values.end());
    low += k == 0 ? *a : -*b;
    high += k == 0 ? *b : -*a;
  }
  m.spread = std::max(high - low, 1e-300);
  const double unit = n.upper - n.lower > 0 && std::isfinite(n.upper - n.lower)
                          ? (m.upper - m.lower) / (n.upper - n.lower)
                          : 1;
  m.width = std::isfinite(m.upper - m.lower) && m.upper > m.lower
                ? 0.5 * (m.upper - m.lower)
                : printed_half_width(n, n.statistic == Statistic::share ? 0.01 : unit);
  m.width /= m.spread;
  return m;
}

Widening Margins::widening(std::size_t number, const PublishedNumber& n, double mean) const {
  const auto [low, high] = as_mean(s_, root_, n);
  double unit = 1;  // program units of the number per unit of mean
  if (n.statistic == Statistic::count) unit = static_cast<double>(s_.reported_size);
  if (n.statistic == Statistic::ratio_to_population)
    unit = std::isfinite(low) ? n.lower / low : n.upper / high;
  // A ten-thousandth of a point of slack, rounded outwards to it.
  const double step = 1e-4 * LinearMargin::kPoint * make(number, n).spread;
  Widening w{number, n.lower, n.upper, n.lower, n.upper};
  if (mean < low) w.to_lower = (std::floor(mean / step) - 1) * step * unit;
  if (mean > high) w.to_upper = (std::ceil(mean / step) + 1) * step * unit;
  return w;
}

}  // namespace steelyard
