#pragma once

// Variance of a Horvitz-Thompson total Σ u, u_i = y_i/π_i (or of any linearized u_i = w_i z_i),
// of units drawn with unequal probabilities π without replacement.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "estimators/survey/lonely_psu.hpp"

namespace steelyard {

/// The first four need only π_i and hold within strata of fixed size; the next two need π_ij.
enum class PpsMethod {
  brewer,            ///< n/(n-1) Σ (1-π)(u - mean u)²
  deville,           ///< Σ (1-π)(u - A)² / (1 - Σa²), a ∝ 1-π, A = Σ a u
  overton,           ///< pairs with 1 - π_i π_j/π_ij = 1 - (n - (π_i+π_j)/2)/(n-1)
  hartley_rao,       ///< pairs with 1 - (n - π_i - π_j + Σπ²/n)/(n-1), Σ over the sample
  yates_grundy,      ///< -½ Σ (1 - π_i π_j/π_ij)(u_i - u_j)²; fixed size
  horvitz_thompson,  ///< Σ (1 - π_i π_j/π_ij) u_i u_j, any design
  poisson,           ///< Σ (1-π) u²: units drawn independently
};

/// How Overton's and Hartley-Rao's pairs are summed. With Yates-Grundy's sum Hartley-Rao's variance
/// is Brewer's.
enum class PairSum {
  yates_grundy,      ///< not moved by a constant added to u, as is due for a fixed size
  horvitz_thompson,  ///< the default of R's survey; far off where y is near proportional to π
};

std::string_view to_string(PpsMethod method);
/// The method of that name; fails: unsupported, with the nearest name.
Result<PpsMethod> pps_method(std::string_view name);

/// A sample as its variance needs it. Nothing else is read from the file.
struct PpsColumns {
  PpsMethod method = PpsMethod::brewer;
  std::vector<double> probability;  ///< of selection in (0, 1], by row; equal within a primary unit
  /// π_ij of the sampled primary units in order of first appearance (of the rows, if there are no
  /// clusters), row-major with π_i on the diagonal. Needed by yates_grundy and horvitz_thompson.
  std::vector<double> joint;
  PairSum pairs = PairSum::yates_grundy;
};

/// Coefficients worked out once, for many u. Units with π = 1 add nothing and do not count in n:
/// the rest is a design of its own.
class PpsVariance {
 public:
  /// @param columns  `probability` by unit here
  /// @param stratum  of each unit, below `strata`; empty: one
  /// Fails: unsupported (a probability outside (0, 1] or missing; joint probabilities missing, of
  /// the wrong size, not positive, not symmetric, above the smaller π or with another diagonal).
  /// Cost O(n), with joint probabilities O(n²) time and memory.
  static Result<PpsVariance> make(const PpsColumns& columns, std::span<const std::uint32_t> stratum,
                                  std::size_t strata, LonelyPsu lonely);

  /// @param u  n values. Can be negative for horvitz_thompson and the two pair approximations.
  /// Fails: single_unit (under LonelyPsu::fail, a stratum of fixed size with one unit of π < 1).
  /// Cost O(n), with joint probabilities O(n²).
  /// Source: Horvitz & Thompson (1952), JASA 47, 663-685; Yates & Grundy (1953), JRSS B 15,
  /// 253-261; Hartley & Rao (1962), Annals of Mathematical Statistics 33, 350-374, eq. 5.15; Brewer
  /// (2002), Combined Survey Sampling Inference, chapter 9; Overton (1985); Deville (1999), Survey
  /// Methodology 25, 193-203; Hajek (1964), Annals of Mathematical Statistics 35, 1491-1523.
  Result<double> of(std::span<const double> u) const;

  std::span<const double> probability() const { return probability_; }
  /// Units with π < 1 minus strata that have any.
  double df() const { return df_; }

 private:
  void approximate(PpsMethod method, PairSum pairs);
  double of_pairs(std::span<const double> u) const;

  struct Stratum {
    double n = 0;    ///< units with π < 1
    double sum = 0;  ///< of their π
  };
  bool counts(std::size_t i) const { return probability_[i] < 1; }
  std::uint32_t stratum(std::size_t i) const { return stratum_.empty() ? 0 : stratum_[i]; }

  PpsMethod method_ = PpsMethod::brewer;
  LonelyPsu lonely_ = LonelyPsu::fail;
  std::vector<double> probability_;
  std::vector<std::uint32_t> stratum_;
  std::vector<Stratum> strata_;
  double df_ = 0;
  /// V of a stratum = Σ c (u - m)² - m Σ t (u - m), m = Σ a u.
  std::vector<double> c_, a_, t_;
  std::vector<double> joint_;  ///< 1 - π_i π_j/π_ij
};

}  // namespace steelyard
