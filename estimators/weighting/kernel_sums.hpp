#pragma once

// Sums Σ_i c_i K((t - s_i)/h) over points on a line, for many t.

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace steelyard {

enum class Kernel { gaussian, triangular };

/// Farthest distance, in bandwidths, at which a kernel connects two persons: beyond 6 the Gaussian
/// is below 2e-8 of its top.
constexpr double kernel_reach(Kernel kernel) { return kernel == Kernel::gaussian ? 6 : 1; }

/// K(u) = exp(-u²/2) or max(0, 1 - |u|), not normalised. Points are sorted and kept in boxes with
/// moments about their centres, so that a whole box is added at once: for the triangular kernel
/// exactly, for the Gaussian by the Taylor series of exp(uv), to 1e-12 of the sum for |t - nearest
/// s| <= 6 h. Cost O(n log n) to make; Gaussian O(20 boxes × 25 terms) a t, triangular O(n / 64 +
/// 128).
/// Source of the expansion: Greengard & Strain (1991), SIAM J. Sci. Stat. Comput. 12, 79-94.
class KernelSums {
 public:
  /// @param coefficient  c >= 0; points with c = 0 are left out. @param h > 0
  KernelSums(Kernel kernel, double h, std::span<const double> point,
             std::span<const double> coefficient);
  double at(double t) const;

 private:
  static constexpr std::size_t kTerms = 40;
  double gaussian(double t) const;
  double triangular(double t) const;
  double one_side(double t, std::size_t first, std::size_t last, double sign) const;

  Kernel kernel_;
  double h_;
  std::vector<double> point_, coefficient_;         ///< sorted
  std::vector<double> centre_;                      ///< of boxes, in bandwidths: Gaussian
  std::vector<std::array<double, kTerms>> moment_;  ///< Σ c exp(-v²/2) v^k / k!
  std::vector<double> block_sum_, block_moment_;    ///< triangular: Σ c and Σ c (s - first s)
};

}  // namespace steelyard
