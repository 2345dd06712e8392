#pragma once

// Replicate weights: for each replicate a factor for every row, and the constants of
// variance = scale Σ_r rscales_r (θ_r - c)².

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/random.hpp"
#include "estimators/survey/design.hpp"

namespace steelyard {

enum class ReplicateMethod {
  jk1,            ///< delete one primary unit, unstratified
  jkn,            ///< delete one primary unit of one stratum
  brr,            ///< balanced half samples, two primary units a stratum
  fay,            ///< the same with factors 2 - ρ and ρ
  bootstrap,      ///< Rao-Wu: n_h - 1 units drawn with replacement, rescaled, all stages
  canty_davison,  ///< n_h units drawn with replacement, unrescaled, without fpc
  preston,        ///< half of the units drawn without replacement, rescaled, all stages
  /// Rao-Wu-Yue-Beaumont: n_h - 1 units drawn with replacement, units within them moved by the
  /// root of how often they were drawn. Reads a design's unequal probabilities, as the other
  /// methods do not (they take its primary units as drawn with replacement): the variance is
  /// n/(n-1) Σ (ǔ - mean ǔ)² within strata, ǔ = sqrt(1 - π) u, over units with π < 1.
  rao_wu_yue_beaumont,
  generalized,            ///< normal factors with the covariance of the design's quadratic form
  bayesian,               ///< Dirichlet weights of the primary units within strata
  successive_difference,  ///< rows in their order, against the next one
  random_groups,          ///< primary units dealt to groups, one estimate a group
  delete_a_group,         ///< the same, each group left out in turn
};

std::optional<ReplicateMethod> parse_replicate_method(std::string_view name);
/// Whether replicates are random draws, so that those of two seeds are independent.
bool draws_independently(ReplicateMethod method);
/// "jk1, jkn, ...", for messages and help.
std::string_view replicate_method_names();

struct ReplicateOptions {
  ReplicateMethod method = ReplicateMethod::bootstrap;
  /// Of random methods, or groups of random_groups and delete_a_group; 0: 500, 10 and 100.
  std::size_t replicates = 0;
  std::optional<Seed> seed;  ///< required by random methods
  double rho = 0.5;          ///< of fay
  bool mse = false;          ///< deviations from the full-sample estimate, not the mean
};

struct ReplicateDesign {
  std::size_t n = 0, replicates = 0;
  double scale = 1;
  std::vector<double> rscales;  ///< by replicate; empty: all 1
  bool mse = false;
  double df = 0;
  bool combined = false;  ///< `fill` gives final weights, not factors of the base weights
  /// Factors of all n rows in replicate r; a pure function of r.
  std::function<void(std::size_t r, std::span<double> factor)> fill;
  /// Factors of the weights of a reference sample's rows in replicate r; false: it is as it was
  /// drawn, and nothing is written. Empty: in no replicate is it drawn again.
  std::function<bool(std::size_t r, std::span<double> factor)> fill_reference;

  /// Variance of θ. @param full  the full-sample estimate
  double variance(std::span<const double> theta, double full) const;
};

/// Fails: unsupported (JK1 with strata, BRR without two units a stratum), single_unit.
/// The references must outlive the result. Sources: Wolter (2007), Introduction to Variance
/// Estimation; Rao, Wu & Yue (1992), Survey Methodology 18, 209-217; Canty & Davison (1999), The
/// Statistician 48, 379-391; Preston (2009), Survey Methodology 35, 227-234; Beaumont & Patak
/// (2012), Int. Stat. Rev. 80, 127-148; Beaumont & Émond (2022), Stats 5, 339-357 (with Rao, Wu &
/// Yue); Kott (2001), J. Official Statistics 17, 521-526; Rubin (1981), Ann. Statist. 9, 130-134;
/// Fay & Train (1995), ASA Proc. Gov. Stat., 154-159.
Result<ReplicateDesign> make_replicates(const SurveyDesign& design,
                                        const ReplicateOptions& options);

/// Replicates given as columns (factors, or final weights if `combined`).
ReplicateDesign given_replicates(std::vector<std::vector<double>> columns, bool combined,
                                 double scale, std::vector<double> rscales, bool mse, double df);

/// How many bootstrap replicates bring the coefficient of variation of a standard error (from the
/// resampling alone) down to `cv`: 1 / (2 cv²), for estimates near normal.
/// Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, equation 6.9.
std::size_t replicates_for_cv(double cv);

/// Coefficient of variation of the standard error that these random replicates left, from the
/// replicates themselves: half of that of the variance, a mean of R squared deviations.
double simulation_cv(const ReplicateDesign& design, std::span<const double> theta, double full);

/// Rows of ±1 with orthogonal columns; the smallest order >= `order` that Sylvester's or Paley's
/// construction with doubling gives. Row-major, entries 0 and 1 (for -1).
std::vector<std::uint8_t> hadamard(std::size_t order, std::size_t& size);

}  // namespace steelyard
