#include "sim/selection/hypergeometric.hpp"

#include <algorithm>
#include <cmath>

namespace steelyard {

std::uint64_t hypergeometric(Stream& stream, std::uint64_t persons, std::uint64_t marked,
                             std::uint64_t draws) {
  const auto n = static_cast<double>(persons), k = static_cast<double>(marked),
             m = static_cast<double>(draws);
  const double low = std::max(0.0, m + k - n), high = std::min(m, k);
  const double mode = std::clamp(std::floor((m + 1) * (k + 1) / (n + 2)), low, high);
  // Term of x + 1 over that of x.
  const auto up = [&](double x) { return (k - x) * (m - x) / ((x + 1) * (n - k - m + x + 1)); };
  constexpr double kNothing = 1e-18;
  double sum = 1, first = mode, term = 1;
  while (first > low && (term /= up(first - 1)) > kNothing) {
    sum += term;
    first -= 1;
  }
  double lowest = 1;  // the term of `first`
  for (double x = mode; x > first; x -= 1) lowest /= up(x - 1);
  term = 1;
  for (double x = mode; x < high && (term *= up(x)) > kNothing; x += 1) sum += term;
  double left = stream.uniform() * sum, x = first;
  term = lowest;
  while (x < high && left > term) {
    left -= term;
    term *= up(x);
    x += 1;
  }
  return static_cast<std::uint64_t>(x);
}

}  // namespace steelyard
