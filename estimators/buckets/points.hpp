#pragma once

// A law of points: what midpoint rules turn a table into.

#include <span>
#include <vector>

#include "estimators/buckets/law.hpp"

namespace steelyard {

class PointLaw final : public Law {
 public:
  struct Point {
    double value, mass;
  };
  /// @param points  one or more, values increasing (equal ones allowed), masses > 0 of sum 1
  explicit PointLaw(std::vector<Point> points);

  double cdf(double x) const override;
  double quantile(double u) const override;
  double partial_mean(double x) const override;
  double mean() const override { return mean_; }
  double variance() const override;
  double gini() const override;
  double theil() const override;
  double mld() const override;
  double density(double) const override;

  std::span<const Point> points() const { return points_; }

 private:
  std::vector<Point> points_;
  double mean_ = 0;
};

}  // namespace steelyard
