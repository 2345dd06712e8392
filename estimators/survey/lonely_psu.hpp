#pragma once

namespace steelyard {

/// What to do with a stratum that has a single sampled unit (and is not taken completely).
enum class LonelyPsu {
  fail,       ///< say so: there is no variance estimate
  certainty,  ///< it adds nothing (R's survey has "remove" as a second name for it)
  adjust,     ///< its distance from zero, the mean of a linearized mean's totals, instead of its
              ///< stratum's mean
  average,    ///< the average contribution of the other strata, those taken completely included
};

}  // namespace steelyard
