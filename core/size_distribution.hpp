#pragma once

// Size distributions of positive quantities (incomes, hours, ages), and their fit to bucket counts.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steelyard {

/// Families as named in scenarios. All are special cases of three kinds:
///   normal kind: normal (mu, sigma); lognormal (mu, sigma), of the logarithm
///   generalized gamma GG(a, b, p), t = (x/b)^a, F = P(p, t):
///     weibull p = 1; gamma a = 1; exponential a = p = 1
///   generalized beta of the second kind GB2(a, b, p, q), z = (x/b)^a / (1 + (x/b)^a), F = I_z(p,
///   q):
///     dagum q = 1; singh_maddala p = 1; fisk p = q = 1; beta2 a = 1; lomax a = p = 1 (Pareto II)
/// Source: McDonald (1984), Econometrica 52, 647-663; Kleiber & Kotz (2003), Statistical Size
/// Distributions in Economics and Actuarial Sciences, chapters 4 to 6.
enum class Family {
  normal,
  lognormal,
  generalized_gamma,
  weibull,
  gamma,
  exponential,
  gb2,
  dagum,
  singh_maddala,
  fisk,
  beta2,
  lomax
};

std::span<const Family> all_families();
const char* to_string(Family family);
enum class FamilyKind { normal, gamma, beta };  ///< see Family
FamilyKind kind_of(Family family);
/// Which of a, b, p, q (0 to 3; normal kinds: mu, sigma) the family leaves free.
std::vector<std::size_t> free_slots(Family family);
/// Names of the family's free parameters, in the order of SizeDistribution::free_parameters().
std::vector<std::string> parameter_names(Family family);

/// One law of a family.
class SizeDistribution {
 public:
  /// @param parameters  mu, sigma (normal kinds), or a, b, p[, q] with those that the family fixes
  ///                    set to 1; all but mu > 0
  SizeDistribution(Family family, std::array<double, 4> parameters);

  Family family() const { return family_; }
  const std::array<double, 4>& parameters() const { return parameters_; }
  std::vector<double> free_parameters() const;

  /// P(X <= x) and P(X > x); each to full relative accuracy in its own tail.
  double cdf(double x) const;
  double survival(double x) const;
  /// P(lower < X <= upper), from the tail in which it loses no digits.
  double probability(double lower, double upper) const;
  /// The x with P(X <= x) = u, and with P(X > x) = s. @pre 0 < u < 1
  double quantile(double u) const;
  double upper_quantile(double s) const;
  /// E[X; lower < X <= upper]; infinite where the mean is (aq <= 1) and upper is infinite.
  double partial_mean(double lower, double upper) const;
  double mean() const;
  /// Whether E[X^k] is finite.
  bool has_moment(double k) const;

 private:
  Family family_;
  std::array<double, 4> parameters_;
};

enum class FitStatus {
  ok,
  boundary,      ///< the likelihood increases towards an infinite or vanishing parameter
  not_converged  ///< no maximum was found to the wanted accuracy
};
const char* to_string(FitStatus status);

struct IntervalFit {
  SizeDistribution law;
  FitStatus status = FitStatus::not_converged;
  double log_likelihood = 0;  ///< n sum p_i log P_i
  double aic = 0;             ///< 2 k - 2 log_likelihood
  double deviance = 0;        ///< twice the gap to the saturated model, G2
  double gradient = 0;        ///< largest |d log-likelihood / d log parameter| a person
  int iterations = 0;
  std::vector<double> standard_error;  ///< k; of mu, and of the logarithm of all others
  std::vector<double>
      log_probability;  ///< m: log P of each bucket under the law, where its share > 0
  /// m × 4: how mu (as it is) and the logarithms of all other parameters move with the share of
  /// each bucket, sum_i p_i slopes[i] = 0. Empty where the maximum is not sharp enough to have
  /// them.
  std::vector<std::array<double, 4>> slopes;
};

/// Interval-censored maximum likelihood: the law of the family that maximises
/// sum_i p_i log P(edge_i < X <= edge_i+1).
/// @param edges   m + 1, increasing; the last may be infinite, the first -infinity (normal)
/// @param shares  m, >= 0, of sum 1
/// @param n       observations, for log-likelihood, AIC and standard errors; > 0
/// @pre family has at most m - 1 parameters
/// Where at most k buckets are populated the maximum may not exist: a weak prior on the log
/// parameters (1e-6 a unit squared) then chooses, and the status is `boundary`.
/// Damped Newton steps on log parameters with analytic derivatives, from the table's quartiles and
/// the maxima of nested families; accepted if the gradient is below 1e-8 a person and the Hessian
/// is negative definite. Cost, in 16 buckets: bench/bucket_fits_bench.cpp.
IntervalFit fit_intervals(Family family, std::span<const double> edges,
                          std::span<const double> shares, double n);

/// The same among the laws of the family that have this mean: the location (mu, or b) is solved
/// from it, and is not counted as a parameter. standard_error is of the others.
/// @pre mean > 0 (but for the normal)
IntervalFit fit_intervals_to_mean(Family family, std::span<const double> edges,
                                  std::span<const double> shares, double n, double mean);

}  // namespace steelyard
