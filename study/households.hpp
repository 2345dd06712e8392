#pragma once

// Fits and integerises all zones of a household scenario, on all cores.

#include "core/random.hpp"
#include "sim/households/household_scenario.hpp"

namespace steelyard {

/// What became of one control's cell in one zone (or over all zones).
struct ControlOutcome {
  std::size_t column = 0;
  std::optional<std::size_t> zone;  ///< nothing: all zones together
  double target = 0, fitted = 0;
  std::uint64_t whole = 0;  ///< after integerisation
  double error() const;     ///< |fitted - target| / max(target, 1)
};

struct HouseholdFit {
  std::vector<ZoneFit> zones;
  std::vector<std::vector<std::uint32_t>> counts;  ///< a zone: whole seed households, by row
  std::vector<ControlOutcome> outcomes;            ///< every given count
  int rounds = 0;  ///< fits of all zones; more than one where controls bind all zones together
  double fit_seconds = 0, integerise_seconds = 0;

  double largest_error() const;
};

/// Zones are independent but for controls over all zones together. Those tilt the base weights of
/// all zones by one factor exp(multiplier) a count, found by Newton steps whose matrix is the sum
/// of the zones' tilt_response() (ipu: by the ratio of target to sum). The whole is then the
/// maximum-entropy solution under all controls (Vovsha et al. 2015).
/// The result does not depend on `threads`. Controls that are not met: see `outcomes`.
HouseholdFit fit_households(const HouseholdScenario& scenario, int threads);

/// Adds whole households to a fit. Zone z draws from the stream with unit z.
void integerise_households(const HouseholdScenario& scenario, Seed seed, int threads,
                           HouseholdFit& fit);

}  // namespace steelyard
