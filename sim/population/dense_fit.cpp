#include "sim/population/dense_fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "core/errors.hpp"

namespace steelyard {
namespace {

/// A margin as the table's rows (runs along the innermost axis) see it.
struct RowView {
  std::vector<std::uint32_t> offset;  ///< rows: first cell of the margin that the row meets
  bool along = false;                 ///< the margin tells the cells of a row apart
  std::vector<double> target, present, factor;
};

constexpr std::size_t kLanes = 8;

/// Scales a row by one number.
void scale_row(double* row, std::size_t n, double factor) {
  for (std::size_t j = 0; j < n; ++j) row[j] *= factor;
}

void scale_row(double* row, std::size_t n, const double* factor) {
  for (std::size_t j = 0; j < n; ++j) row[j] *= factor[j];
}

/// Sum of a row in eight lanes, whatever the machine's vectors.
double sum_row(const double* row, std::size_t n) {
  double lane[kLanes] = {};
  std::size_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) lane[k] += row[j + k];
  for (std::size_t k = 0; j < n; ++j, ++k) lane[k] += row[j];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void add_row(double* sums, const double* row, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) sums[j] += row[j];
}

class DenseFit {
 public:
  DenseFit(std::vector<double>& cells, const std::vector<std::size_t>& dims,
           const std::vector<DenseMargin>& margins)
      : table_(cells) {
    n_ = dims.back();
    rows_ = cells.size() / n_;
    for (const DenseMargin& m : margins) {
      RowView view;
      view.along = std::find(m.axes.begin(), m.axes.end(), dims.size() - 1) != m.axes.end();
      // Strides of the margin's cells by axis of the table.
      std::vector<std::uint32_t> stride(dims.size(), 0);
      std::uint32_t next = 1;
      for (std::size_t k = m.axes.size(); k-- > 0;) {
        stride[m.axes[k]] = next;
        next *= static_cast<std::uint32_t>(dims[m.axes[k]]);
      }
      EXPECTS(next == m.target.size());
      view.offset.reserve(rows_);
      std::vector<std::size_t> at(dims.size(), 0);
      std::uint32_t offset = 0;
      for (std::size_t row = 0; row < rows_; ++row) {
        view.offset.push_back(offset);
        for (std::size_t axis = dims.size() - 1; axis-- > 0;) {
          offset += stride[axis];
          if (++at[axis] < dims[axis]) break;
          offset -= stride[axis] * static_cast<std::uint32_t>(dims[axis]);
          at[axis] = 0;
        }
      }
      view.target = m.target;
      view.present.assign(m.target.size(), 0.0);
      view.factor.assign(m.target.size(), 1.0);
      views_.push_back(std::move(view));
    }
    total_ = std::accumulate(views_[0].target.begin(), views_[0].target.end(), 0.0);
  }

  DenseFitReport run(double tolerance, int max_sweeps) {
    DenseFitReport report;
    sum(views_[0]);
    while (true) {
      // A sweep: each margin's error as it is found, just before it is scaled to.
      report.largest_error = 0;
      for (std::size_t k = 0; k < views_.size(); ++k) {
        report.largest_error = std::max(report.largest_error, find_factor(views_[k]));
        if (k + 1 == views_.size() && report.largest_error <= tolerance) {
          report.converged = true;
          return report;
        }
        scale_and_sum(views_[k], views_[(k + 1) % views_.size()]);
      }
      if (++report.sweeps == max_sweeps) return report;
    }
  }

 private:
  double find_factor(RowView& view) const {
    double error = 0;
    for (std::size_t c = 0; c < view.target.size(); ++c) {
      error = std::max(error, std::abs(view.present[c] - view.target[c]));
      view.factor[c] = view.present[c] > 0 ? view.target[c] / view.present[c] : 0.0;
    }
    return error / total_;
  }

  void sum(RowView& view) {
    std::fill(view.present.begin(), view.present.end(), 0.0);
    for (std::size_t row = 0; row < rows_; ++row) accumulate(view, row, &table_[row * n_]);
  }

  void accumulate(RowView& view, std::size_t row, const double* cells) const {
    if (view.along)
      add_row(&view.present[view.offset[row]], cells, n_);
    else
      view.present[view.offset[row]] += sum_row(cells, n_);
  }

  void scale_and_sum(const RowView& by, RowView& next) {
    std::fill(next.present.begin(), next.present.end(), 0.0);
    for (std::size_t row = 0; row < rows_; ++row) {
      double* cells = &table_[row * n_];
      if (by.along)
        scale_row(cells, n_, &by.factor[by.offset[row]]);
      else
        scale_row(cells, n_, by.factor[by.offset[row]]);
      accumulate(next, row, cells);
    }
  }

  std::vector<double>& table_;
  std::size_t n_ = 0, rows_ = 0;
  std::vector<RowView> views_;
  double total_ = 0;
};

/// Copies a table with its axes in another order.
std::vector<double> permuted(const std::vector<double>& cells, const std::vector<std::size_t>& dims,
                             const std::vector<std::size_t>& order) {
  std::vector<std::size_t> stride(dims.size(), 1);
  for (std::size_t k = dims.size() - 1; k-- > 0;) stride[k] = stride[k + 1] * dims[k + 1];
  std::vector<double> out;
  out.reserve(cells.size());
  std::vector<std::size_t> at(dims.size(), 0);
  std::size_t from = 0;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    out.push_back(cells[from]);
    for (std::size_t k = order.size(); k-- > 0;) {
      from += stride[order[k]];
      if (++at[k] < dims[order[k]]) break;
      from -= stride[order[k]] * dims[order[k]];
      at[k] = 0;
    }
  }
  return out;
}

template <typename T>
std::vector<T> reordered(const std::vector<T>& list, const std::vector<std::size_t>& order) {
  std::vector<T> out;
  for (std::size_t k : order) out.push_back(list[k]);
  return out;
}

}  // namespace

DenseFitReport fit_dense(std::vector<double>& cells, const std::vector<std::size_t>& dims,
                         const std::vector<DenseMargin>& margins, double tolerance,
                         int max_sweeps) {
  EXPECTS(!dims.empty() && !margins.empty());
  // The longest axis last.
  const auto longest =
      static_cast<std::size_t>(std::max_element(dims.begin(), dims.end()) - dims.begin());
  std::vector<std::size_t> order(dims.size()), back(dims.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::rotate(order.begin() + static_cast<std::ptrdiff_t>(longest),
              order.begin() + static_cast<std::ptrdiff_t>(longest) + 1, order.end());
  for (std::size_t k = 0; k < order.size(); ++k) back[order[k]] = k;
  const std::vector<std::size_t> inner_dims = reordered(dims, order);
  std::vector<DenseMargin> inner;
  for (const DenseMargin& m : margins) {
    std::vector<std::size_t> axes, margin_dims, margin_order(m.axes.size());
    for (std::size_t axis : m.axes) {
      axes.push_back(back[axis]);
      margin_dims.push_back(dims[axis]);
    }
    std::iota(margin_order.begin(), margin_order.end(), std::size_t{0});
    std::sort(margin_order.begin(), margin_order.end(),
              [&](std::size_t a, std::size_t b) { return axes[a] < axes[b]; });
    inner.push_back({reordered(axes, margin_order), permuted(m.target, margin_dims, margin_order)});
  }
  std::vector<double> table = permuted(cells, dims, order);
  const DenseFitReport report = DenseFit(table, inner_dims, inner).run(tolerance, max_sweeps);
  cells = permuted(table, inner_dims, back);
  return report;
}

}  // namespace steelyard
