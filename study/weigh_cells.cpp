// Benchmarks of the margins and the cells of the rows.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "study/weigh_assembly.hpp"

namespace steelyard {

void WeighAssembly::make_benchmarks() {
  out_->benchmarks = std::make_unique<Benchmarks>(out_->schema);
  for (const auto& margin : margins_.margins) add_benchmark(margin);
  for (std::size_t k = 0; k < margins_.totals.size(); ++k) {
    out_->benchmarks->add_number(numbers_[k].id, margins_.totals[k].total);
    out_->margins.push_back({numbers_[k].id});
  }
}

void WeighAssembly::add_benchmark(const MarginsFile::Margin& margin) {
  Benchmarks::Table table;
  std::vector<const Factor*> factors;
  std::size_t size = 1;
  for (const std::string& name : margin.variables) {
    factors.push_back(find(name));
    table.variables.push_back(factors.back()->id);
    size *= factors.back()->levels.size();
    if (size > (std::size_t{1} << 26))
      throw UserError({margins_.file, margin.line}, {}, margin.name() + " has too many cells",
                      "cross fewer variables");
  }
  table.totals.assign(size, 0.0);
  std::vector<bool> given(size, false);
  for (const auto& cell : margin.cells) {
    std::size_t at = 0;
    for (std::size_t v = 0; v < factors.size(); ++v) {
      const auto& levels = factors[v]->levels;
      at = at * levels.size() +
           static_cast<std::size_t>(std::find(levels.begin(), levels.end(), cell.levels[v]) -
                                    levels.begin());
    }
    table.totals[at] = cell.target;
    given[at] = true;
  }
  if (factors.size() > 1) given_.push_back({out_->margins.size(), std::move(given)});
  if (factors.size() == 1 && factors[0]->levels.back() == kNoAnswer)
    keep_share_of_no_answer(*factors[0], table.totals);
  out_->margins.push_back(table.variables);
  out_->benchmarks->add(std::move(table));
}

void WeighAssembly::keep_share_of_no_answer(const Factor& f, std::vector<double>& totals) {
  const auto& codes = columns_[f.column].levels.codes;
  const std::size_t last = f.levels.size() - 1;
  double without = 0, all = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double d = base_weight(i);
    all += d;
    if (codes[i] == last) without += d;
  }
  const double share = without / all;
  for (double& t : totals) t *= 1 - share;
  totals[last] = share * out_->population;
  out_->notes.push_back(fmt::format(
      "{:.2f} % have no answer to {} and keep that share; its targets are scaled to the rest",
      100 * share, f.name));
}

void WeighAssembly::make_index() {
  std::vector<VariableId> ids;
  std::vector<CodeView> views;
  std::vector<std::uint32_t> states;
  for (const auto* group : {&factors_, &others_})
    for (const Factor& f : *group) {
      ids.push_back(f.id);
      views.push_back({{}, columns_[f.column].levels.codes});
      states.push_back(static_cast<std::uint32_t>(f.levels.size()));
    }
  double cross = 1;
  for (std::uint32_t s : states) cross *= s;
  if (cross >= 0x1p63)
    fail("the margin variables together have too many combinations", "use fewer of them");
  out_->index = make_cell_index(n_, ids, views, states, out_->base);
  for (const Factor& f : numbers_) {
    out_->index.number_variables.push_back(f.id);
    out_->index.numbers.push_back(std::move(columns_[f.column].numbers));
  }
  for (Factor& f : factors_) columns_[f.column].levels.codes = {};
  if (!numbers_.empty() || needs_rows()) one_cell_each(out_->index, out_->base);
  if (cluster_at_) make_clusters();
  for (const Given& given : given_) check_combinations(given);
}

/// A combination of levels that a crossed margin does not list is empty in the population; a
/// respondent who has it contradicts that.
void WeighAssembly::check_combinations(const Given& cross) const {
  const auto& variables = out_->margins[cross.margin];
  const CellGroups groups = group_cells(out_->index, out_->schema, variables);
  for (std::size_t c = 0; c < out_->index.cells; ++c)
    if (!cross.cell[groups.group_of[c]])
      fail(fmt::format("has respondents with {}, which {} does not list",
                       describe_group(out_->schema, variables, groups.group_of[c]), margins_.file),
           "add the combination with its target, or correct the file");
}

/// Rows of a cell must not be taken together if their base weights differ and the weighting acts on
/// each.
bool WeighAssembly::needs_rows() const {
  if (cluster_at_) return true;
  if (out_->base.empty() || !out_->weighting->by_respondent()) return false;
  const CellIndex& index = out_->index;
  for (std::size_t c = 0; c < index.cells; ++c)
    if (index.weight_squared[c] * index.respondents[c] >
        index.weight[c] * index.weight[c] * (1 + 1e-9))
      return true;
  return false;
}

void WeighAssembly::make_clusters() {
  const auto& cluster = columns_[*cluster_at_].ids;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> number;
  for (std::size_t i = 0; i < n_; ++i) {
    const std::uint32_t stratum = strata_at_ ? columns_[*strata_at_].ids[i] : 0;
    if (cluster[i] == kMissingId || stratum == kMissingId)
      fail(fmt::format("row {} has no stratum or cluster", row_number(i)), "correct it");
    const auto at =
        number.try_emplace({stratum, cluster[i]}, static_cast<std::uint32_t>(number.size()));
    out_->index.cluster_of.push_back(at.first->second);
  }
}

}  // namespace steelyard
