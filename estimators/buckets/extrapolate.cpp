#include "estimators/buckets/extrapolate.hpp"

#include <cmath>

namespace steelyard::detail {

bool extrapolate(const std::vector<double>& s0, const std::vector<double>& s1,
                 const std::vector<double>& s2, std::vector<double>& target) {
  double rr = 0, vv = 0;
  for (std::size_t j = 0; j < s0.size(); ++j) {
    const double r = s1[j] - s0[j], v = s2[j] - s1[j] - r;
    rr += r * r;
    vv += v * v;
  }
  if (!(vv > 0)) return false;
  double length = std::sqrt(rr / vv);
  if (!(length > 1)) return false;
  target.resize(s0.size());
  for (int halving = 0; halving < 20; ++halving) {
    bool positive = true;
    double sum = 0;
    for (std::size_t j = 0; j < s0.size(); ++j) {
      const double r = s1[j] - s0[j], v = s2[j] - s1[j] - r;
      target[j] = s0[j] + 2 * length * r + length * length * v;
      // a mass that vanishes may come down a thousandfold at a time
      if (target[j] < 1e-3 * s2[j]) {
        if (s2[j] > 1e-6) positive = false;
        target[j] = 1e-3 * s2[j];
      }
      sum += target[j];
    }
    if (positive) {
      for (double& mass : target) mass /= sum;
      return true;
    }
    length = 0.5 * (1 + length);
  }
  return false;
}

}  // namespace steelyard::detail
