#pragma once

// Functionals that invert the distribution function F of one answer; what an interval for them, and
// their truth, needs to know.

#include "estimators/functionals/functional.hpp"

namespace steelyard {

class QuantileFunctional : public Functional {
 public:
  /// The wanted share below, in (0, 1).
  virtual double probability() const = 0;
  /// F at x and its influence at each level.
  /// @pre some total is positive
  virtual PointEstimate share_at(std::span<const double> totals, double x) const = 0;
  /// The quantile at any p; p outside [0, 1] stands for the nearer end.
  /// Fails: empty_domain, unbounded_tail (it lies in a bucket without an end)
  virtual Result<double> quantile(std::span<const double> totals, double p) const = 0;
};

}  // namespace steelyard
