#include "estimators/buckets/piecewise.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "estimators/buckets/constants.hpp"

namespace steelyard {
namespace {

using detail::kInfinity;
using detail::kNone;
using detail::kTie;

}  // namespace

PiecewiseLaw::PiecewiseLaw(std::vector<Segment> segments) : segments_(std::move(segments)) {
  EXPECTS(!segments_.empty());
  const std::size_t m = segments_.size();
  beside_.resize(m);
  Sum mass, first;
  for (std::size_t i = 0; i < m; ++i) {
    beside_[i].below = mass.value();
    beside_[i].first_below = first.value();
    mass.add(segments_[i].mass);
    first.add(segments_[i].mass * segments_[i].mean());
  }
  mean_ = std::isfinite(segments_.back().upper) || std::isfinite(segments_.back().mean())
              ? first.value()
              : kInfinity;
  Sum rest;
  for (std::size_t i = m; i-- > 0;) {
    beside_[i].above = rest.value();
    rest.add(segments_[i].mass);
  }
}

std::size_t PiecewiseLaw::segment_at(double x) const {
  const auto at = std::upper_bound(segments_.begin(), segments_.end(), x,
                                   [](double value, const Segment& s) { return value < s.upper; });
  return static_cast<std::size_t>(at - segments_.begin());
}

double PiecewiseLaw::cdf(double x) const {
  const std::size_t i = segment_at(x);
  if (i == segments_.size()) return 1;
  if (x <= segments_[i].lower) return beside_[i].below;
  return beside_[i].below + segments_[i].below(x).mass;
}

double PiecewiseLaw::survival(double x) const {
  const std::size_t i = segment_at(x);
  if (i == segments_.size()) return 0;
  const Segment& s = segments_[i];
  if (x <= s.lower) return beside_[i].above + s.mass;
  if (s.kind == SegmentKind::pareto_tail)
    return s.mass * std::exp(-s.shape[0] * std::log(x / s.lower));
  if (s.kind == SegmentKind::exponential_tail)
    return s.mass * std::exp(-s.shape[0] * (x - s.lower));
  return beside_[i].above + (s.mass - s.below(x).mass);
}

double PiecewiseLaw::quantile(double u) const {
  EXPECTS(u > 0 && u < 1);
  // The first segment whose end reaches u; shares from the nearer tail.
  const auto at =
      std::partition_point(segments_.begin(), segments_.end() - 1, [&](const Segment& s) {
        const auto i = static_cast<std::size_t>(&s - segments_.data());
        return beside_[i].below + s.mass < u - kTie;
      });
  const auto i = static_cast<std::size_t>(at - segments_.begin());
  if (u > 0.5) {
    const double share = (1 - u - beside_[i].above) / at->mass;
    if (share < 0.5) return share <= 0 ? at->upper : at->upper_quantile(share);
  }
  return at->quantile(std::clamp((u - beside_[i].below) / at->mass, 0.0, 1.0));
}

double PiecewiseLaw::partial_mean(double x) const {
  const std::size_t i = segment_at(x);
  return i == segments_.size() ? mean_ : beside_[i].first_below + first_within(i, x);
}

/// E[X; X in segment i and below x].
double PiecewiseLaw::first_within(std::size_t i, double x) const {
  if (x <= segments_[i].lower) return 0;
  const Segment part = segments_[i].below(x);
  return part.mass > 0 ? part.mass * part.mean() : 0.0;
}

void PiecewiseLaw::cumulate(std::span<const double> x, std::span<double> cdf,
                            std::span<double> partial_mean) const {
  std::size_t i = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    while (i < segments_.size() && segments_[i].upper <= x[k]) ++i;
    if (i == segments_.size()) {
      cdf[k] = 1;
      partial_mean[k] = mean_;
      continue;
    }
    const bool inside = x[k] > segments_[i].lower;
    cdf[k] = beside_[i].below + (inside ? segments_[i].below(x[k]).mass : 0.0);
    partial_mean[k] = beside_[i].first_below + first_within(i, x[k]);
  }
}

double PiecewiseLaw::variance() const {
  if (!std::isfinite(mean_)) return kNone;
  double sum = 0;  // within and between segments: no difference of large squares
  for (const Segment& s : segments_) {
    const double gap = s.mean() - mean_;
    sum += s.mass * (s.variance() + gap * gap);
  }
  return sum;
}

double PiecewiseLaw::gini() const {
  if (!std::isfinite(mean_)) return kNone;
  double smaller = segments_[0].lower;  // E min(X, X')
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& s = segments_[i];
    smaller += s.squared_survival(beside_[i].above);
    if (i + 1 < segments_.size())
      smaller += (segments_[i + 1].lower - s.upper) * beside_[i].above * beside_[i].above;
  }
  return 1 - smaller / mean_;
}

double PiecewiseLaw::theil() const {
  if (!std::isfinite(mean_) || mean_ <= 0) return kNone;
  double sum = 0;
  for (const Segment& s : segments_) sum += s.mass * s.scaled(mean_).x_log_mean();
  return sum;
}

double PiecewiseLaw::mld() const {
  if (segments_[0].lower < 0 || mean_ <= 0) return kNone;
  if (!std::isfinite(mean_)) return kInfinity;
  double sum = 0;
  for (const Segment& s : segments_) sum -= s.mass * s.scaled(mean_).log_mean();
  return sum;
}

double PiecewiseLaw::density(double x) const {
  const std::size_t i = segment_at(x);
  return i == segments_.size() || x < segments_[i].lower ? 0 : segments_[i].density(x);
}

}  // namespace steelyard
