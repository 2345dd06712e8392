#pragma once

// Sums that do not lose digits, and running moments that can be merged.

#include <cmath>
#include <cstdint>
#include <span>

namespace steelyard {

/// Compensated sum. Source: Neumaier (1974), ZAMM 54, 39-51.
class Sum {
 public:
  void add(double x) {
    const double t = sum_ + x;
    correction_ += std::abs(sum_) >= std::abs(x) ? (sum_ - t) + x : (x - t) + sum_;
    sum_ = t;
  }
  void merge(const Sum& other) {
    add(other.sum_);
    add(other.correction_);
  }
  double value() const { return sum_ + correction_; }

 private:
  double sum_ = 0, correction_ = 0;
};

inline double total(std::span<const double> values) {
  Sum sum;
  for (double x : values) sum.add(x);
  return sum.value();
}

/// Running mean and variance. Source: Welford (1962); merge: Chan, Golub & LeVeque (1983).
class Moments {
 public:
  void add(double x) {
    ++n_;
    const double delta = x - mean_;
    mean_ += delta / static_cast<double>(n_);
    squares_ += delta * (x - mean_);
  }
  void merge(const Moments& other) {
    if (other.n_ == 0) return;
    const auto a = static_cast<double>(n_), b = static_cast<double>(other.n_);
    const double delta = other.mean_ - mean_;
    mean_ += delta * b / (a + b);
    squares_ += other.squares_ + delta * delta * a * b / (a + b);
    n_ += other.n_;
  }
  std::uint64_t n() const { return n_; }
  double mean() const { return mean_; }
  /// Sample variance (divisor n - 1); 0 for fewer than two values.
  double variance() const { return n_ > 1 ? squares_ / static_cast<double>(n_ - 1) : 0.0; }
  double sd() const { return std::sqrt(variance()); }
  /// Monte Carlo standard error of the mean.
  double mean_se() const { return n_ > 0 ? sd() / std::sqrt(static_cast<double>(n_)) : 0.0; }

 private:
  std::uint64_t n_ = 0;
  double mean_ = 0, squares_ = 0;
};

}  // namespace steelyard
