#include "estimators/weighting/auxiliary.hpp"

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
    if (margin.size() > 1)
      for (VariableId id : margin)
        if (schema[id].kind == VariableKind::continuous)
          config.fail(key, "crosses \"" + schema[id].name + "\", which is a number",
                      "a number stands alone; give its total");
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

void Auxiliary::add_groups(CellGroups groups, std::span<const double> totals) {
  EXPECTS(groups.groups == totals.size());
  const double population = total(totals);
  blocks.push_back({{std::move(groups), {}}, targets.size()});
  targets.insert(targets.end(), totals.begin(), totals.end());
  scale.resize(targets.size(), population > 0 ? population : 1.0);
}

namespace {

/// Folds f(0) ... f(n - 1) in eight lanes, which do not wait for each other.
template <typename F, typename Fold>
double fold_in_lanes(std::size_t n, F&& f, Fold&& fold) {
  double lanes[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t k = 0; k < 8; ++k) lanes[k] = fold(lanes[k], f(i + k));
  for (; i < n; ++i) lanes[i % 8] = fold(lanes[i % 8], f(i));
  for (std::size_t k = 4; k > 0; k /= 2)
    for (std::size_t j = 0; j < k; ++j) lanes[j] = fold(lanes[j], lanes[j + k]);
  return lanes[0];
}

template <typename F>
double sum_in_lanes(std::size_t n, F&& f) {
  return fold_in_lanes(n, f, [](double a, double b) { return a + b; });
}

}  // namespace

void Auxiliary::add_number(std::vector<double> values, double total_value) {
  const double largest = std::max(
      std::abs(total_value), fold_in_lanes(
                                 values.size(), [&](std::size_t c) { return std::abs(values[c]); },
                                 [](double a, double b) { return a < b ? b : a; }));
  blocks.push_back({{{}, std::move(values)}, targets.size()});
  targets.push_back(total_value);
  scale.push_back(largest > 0 ? largest : 1.0);
}

void Auxiliary::multiply(std::span<const double> lambda, std::span<double> u) const {
  std::fill(u.begin(), u.end(), 0.0);
  for (const Block& block : blocks) {
    const double* l = lambda.data() + block.offset;
    if (!block.number.empty()) {
      for (std::size_t c = 0; c < cells; ++c) u[c] += *l * block.number[c];
    } else {
      const std::uint32_t* group = block.groups.group_of.data();
      for (std::size_t c = 0; c < cells; ++c) u[c] += l[group[c]];
    }
  }
}

void Auxiliary::transpose_multiply(std::span<const double> v, std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  for (const Block& block : blocks) {
    double* o = out.data() + block.offset;
    if (!block.number.empty()) {
      *o = sum_in_lanes(cells, [&](std::size_t c) { return v[c] * block.number[c]; });
    } else {
      // Of a small domain most cells are empty; adding nothing to one group waits for the last sum.
      const std::uint32_t* group = block.groups.group_of.data();
      for (std::size_t c = 0; c < cells; ++c)
        if (v[c] != 0) o[group[c]] += v[c];
    }
  }
}

void Auxiliary::gram(std::span<const double> v, Eigen::MatrixXd& out) const {
  const auto p = static_cast<Eigen::Index>(columns());
  out.setZero(p, p);
  double* const data = out.data();
  const std::size_t stride = columns();
  for (std::size_t a = 0; a < blocks.size(); ++a)
    for (std::size_t b = 0; b <= a; ++b) {
      const Block &row = blocks[a], &column = blocks[b];
      double* const corner = data + row.offset + column.offset * stride;
      const std::uint32_t *r = row.groups.group_of.data(), *k = column.groups.group_of.data();
      if (row.number.empty() && column.number.empty()) {
        if (a == b)
          for (std::size_t c = 0; c < cells; ++c) corner[r[c] * (stride + 1)] += v[c];
        else
          for (std::size_t c = 0; c < cells; ++c) corner[r[c] + k[c] * stride] += v[c];
      } else if (row.number.empty()) {
        for (std::size_t c = 0; c < cells; ++c) corner[r[c]] += v[c] * column.number[c];
      } else if (column.number.empty()) {
        for (std::size_t c = 0; c < cells; ++c) corner[k[c] * stride] += v[c] * row.number[c];
      } else {
        *corner = sum_in_lanes(
            cells, [&](std::size_t c) { return v[c] * row.number[c] * column.number[c]; });
      }
    }
}

std::size_t Auxiliary::block_of(std::size_t column) const {
  std::size_t b = blocks.size() - 1;
  while (blocks[b].offset > column) --b;
  return b;
}

std::string Auxiliary::describe(std::size_t column) const {
  const std::size_t b = block_of(column);
  if (schema == nullptr || b >= variables.size()) return "column " + std::to_string(column + 1);
  if (variables[b].empty()) return "(intercept)";
  if (!blocks[b].number.empty()) return (*schema)[variables[b][0]].name;
  return describe_group(*schema, variables[b], column - blocks[b].offset);
}

Result<Auxiliary> make_auxiliary(const MarginVariables& margins, const CellIndex& index,
                                 const Benchmarks& benchmarks) {
  const Schema& schema = benchmarks.schema();
  Auxiliary x;
  x.cells = index.cells;
  x.schema = &schema;
  for (const auto& variables : margins) {
    if (schema[variables[0]].kind == VariableKind::continuous) {
      const auto target = benchmarks.number(variables[0]);
      if (!target)
        return Failure{FailureKind::unsupported,
                       "no benchmark holds the total of " + schema[variables[0]].name};
      x.add_number(index.numbers[*index.number_position(variables[0])], *target);
      x.variables.push_back(variables);
      continue;
    }
    for (VariableId id : variables) {
      const std::size_t position = *index.position(id);
      for (std::size_t c = 0; c < index.cells; ++c)
        if (index.code(c, position) >= schema[id].size())
          return Failure{FailureKind::unsupported, "benchmark variable \"" + schema[id].name +
                                                       "\" does not apply to some respondents"};
    }
    const auto totals = benchmarks.margin(variables);
    if (!totals)
      return Failure{FailureKind::unsupported,
                     "no benchmark holds " + describe_group(schema, variables, 0)};
    CellGroups groups = group_cells(index, schema, variables);
    std::vector<double> present(totals->size(), 0.0);
    for (std::size_t c = 0; c < index.cells; ++c) present[groups.group_of[c]] += index.weight[c];
    for (std::size_t g = 0; g < present.size(); ++g)
      if (present[g] <= 0 && (*totals)[g] > 0)
        return Failure{FailureKind::empty_cell,
                       "no respondent has " + describe_group(schema, variables, g)};
    x.add_groups(std::move(groups), *totals);
    x.variables.push_back(variables);
  }
  return x;
}

Auxiliary calibrated_matrix(std::span<const CalibrationBlock> blocks, std::size_t cells) {
  Auxiliary x;
  x.cells = cells;
  for (const CalibrationBlock& block : blocks)
    if (block.number.empty())
      x.add_groups(block.groups, std::vector<double>(block.size(), 0.0));
    else
      x.add_number(block.number, 0.0);
  return x;
}

WeightStage calibration_stage(Auxiliary&& x) {
  WeightStage stage;
  for (auto& block : x.blocks) stage.blocks.push_back(std::move(block));
  return stage;
}

MarginError largest_error(const Auxiliary& x, std::span<const double> weight,
                          std::span<const double> factor) {
  std::vector<double> weighted(x.cells), present(x.columns());
  for (std::size_t c = 0; c < x.cells; ++c) weighted[c] = weight[c] * factor[c];
  x.transpose_multiply(weighted, present);
  MarginError largest;
  for (std::size_t j = 0; j < present.size(); ++j) {
    const double error = std::abs(present[j] - x.targets[j]) / x.scale[j];
    if (!(error <= largest.error)) largest = {error, j};
  }
  return largest;
}

std::vector<std::size_t> independent_columns(const Eigen::MatrixXd& gram, double tolerance) {
  const Eigen::Index p = gram.rows();
  std::vector<std::size_t> kept;
  Eigen::MatrixXd factor = Eigen::MatrixXd::Zero(p, p);  // row j: Cholesky row of kept column j
  for (Eigen::Index j = 0; j < p; ++j) {
    if (!(gram(j, j) > 0)) continue;
    const auto width = static_cast<Eigen::Index>(kept.size());
    Eigen::VectorXd row(width);
    for (Eigen::Index k = 0; k < width; ++k)
      row[k] = gram(j, static_cast<Eigen::Index>(kept[static_cast<std::size_t>(k)]));
    factor.topLeftCorner(width, width).triangularView<Eigen::Lower>().solveInPlace(row);
    const double pivot = gram(j, j) - row.squaredNorm();
    if (!(pivot > tolerance * gram(j, j))) continue;
    factor.row(width).head(width) = row;
    factor(width, width) = std::sqrt(pivot);
    kept.push_back(static_cast<std::size_t>(j));
  }
  return kept;
}

void lower_part(const Eigen::MatrixXd& gram, std::span<const std::size_t> columns,
                Eigen::MatrixXd& out) {
  const auto k = static_cast<Eigen::Index>(columns.size());
  out.resize(k, k);
  for (Eigen::Index b = 0; b < k; ++b)
    for (Eigen::Index a = b; a < k; ++a)
      out(a, b) = gram(static_cast<Eigen::Index>(columns[static_cast<std::size_t>(a)]),
                       static_cast<Eigen::Index>(columns[static_cast<std::size_t>(b)]));
}

}  // namespace steelyard
