// The smoothing EM (EMS): E-step within buckets, then a kernel.

#include <algorithm>
#include <cmath>

#include "estimators/buckets/extrapolate.hpp"
#include "estimators/buckets/piecewise.hpp"
#include "estimators/buckets/rule.hpp"
#include "estimators/buckets/smooth_grid.hpp"

namespace steelyard {
namespace {

using detail::Cells;

/// Gaussian smoothing that keeps the total: columns normalised over the grid.
class Smoother {
 public:
  Smoother(std::size_t n, double bandwidth_cells) : scaled_(n), column_(n, 0.0) {
    // Beyond 9 bandwidths the kernel is below 3e-18 of its top.
    const std::size_t reach =
        std::min(n, static_cast<std::size_t>(std::ceil(9 * bandwidth_cells)) + 1);
    for (std::size_t d = 0; d < reach; ++d) {
      const double z = static_cast<double>(d) / bandwidth_cells;
      kernel_.push_back(std::exp(-0.5 * z * z));
    }
    std::vector<double> ones(n, 1.0);
    convolve(ones, column_);
  }

  void smooth(const std::vector<double>& mass, std::vector<double>& result) {
    for (std::size_t j = 0; j < mass.size(); ++j) scaled_[j] = mass[j] / column_[j];
    convolve(scaled_, result);
  }

 private:
  void convolve(const std::vector<double>& from, std::vector<double>& to) const {
    const std::size_t n = from.size();
    to.assign(n, 0.0);
    for (std::size_t j = 0; j < n; ++j) to[j] = kernel_[0] * from[j];
    for (std::size_t d = 1; d < kernel_.size() && d < n; ++d) {
      const double weight = kernel_[d];
      for (std::size_t j = d; j < n; ++j) to[j] += weight * from[j - d];
      for (std::size_t j = d; j < n; ++j) to[j - d] += weight * from[j];
    }
  }

  std::vector<double> kernel_, scaled_, column_;
};

constexpr int kMaxSteps = 20000;
constexpr double kStill = 1e-13;

/// One step of the iteration, from masses of cells to masses of cells.
class SmoothingStep {
 public:
  SmoothingStep(const BucketTable& table, const Cells& cells, double bandwidth)
      : cells_(cells),
        share_(table.shares()),
        smoother_(cells.n, bandwidth / cells.width),
        piece_(cells.pieces.size()),
        sums_(cells.n) {}

  /// Largest move of a cell, over the largest cell.
  double operator()(const std::vector<double>& from, std::vector<double>& to) {
    ++count_;
    spread(from);
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (std::size_t k = 0; k < piece_.size(); ++k) sums_[cells_.pieces[k].cell] += piece_[k];
    smoother_.smooth(sums_, to);
    double move = 0, most = 0;
    for (std::size_t j = 0; j < cells_.n; ++j) {
      move = std::fmax(move, std::abs(to[j] - from[j]));
      most = std::fmax(most, to[j]);
    }
    return move / most;
  }

  /// Each bucket's share over its pieces in proportion to the cells' mass.
  std::span<const double> spread(const std::vector<double>& cell) {
    for (std::size_t k = 0; k < piece_.size();) {
      const std::size_t first = k, bucket = cells_.pieces[k].bucket;
      double sum = 0;
      for (; k < piece_.size() && cells_.pieces[k].bucket == bucket; ++k)
        sum += piece_[k] = cell[cells_.pieces[k].cell] * cells_.pieces[k].part;
      const double scale = share_[bucket] > 0 ? share_[bucket] / sum : 0;
      for (std::size_t i = first; i < k; ++i) piece_[i] *= scale;
    }
    return piece_;
  }

  int count() const { return count_; }

 private:
  const Cells& cells_;
  std::vector<double> share_;
  Smoother smoother_;
  std::vector<double> piece_, sums_;
  int count_ = 0;
};

/// Silverman's rule of thumb on the table's law uniform inside buckets, but a fiftieth of the
/// widest populated bucket at least: mass crosses a bucket in some (width / bandwidth)² steps.
double default_bandwidth(const BucketTable& table, double top) {
  const double total = table.total();
  std::vector<Segment> list;
  double widest = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table.weights[i] <= 0) continue;
    const double upper = std::fmin(table.edges[i + 1], top);
    widest = std::fmax(widest, upper - table.edges[i]);
    list.push_back(Segment::uniform(table.edges[i], upper, table.weights[i] / total));
  }
  const PiecewiseLaw law(std::move(list));
  const double range = (law.quantile(0.75) - law.quantile(0.25)) / 1.34;
  const double thumb = 0.9 * std::fmin(std::sqrt(law.variance()), range) * std::pow(table.n, -0.2);
  return std::fmax(thumb, widest / 50);
}

Result<BucketFit> fit_ems(const BucketTable& table) {
  const auto top = detail::default_top(table);
  if (!top) return top.failure();
  return smoothing_em(table, {top.value(), detail::default_cell(table, top.value(), 200, 2)},
                      default_bandwidth(table, top.value()));
}

}  // namespace

Result<BucketFit> smoothing_em(const BucketTable& table, SmoothGrid grid, double bandwidth) {
  const auto made = detail::make_cells(table, grid);
  if (!made) return made.failure();
  if (!(bandwidth > 0)) return detail::infeasible("the bandwidth must be above 0");
  const Cells& cells = made.value();
  SmoothingStep step(table, cells, bandwidth);
  std::vector<double> s0(cells.n, 1.0 / static_cast<double>(cells.n)), s1, s2, leap;
  double moved = step(s0, s1);
  while (moved > kStill && step.count() < kMaxSteps) {
    step(s1, s2);
    // A leap after which the masses move more than before was too far.
    const bool leaps = detail::extrapolate(s0, s1, s2, leap);
    s0.swap(leaps ? leap : s2);
    const double before = moved;
    moved = step(s0, s1);
    if (leaps && moved > before) {
      s0.swap(s2);
      moved = step(s0, s1);
    }
  }
  if (moved > kStill)
    return Failure{FailureKind::no_convergence, "the smoothing EM still moves after 20000 steps"};
  return BucketFit{detail::grid_law(cells, step.spread(s1)),
                   {{"par:top", cells.top},
                    {"par:cell", cells.width},
                    {"par:h", bandwidth},
                    {"iterations", step.count()}},
                   {}};
}

std::vector<BucketRuleInfo> ems_rules() {
  return {{"ems",
           "smoothing EM on 200 cells or more (two or more a bucket), open bucket closed at 3l, "
           "bandwidth 0.9 min(sd, IQR/1.34) n^-1/5 of the law uniform inside buckets, 1/50 of the "
           "widest bucket at least",
           "Silverman, Jones, Wilson & Nychka (1990), JRSS B 52, 271-324; bandwidth: Silverman "
           "(1986), Density Estimation, equation 3.31; top: R package smicd",
           false, &detail::make_rule<&fit_ems>}};
}

}  // namespace steelyard
