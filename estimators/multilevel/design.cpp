#include "estimators/multilevel/design.hpp"

#include <algorithm>
#include <cmath>

namespace steelyard {
namespace {

std::optional<Failure> not_applicable(const CellIndex& index, const Schema& schema,
                                      const std::vector<VariableId>& variables,
                                      std::span<const double> weight) {
  for (VariableId id : variables) {
    const auto position = index.position(id);
    EXPECTS(position);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weight[c] > 0 && index.code(c, *position) >= schema[id].size())
        return Failure{FailureKind::unsupported, "the model's variable \"" + schema[id].name +
                                                     "\" does not apply to somebody"};
  }
  return std::nullopt;
}

/// Cells without weight may hold "not applicable"; any group will do for them.
CellGroups groups_of(const CellIndex& index, const Schema& schema,
                     const std::vector<VariableId>& term, std::span<const double> weight) {
  CellGroups groups = group_cells(index, schema, term);
  for (std::size_t c = 0; c < index.cells; ++c)
    if (!(weight[c] > 0)) groups.group_of[c] = 0;
  return groups;
}

Auxiliary fixed_columns(const MultilevelTerms& terms, const CellIndex& index, const Schema& schema,
                        std::span<const double> weight) {
  Auxiliary x;
  x.cells = index.cells;
  x.schema = &schema;
  x.add_number(std::vector<double>(index.cells, 1.0), 0);
  x.variables.emplace_back();
  for (const auto& term : terms.fixed) {
    CellGroups groups = groups_of(index, schema, term, weight);
    const std::vector<double> zero(groups.groups, 0.0);
    x.add_groups(std::move(groups), zero);
    x.variables.push_back(term);
  }
  for (const auto& trend : terms.trends) {
    std::vector<double> values(index.cells, 0.0);
    const std::size_t position = *index.position(trend.variable);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weight[c] > 0) values[c] = trend.values[index.code(c, position)];
    x.add_number(std::move(values), 0);
    x.variables.push_back({trend.variable});
  }
  return x;
}

constexpr double kDependent = 1e-10;

/// A column that the sample writes by others must be that combination in the target too. Those that
/// are nothing in the sample are looked at first: they say best what is missing.
std::optional<Failure> not_estimable(const MultilevelDesign& design, const Auxiliary& target,
                                     std::span<const double> weight) {
  const std::size_t columns = target.columns();
  std::vector<double> difference(columns), value(target.cells);
  for (const bool absent : {true, false})
    for (std::size_t j = 0; j < columns; ++j) {
      if (std::find(design.kept.begin(), design.kept.end(), j) != design.kept.end()) continue;
      const auto row = design.dependence.row(static_cast<Eigen::Index>(j));
      if (row.isZero(0) != absent) continue;
      std::fill(difference.begin(), difference.end(), 0.0);
      for (std::size_t a = 0; a < design.kept.size(); ++a)
        difference[design.kept[a]] = row[static_cast<Eigen::Index>(a)];
      difference[j] -= 1;
      target.multiply(difference, value);
      const double tolerance = 1e-6 * target.scale[j];
      for (std::size_t c = 0; c < target.cells; ++c)
        if (weight[c] > 0 && std::abs(value[c]) > tolerance)
          return Failure{FailureKind::empty_cell,
                         "the sample cannot tell the effect of " + target.describe(j) +
                             ", which the population has; merge it or make the term a group"};
    }
  return std::nullopt;
}

}  // namespace

std::vector<VariableId> MultilevelTerms::variables() const {
  MarginVariables all = fixed;
  all.insert(all.end(), groups.begin(), groups.end());
  for (const Trend& trend : trends) all.push_back({trend.variable});
  return variables_of(all);
}

Result<MultilevelDesign> make_multilevel_design(const MultilevelTerms& terms,
                                                const CellIndex& index, const Schema& schema,
                                                std::span<const double> weight) {
  if (auto wrong = not_applicable(index, schema, terms.variables(), weight)) return *wrong;
  MultilevelDesign design;
  design.terms = terms;
  design.fixed = fixed_columns(terms, index, schema, weight);
  Eigen::MatrixXd gram;
  design.fixed.gram(weight, gram);
  if (!(gram(0, 0) > 0)) return Failure{FailureKind::empty_domain, "nobody answered"};
  design.kept = independent_columns(gram, kDependent);
  const auto p = static_cast<Eigen::Index>(design.kept.size());
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  Eigen::MatrixXd part(p, p), all(p, gram.cols());
  for (Eigen::Index a = 0; a < p; ++a) {
    const auto row = static_cast<Eigen::Index>(design.kept[static_cast<std::size_t>(a)]);
    all.row(a) = gram.row(row);
    for (Eigen::Index b = 0; b < p; ++b)
      part(a, b) = gram(row, static_cast<Eigen::Index>(design.kept[static_cast<std::size_t>(b)]));
  }
  design.dependence = part.llt().solve(all).transpose();
  design.random.cells = index.cells;
  design.random.schema = &schema;
  design.terms.groups.clear();
  for (const auto& term : terms.groups) {
    CellGroups groups = groups_of(index, schema, term, weight);
    std::vector<std::uint32_t> column(groups.groups, MultilevelDesign::kUnseen);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weight[c] > 0) column[groups.group_of[c]] = 0;
    std::uint32_t seen = 0;
    for (auto& at : column)
      if (at == 0) at = seen++;
    for (std::size_t c = 0; c < index.cells; ++c)
      groups.group_of[c] = weight[c] > 0 ? column[groups.group_of[c]] : 0;
    groups.groups = seen;
    // One group, or the groups of a term before it, have no variance of their own.
    const auto same = [&](const auto& block) {
      for (std::size_t c = 0; c < index.cells; ++c)
        if (weight[c] > 0 && block.groups.group_of[c] != groups.group_of[c]) return false;
      return true;
    };
    if (seen < 2 || std::any_of(design.random.blocks.begin(), design.random.blocks.end(), same))
      continue;
    design.terms.groups.push_back(term);
    design.column_of.push_back(std::move(column));
    design.random.add_groups(std::move(groups), std::vector<double>(seen, 0.0));
    design.random.variables.push_back(term);
  }
  return design;
}

Result<TargetCells> make_target_cells(const MultilevelDesign& design, const CellIndex& population,
                                      const Schema& schema, std::span<const double> weight) {
  if (auto wrong = not_applicable(population, schema, design.terms.variables(), weight))
    return *wrong;
  TargetCells target;
  target.fixed = fixed_columns(design.terms, population, schema, weight);
  if (auto wrong = not_estimable(design, target.fixed, weight)) return *wrong;
  target.random.cells = population.cells;
  target.random.schema = &schema;
  for (std::size_t k = 0; k < design.groups(); ++k) {
    CellGroups groups = groups_of(population, schema, design.terms.groups[k], weight);
    std::vector<std::uint32_t> column = design.column_of[k];
    const std::size_t seen = design.random.blocks[k].size();
    auto next = static_cast<std::uint32_t>(seen);
    for (auto& at : column)
      if (at == MultilevelDesign::kUnseen) at = next++;
    for (auto& g : groups.group_of) g = column[g];
    groups.groups = next;
    target.seen.push_back(seen);
    target.random.add_groups(std::move(groups), std::vector<double>(next, 0.0));
    target.random.variables.push_back(design.terms.groups[k]);
  }
  return target;
}

}  // namespace steelyard
