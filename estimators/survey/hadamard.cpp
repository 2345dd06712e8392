#include "estimators/survey/replicates.hpp"

namespace steelyard {
namespace {

bool is_prime(std::size_t q) {
  for (std::size_t f = 2; f * f <= q; ++f)
    if (q % f == 0) return false;
  return q > 1;
}

}  // namespace

std::vector<std::uint8_t> hadamard(std::size_t order, std::size_t& size) {
  // Candidates 2^k and 2^k (q + 1), q a prime with q % 4 == 3: the smallest that is large enough.
  std::size_t best = 1, best_q = 0;
  while (best < order) best *= 2;
  for (std::size_t q = 3; q + 1 < best; q += 4) {
    if (!is_prime(q)) continue;
    std::size_t candidate = q + 1;
    while (candidate < order) candidate *= 2;
    if (candidate < best) {
      best = candidate;
      best_q = q;
    }
  }
  size = best_q == 0 ? 1 : best_q + 1;
  std::vector<std::uint8_t> matrix(size * size, 0);
  if (best_q !=
      0) {  // Paley I: 1s in row and column 0; Legendre symbols of i - j, -1 on the diagonal
    std::vector<std::uint8_t> square(best_q, 1);
    for (std::size_t k = 1; k < best_q; ++k) square[k * k % best_q] = 0;
    for (std::size_t i = 1; i < size; ++i) {
      matrix[i * size] = 1;  // the skew-symmetric border
      for (std::size_t j = 1; j < size; ++j)
        matrix[i * size + j] = i == j ? 0 : square[(j + best_q - i) % best_q];
    }
  }
  while (size < best) {
    std::vector<std::uint8_t> next(4 * size * size);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) {
        const std::uint8_t v = matrix[i * size + j];
        next[i * 2 * size + j] = next[i * 2 * size + size + j] = v;
        next[(size + i) * 2 * size + j] = v;
        next[(size + i) * 2 * size + size + j] = v ^ 1;
      }
    matrix = std::move(next);
    size *= 2;
  }
  // Column 0 all +1.
  for (std::size_t i = 0; i < size; ++i)
    if (matrix[i * size] != 0)
      for (std::size_t j = 0; j < size; ++j) matrix[i * size + j] ^= 1;
  return matrix;
}

}  // namespace steelyard
