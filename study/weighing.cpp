#include "study/weighing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/bias_indices/representativity.hpp"
#include "estimators/weighting/margin_report.hpp"
#include "study/calibration_matrix.hpp"
#include "study/weight_spread.hpp"

namespace steelyard {
namespace {

class Description {
 public:
  Description(const WeighRequest& request, const WeighedFile& file) : r_(request), f_(file) {}

  WeighingRecord run() {
    out_.data = r_.data;
    out_.margins_file = r_.margins;
    out_.method = f_.method;
    out_.base = r_.base;
    out_.options = r_.options;
    out_.rows = f_.rows;
    out_.n = f_.n();
    out_.cells = f_.index.cells;
    out_.population = f_.population;
    out_.iterations = f_.weights.iterations;
    out_.at_bounds = f_.weights.at_bounds;
    out_.notes = f_.notes;
    spread();
    margins();
    participation();
    note_dependencies();
    worst_cells();
    respondents();
    return std::move(out_);
  }

 private:
  double g(std::size_t cell) const {
    const double unit = f_.base.empty() ? f_.population / static_cast<double>(f_.n()) : 1.0;
    return f_.weights.factor[cell] / unit;
  }

  void spread() {
    const WeightCounts before = starting_weight_counts(f_), after = final_weight_counts(f_);
    out_.before = weight_spread(before);
    out_.after = weight_spread(after);
    out_.histogram = weight_histogram(before, after);
    for (const auto& [w, count] : after) {
      if (w < 0) out_.negative += count;
      if (w == 0) out_.zero += count;
    }
    out_.g_minimum = out_.g_maximum = g(0);
    for (std::size_t c = 0; c < f_.index.cells; ++c) {
      out_.g_minimum = std::min(out_.g_minimum, g(c));
      out_.g_maximum = std::max(out_.g_maximum, g(c));
    }
  }

  std::vector<MarginRecord> balance(const Benchmarks& benchmarks, const MarginVariables& margins,
                                    double population) const {
    std::vector<MarginRecord> out;
    const auto rows = margin_report(f_.weights, f_.index, benchmarks, margins, population);
    for (const MarginRow& row : rows.value()) {
      const bool number = row.levels.empty();
      if (!number && row.target == 0 && row.respondents == 0) continue;
      const double unit = !number ? population : row.target != 0 ? row.target : 1.0;
      out.push_back({row.margin, join(row.levels, "*"), row.respondents, row.target, row.before,
                     row.after, (row.after - row.target) / unit, row.smd_before, row.smd_after});
    }
    return out;
  }

  void margins() {
    out_.margins = balance(*f_.benchmarks, f_.margins, f_.population);
    for (const MarginRecord& m : out_.margins)
      if (out_.largest_error_at.empty() || std::abs(m.error) > out_.largest_error) {
        out_.largest_error = std::abs(m.error);
        out_.largest_error_at = m.level.empty() ? m.margin : m.margin + "=" + m.level;
      }
  }

  /// The covariates' totals as the reference sample estimates them.
  Benchmarks reference_totals(const Sample& reference) const {
    Benchmarks totals(f_.schema);
    for (VariableId id : f_.covariates) {
      Sum sum;
      if (f_.schema[id].kind == VariableKind::continuous) {
        for (std::size_t j = 0; j < reference.n; ++j)
          sum.add(reference.base_weights[j] * reference.numbers[index(id)][j]);
        totals.add_number(id, sum.value());
        continue;
      }
      std::vector<double> by_level(f_.schema[id].size(), 0.0);
      for (std::size_t j = 0; j < reference.n; ++j)
        by_level[reference.column(id)[j]] += reference.base_weights[j];
      totals.add({{id}, std::move(by_level)});
    }
    return totals;
  }

  void participation() {
    const auto& reference = f_.benchmarks->reference();
    if (!reference) return;
    out_.reference_file = r_.reference.file;
    MarginVariables terms;
    for (VariableId id : f_.covariates) terms.push_back({id});
    out_.covariates =
        balance(reference_totals(reference->sample), terms, total(reference->sample.base_weights));
    ParticipationRecord& record = out_.participation;
    const auto samples = make_two_samples(terms, f_.index, *f_.benchmarks);
    const auto made = samples ? representativity(samples.value(), f_.index)
                              : Result<Representativity>(samples.failure());
    if (!made) {
      record.failure = made.failure().detail;
      return;
    }
    const Representativity& r = made.value();
    record.probabilities.assign(std::begin(kPropensityProbabilities),
                                std::end(kPropensityProbabilities));
    record.respondents = r.respondents;
    record.population = r.population;
    record.below = r.below;
    record.above = r.above;
    record.mean = r.mean;
    record.r = r.r;
    record.r_se = r.r_se;
    record.cv = r.cv;
    record.cv_se = r.cv_se;
    for (const auto& part : r.partial) record.partial.push_back({part.term, part.cv});
  }

  void note_dependencies() {
    const std::vector<std::string> names = dependent_benchmarks(f_);
    if (names.empty()) return;
    out_.notes.push_back(fmt::format(
        "benchmarks that follow from the others among these respondents: {}; they add nothing and "
        "must agree with them",
        join(names, "; ")));
  }

  std::string describe_cell(std::size_t cell) const {
    std::string text;
    for (std::size_t v = 0; v < f_.index.variables.size(); ++v) {
      const Variable& variable = f_.schema[f_.index.variables[v]];
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", variable.name,
                          variable.levels[f_.index.code(cell, v)]);
    }
    for (std::size_t v = 0; v < f_.index.numbers.size(); ++v)
      text += fmt::format("{}{}={:.6g}", text.empty() ? "" : ", ",
                          f_.schema[f_.index.number_variables[v]].name, f_.index.numbers[v][cell]);
    return text;
  }

  void worst_cells() {
    std::vector<std::size_t> order(f_.index.cells);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::size_t count = std::min<std::size_t>(10, order.size());
    std::partial_sort(
        order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
        [&](std::size_t a, std::size_t b) { return g(a) != g(b) ? g(a) > g(b) : a < b; });
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t c = order[k];
      const double weight = f_.index.weight[c] * f_.weights.factor[c];
      out_.worst_cells.push_back({describe_cell(c), f_.index.respondents[c], g(c),
                                  weight / f_.index.respondents[c], weight / out_.after.sum});
    }
  }

  void respondents() {
    const std::vector<double> leverage = cell_leverages(f_);
    // Rows of a cell differ only by base weight, so the largest one of each cell is enough.
    std::vector<std::size_t> first(f_.index.cells, std::size_t(-1));
    for (std::size_t i = 0; i < f_.n(); ++i) {
      std::size_t& at = first[f_.index.cell_of[i]];
      if (at == std::size_t(-1) || (!f_.base.empty() && f_.base[i] > f_.base[at])) at = i;
    }
    const auto h = [&](std::size_t cell) {
      const double d = f_.base.empty() ? 1.0 : f_.base[first[cell]];
      return leverage.empty() ? std::nan("") : d * leverage[cell];
    };
    const auto score = [&](std::size_t cell) {
      const double share = std::abs(f_.weight(first[cell])) / std::abs(out_.after.sum);
      return std::max(share, leverage.empty() ? 0.0 : h(cell));
    };
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t c = 0; c < f_.index.cells; ++c) order.emplace_back(-score(c), c);
    const std::size_t count = std::min<std::size_t>(10, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end());
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t c = order[k].second, i = first[c];
      out_.respondents.push_back({(f_.kept.empty() ? i : f_.kept[i]) + 1, describe_cell(c),
                                  f_.weight(i), f_.weight(i) / out_.after.sum, h(c)});
    }
  }

  const WeighRequest& r_;
  const WeighedFile& f_;
  WeighingRecord out_;
};

}  // namespace

WeighingRecord describe_weighing(const WeighRequest& request, const WeighedFile& file) {
  return Description(request, file).run();
}

}  // namespace steelyard
