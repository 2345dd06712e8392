#include "estimators/weighting/feasibility.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/linear_program.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-7;

using Entries = std::vector<LinearProgram::Entry>;

/// Rows of the program: one a column of X, in units of its scale. `row_of` may merge columns.
std::vector<Entries> cell_entries(const Auxiliary& x, std::span<const double> d,
                                  std::span<const std::size_t> row_of) {
  std::vector<Entries> entries(x.cells);
  for (const auto& block : x.blocks)
    for (std::size_t c = 0; c < x.cells; ++c) {
      const std::size_t j =
          block.offset + (block.number.empty() ? std::size_t{block.groups.group_of[c]} : 0);
      const double value = block.number.empty() ? 1.0 : block.number[c];
      if (d[c] > 0 && value != 0) entries[c].push_back({row_of[j], d[c] * value / x.scale[j]});
    }
  return entries;
}

/// The program with targets and (if `elastic`) slacks on every row; columns 0 ... cells - 1 are g.
struct Program {
  LinearProgram lp;
  std::size_t cells = 0, first_slack = 0;
};

Program make_program(const Auxiliary& x, std::span<const double> d, const Bounds& bounds,
                     std::span<const std::size_t> row_of, std::size_t rows, bool elastic) {
  Program p;
  std::vector<double> target(rows, 0.0);
  for (std::size_t j = 0; j < x.columns(); ++j) target[row_of[j]] += x.targets[j] / x.scale[j];
  for (double t : target) p.lp.add_row(t, t);
  for (const Entries& e : cell_entries(x, d, row_of))
    p.lp.add_column(bounds.lower, bounds.upper, e);
  p.cells = x.cells;
  p.first_slack = p.lp.columns();
  if (elastic)
    for (std::size_t r = 0; r < rows; ++r) {
      p.lp.add_column(0, kInfinity, {{r, 1.0}}, 1.0);
      p.lp.add_column(0, kInfinity, {{r, -1.0}}, 1.0);
    }
  return p;
}

/// Smallest sum of misses over all rows.
double smallest_miss(const Auxiliary& x, std::span<const double> d, const Bounds& bounds,
                     std::span<const std::size_t> row_of, std::size_t rows,
                     std::vector<Infeasibility::Miss>* misses = nullptr) {
  Program p = make_program(x, d, bounds, row_of, rows, true);
  if (p.lp.solve() != LinearProgram::Outcome::optimal) return kInfinity;
  if (misses != nullptr)
    for (std::size_t r = 0; r < rows; ++r) {
      const double miss =
          p.lp.column_value(p.first_slack + 2 * r + 1) - p.lp.column_value(p.first_slack + 2 * r);
      if (std::abs(miss) > kTolerance) misses->push_back({r, miss});
    }
  return p.lp.objective();
}

/// Smallest U (or, with `upper` false, largest L) that some g meets all targets with.
double tightest(const Auxiliary& x, std::span<const double> d, const Bounds& bounds,
                std::span<const std::size_t> row_of, bool upper) {
  LinearProgram lp;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    const double t = x.targets[j] / x.scale[j];
    lp.add_row(t, t);
  }
  std::vector<Entries> entries = cell_entries(x, d, row_of);
  Entries bound;
  for (std::size_t c = 0; c < x.cells; ++c) {
    if (d[c] <= 0) continue;
    const std::size_t row = upper ? lp.add_row(-kInfinity, 0) : lp.add_row(0, kInfinity);
    entries[c].push_back({row, 1.0});
    bound.push_back({row, -1.0});
  }
  for (std::size_t c = 0; c < x.cells; ++c)
    if (d[c] > 0)
      lp.add_column(upper ? bounds.lower : -kInfinity, upper ? kInfinity : bounds.upper,
                    entries[c]);
  const std::size_t at = lp.add_column(0, kInfinity, bound, upper ? 1.0 : -1.0);
  if (lp.solve() != LinearProgram::Outcome::optimal) return upper ? 0 : -1;
  return lp.column_value(at);
}

/// Merges two groups of a block that share the blamed column, if that makes the rest possible.
std::string cure(const Auxiliary& x, std::span<const double> d, const Bounds& bounds,
                 std::size_t column) {
  const auto& block = x.blocks[x.block_of(column)];
  if (!block.number.empty()) return {};
  std::vector<std::size_t> others;
  for (std::size_t g = 0; g < block.size(); ++g)
    if (block.offset + g != column) others.push_back(block.offset + g);
  std::stable_sort(others.begin(), others.end(), [&](std::size_t a, std::size_t b) {
    const auto far = [&](std::size_t j) { return j > column ? j - column : column - j; };
    return far(a) < far(b);
  });
  for (std::size_t other : others) {
    std::vector<std::size_t> row_of(x.columns());
    for (std::size_t j = 0; j < row_of.size(); ++j) {
      const std::size_t merged = j == std::max(other, column) ? std::min(other, column) : j;
      row_of[j] = merged - (merged > std::max(other, column) ? 1 : 0);
    }
    if (smallest_miss(x, d, bounds, row_of, x.columns() - 1) <= kTolerance)
      return "merge " + x.describe(column) + " with " + x.describe(other);
  }
  return {};
}

}  // namespace

Infeasibility diagnose(const Auxiliary& x, std::span<const double> d, const Bounds& bounds) {
  Infeasibility out;
  std::vector<std::size_t> row_of(x.columns());
  for (std::size_t j = 0; j < row_of.size(); ++j) row_of[j] = j;
  out.infeasible = smallest_miss(x, d, bounds, row_of, x.columns(), &out.misses) > kTolerance;
  if (!out.infeasible) return out;
  std::sort(out.misses.begin(), out.misses.end(), [](const auto& a, const auto& b) {
    return std::abs(a.relative) > std::abs(b.relative);
  });
  if (std::isfinite(bounds.upper)) {
    out.lowest_upper = tightest(x, d, bounds, row_of, true);
    out.highest_lower = tightest(x, d, bounds, row_of, false);
  }
  if (!out.misses.empty()) out.cure = cure(x, d, bounds, out.misses[0].column);
  return out;
}

std::string explain_infeasible(const MarginVariables& margins, const CellIndex& index,
                               const Benchmarks& benchmarks, const Bounds& bounds) {
  auto made = make_auxiliary(margins, index, benchmarks);
  if (!made) return {};
  const Auxiliary& x = made.value();
  if (x.cells > 100'000)
    return fmt::format("there are {} distinct respondents: too many to say what would cure it",
                       x.cells);
  const Infeasibility found = diagnose(x, starting_weights(index, x).weight, bounds);
  if (!found.infeasible)
    return "the margins and bounds can be met; allow more iterations or a larger tolerance";
  std::string text =
      fmt::format("no weights {}meet these margins; the least that must be given up:",
                  std::isfinite(bounds.upper)
                      ? fmt::format("with g in [{:g}, {:g}] ", bounds.lower, bounds.upper)
                  : bounds.lower == 0 ? std::string("that are not negative ")
                                      : std::string());
  for (std::size_t k = 0; k < std::min<std::size_t>(found.misses.size(), 5); ++k) {
    const auto& miss = found.misses[k];
    text += fmt::format("{} {} {} by {:.4g} ({:.3g} of its scale)", k == 0 ? "" : ";",
                        x.describe(miss.column), miss.relative > 0 ? "is exceeded" : "falls short",
                        std::abs(miss.relative) * x.scale[miss.column], std::abs(miss.relative));
  }
  if (std::isfinite(bounds.upper)) {
    if (found.lowest_upper > 0)
      text += fmt::format(". With the lower bound {:g} the upper one must be at least {:.4g}",
                          bounds.lower, found.lowest_upper);
    if (found.highest_lower >= 0)
      text += fmt::format(". With the upper bound {:g} the lower one must be at most {:.4g}",
                          bounds.upper, found.highest_lower);
    if (!(found.lowest_upper > 0) && found.highest_lower < 0)
      text += ". Neither bound alone can be moved far enough: widen both, or merge levels";
  }
  if (!found.cure.empty()) text += ". It becomes possible if you " + found.cure;
  return text;
}

std::string explain_bands(const MarginVariables& margins, const CellIndex& index,
                          const Benchmarks& benchmarks, double band) {
  auto made = make_auxiliary(margins, index, benchmarks);
  if (!made) return {};
  const Auxiliary& x = made.value();
  // Columns are shares of the population by cell; rows the total, then the upper and the lower
  // side of each share: share - wider <= target + band, share + wider >= target - band.
  LinearProgram lp;
  lp.add_row(1, 1);
  const auto target = [&](std::size_t j) { return x.targets[j] / x.scale[0]; };
  for (std::size_t j = 0; j < x.columns(); ++j) {
    lp.add_row(-kInfinity, target(j) + band);
    lp.add_row(target(j) - band, kInfinity);
  }
  for (std::size_t c = 0; c < x.cells; ++c) {
    if (!(index.weight[c] > 0)) continue;
    Entries entries{{0, 1.0}};
    for (const auto& block : x.blocks) {
      const std::size_t j = block.offset + block.groups.group_of[c];
      entries.push_back({1 + 2 * j, 1.0});
      entries.push_back({2 + 2 * j, 1.0});
    }
    lp.add_column(0, kInfinity, entries);
  }
  Entries wider;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    wider.push_back({1 + 2 * j, -1.0});
    wider.push_back({2 + 2 * j, 1.0});
  }
  const std::size_t at = lp.add_column(0, kInfinity, wider, 1.0);
  if (lp.solve() != LinearProgram::Outcome::optimal) return "no weights have these margins";
  const double more = lp.column_value(at);
  if (more <= kTolerance)
    return "the bands can be met; allow more iterations or a larger tolerance";
  std::string text = fmt::format(
      "no weights have all shares within ±{:g} of their benchmarks; the smallest band that works "
      "is "
      "±{:.4g}",
      band, band + more);
  std::string binding;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    const double share = lp.row_activity(1 + 2 * j) + more;  // the row holds share - wider
    if (std::abs(std::abs(share - target(j)) - (band + more)) > kTolerance) continue;
    binding += fmt::format("{} {} at {:.4g} (benchmark {:.4g})", binding.empty() ? "" : ";",
                           x.describe(j), share, target(j));
  }
  return text + (binding.empty() ? "" : ", with" + binding);
}

}  // namespace steelyard
