#pragma once

// Where a conclusion turns: the smallest change of each dial, and of all together.

#include <functional>
#include <string>
#include <vector>

#include "results/tipping.hpp"
#include "study/conclusion.hpp"
#include "study/condition.hpp"
#include "study/dials.hpp"

namespace steelyard {

struct TippingOptions {
  Seed seed{};
  std::uint32_t replicates = 200, most_replicates = 20'000;
  std::size_t steps = 4;  ///< points looked at from the scenario's own number to each end
  double error = 0.02;    ///< wanted standard error of a tipping point, in ranges of its dial
  int threads = 0;
  Population::Unmet unmet = Population::Unmet::refuse;
};

/// For each dial, the nearest point to the scenario's own number at which the conclusion turns.
///
/// On common random numbers the margin (BoundConclusion) is a fixed function of the dials. From the
/// scenario's number `steps` equally spaced points are looked at towards each end of the range; the
/// first change of sign is bracketed and solved (TOMS 748: Alefeld, Potra & Shi 1995, ACM Trans.
/// Math. Softw. 21, 327-344). Its error is MCSE(margin)/|slope| there (delta method); replicates
/// are added until it is the wanted one, also for an end that is within 1.96 errors of a turn. A
/// turn and back between two points is not seen. All dials together move along the gradient of the
/// margin in units of their ranges, each until its end; those with less than a fiftieth of its
/// length stay. Its error is wanted in ranges. Scenario, titles and version are left to the caller.
/// @throws UserError if the scenario itself cannot be run, or the conclusion names what it lacks
TippingResults tipping_points(const std::string& scenario, const Dials& dials,
                              const Conclusion& conclusion, const TippingOptions& options,
                              const std::function<void(const std::string&)>& progress = {});

}  // namespace steelyard
