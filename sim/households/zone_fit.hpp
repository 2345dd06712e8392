#pragma once

// Weights of seed households in one zone, such that household and person counts meet the zone's
// controls together.

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace steelyard {

/// How often each seed household counts in each control column (a household column: 0 or 1; a
/// person column: its persons with that level). n seed households × k columns, by row (CSR).
/// Column 0 is the number of households: 1 in every row.
struct Incidence {
  std::size_t columns = 0;
  std::vector<std::uint32_t> seeds;  ///< n; which seed household each row is
  std::vector<std::size_t> first;    ///< n + 1
  std::vector<std::uint32_t> column;
  std::vector<float> count;  ///< > 0

  std::size_t rows() const { return seeds.size(); }
};

/// A column without target: it is not controlled in this zone.
inline constexpr double kNoTarget = std::numeric_limits<double>::quiet_NaN();

enum class FittingMethod { entropy_balancing, ipu };
const char* to_string(FittingMethod method);

struct FittingOptions {
  FittingMethod method = FittingMethod::entropy_balancing;
  double tolerance = 1e-6;   ///< largest control error, relative to max(target, 1)
  int max_iterations = 0;    ///< Newton steps or sweeps; 0: 200 and 5000
  double relaxation = 1000;  ///< entropy: price of leaving a target, where targets contradict
};

struct ZoneFit {
  std::vector<double> weights;      ///< n, >= 0
  std::vector<double> multipliers;  ///< k; entropy: log factor of one more count of the column
  int iterations = 0;
  double largest_error = 0;  ///< relative to max(target, 1), over the zone's controls
  bool converged = false;    ///< every control is met within the tolerance
  bool relaxed = false;      ///< entropy: targets contradict, so they were relaxed
};

/// Fits weights to the targets; nothing is thrown when they cannot be met: see `converged`.
/// A target of 0 rules out every seed household that counts in its column.
///   ipu: iterative proportional updating; each sweep scales, column by column, all households that
///     count in it by target / current. Source: Ye, Konduri, Pendyala, Sana & Waddell (2009), TRB
///     88th annual meeting, 09-2096. It cannot meet a column in which every household counts (all
///     persons) unless the others imply it.
///   entropy_balancing: minimises sum w log(w / base) - w subject to the targets by damped Newton
///     steps on the dual, w = base exp(sum_c count_c multiplier_c). Where the targets contradict,
///     they become target_c z_c, and m_c target_c (z log z - z + 1) is added to the objective, with
///     m_c = relaxation × importance_c, so z_c = exp(-multiplier_c / m_c). Source: Vovsha, Hicks,
///     Paul, Livshits, Maneva & Jeon (2015), TRB 94th annual meeting.
/// @param base        n base weights >= 0
/// @param targets     k counts >= 0, or kNoTarget
/// @param importance  k, > 0
/// @param start       k multipliers to start from, or empty
/// Cost O(entries × entries per row + k³) a Newton step, O(entries) a sweep.
ZoneFit fit_zone(const Incidence& incidence, std::span<const double> base,
                 std::span<const double> targets, std::span<const double> importance,
                 const FittingOptions& options, std::span<const double> start = {});

/// k column sums of `weights`.
std::vector<double> column_sums(const Incidence& incidence, std::span<const double> weights);

/// How the sums of `response` columns answer to a tilt of the base weights by those columns, once
/// the zone's own targets are met again: the Schur complement of the weighted Gram matrix.
/// @return m × m, row-major, m = response.size()
std::vector<double> tilt_response(const Incidence& incidence, const ZoneFit& fit,
                                  std::span<const double> targets,
                                  std::span<const double> importance, const FittingOptions& options,
                                  std::span<const std::uint32_t> response);

}  // namespace steelyard
