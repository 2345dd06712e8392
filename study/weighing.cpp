#include "study/weighing.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

/// Weights as distinct values and how many rows have each: few where there are no base weights.
struct Distinct {
  std::vector<std::pair<double, std::size_t>> weight;  ///< ascending
};

Distinct distinct(std::vector<std::pair<double, std::size_t>> all) {
  std::sort(all.begin(), all.end());
  Distinct out;
  for (const auto& [w, count] : all)
    if (!out.weight.empty() && out.weight.back().first == w)
      out.weight.back().second += count;
    else
      out.weight.emplace_back(w, count);
  return out;
}

WeightSpread spread_of(const Distinct& d) {
  WeightSpread s;
  Sum sum, squares;
  double n = 0;
  for (const auto& [w, count] : d.weight) {
    const auto m = static_cast<double>(count);
    n += m;
    sum.add(m * w);
    squares.add(m * w * w);
  }
  s.sum = sum.value();
  s.mean = s.sum / n;
  s.minimum = d.weight.front().first;
  s.maximum = d.weight.back().first;
  s.kish_deff = n * squares.value() / (s.sum * s.sum);
  s.effective_n = n / s.kish_deff;
  s.cv = std::sqrt(std::max(0.0, s.kish_deff - 1));
  std::size_t at = 0;
  double below = static_cast<double>(d.weight[0].second);
  for (double p : kWeightProbabilities) {
    while (below < p * n && at + 1 < d.weight.size())
      below += static_cast<double>(d.weight[++at].second);
    s.quantiles.push_back(d.weight[at].first);
  }
  return s;
}

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
    dependencies();
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
    std::vector<std::pair<double, std::size_t>> before, after;
    if (f_.base.empty()) {
      before.emplace_back(f_.start(0), f_.n());
      for (std::size_t c = 0; c < f_.index.cells; ++c)
        after.emplace_back(f_.weights.factor[c], f_.index.respondents[c]);
    } else {
      for (std::size_t i = 0; i < f_.n(); ++i) {
        before.emplace_back(f_.base[i], 1);
        after.emplace_back(f_.weight(i), 1);
      }
    }
    const Distinct d_before = distinct(std::move(before)), d_after = distinct(std::move(after));
    out_.before = spread_of(d_before);
    out_.after = spread_of(d_after);
    for (const auto& [w, count] : d_after.weight) {
      if (w < 0) out_.negative += count;
      if (w == 0) out_.zero += count;
    }
    out_.g_minimum = out_.g_maximum = g(0);
    for (std::size_t c = 0; c < f_.index.cells; ++c) {
      out_.g_minimum = std::min(out_.g_minimum, g(c));
      out_.g_maximum = std::max(out_.g_maximum, g(c));
    }
    histogram(d_before, d_after);
  }

  /// Thirty bins of weight / mean weight, from the smaller minimum to the larger 99.5th percentile;
  /// the last one holds what is beyond.
  void histogram(const Distinct& before, const Distinct& after) {
    const auto scaled = [](const Distinct& d, double mean) {
      std::vector<std::pair<double, std::size_t>> out;
      for (const auto& [w, count] : d.weight) out.emplace_back(w / mean, count);
      return out;
    };
    if (!(out_.after.mean > 0)) return;
    const auto b = scaled(before, out_.before.mean), a = scaled(after, out_.after.mean);
    double high = 0;
    for (const auto* list : {&b, &a}) {
      double seen = 0;
      for (const auto& [w, count] : *list) {
        seen += static_cast<double>(count);
        if (seen >= 0.995 * static_cast<double>(f_.n())) {
          high = std::max(high, w);
          break;
        }
      }
    }
    const double low = std::min({b.front().first, a.front().first, 0.0});
    constexpr std::size_t kBins = 30;
    const double width = std::max(high - low, 1e-9) * (1 + 1e-9) / kBins;
    for (std::size_t k = 0; k < kBins; ++k)
      out_.histogram.push_back(
          {low + width * static_cast<double>(k), low + width * static_cast<double>(k + 1), 0, 0});
    const auto bin = [&](double w) {
      return std::min(kBins - 1, static_cast<std::size_t>(std::max(0.0, (w - low) / width)));
    };
    for (const auto& [w, count] : b) out_.histogram[bin(w)].before += count;
    for (const auto& [w, count] : a) out_.histogram[bin(w)].after += count;
    out_.histogram.back().upper =
        std::max({out_.histogram.back().upper, b.back().first, a.back().first});
  }

  void margins() {
    const double n_before = total(f_.index.weight);
    std::vector<double> final_weight(f_.index.cells);
    for (std::size_t c = 0; c < f_.index.cells; ++c)
      final_weight[c] = f_.index.weight[c] * f_.weights.factor[c];
    const double n_after = total(final_weight);
    for (const auto& variables : f_.margins) {
      if (f_.schema[variables[0]].kind == VariableKind::continuous)
        number_margin(variables[0], n_before, n_after, final_weight);
      else
        level_margin(variables, n_before, n_after, final_weight);
    }
    for (const MarginRecord& m : out_.margins)
      if (out_.largest_error_at.empty() || std::abs(m.error) > out_.largest_error) {
        out_.largest_error = std::abs(m.error);
        out_.largest_error_at = m.level.empty() ? m.margin : m.margin + "=" + m.level;
      }
  }

  void level_margin(const std::vector<VariableId>& variables, double n_before, double n_after,
                    const std::vector<double>& final_weight) {
    const CellGroups groups = group_cells(f_.index, f_.schema, variables);
    const std::vector<double> targets = *f_.benchmarks->margin(variables);
    std::vector<double> before(groups.groups, 0.0), after(groups.groups, 0.0);
    std::vector<std::size_t> respondents(groups.groups, 0);
    for (std::size_t c = 0; c < f_.index.cells; ++c) {
      before[groups.group_of[c]] += f_.index.weight[c];
      after[groups.group_of[c]] += final_weight[c];
      respondents[groups.group_of[c]] += f_.index.respondents[c];
    }
    std::string margin;
    for (VariableId id : variables) margin += (margin.empty() ? "" : "*") + f_.schema[id].name;
    for (std::size_t k = 0; k < groups.groups; ++k) {
      if (targets[k] == 0 && respondents[k] == 0) continue;
      MarginRecord m;
      m.margin = margin;
      std::size_t rest = k;
      for (std::size_t v = variables.size(); v-- > 0;) {
        const auto& levels = f_.schema[variables[v]].levels;
        m.level = levels[rest % levels.size()] + (m.level.empty() ? "" : "*") + m.level;
        rest /= levels.size();
      }
      m.respondents = respondents[k];
      m.target = targets[k];
      m.before = before[k] * f_.population / n_before;
      m.after = after[k];
      m.error = (m.after - m.target) / f_.population;
      const double t = m.target / f_.population, sd = std::sqrt(t * (1 - t));
      m.smd_before = sd > 0 ? (before[k] / n_before - t) / sd : std::nan("");
      m.smd_after = sd > 0 ? (after[k] / n_after - t) / sd : std::nan("");
      out_.margins.push_back(std::move(m));
    }
  }

  void number_margin(VariableId id, double n_before, double n_after,
                     const std::vector<double>& final_weight) {
    const std::vector<double>& x = f_.index.numbers[*f_.index.number_position(id)];
    MarginRecord m;
    m.margin = f_.schema[id].name;
    m.respondents = f_.n();
    m.target = *f_.benchmarks->number(id);
    Sum before, after;
    Moments moments;
    for (std::size_t c = 0; c < f_.index.cells; ++c) {
      before.add(f_.index.weight[c] * x[c]);
      after.add(final_weight[c] * x[c]);
      for (std::uint32_t i = 0; i < f_.index.respondents[c]; ++i) moments.add(x[c]);
    }
    m.before = before.value() * f_.population / n_before;
    m.after = after.value();
    m.error = m.target != 0 ? (m.after - m.target) / m.target : m.after;
    const double t = m.target / f_.population, sd = moments.sd();
    m.smd_before = sd > 0 ? (before.value() / n_before - t) / sd : std::nan("");
    m.smd_after = sd > 0 ? (after.value() / n_after - t) / sd : std::nan("");
    out_.margins.push_back(std::move(m));
  }

  /// The calibration matrix of all margins; nothing if one cannot be made.
  std::optional<Auxiliary> matrix() const {
    auto made = make_auxiliary(f_.margins, f_.index, *f_.benchmarks);
    if (!made) return std::nullopt;
    return std::move(made.value());
  }

  /// Parameters that a margin adds to those before it if all combinations of levels occur: over the
  /// sets of its variables that no earlier margin holds, the products of (levels - 1).
  double structural_rank(std::size_t margin, const std::vector<double>& present) const {
    const auto& variables = f_.margins[margin];
    double rank = 0;
    for (std::size_t set = 0; set < (std::size_t{1} << variables.size()); ++set) {
      double product = 1;
      std::vector<VariableId> chosen;
      for (std::size_t v = 0; v < variables.size(); ++v)
        if ((set >> v) & 1) {
          chosen.push_back(variables[v]);
          product *= present[index(variables[v])] - 1;
        }
      bool earlier = false;
      for (std::size_t m = 0; m < margin && !earlier; ++m) {
        const auto& other = f_.margins[m];
        earlier = f_.schema[other[0]].kind != VariableKind::continuous &&
                  std::all_of(chosen.begin(), chosen.end(), [&](VariableId id) {
                    return std::find(other.begin(), other.end(), id) != other.end();
                  });
      }
      if (!earlier) rank += product;
    }
    return rank;
  }

  /// Names the benchmarks that depend on the others among these respondents beyond what the
  /// margins' shared totals make them.
  void dependencies() {
    const auto x = matrix();
    if (!x || x->columns() > 4000) return;
    Eigen::MatrixXd gram;
    x->gram(f_.index.weight, gram);
    const auto independent = independent_columns(gram);
    std::vector<double> present(f_.schema.size(), 0.0);
    for (std::size_t v = 0; v < f_.index.variables.size(); ++v) {
      std::vector<bool> seen(f_.schema[f_.index.variables[v]].size(), false);
      for (std::size_t c = 0; c < f_.index.cells; ++c) seen[f_.index.code(c, v)] = true;
      present[index(f_.index.variables[v])] =
          static_cast<double>(std::count(seen.begin(), seen.end(), true));
    }
    std::vector<std::string> names;
    for (std::size_t b = 0; b < x->blocks.size(); ++b) {
      const auto& block = x->blocks[b];
      double with_weight = 0, kept = 0;
      std::size_t last = block.offset;
      for (std::size_t j = block.offset; j < block.offset + block.size(); ++j) {
        const bool has = gram(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) > 0;
        const bool in = std::binary_search(independent.begin(), independent.end(), j);
        with_weight += has;
        kept += in;
        if (has && !in) last = j;
      }
      const double want =
          block.number.empty() ? std::min(with_weight, structural_rank(b, present)) : 1.0;
      if (kept < want) names.push_back(x->describe(last));
    }
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

  /// Leverage of each cell's rows per unit of starting weight, x'(X'DX)⁻¹x.
  std::vector<double> leverages() const {
    const auto x = matrix();
    if (!x || x->columns() > 2000) return {};
    Eigen::MatrixXd gram;
    x->gram(f_.index.weight, gram);
    const auto kept = independent_columns(gram);
    const auto k = static_cast<Eigen::Index>(kept.size());
    Eigen::MatrixXd lower(k, k);
    for (Eigen::Index a = 0; a < k; ++a)
      for (Eigen::Index b = 0; b <= a; ++b)
        lower(a, b) = gram(static_cast<Eigen::Index>(kept[static_cast<std::size_t>(a)]),
                           static_cast<Eigen::Index>(kept[static_cast<std::size_t>(b)]));
    const Eigen::LLT<Eigen::MatrixXd> cholesky(lower);
    const Eigen::MatrixXd inverse = cholesky.solve(Eigen::MatrixXd::Identity(k, k));
    std::vector<Eigen::Index> position(x->columns(), -1);
    for (std::size_t a = 0; a < kept.size(); ++a) position[kept[a]] = static_cast<Eigen::Index>(a);
    std::vector<double> out(f_.index.cells);
    std::vector<std::pair<Eigen::Index, double>> row;
    for (std::size_t c = 0; c < f_.index.cells; ++c) {
      row.clear();
      for (const auto& block : x->blocks) {
        const bool levels = block.number.empty();
        const Eigen::Index at =
            position[block.offset + (levels ? std::size_t{block.groups.group_of[c]} : 0)];
        if (at >= 0) row.emplace_back(at, levels ? 1.0 : block.number[c]);
      }
      double h = 0;
      for (const auto& [a, va] : row)
        for (const auto& [b, vb] : row) h += va * vb * inverse(a, b);
      out[c] = h;
    }
    return out;
  }

  void respondents() {
    const std::vector<double> leverage = leverages();
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
