#pragma once

// A law made of segments: what most bucket rules turn a table into.

#include <span>
#include <vector>

#include "estimators/buckets/law.hpp"
#include "estimators/buckets/segment.hpp"

namespace steelyard {

/// Gaps between segments hold nothing. The mean is computed once; all other statistics when asked,
/// each one pass over the segments in closed form. Source: the segment integrals; Gini from
/// E min(X, X') = e_0 + ∫ S², Dorfman (1979), REStat 61, 146-149.
class PiecewiseLaw final : public Law {
 public:
  /// @param segments  one or more, in order, not overlapping, masses of sum 1 (to rounding)
  explicit PiecewiseLaw(std::vector<Segment> segments);

  double cdf(double x) const override;
  /// P(X > x), to full relative accuracy in the upper tail.
  double survival(double x) const;
  double quantile(double u) const override;
  double partial_mean(double x) const override;
  void cumulate(std::span<const double> x, std::span<double> cdf,
                std::span<double> partial_mean) const override;
  double mean() const override { return mean_; }
  double variance() const override;
  double gini() const override;
  double theil() const override;
  double mld() const override;
  double density(double x) const override;

  std::span<const Segment> segments() const { return segments_; }

 private:
  /// The first segment that ends above x; their number if none.
  std::size_t segment_at(double x) const;

  /// What lies beside a segment.
  struct Beside {
    double below, above;  ///< mass
    double first_below;   ///< E[X; X below the segment]
  };
  double first_within(std::size_t i, double x) const;

  std::vector<Segment> segments_;
  std::vector<Beside> beside_;
  double mean_ = 0;
};

}  // namespace steelyard
