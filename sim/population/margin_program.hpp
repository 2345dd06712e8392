#pragma once

// What all joint laws that are compatible with a set of published numbers can and cannot be: a
// linear program over the cells of a junction tree's cliques, which is the program over all cells
// of the joint (consistency of the clique tables is consistency of the joint: Lauritzen 1996,
// Graphical Models, section 4.4).

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/linear_program.hpp"
#include "core/margin.hpp"
#include "sim/population/fit.hpp"

namespace steelyard {

/// A published number as a linear constraint: the mean of its values over its scope, each cell
/// counted with its weight in the number's view, lies in [lower, upper].
struct LinearMargin {
  std::size_t number = 0;  ///< index into the scenario's numbers
  PublishedNumber what;
  double lower = 0, upper = 0;        ///< on the scale of `what`'s level values
  double spread = 1;                  ///< largest level value minus smallest
  double width = 0;                   ///< half the width of its rounding, as a part of the spread
  VariableSet variables;              ///< all that tell its cells apart
  VariableSet view_cross;             ///< variables of the view's weights; empty: all weights 1
  std::vector<double> view_weight{};  ///< over the cross of view_cross
  bool linear = true;                 ///< a difference between two scopes' means is not

  /// One hundredth of the spread: a percentage point of a share, a point of an index.
  static constexpr double kPoint = 0.01;
};

/// In which unit intervals are relaxed.
enum class RelaxationUnit {
  rounding_widths,  ///< half-widths of each number's own rounding
  points            ///< hundredths of each number's spread
};

class MarginProgram {
 public:
  /// @param respondents  every scope of a margin holds at least one respondent out of these
  /// @throws UserError naming the variables if a clique is too large
  MarginProgram(const Schema& schema, std::span<const LinearMargin> margins, double respondents);

  /// Is there a joint law that meets all margins, each widened by `relaxation` units?
  bool feasible(double relaxation = 0, RelaxationUnit unit = RelaxationUnit::points);
  /// Margins of which no joint law can meet all: a set that proves it, seldom the smallest.
  std::vector<std::size_t> proof();
  /// The smallest r such that all margins widened by r units can be met; 0 if none is needed.
  /// Infinite if no widening up to the whole spread helps. By bisection, to 1e-4 of itself.
  double largest_relaxation(RelaxationUnit unit);

  struct Relaxed {
    double sum = 0;                              ///< in the unit asked for
    std::vector<double> means;                   ///< what each margin is then, program units
    std::vector<std::pair<double, double>> gap;  ///< below the lower bound, above the upper; >= 0
  };
  /// Widenings with a small sum. Exact where the scopes' sizes are fixed by the margins; else the
  /// sizes are held at those of the last solution, three times over (the problem is not convex).
  /// @param movable  positions of the margins that may be widened; empty: all
  Relaxed sum_relaxation(RelaxationUnit unit, std::span<const std::size_t> movable = {});

  /// Smallest and largest mean of `target` over its scope that the margins allow, in the target's
  /// own units; the target's own bounds do not count if it is one of the margins.
  /// Charnes & Cooper (1962), NRLQ 9, 181-186. Nothing if the margins contradict each other.
  /// @param over  with a second margin over the same scope: the ratio of the two means instead
  std::optional<std::pair<double, double>> range(std::size_t target,
                                                 std::optional<std::size_t> over = {});

  std::size_t columns() const { return program_.columns(); }
  std::size_t rows() const { return program_.rows(); }

 private:
  struct Row {
    std::size_t lower = 0, upper = 0;  ///< rows; kNone for an infinite bound
    std::size_t scope = 0;             ///< column of the scope's size
    std::size_t value = 0;             ///< column of the sum of the values in the scope, scaled
    std::size_t below = 0, above = 0;  ///< columns of the widenings
  };
  void set_relaxation(double relaxation, RelaxationUnit unit);
  double unit_of(std::size_t margin, RelaxationUnit unit) const;
  double scaled_mean(std::size_t margin) const;

  std::vector<LinearMargin> margins_;
  std::vector<Row> rows_;
  std::vector<std::size_t> scopes_;  ///< columns
  std::size_t total_ = 0;            ///< column
  double respondents_ = 0;
  LinearProgram program_;
};

/// The variables in the set and those that their universes name, with their identifiers renumbered.
struct SubSchema {
  Schema schema;
  std::vector<std::optional<VariableId>> to_sub;  ///< by identifier in the whole schema
  SubSchema(const Schema& whole, const VariableSet& wanted);
  VariableSet translate(const VariableSet& set) const;
  PublishedNumber translate(PublishedNumber number) const;
};

}  // namespace steelyard
