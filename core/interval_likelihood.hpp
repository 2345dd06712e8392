#pragma once

// The likelihood of bucket shares under a family, and its derivatives: what fit_intervals climbs.

#include <array>
#include <span>
#include <vector>

#include "core/size_distribution.hpp"

namespace steelyard::detail {

constexpr std::size_t kMostParameters = 4;
using Vector = std::array<double, kMostParameters>;
using Matrix = std::array<Vector, kMostParameters>;

/// Full: eighth-order differences. Steering: second-order ones, for the matrix of a Newton step,
/// whose errors cost steps and no digits.
enum class Accuracy { steering, full };

/// The log-likelihood a person as a function of the free coordinates: mu as it is, all other
/// parameters by their logarithm.
class Likelihood {
 public:
  Likelihood(Family family, std::span<const double> edges, std::span<const double> shares);

  std::size_t k() const { return slots_.size(); }
  bool has_prior() const { return prior_ > 0; }
  void set_centre(const Vector& x) { centre_ = x; }

  std::array<double, 4> parameters(const Vector& x) const;
  SizeDistribution law(const Vector& x) const { return {family_, parameters(x)}; }

  double value(const Vector& x) const;

  /// Gradient, and (optionally) the Gauss-Newton matrix sum p_i / P_i^2 dP_i dP_i'.
  Vector gradient(const Vector& x, Matrix* information = nullptr,
                  Accuracy accuracy = Accuracy::full) const;

  /// Minus the Hessian, by differences of the gradient.
  Matrix curvature(const Vector& x, Accuracy accuracy = Accuracy::full) const;

  /// Whether a coordinate is a shape: those stay within their box.
  bool is_shape(std::size_t j) const { return slots_[j] != 1 && !normal_; }

  /// Starting points: the location from the median, several shapes.
  std::vector<Vector> starts() const;

 private:
  /// A step that moves v = a log(edge/b) by little of its standard deviation, about
  /// sqrt(1/p + 1/q).
  double step_of(const Vector& x, std::size_t j) const;

  /// Standard deviation of the bucket centres, open ones closed by a width.
  double spread() const;

  double width() const;

  double penalty(const Vector& x) const;

  /// d P(X > edge) / d coordinate.
  Vector edge_change(const Vector& x, const SizeDistribution& d, double edge,
                     Accuracy accuracy) const;

  Family family_;
  std::span<const double> edges_, shares_;
  std::vector<std::size_t> slots_;  ///< which of (a, b, p, q) each coordinate is
  bool normal_;
  double prior_ = 0;
  Vector centre_{};
};

}  // namespace steelyard::detail
