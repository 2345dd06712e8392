#include "estimators/buckets/smooth_grid.hpp"

#include <algorithm>
#include <cmath>

#include "estimators/buckets/piecewise.hpp"
#include "estimators/buckets/rule.hpp"

namespace steelyard::detail {

Result<Cells> make_cells(const BucketTable& table, SmoothGrid grid) {
  Cells cells{};
  std::size_t m = table.size();
  if (table.open_top() && !has_tail(table)) --m;  // nothing to close
  cells.start = table.edges[0];
  cells.top = std::isinf(table.edges[m]) ? grid.top : table.edges[m];
  const double last = table.edges[m - 1];
  if (!(cells.top > last) || std::isinf(cells.top))
    return infeasible("the grid does not reach beyond the open bucket's lower edge");
  const double count = std::round((cells.top - cells.start) / grid.cell);
  if (!(count >= 2 && count <= 5000))
    return infeasible("the grid has fewer than 2 or more than 5000 cells");
  cells.n = static_cast<std::size_t>(count);
  cells.width = (cells.top - cells.start) / count;
  cells.buckets = m;
  for (std::size_t i = 0, j = 0; i < m; ++i) {
    double at = table.edges[i];
    const double end = i + 1 == m ? cells.top : table.edges[i + 1];
    while (j < cells.n) {
      double edge = cells.start + static_cast<double>(j + 1) * cells.width;
      const bool aligned = std::abs(edge - end) <= 1e-9 * cells.width;
      if (aligned || j + 1 == cells.n) edge = std::fmax(edge, end);
      const double upper = aligned ? end : std::fmin(edge, end);
      cells.pieces.push_back({i, j, at, upper, (upper - at) / cells.width});
      at = upper;
      if (edge <= end || aligned) ++j;
      if (at >= end) break;
    }
  }
  return cells;
}

std::shared_ptr<const Law> grid_law(const Cells& cells, std::span<const double> mass) {
  std::vector<Segment> list;
  list.reserve(cells.pieces.size());
  for (std::size_t k = 0; k < cells.pieces.size(); ++k)
    if (mass[k] > 0)
      list.push_back(Segment::uniform(cells.pieces[k].lower, cells.pieces[k].upper, mass[k]));
  return std::make_shared<PiecewiseLaw>(std::move(list));
}

Result<double> default_top(const BucketTable& table) {
  if (!has_tail(table)) return table.edges.back();
  const double lower = table.edges[table.size() - 1];
  if (!(lower > 0))
    return Failure{FailureKind::unsupported, "closing the open bucket needs a lower edge above 0"};
  return 3 * lower;
}

double default_cell(const BucketTable& table, double top, double least, double a_bucket) {
  const std::size_t m = table.size();
  double end = top, narrowest = top - table.edges[0];
  if (table.open_top() && !has_tail(table)) end = table.edges[m - 1];
  for (std::size_t i = 0; i < m; ++i)
    if (table.weights[i] > 0 && std::isfinite(table.edges[i + 1]))
      narrowest = std::fmin(narrowest, table.edges[i + 1] - table.edges[i]);
  const double range = end - table.edges[0];
  return range / std::clamp(std::ceil(a_bucket * range / narrowest), least, 1000.0);
}

}  // namespace steelyard::detail
