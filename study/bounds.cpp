// Exact bounds of estimands over all joint laws behind the published numbers.

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sim/population/audit_tables.hpp"
#include "sim/population/margin_program.hpp"
#include "study/tally.hpp"
#include "study/worlds.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Values { assumed, lowest, highest };

/// The numbers of an answer's levels; the edges of a bucketed one are its lowest and highest.
std::vector<double> level_numbers(const Schema& schema, const PlannedEstimand& e, std::size_t k,
                                  Values values) {
  const Functional& f = *e.functional;
  if (!is_bucketed(schema, f, k)) return f.fixed_values(k);
  const Variable& v = schema[f.variables()[k]];
  if (values == Values::assumed) return v.assumed_values;
  const std::size_t first = values == Values::lowest ? 0 : 1;
  return {v.edges.begin() + static_cast<std::ptrdiff_t>(first),
          v.edges.begin() + static_cast<std::ptrdiff_t>(first + v.size())};
}

/// The estimand's answer over its domain as a margin without bounds.
LinearMargin target(const PlannedEstimand& e, std::size_t k, std::vector<double> numbers) {
  LinearMargin m;
  m.what.id = e.id;
  m.what.view = View::weighted_sample;
  m.what.scope = e.domain;
  m.what.quantity = {e.functional->variables()[k]};
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  m.spread = std::max(*high - *low, 1e-300);
  m.what.level_numbers = std::move(numbers);
  m.lower = -kInfinity;
  m.upper = kInfinity;
  m.width = 1;
  for (const Condition& c : e.domain) m.variables.push_back(c.variable);
  m.variables.push_back(m.what.quantity[0]);
  std::sort(m.variables.begin(), m.variables.end());
  m.variables.erase(std::unique(m.variables.begin(), m.variables.end()), m.variables.end());
  return m;
}

}  // namespace

std::vector<BoundsRecord> estimand_bounds(const Study& study) {
  const Scenario& s = study.scenario();
  const Margins margins(s);
  std::vector<LinearMargin> known;
  for (std::size_t i = 0; i < s.numbers.size(); ++i) {
    const PublishedNumber& n = s.numbers[i];
    if (n.use != Use::fit && n.use != Use::check) continue;
    if (n.view == View::population || n.quantity.empty() ||
        n.statistic == Statistic::mean_difference)
      continue;
    known.push_back(margins.make(i, n));
  }
  std::vector<BoundsRecord> bounds;
  if (known.empty()) return bounds;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < study.plan().estimands.size(); ++i) {
    const PlannedEstimand& e = study.plan().estimands[i];
    if (e.functional->uses_law()) continue;   // not linear in the shares
    if (!seen.insert(e.id).second) continue;  // its first domain alone
    const std::size_t answers = e.functional->variables().size();
    const auto range = [&](Values first,
                           Values second) -> std::optional<std::pair<double, double>> {
      std::vector<LinearMargin> all = known;
      for (std::size_t k = 0; k < answers; ++k) {
        auto numbers = level_numbers(s.schema, e, k, k == 0 ? first : second);
        if (numbers.empty()) return std::nullopt;
        if (std::any_of(numbers.begin(), numbers.end(), [](double x) { return std::isinf(x); }))
          return std::pair{-kInfinity, kInfinity};
        all.push_back(target(e, k, std::move(numbers)));
      }
      MarginProgram program(s.schema, all, static_cast<double>(s.reported_size));
      return answers == 1 ? program.range(known.size())
                          : program.range(known.size(), known.size() + 1);
    };
    const auto assumed = range(Values::assumed, Values::assumed);
    const auto low = range(Values::lowest, Values::highest),
               high = range(Values::highest, Values::lowest);
    if (!assumed || !low || !high) continue;
    BoundsRecord record;
    record.estimand = static_cast<std::uint32_t>(i);
    record.lower = assumed->first;
    record.upper = assumed->second;
    // A ratio over an open bucket may come as near to zero as one likes.
    record.edge_lower = std::isinf(low->first) ? 0 : low->first;
    record.edge_upper = high->second;
    double sum[2] = {0, 0}, total = 0;
    for (std::size_t k = 0; k < answers; ++k) {
      const auto numbers = level_numbers(s.schema, e, k, Values::assumed);
      const auto variable = e.functional->variables()[k];
      const auto law = study.population().weighted_law().query(e.domain, {&variable, 1});
      total = 0;
      for (std::size_t level = 0; level < numbers.size(); ++level) {
        sum[k] += law[level] * numbers[level];
        total += law[level];
      }
    }
    record.expected = answers == 1 ? sum[0] / total : sum[0] / sum[1];
    bounds.push_back(record);
  }
  return bounds;
}

}  // namespace steelyard
