#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "estimators/weighting/auxiliary.hpp"
#include "estimators/weighting/benchmark_error.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Weights of each cell of a cross are scaled to its population total.
///
/// Collapsing: while some cell (with a population) has fewer respondents than `minimum_cell`, the
/// smallest such cell is merged with its nearest neighbour along the first variable of `collapse`:
/// a cell that has the same levels of all other variables; for an ordered or bucketed variable the
/// one whose level is nearest (the smaller one of two), otherwise the one with fewest respondents.
/// When that variable offers no neighbour any more, the next variable is used. Every merge is
/// noted.
class Poststratification final : public Weighting {
 public:
  Poststratification(ConfigReader& config, const Schema& schema) : schema_(&schema) {
    for (const std::string& name :
         config.texts("cross", {.help = "the variables whose cross makes the cells"}))
      cross_.push_back(schema.require(name, config.place("cross")));
    minimum_cell_ = static_cast<std::size_t>(config.integer(
        "minimum_cell",
        {.min = 0,
         .max = 1'000'000,
         .fallback = 0,
         .help = "respondents that a cell must have; fewer: it is merged (needs collapse)"}));
    for (const std::string& name : config.texts(
             "collapse", {.required = false,
                         .help = "variables along which small cells are merged, in this order"})) {
      const VariableId id = schema.require(name, config.place("collapse"));
      if (std::find(cross_.begin(), cross_.end(), id) == cross_.end())
        config.fail("collapse", "names \"" + name + "\", which is not in cross",
                    "collapse along variables of the cross");
      collapse_.push_back(id);
    }
    errors_ = read_benchmark_errors(config, schema, {cross_});
    if (config.is_documenting()) return;
    if (cross_.empty()) config.fail("cross", "is empty", "name at least one variable");
    if (minimum_cell_ > 0 && collapse_.empty())
      config.fail("minimum_cell", "needs collapse",
                  "name the variables along which small cells are merged");
  }

  std::vector<VariableId> variables() const override { return cross_; }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {cross_}; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    if (collapse_.empty()) return uncollapsed(index, benchmarks);
    return collapsed(index, benchmarks);
  }

 private:
  Result<Weights> uncollapsed(const CellIndex& index, const Benchmarks& benchmarks) const {
    auto made = make_auxiliary({cross_}, index, benchmarks);
    if (!made) return made.failure();
    Auxiliary& x = made.value();
    return scaled(index, {std::move(x.blocks[0].groups), std::move(x.targets)});
  }

  struct Margin {
    CellGroups groups;
    std::vector<double> totals;
  };

  Weights scaled(const CellIndex& index, Margin margin) const {
    Weights weights;
    weights.factor.resize(index.cells);
    std::vector<double> ratio(margin.groups.groups, 0.0);
    for (std::size_t c = 0; c < index.cells; ++c)
      ratio[margin.groups.group_of[c]] += index.weight[c];
    for (std::size_t g = 0; g < ratio.size(); ++g)
      ratio[g] = ratio[g] > 0 ? margin.totals[g] / ratio[g] : 0.0;
    for (std::size_t c = 0; c < index.cells; ++c)
      weights.factor[c] = ratio[margin.groups.group_of[c]];
    weights.iterations = 1;
    WeightStage& stage = weights.stages.emplace_back();
    stage.blocks.push_back({std::move(margin.groups), {}});
    const CalibrationBlock* block = stage.blocks.data();
    stage.target_covariance = target_covariance(errors_, {&block, 1}, margin.totals, false);
    return weights;
  }

  struct Cells {
    std::vector<std::size_t> merged_into;     ///< by cell of the cross; itself: it stands
    std::vector<double> respondents, totals;  ///< of standing cells
  };

  Result<Weights> collapsed(const CellIndex& index, const Benchmarks& benchmarks) const {
    const auto totals = benchmarks.margin(cross_);
    if (!totals) return Failure{FailureKind::unsupported, "no benchmark holds the cross"};
    for (VariableId id : cross_)
      for (std::size_t c = 0; c < index.cells; ++c)
        if (index.code(c, *index.position(id)) >= (*schema_)[id].size())
          return Failure{FailureKind::unsupported, "benchmark variable \"" + (*schema_)[id].name +
                                                       "\" does not apply to some respondents"};
    Margin margin{group_cells(index, *schema_, cross_), *totals};
    Cells cells;
    cells.merged_into.resize(totals->size());
    std::iota(cells.merged_into.begin(), cells.merged_into.end(), std::size_t{0});
    cells.totals = *totals;
    cells.respondents.assign(totals->size(), 0.0);
    for (std::size_t c = 0; c < index.cells; ++c)
      cells.respondents[margin.groups.group_of[c]] += index.respondents[c];

    std::vector<std::string> notes;
    for (;;) {
      const std::size_t small = smallest(cells);
      if (small == cells.totals.size()) break;
      const std::size_t target = neighbour(cells, small);
      if (target == cells.totals.size()) {
        if (cells.respondents[small] > 0) break;  // small, but usable: the rule has nothing left
        return Failure{FailureKind::empty_cell, "no respondent has " +
                                                    describe_group(*schema_, cross_, small) +
                                                    ", and no cell is left to merge it with"};
      }
      notes.push_back(fmt::format("{} ({} respondents) merged into {}",
                                  describe_group(*schema_, cross_, small), cells.respondents[small],
                                  describe_group(*schema_, cross_, target)));
      cells.respondents[target] += cells.respondents[small];
      cells.totals[target] += cells.totals[small];
      for (std::size_t& into : cells.merged_into)
        if (into == small) into = target;
    }
    // Standing cells are numbered anew.
    std::vector<std::uint32_t> number(cells.totals.size(), 0);
    Margin merged;
    for (std::size_t g = 0; g < cells.totals.size(); ++g)
      if (cells.merged_into[g] == g) {
        number[g] = static_cast<std::uint32_t>(merged.totals.size());
        merged.totals.push_back(cells.totals[g]);
      }
    merged.groups.groups = merged.totals.size();
    for (std::uint32_t g : margin.groups.group_of)
      merged.groups.group_of.push_back(number[cells.merged_into[g]]);
    Weights weights = scaled(index, std::move(merged));
    weights.notes = std::move(notes);
    return weights;
  }

  /// The standing cell with fewest respondents below the minimum (or none at all), if it has a
  /// population.
  std::size_t smallest(const Cells& cells) const {
    const double minimum = std::max<double>(1, static_cast<double>(minimum_cell_));
    std::size_t best = cells.totals.size();
    for (std::size_t g = 0; g < cells.totals.size(); ++g)
      if (cells.merged_into[g] == g && cells.respondents[g] < minimum &&
          (cells.totals[g] > 0 || cells.respondents[g] > 0) &&
          has_neighbour_or_is_empty(cells, g) &&
          (best == cells.totals.size() || cells.respondents[g] < cells.respondents[best]))
        best = g;
    return best;
  }

  bool has_neighbour_or_is_empty(const Cells& cells, std::size_t g) const {
    return cells.respondents[g] == 0 || neighbour(cells, g) < cells.totals.size();
  }

  std::size_t neighbour(const Cells& cells, std::size_t small) const {
    for (VariableId along : collapse_) {
      const Variable& v = (*schema_)[along];
      std::size_t stride = 1;
      for (std::size_t k = cross_.size(); k-- > 0 && cross_[k] != along;)
        stride *= (*schema_)[cross_[k]].size();
      const std::size_t level = small / stride % v.size(), base = small - level * stride;
      const bool ordered = v.kind == VariableKind::ordered || v.kind == VariableKind::bucketed ||
                           v.kind == VariableKind::count;
      std::size_t best = cells.totals.size();
      double best_distance = std::numeric_limits<double>::infinity(), best_size = 0;
      for (std::size_t other = 0; other < v.size(); ++other) {
        const std::size_t g = base + other * stride;
        const std::size_t stands = cells.merged_into[g];
        if (stands == small || (cells.totals[stands] <= 0 && cells.respondents[stands] <= 0))
          continue;
        const double distance =
            ordered ? std::abs(static_cast<double>(other) - static_cast<double>(level)) : 0;
        if (distance < best_distance ||
            (distance == best_distance && cells.respondents[stands] < best_size)) {
          best = stands;
          best_distance = distance;
          best_size = cells.respondents[stands];
        }
      }
      if (best < cells.totals.size()) return best;
    }
    return cells.totals.size();
  }

  const Schema* schema_;
  std::vector<VariableId> cross_, collapse_;
  std::size_t minimum_cell_ = 0;
  BenchmarkErrors errors_;
};

}  // namespace

WeightingInfo poststratification_info() {
  return {
      "poststratification",
      "cells of a cross scaled to their population totals, small cells merged by an explicit rule",
      "Holt & Smith (1979), JRSS A 142, 33-46; Little (1993), JASA 88, 1001-1012",
      [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
        return std::make_unique<Poststratification>(config, schema);
      }};
}

}  // namespace steelyard
