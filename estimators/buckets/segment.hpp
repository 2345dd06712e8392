#pragma once

// One piece of a law on [lower, upper): its shape, and what a law needs of it in closed form.

#include <array>

namespace steelyard {

enum class SegmentKind {
  uniform,
  cubic,                  ///< CDF a cubic in t = (x - lower) / width; a linear density is one
  log_uniform,            ///< density ∝ 1/x
  local_pareto,           ///< survival of the whole law ∝ x^-a
  truncated_exponential,  ///< density ∝ e^(-rx)
  pareto_tail,            ///< upper = Inf
  exponential_tail        ///< upper = Inf
};

/// Unit: that of the edges. Moments are of the law *given* the segment.
struct Segment {
  SegmentKind kind;
  double lower, upper;  ///< lower < upper
  double mass;          ///< > 0
  /// cubic: b, c, d of the mass below t, bt + ct² + dt³; local_pareto, pareto_tail: the exponent;
  /// exponentials: the rate
  std::array<double, 3> shape{};

  static Segment uniform(double lower, double upper, double mass);
  /// Density mass (1 + steepness (t - 1/2)) / width. @pre |steepness| <= 2
  static Segment linear(double lower, double upper, double mass, double steepness);
  /// Hermite cubic CDF with these densities (of the whole law) at the ends.
  static Segment hermite(double lower, double upper, double mass, double density_lower,
                         double density_upper);
  static Segment log_uniform(double lower, double upper, double mass);
  static Segment local_pareto(double lower, double upper, double mass, double exponent);
  /// rate of any sign, 0: uniform.
  static Segment truncated_exponential(double lower, double upper, double mass, double rate);
  static Segment pareto_tail(double lower, double mass, double exponent);
  static Segment exponential_tail(double lower, double mass, double rate);

  double mean() const;
  double variance() const;
  /// E ln X; NaN if lower < 0.
  double log_mean() const;
  /// E[X ln X]; NaN if lower < 0.
  double x_log_mean() const;
  /// ∫ S(x)² dx over the segment. @param above  the law's mass above it
  double squared_survival(double above) const;
  /// The x below which `share` of the segment lies. @pre 0 <= share <= 1
  double quantile(double share) const;
  /// The same from above: the x beyond which `share` of the segment lies.
  double upper_quantile(double share) const;
  double density(double x) const;
  /// The part below x: a segment of smaller mass. @pre lower < x < upper
  Segment below(double x) const;
  /// ln(upper / lower). @pre lower > 0
  double log_width() const;
  /// Mass above a cubic's t as a cubic in 1 - t: no difference of nearly equal masses.
  std::array<double, 3> mirrored_shape() const;
  /// The law of the quantity divided by `unit`. @pre unit > 0
  Segment scaled(double unit) const;
};

}  // namespace steelyard
