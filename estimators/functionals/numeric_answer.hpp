#pragma once

// Functionals of one answer whose levels are numbers: given ones, or those of a value rule.

#include <string>

#include "estimators/functionals/functional.hpp"

namespace steelyard {

/// An answer and the numbers of its levels.
struct NumericAnswer {
  VariableId variable{};
  bool bucketed = false;       ///< a value rule makes the numbers
  std::vector<double> values;  ///< of the levels, where no rule makes them
  std::string unit;
};

/// Bucketed answers are left to a value rule; others have assumed_values or scores. Fails (key
/// `variable`) with this hint if there are no numbers.
NumericAnswer numeric_answer(ConfigReader& config, const Schema& schema, const std::string& name,
                             const std::string& hint);

/// An estimate that is made of the totals of the levels and their numbers.
using LevelsEstimate = Result<PointEstimate> (*)(std::span<const double> totals,
                                                 const BucketValues& values);
std::unique_ptr<const Functional> make_of_levels(NumericAnswer answer, LevelsEstimate estimate);

}  // namespace steelyard
