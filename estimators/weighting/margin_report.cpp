#include "estimators/weighting/margin_report.hpp"

#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

class MarginReport {
 public:
  MarginReport(const Weights& weights, const CellIndex& index, const Benchmarks& benchmarks,
               std::optional<double> population)
      : index_(index),
        benchmarks_(benchmarks),
        schema_(benchmarks.schema()),
        final_(index.cells),
        population_(population) {
    for (std::size_t c = 0; c < index.cells; ++c) final_[c] = index.weight[c] * weights.factor[c];
    sum_before_ = total(index.weight);
    sum_after_ = total(final_);
  }

  Result<std::vector<MarginRow>> run(const MarginVariables& margins) {
    if (!population_) population_ = total_of_first(margins);
    for (const auto& variables : margins) {
      const bool number = schema_[variables[0]].kind == VariableKind::continuous;
      if (!(number ? add_number(variables[0]) : add_levels(variables)))
        return Failure{FailureKind::unsupported,
                       "no benchmark holds the margin " + title(variables)};
    }
    return std::move(rows_);
  }

 private:
  double total_of_first(const MarginVariables& margins) const {
    for (const auto& variables : margins)
      if (schema_[variables[0]].kind != VariableKind::continuous)
        if (const auto totals = benchmarks_.margin(variables)) return total(*totals);
    return sum_before_;
  }

  std::string title(const std::vector<VariableId>& variables) const {
    std::string text;
    for (VariableId id : variables) text += (text.empty() ? "" : "*") + schema_[id].name;
    return text;
  }

  /// False if no benchmark holds the margin.
  bool add_levels(const std::vector<VariableId>& variables) {
    const auto targets = benchmarks_.margin(variables);
    if (!targets) return false;
    const CellGroups groups = group_cells(index_, schema_, variables);
    std::vector<double> before(groups.groups, 0.0), after(groups.groups, 0.0);
    std::vector<std::size_t> respondents(groups.groups, 0);
    for (std::size_t c = 0; c < index_.cells; ++c) {
      before[groups.group_of[c]] += index_.weight[c];
      after[groups.group_of[c]] += final_[c];
      respondents[groups.group_of[c]] += index_.respondents[c];
    }
    for (std::size_t k = 0; k < groups.groups; ++k) {
      MarginRow row;
      row.margin = title(variables);
      row.level = describe_group(schema_, variables, k);
      row.levels = levels_of(variables, k);
      row.respondents = respondents[k];
      const double t = (*targets)[k] / *population_;
      add(row, before[k], after[k], (*targets)[k], std::sqrt(t * (1 - t)));
    }
    return true;
  }

  std::vector<std::string> levels_of(const std::vector<VariableId>& variables,
                                     std::size_t group) const {
    std::vector<std::string> levels(variables.size());
    for (std::size_t v = variables.size(); v-- > 0;) {
      const Variable& variable = schema_[variables[v]];
      levels[v] = variable.levels[group % variable.size()];
      group /= variable.size();
    }
    return levels;
  }

  bool add_number(VariableId id) {
    const auto target = benchmarks_.number(id);
    if (!target) return false;
    const std::vector<double>& x = index_.numbers[*index_.number_position(id)];
    MarginRow row;
    row.margin = schema_[id].name;
    row.respondents = index_.n;
    Sum before, after;
    Moments moments;
    for (std::size_t c = 0; c < index_.cells; ++c) {
      before.add(index_.weight[c] * x[c]);
      after.add(final_[c] * x[c]);
      for (std::uint32_t i = 0; i < index_.respondents[c]; ++i) moments.add(x[c]);
    }
    add(row, before.value(), after.value(), *target, moments.sd());
    return true;
  }

  /// @param sd  standard deviation of the level's indicator, or of the number
  void add(MarginRow& row, double before, double after, double target, double sd) {
    row.target = target;
    row.before = before * *population_ / sum_before_;
    row.after = after;
    row.relative_error = (after - target) / (target != 0 ? std::abs(target) : *population_);
    const double t = target / *population_;
    row.smd_before = sd > 0 ? (before / sum_before_ - t) / sd : std::nan("");
    row.smd_after = sd > 0 ? (after / sum_after_ - t) / sd : std::nan("");
    rows_.push_back(std::move(row));
  }

  const CellIndex& index_;
  const Benchmarks& benchmarks_;
  const Schema& schema_;
  std::vector<double> final_;
  std::optional<double> population_;
  double sum_before_ = 0, sum_after_ = 0;
  std::vector<MarginRow> rows_;
};

}  // namespace

Result<std::vector<MarginRow>> margin_report(const Weights& weights, const CellIndex& index,
                                             const Benchmarks& benchmarks,
                                             const MarginVariables& margins,
                                             std::optional<double> population) {
  return MarginReport(weights, index, benchmarks, population).run(margins);
}

}  // namespace steelyard
