#pragma once

// How much of a quantity's spread over the dials of a sweep is whose: variance-based indices, and
// polynomials fitted to the points.

#include <span>
#include <string>
#include <vector>

#include "core/random.hpp"

namespace steelyard {

/// One dial's part of the variance, alone and with all its interactions, with bootstrap limits.
struct VarianceShare {
  double first = 0, first_lower = 0, first_upper = 0;
  double total = 0, total_lower = 0, total_upper = 0;
};

/// How often each row of a base sample is drawn in each bootstrap sample: samples × rows.
class BootstrapCounts {
 public:
  BootstrapCounts(std::size_t rows, std::size_t samples, Seed seed);
  std::size_t rows() const { return rows_; }
  std::size_t samples() const { return samples_; }
  std::span<const double> sample(std::size_t s) const {
    return std::span(counts_).subspan(s * rows_, rows_);
  }

 private:
  std::size_t rows_, samples_;
  std::vector<double> counts_;
};

/// First-order indices mean(f_B (f_ABi - f_A)) / V (Saltelli et al. 2010, Computer Physics
/// Communications 181, 259-270, table 2 b) and total indices mean((f_A - f_ABi)²) / (2 V) (Jansen
/// 1999, Computer Physics Communications 117, 35-43), V the variance of f over A and B. Limits are
/// percentiles (2.5, 97.5) over bootstrap samples of the base rows.
/// @param values  of the points of saltelli_points, NaN where a point has none; base rows with one
///                are left out
/// @param counts  over the base rows
/// @return one a dial; NaN if fewer than 4 rows are left or f does not vary
/// Cost O(bootstrap samples × points).
std::vector<VarianceShare> variance_shares(std::span<const double> values, std::size_t dials,
                                           const BootstrapCounts& counts);

/// Terms of a polynomial over dials in [-1, 1]: products of Legendre polynomials.
struct SurfaceTerm {
  std::size_t first = 0, second = 0;  ///< dials; equal but for interactions
  int degree = 1;                     ///< 1: P1(first); 2: P2(first), or P1(first) P1(second)
};

/// A polynomial fitted by least squares, with its leave-one-out cross-validation.
struct ResponseSurface {
  std::string form;  ///< "linear", "quadratic, no interactions", "quadratic"; empty: none
  double intercept = 0;
  std::vector<double> coefficients;  ///< by term of the form
  double cv_error = 0;               ///< root mean squared error of points left out
  double cv_r2 = 0;  ///< 1 - their squared errors against those of the mean of the others
};

/// Fits of polynomials to the same points; the design matrix is decomposed once a form.
class SurfaceFitter {
 public:
  /// @param unit  points × dials in [0, 1], row-major
  /// A form is tried if the points outnumber its terms by half.
  SurfaceFitter(std::span<const double> unit, std::size_t dials);

  /// The form with the smallest cross-validated error; form "" if no form can be tried.
  ResponseSurface fit(std::span<const double> values) const;
  /// The terms of a form by name.
  std::span<const SurfaceTerm> terms(const std::string& form) const;
  /// Weights of the points in dial's change from one end of its range to the other by the linear
  /// form, dials × points; empty if it cannot be fitted.
  std::vector<double> end_to_end_weights() const;
  /// Standard error of that change from the scatter of the points about the linear form.
  std::vector<double> end_to_end_errors(std::span<const double> values) const;

 private:
  struct Form {
    std::string name;
    std::vector<SurfaceTerm> terms;
    std::vector<double> basis;     ///< points × (1 + terms)
    std::vector<double> inverse;   ///< (1 + terms) × points: least-squares weights
    std::vector<double> leverage;  ///< points
  };
  void add_form(std::string name, std::vector<SurfaceTerm> terms);

  std::vector<double> z_;
  std::size_t dials_, points_;
  std::vector<Form> forms_;
};

/// Parts of the polynomial's variance over dials uniform on their ranges. Source: Sudret (2008),
/// Reliability Engineering & System Safety 93, 964-979.
/// @return one a dial, limits NaN
std::vector<VarianceShare> surface_shares(const ResponseSurface& surface,
                                          std::span<const SurfaceTerm> terms, std::size_t dials);

}  // namespace steelyard
