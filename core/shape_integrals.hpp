#pragma once

// Integrals of the density of v = a log(x/b) and of its shape scores over an interval, for the
// families whose distribution function is an incomplete gamma or beta function.

#include "core/size_distribution.hpp"

namespace steelyard::detail {

/// The law of v under shapes p, q: log density p v - e^v - log Gamma(p) (gamma kind), or
/// p log z + q log(1 - z) - log B(p, q), z = 1 / (1 + e^-v) (beta kind).
class ShapeDensity {
 public:
  ShapeDensity(FamilyKind kind, double p, double q);

  /// Over an interval: probability, and its first and second derivatives in p and q.
  struct Integrals {
    double one = 0, p = 0, q = 0, pp = 0, pq = 0, qq = 0;
  };
  /// @param from, to  -infinity <= from < to <= infinity
  /// Relative accuracy about 1e-14 of each tail by itself. Gauss-Legendre panels of a width that
  /// follows slope and curvature of the log density, and the power series where v is far below
  /// (or, for beta, above) the mode. Cost: about 0.5 us an interval of a standard deviation.
  Integrals over(double from, double to) const;

  double density(double v) const;
  /// d log density / d v, / d p, / d q.
  struct Scores {
    double v, p, q;
  };
  Scores scores(double v) const;

 private:
  struct Point {
    double log_z, log_rest;  ///< gamma kind: v, -e^v
  };
  Point point(double v) const;
  double log_density(const Point& at) const { return p_ * at.log_z + q_ * at.log_rest - norm_; }
  /// How far a panel that starts at v may reach.
  double panel(double v) const;
  void add_panel(double from, double to, Integrals& sum) const;
  /// The integrals over (-infinity, v), by the power series in e^v.
  bool series_converges(double v) const;
  Integrals lower_tail(double v) const;
  ShapeDensity mirrored() const;
  /// Outwards from the mode, until nothing is left.
  Integrals left_of_mode(double from, double to) const;
  Integrals right_of_mode(double from, double to) const;

  bool beta_;
  double p_, q_, norm_, centre_p_, centre_q_;  // norm: log B or log Gamma; centres: its gradient
  double norm_pp_, norm_pq_, norm_qq_;         // and its Hessian
};

}  // namespace steelyard::detail
