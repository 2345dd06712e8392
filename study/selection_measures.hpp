#pragma once

// How bad selection was, as one number that can be compared between estimands: the data defect
// correlation, and the size of the simple random sample that errs as much.

#include <span>

#include "results/results.hpp"

namespace steelyard {

/// How many were asked, of how many.
struct SurveySize {
  std::size_t first_estimator;  ///< up to the next one's
  double population;            ///< persons; 0: a superpopulation
  double sample;                ///< respondents, or those expected
};

/// Fills results.selection, one record an estimator. With the error e of a replicate, σ the
/// standard deviation of one person's influence on the truth (of a mean or share: of the answer),
/// f = n/N and cv of the replicate's weights,
///   ddc = mean of e / (σ sqrt((1 - f + cv²)/f)),  effective n = σ²/MSE.
/// The first is exact here, where the truth is known, and NaN for a superpopulation (f = 0); both
/// are NaN where σ is not known (functionals of a whole law).
/// Source: Meng (2018), Annals of Applied Statistics 12, 685-726, equations 2.3, 3.2 and 2.10.
/// @param sizes  of each condition, in order
/// @pre results has its performance measures and weights
void measure_selection(std::span<const SurveySize> sizes, StudyResults& results);

}  // namespace steelyard
