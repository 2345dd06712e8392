#include "estimators/weighting/margins.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {

MarginVariables read_margins(ConfigReader& config, std::string_view key, const Schema& schema,
                             std::string_view help) {
  MarginVariables margins;
  for (const Texts& names : config.text_lists(key, {.help = help})) {
    auto& margin = margins.emplace_back();
    for (const std::string& name : names) margin.push_back(schema.require(name, config.place(key)));
  }
  if (margins.empty() && !config.is_documenting())
    config.fail(key, "is empty", "name at least one variable");
  return margins;
}

std::vector<VariableId> variables_of(const MarginVariables& margins) {
  std::vector<VariableId> all;
  for (const auto& margin : margins)
    for (VariableId id : margin)
      if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
  return all;
}

std::string describe_group(const Schema& schema, std::span<const VariableId> variables,
                           std::size_t group) {
  std::string text;
  for (std::size_t k = variables.size(); k-- > 0;) {
    const Variable& v = schema[variables[k]];
    text = v.name + "=" + v.levels[group % v.size()] + (text.empty() ? "" : ", " + text);
    group /= v.size();
  }
  return text;
}

std::vector<double> group_totals(const CellIndex& index, const CellGroups& groups,
                                 std::span<const double> factor) {
  std::vector<double> totals(groups.groups, 0.0);
  for (std::size_t c = 0; c < index.cells; ++c)
    totals[groups.group_of[c]] += index.weight[c] * factor[c];
  return totals;
}

Result<std::vector<Margin>> make_margins(const MarginVariables& margins, const CellIndex& index,
                                         const Benchmarks& benchmarks) {
  const Schema& schema = benchmarks.schema();
  std::vector<Margin> made;
  const std::vector<double> ones(index.cells, 1.0);
  for (const auto& variables : margins) {
    for (VariableId id : variables) {
      const std::size_t position = *index.position(id);
      for (std::size_t c = 0; c < index.cells; ++c)
        if (index.code(c, position) >= schema[id].size())
          return Failure{FailureKind::unsupported, "benchmark variable \"" + schema[id].name +
                                                       "\" does not apply to some respondents"};
    }
    auto totals = benchmarks.margin(variables);
    if (!totals)
      return Failure{FailureKind::unsupported,
                     "no benchmark holds " + describe_group(schema, variables, 0)};
    Margin margin{group_cells(index, schema, variables), std::move(*totals)};
    const std::vector<double> present = group_totals(index, margin.groups, ones);
    for (std::size_t g = 0; g < present.size(); ++g)
      if (present[g] <= 0 && margin.totals[g] > 0)
        return Failure{FailureKind::empty_cell,
                       "no respondent has " + describe_group(schema, variables, g)};
    made.push_back(std::move(margin));
  }
  return made;
}

double largest_error(const CellIndex& index, const std::vector<Margin>& margins,
                     std::span<const double> factor) {
  double error = 0;
  for (const Margin& margin : margins) {
    const double population = total(margin.totals);
    const auto present = group_totals(index, margin.groups, factor);
    for (std::size_t g = 0; g < present.size(); ++g)
      error = std::max(error, std::abs(present[g] - margin.totals[g]) / population);
  }
  return error;
}

}  // namespace steelyard
