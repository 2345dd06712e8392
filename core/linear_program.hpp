#pragma once

// A linear program over named rows and columns, solved by CLP's dual simplex and warm-started from
// one solve to the next.

#include <cstddef>
#include <memory>
#include <vector>

namespace steelyard {

/// minimise cost'x  subject to  row_lower <= A x <= row_upper,  column_lower <= x <= column_upper.
class LinearProgram {
 public:
  struct Entry {
    std::size_t row = 0;
    double value = 0;
  };
  enum class Outcome { optimal, infeasible, unbounded };

  LinearProgram();
  ~LinearProgram();
  LinearProgram(LinearProgram&&) noexcept;
  LinearProgram& operator=(LinearProgram&&) noexcept;

  std::size_t add_row(double lower, double upper);
  std::size_t add_column(double lower, double upper, const std::vector<Entry>& entries,
                         double cost = 0);
  std::size_t rows() const { return row_lower_.size(); }
  std::size_t columns() const { return column_lower_.size(); }

  void set_row(std::size_t row, double lower, double upper);
  void set_column(std::size_t column, double lower, double upper);
  void set_cost(std::size_t column, double cost);
  /// Changes an entry that `add_column` gave (its value there must not be zero).
  void set_entry(std::size_t row, std::size_t column, double value);

  /// @throws std::runtime_error if the solver gives up (an internal failure, never an answer)
  Outcome solve();
  double objective() const;
  double column_value(std::size_t column) const;
  double row_activity(std::size_t row) const;
  /// After `infeasible`: a combination of rows (Farkas) that no x can meet; empty if the solver
  /// has none to give.
  std::vector<double> farkas() const;

 private:
  struct Solver;
  void load();
  Outcome outcome() const;
  bool possible();
  bool checked() const;
  bool proved_infeasible() const;

  std::vector<double> row_lower_, row_upper_, column_lower_, column_upper_, cost_;
  std::vector<std::vector<Entry>> entries_;
  std::vector<double> proof_;
  std::unique_ptr<Solver> solver_;
};

}  // namespace steelyard
