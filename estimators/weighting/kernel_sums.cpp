#include "estimators/weighting/kernel_sums.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr double kBox = 1;          ///< width in bandwidths
constexpr double kFar = 10;         ///< exp(-kFar²/2) is nothing beside exp(-6²/2)
constexpr std::size_t kBlock = 64;  ///< points of a block of the triangular kernel

}  // namespace

KernelSums::KernelSums(Kernel kernel, double h, std::span<const double> point,
                       std::span<const double> coefficient)
    : kernel_(kernel), h_(h) {
  EXPECTS(h > 0);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < point.size(); ++i)
    if (coefficient[i] > 0) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return point[a] != point[b] ? point[a] < point[b] : a < b;
  });
  for (const std::size_t i : order) {
    point_.push_back(point[i]);
    coefficient_.push_back(coefficient[i]);
  }
  if (kernel == Kernel::triangular) {
    for (std::size_t i = 0; i < point_.size(); ++i) {
      if (i % kBlock == 0) {
        block_sum_.push_back(0);
        block_moment_.push_back(0);
      }
      block_sum_.back() += coefficient_[i];
      block_moment_.back() += coefficient_[i] * (point_[i] - point_[i - i % kBlock]);
    }
    return;
  }
  for (std::size_t i = 0; i < point_.size(); ++i) {
    const double x = (point_[i] - point_[0]) / h;
    if (centre_.empty() || x > centre_.back() + kBox / 2) {
      centre_.push_back(x + kBox / 2);  // the first point of a box is its lower end
      moment_.emplace_back().fill(0);
    }
    const double v = x - centre_.back();
    double term = coefficient_[i] * std::exp(-v * v / 2);
    for (std::size_t k = 0; k < kTerms; term *= v / static_cast<double>(++k))
      moment_.back()[k] += term;
  }
}

double KernelSums::at(double t) const {
  if (point_.empty()) return 0;
  return kernel_ == Kernel::gaussian ? gaussian(t) : triangular(t);
}

/// exp(-(u - v)²/2) = exp(-u²/2) Σ_k u^k v^k/k! exp(-v²/2), u from the box's centre.
double KernelSums::gaussian(double t) const {
  const double x = (t - point_[0]) / h_;
  auto box = static_cast<std::size_t>(
      std::lower_bound(centre_.begin(), centre_.end(), x - kFar - kBox / 2) - centre_.begin());
  double sum = 0;
  for (; box < centre_.size() && centre_[box] <= x + kFar + kBox / 2; ++box) {
    const double u = x - centre_[box];
    const std::size_t terms = std::min(kTerms, static_cast<std::size_t>(14 + 2.5 * std::abs(u)));
    double series = 0;
    for (std::size_t k = terms; k-- > 0;) series = series * u + moment_[box][k];
    sum += std::exp(-u * u / 2) * series;
  }
  return sum;
}

/// Σ c (1 - sign (t - s)/h) over points first ... last - 1, all on one side of t.
double KernelSums::one_side(double t, std::size_t first, std::size_t last, double sign) const {
  double sum = 0;
  const auto single = [&](std::size_t end) {
    for (; first < end; ++first) sum += coefficient_[first] * (1 - sign * (t - point_[first]) / h_);
  };
  single(std::min(last, (first + kBlock - 1) / kBlock * kBlock));
  for (; first + kBlock <= last; first += kBlock) {
    const std::size_t b = first / kBlock;
    sum += block_sum_[b] * (1 - sign * (t - point_[first]) / h_) + sign * block_moment_[b] / h_;
  }
  single(last);
  return sum;
}

double KernelSums::triangular(double t) const {
  const auto rank = [&](auto iterator) {
    return static_cast<std::size_t>(iterator - point_.begin());
  };
  const std::size_t first = rank(std::upper_bound(point_.begin(), point_.end(), t - h_));
  const std::size_t middle = rank(std::lower_bound(point_.begin(), point_.end(), t));
  const std::size_t last = rank(std::lower_bound(point_.begin(), point_.end(), t + h_));
  return one_side(t, first, std::max(first, middle), 1) +
         one_side(t, std::min(middle, last), last, -1);
}

}  // namespace steelyard
