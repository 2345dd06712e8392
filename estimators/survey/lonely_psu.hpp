#pragma once

namespace steelyard {

/// What to do with a stratum that has a single sampled unit (and is not taken completely).
enum class LonelyPsu {
  fail,       ///< say so: there is no variance estimate
  certainty,  ///< it adds nothing
  adjust,     ///< its distance from the mean of all units of the stage instead of its stratum's
  average,    ///< the average contribution of the other strata
};

}  // namespace steelyard
