#include "sim/measurement/level_matrix.hpp"

namespace steelyard {

LevelMatrix::LevelMatrix(std::size_t levels, std::size_t groups)
    : levels_(levels), groups_(groups), p_(groups * levels * levels, 0.0) {
  for (std::size_t g = 0; g < groups; ++g)
    for (std::size_t k = 0; k < levels; ++k) row(g, k)[k] = 1;
}

LevelCode LevelMatrix::report(std::size_t group, LevelCode truth, double uniform) const {
  const std::span<const double> p = row(group, truth);
  double below = p[truth];
  if (uniform < below) return truth;
  LevelCode last = truth;
  for (std::size_t k = 0; k < levels_; ++k) {
    if (k == truth || !(p[k] > 0)) continue;
    last = static_cast<LevelCode>(k);
    below += p[k];
    if (uniform < below) break;
  }
  return last;
}

std::vector<double> LevelMatrix::of_group(std::size_t group) const {
  const auto begin = p_.begin() + static_cast<std::ptrdiff_t>(group * levels_ * levels_);
  return {begin, begin + static_cast<std::ptrdiff_t>(levels_ * levels_)};
}

std::vector<double> product(std::span<const double> first, std::span<const double> second,
                            std::size_t levels) {
  std::vector<double> p(levels * levels, 0.0);
  for (std::size_t i = 0; i < levels; ++i)
    for (std::size_t k = 0; k < levels; ++k)
      for (std::size_t j = 0; j < levels; ++j)
        p[i * levels + j] += first[i * levels + k] * second[k * levels + j];
  return p;
}

}  // namespace steelyard
