#include "estimators/buckets/points.hpp"

#include <cmath>

#include "core/sums.hpp"
#include "estimators/buckets/constants.hpp"

namespace steelyard {
namespace {

using detail::kInfinity;
using detail::kNone;
using detail::kTie;

}  // namespace

PointLaw::PointLaw(std::vector<Point> points) : points_(std::move(points)) {
  EXPECTS(!points_.empty());
  Sum sum;
  for (const Point& p : points_) sum.add(p.mass * p.value);
  mean_ = sum.value();
}

double PointLaw::cdf(double x) const {
  if (x >= points_.back().value) return 1;
  Sum sum;
  for (const Point& p : points_)
    if (p.value <= x) sum.add(p.mass);
  return sum.value();
}

double PointLaw::quantile(double u) const {
  EXPECTS(u > 0 && u < 1);
  Sum sum;
  for (std::size_t i = 0; i + 1 < points_.size(); ++i) {
    sum.add(points_[i].mass);
    if (std::abs(sum.value() - u) <= kTie) return 0.5 * (points_[i].value + points_[i + 1].value);
    if (sum.value() > u) return points_[i].value;
  }
  return points_.back().value;
}

double PointLaw::partial_mean(double x) const {
  Sum sum;
  for (const Point& p : points_)
    if (p.value <= x) sum.add(p.mass * p.value);
  return sum.value();
}

double PointLaw::variance() const {
  double sum = 0;
  for (const Point& p : points_) sum += p.mass * (p.value - mean_) * (p.value - mean_);
  return sum;
}

double PointLaw::gini() const {
  double smaller = points_[0].value;  // E min(X, X') = x_1 + ∫ S²
  Sum above;
  for (std::size_t i = points_.size(); i-- > 1;) {
    above.add(points_[i].mass);
    smaller += (points_[i].value - points_[i - 1].value) * above.value() * above.value();
  }
  return 1 - smaller / mean_;
}

double PointLaw::theil() const {
  if (points_[0].value < 0 || mean_ <= 0) return kNone;
  double sum = 0;
  for (const Point& p : points_)
    if (p.value > 0) sum += p.mass * p.value / mean_ * std::log(p.value / mean_);
  return sum;
}

double PointLaw::mld() const {
  if (points_[0].value < 0 || mean_ <= 0) return kNone;
  if (points_[0].value == 0) return kInfinity;
  double sum = 0;
  for (const Point& p : points_) sum -= p.mass * std::log(p.value / mean_);
  return sum;
}

double PointLaw::density(double) const { return kNone; }

}  // namespace steelyard
