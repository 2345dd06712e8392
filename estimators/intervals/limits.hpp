#pragma once

// From a standard error to an interval: the options that all methods share.

#include "estimators/functionals/functional.hpp"
#include "estimators/survey/quantiles.hpp"

namespace steelyard {

struct IntervalOptions {
  double level = 0.95;
  ProportionInterval shares = ProportionInterval::mean;
};

/// Keys `level` and `shares`.
IntervalOptions read_interval_options(ConfigReader& config);

/// estimate ± t se, or for a share (in [0, 1]) on the scale of the options; a share of 0 or 1 has
/// the Clopper-Pearson interval of its respondents on every scale but mean and wilson.
/// @param functional   null: not a share
/// @param t            Student's t at the level and df
/// @param n            respondents of the sample
/// @param respondents  of the domain
/// @return fails: unsupported (fewer than one degree of freedom)
Result<Interval> make_interval(const IntervalOptions& options, const Functional* functional,
                               double estimate, double se, double df, double t, std::size_t n,
                               std::size_t respondents);

}  // namespace steelyard
