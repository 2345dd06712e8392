#include "core/linear_program.hpp"

#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace steelyard {

struct LinearProgram::Solver {
  ClpSimplex model;
};

LinearProgram::LinearProgram() = default;
LinearProgram::~LinearProgram() = default;
LinearProgram::LinearProgram(LinearProgram&&) noexcept = default;
LinearProgram& LinearProgram::operator=(LinearProgram&&) noexcept = default;

std::size_t LinearProgram::add_row(double lower, double upper) {
  solver_.reset();
  row_lower_.push_back(lower);
  row_upper_.push_back(upper);
  return row_lower_.size() - 1;
}

std::size_t LinearProgram::add_column(double lower, double upper, const std::vector<Entry>& entries,
                                      double cost) {
  solver_.reset();
  column_lower_.push_back(lower);
  column_upper_.push_back(upper);
  cost_.push_back(cost);
  entries_.push_back(entries);
  return column_lower_.size() - 1;
}

void LinearProgram::set_row(std::size_t row, double lower, double upper) {
  row_lower_[row] = lower;
  row_upper_[row] = upper;
  if (solver_) solver_->model.setRowBounds(static_cast<int>(row), lower, upper);
}

void LinearProgram::set_column(std::size_t column, double lower, double upper) {
  column_lower_[column] = lower;
  column_upper_[column] = upper;
  if (solver_) solver_->model.setColumnBounds(static_cast<int>(column), lower, upper);
}

void LinearProgram::set_cost(std::size_t column, double cost) {
  cost_[column] = cost;
  if (solver_) solver_->model.setObjectiveCoefficient(static_cast<int>(column), cost);
}

void LinearProgram::set_entry(std::size_t row, std::size_t column, double value) {
  for (Entry& entry : entries_[column])
    if (entry.row == row) entry.value = value;
  if (solver_)
    solver_->model.modifyCoefficient(static_cast<int>(row), static_cast<int>(column), value, true);
}

void LinearProgram::load() {
  solver_ = std::make_unique<Solver>();
  std::vector<CoinBigIndex> starts{0};
  std::vector<int> rows;
  std::vector<double> values;
  for (const auto& column : entries_) {
    for (const Entry& entry : column) {
      rows.push_back(static_cast<int>(entry.row));
      values.push_back(entry.value);
    }
    starts.push_back(static_cast<CoinBigIndex>(rows.size()));
  }
  ClpSimplex& model = solver_->model;
  model.setLogLevel(0);
  model.loadProblem(static_cast<int>(columns()), static_cast<int>(this->rows()), starts.data(),
                    rows.data(), values.data(), column_lower_.data(), column_upper_.data(),
                    cost_.data(), row_lower_.data(), row_upper_.data());
  model.setPrimalTolerance(1e-9);
  model.setDualTolerance(1e-9);
}

LinearProgram::Outcome LinearProgram::solve() {
  if (!solver_) load();
  // Every claim is checked: a solution by its own rows, an impossibility by its proof. What fails
  // is solved afresh in other ways.
  proof_.clear();
  solver_->model.dual();
  if (checked()) return outcome();
  if (!possible()) return Outcome::infeasible;
  for (const int scaling : {3, 0, 1}) {
    load();
    solver_->model.scaling(scaling);
    solver_->model.primal();
    if (checked() && solver_->model.status() != 1) break;
    if (scaling == 1)
      throw std::runtime_error("the linear program's solver gave no answer that can be checked");
  }
  return outcome();
}

LinearProgram::Outcome LinearProgram::outcome() const {
  switch (solver_->model.status()) {
    case 0:
      return Outcome::optimal;
    case 1:
      return Outcome::infeasible;
    case 2:
      return Outcome::unbounded;
    default:
      throw std::runtime_error("the linear program's solver stopped without an answer");
  }
}

/// The smallest sum of row violations, by a program that always has a solution; its prices are the
/// proof if that sum is not zero.
bool LinearProgram::possible() {
  LinearProgram relaxed;
  for (std::size_t r = 0; r < rows(); ++r) relaxed.add_row(row_lower_[r], row_upper_[r]);
  for (std::size_t c = 0; c < columns(); ++c)
    relaxed.add_column(column_lower_[c], column_upper_[c], entries_[c]);
  const double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t r = 0; r < rows(); ++r)
    for (const double sign : {1.0, -1.0}) relaxed.add_column(0, infinity, {{r, sign}}, 1);
  relaxed.load();
  ClpSimplex& model = relaxed.solver_->model;
  model.primal();
  if (model.status() != 0)
    throw std::runtime_error("the linear program's solver stopped without an answer");
  if (model.objectiveValue() < 1e-7) return true;
  proof_.assign(model.dualRowSolution(), model.dualRowSolution() + rows());
  return false;
}

bool LinearProgram::checked() const {
  const ClpSimplex& model = solver_->model;
  if (model.status() == 1) return proved_infeasible();
  if (model.status() != 0) return model.status() == 2;
  constexpr double kTolerance = 1e-6;
  const double* x = model.primalColumnSolution();
  std::vector<double> activity(rows(), 0.0), size(rows(), 1.0);
  for (std::size_t c = 0; c < columns(); ++c) {
    if (x[c] < column_lower_[c] - kTolerance || x[c] > column_upper_[c] + kTolerance) return false;
    for (const Entry& e : entries_[c]) {
      activity[e.row] += e.value * x[c];
      size[e.row] = std::max(size[e.row], std::abs(e.value * x[c]));
    }
  }
  for (std::size_t r = 0; r < rows(); ++r) {
    const double slack = kTolerance + 1e-12 * size[r];
    if (activity[r] < row_lower_[r] - slack || activity[r] > row_upper_[r] + slack) return false;
  }
  return true;
}

/// Farkas: a combination of rows whose largest value over the columns' bounds lies below its
/// smallest value over the rows' bounds. Rounding leaves columns a coefficient of nearly zero:
/// such a column is taken to stay below a large bound.
bool LinearProgram::proved_infeasible() const {
  constexpr double kTiny = 1e-9, kLarge = 1e6;
  const std::vector<double> y = farkas();
  double scale = 0;
  for (double v : y) scale = std::max(scale, std::abs(v));
  if (!(scale > 0)) return false;
  for (const double sign : {1.0, -1.0}) {
    double left = 0, right = 0;
    for (std::size_t r = 0; r < y.size(); ++r) {
      const double v = sign * y[r] / scale;
      if (std::abs(v) > kTiny) right += v * (v > 0 ? row_lower_[r] : row_upper_[r]);
    }
    for (std::size_t c = 0; c < entries_.size(); ++c) {
      double g = 0;
      for (const Entry& e : entries_[c]) {
        const double v = sign * y[e.row] / scale;
        if (std::abs(v) > kTiny) g += v * e.value;
      }
      double bound = g > 0 ? column_upper_[c] : column_lower_[c];
      if (std::abs(g) < 10 * kTiny) bound = std::clamp(bound, -kLarge, kLarge);
      if (g != 0) left += g * bound;
    }
    if (left < right) return true;
  }
  return false;
}

double LinearProgram::objective() const { return solver_->model.objectiveValue(); }

double LinearProgram::column_value(std::size_t column) const {
  return solver_->model.primalColumnSolution()[column];
}

double LinearProgram::row_activity(std::size_t row) const {
  return solver_->model.primalRowSolution()[row];
}

std::vector<double> LinearProgram::farkas() const {
  if (!proof_.empty()) return proof_;
  const std::unique_ptr<double[]> ray(solver_->model.infeasibilityRay());
  if (!ray) return {};
  return {ray.get(), ray.get() + rows()};
}

}  // namespace steelyard
