#pragma once

// How strong selection on the answer would have to be for an estimate to be a given number.

#include <span>

#include "core/errors.hpp"

namespace steelyard {

struct IndexEstimate {
  double value = 0, se = 0;
};

/// Respondents with an answer and their final weights.
struct WeightedAnswers {
  std::span<const double> y, w;
  double population = 0;  ///< persons
};

/// What turns the error of a weighted mean into the data defect correlation, the correlation of
/// being in the sample (times the weight) with y over the population:
///   error = ρ σ sqrt((1 - f + cv²)/f),  f = n/N, cv of the weights among respondents.
/// @return the right-hand side without ρ. Fails: unsupported (y does not vary).
/// Source: Meng (2018), Annals of Applied Statistics 12, 685-726, equations 2.3 and 3.2.
Result<double> data_defect_unit(const WeightedAnswers& answers);

/// exp(γ): the odds of taking part, a standard deviation of y more, beyond what the weights know,
/// at which the weights w exp(-γ z) give the mean `target`.
/// Error: respondents drawn with replacement, their weights as they are.
/// Fails: infeasible (the target is beyond every answer).
/// Cost O(n) an iteration, about ten. Source: exponential tilting, Scharfstein, Rotnitzky & Robins
/// (1999), JASA 94, 1096-1120.
Result<IndexEstimate> tipping_selection(const WeightedAnswers& answers, double target);

}  // namespace steelyard
