#include "sim/models/model_population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace steelyard {
namespace {

/// Purpose of a column's stream: that of purpose(), of a name that is known when it runs.
Purpose column_purpose(const std::string& name) {
  std::uint32_t hash = 2166136261u;
  for (char c : "model column " + name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  return Purpose{hash};
}

std::string_view objection(const DistributionInfo::Parameter& parameter, double value) {
  if (parameter.positive && !(value > 0)) return "must be above 0";
  if (parameter.probability && !(value >= 0 && value <= 1)) return "must be in [0, 1]";
  return {};
}

}  // namespace

ModelPopulation::ModelPopulation(const ModelScenario& model, Seed seed, Replicate replicate)
    : columns_(*model.scenario.population_size) {
  const Schema& schema = model.scenario.schema;
  everybody_.schema = &schema;
  everybody_.n = size();
  everybody_.columns.resize(schema.size());
  everybody_.numbers.resize(schema.size());
  behind_.resize(schema.size());
  for (std::size_t k = 0; k < model.parameters.size(); ++k)
    columns_.add(model.parameters[k].first, {model.parameters[k].second}, {},
                 model.parameter_places[k]);
  for (const ModelVariable& v : model.variables) {
    std::vector<double> values;
    if (v.formula) {
      values = columns_.evaluate(*v.formula);
      columns_.require_finite(*v.formula, values);
    } else {
      values = draw(v, seed, replicate);
    }
    observe(v, values);
    // A variable with levels counts them in formulas; a bucketed one is the value behind it.
    if (v.kind != VariableKind::continuous && v.kind != VariableKind::bucketed && !v.edges.empty())
      for (double& x : values)
        x = static_cast<double>(std::upper_bound(v.edges.begin(), v.edges.end() - 1, x) -
                                v.edges.begin() - 1);
    const bool named = v.kind == VariableKind::categorical || v.kind == VariableKind::ordered;
    columns_.add(v.name, std::move(values), named ? v.levels : std::vector<std::string>{}, v.place);
  }
}

std::vector<double> ModelPopulation::draw(const ModelVariable& v, Seed seed,
                                          Replicate replicate) const {
  std::vector<double> values(size());
  const auto stream = [&](std::size_t i) {
    return Stream({seed, column_purpose(v.name), replicate, Unit{i}});
  };
  if (!v.shares.empty()) {
    std::vector<double> cumulated;
    double sum = 0;
    for (double p : v.shares) cumulated.push_back(sum += p);
    // The last level that anybody has takes what rounding leaves.
    std::size_t last = v.shares.size() - 1;
    while (v.shares[last] == 0) --last;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = std::upper_bound(cumulated.begin(), cumulated.end(), stream(i).uniform());
      values[i] =
          static_cast<double>(std::min(static_cast<std::size_t>(at - cumulated.begin()), last));
    }
    return values;
  }
  const DistributionInfo& law = *v.distribution;
  std::vector<std::vector<double>> parameters;
  for (std::size_t k = 0; k < law.parameters.size(); ++k) {
    const Formula& formula = v.parameters[k];
    parameters.push_back(columns_.evaluate(formula));
    columns_.require_finite(formula, parameters.back());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (const auto problem = objection(law.parameters[k], parameters[k][i]); !problem.empty())
        throw UserError(formula.place, formula.owner,
                        fmt::format("\"{}\" = \"{}\" is {:g} for person {}; it {}", formula.key,
                                    formula.text, parameters[k][i], i + 1, problem),
                        {});
  }
  std::vector<double> of_person(parameters.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t k = 0; k < parameters.size(); ++k) of_person[k] = parameters[k][i];
    Stream s = stream(i);
    values[i] = law.draw(s, of_person);
  }
  return values;
}

std::vector<LevelCode> ModelPopulation::codes(const ModelVariable& v,
                                              const std::vector<double>& values) const {
  std::vector<LevelCode> codes(values.size());
  const auto refuse = [&](std::size_t i, const std::string& wanted) {
    throw UserError(v.place, "variable " + v.name,
                    fmt::format("is {:g} for person {}; it must be {}", values[i], i + 1, wanted),
                    {});
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    if (!v.edges.empty()) {
      if (!(x >= v.edges.front() && (x < v.edges.back() || std::isinf(v.edges.back()))))
        refuse(i, fmt::format("in [{:g}, {:g})", v.edges.front(), v.edges.back()));
      codes[i] = static_cast<LevelCode>(std::upper_bound(v.edges.begin(), v.edges.end() - 1, x) -
                                        v.edges.begin() - 1);
    } else if (v.kind == VariableKind::yes_no) {
      if (x != 0 && x != 1) refuse(i, "1 (yes) or 0 (no)");
      codes[i] = x == 1 ? 0 : 1;
    } else {
      if (!(x >= 0 && x < static_cast<double>(v.levels.size()) && x == std::floor(x)))
        refuse(i, fmt::format("a whole number from 0 to {}: the number of a level, or give edges",
                              v.levels.size() - 1));
      codes[i] = static_cast<LevelCode>(x);
    }
  }
  return codes;
}

void ModelPopulation::observe(const ModelVariable& v, const std::vector<double>& values) {
  if (v.kind == VariableKind::continuous) {
    if (v.id) everybody_.numbers[index(*v.id)] = values;
    return;
  }
  std::vector<LevelCode> column =
      codes(v, values);  // also where nobody sees it: it must have a level
  if (!v.id) return;
  everybody_.columns[index(*v.id)] = std::move(column);
  if (v.kind == VariableKind::bucketed) behind_[index(*v.id)] = values;
}

std::vector<double> ModelPopulation::totals(std::span<const VariableId> variables) const {
  const Schema& schema = *everybody_.schema;
  std::size_t cells = 1;
  for (VariableId id : variables) cells *= schema[id].size();
  std::vector<double> totals(cells, 0.0);
  for (std::size_t i = 0; i < size(); ++i) {
    std::size_t cell = 0;
    for (VariableId id : variables)
      cell = cell * schema[id].size() + everybody_.columns[index(id)][i];
    totals[cell] += 1;
  }
  return totals;
}

}  // namespace steelyard
