#include "estimators/survey/kernels.hpp"

#include <cstring>

// The same source for several instruction sets, chosen at run time; sanitizers cannot see through
// it.
#ifdef STEELYARD_NO_CLONES
#define STEELYARD_CLONES
#else
#define STEELYARD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#define STEELYARD_INLINE [[gnu::always_inline]] inline

namespace steelyard {
namespace {

constexpr std::size_t kLanes = 8;
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));

STEELYARD_INLINE void load(Lanes& lanes, const double* from) {
  std::memcpy(&lanes, from, sizeof lanes);
}
STEELYARD_INLINE double sum_of(const Lanes& s) {
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/// Products of C columns and W weights at once, so that each load serves C or W of them.
template <std::size_t C, std::size_t W>
STEELYARD_INLINE void tile(const double* const* columns, const double* const* weights,
                           std::size_t from, std::size_t rows, double* out, std::size_t stride) {
  Lanes sum[C][W] = {};
  std::size_t i = 0;
  for (; i + kLanes <= rows; i += kLanes) {
    Lanes w[W];
    for (std::size_t b = 0; b < W; ++b) load(w[b], weights[b] + from + i);
    for (std::size_t a = 0; a < C; ++a) {
      Lanes y;
      load(y, columns[a] + from + i);
      for (std::size_t b = 0; b < W; ++b) sum[a][b] += y * w[b];
    }
  }
  for (std::size_t a = 0; a < C; ++a)
    for (std::size_t b = 0; b < W; ++b) {
      double total = sum_of(sum[a][b]);
      for (std::size_t k = i; k < rows; ++k) total += columns[a][from + k] * weights[b][from + k];
      out[a * stride + b] += total;
    }
}

template <std::size_t C>
STEELYARD_INLINE void strip(const double* const* columns, const double* const* weights,
                            std::size_t sets, std::size_t from, std::size_t rows, double* out,
                            std::size_t stride) {
  std::size_t b = 0;
  for (; b + 4 <= sets; b += 4) tile<C, 4>(columns, weights + b, from, rows, out + b, stride);
  for (; b < sets; ++b) tile<C, 1>(columns, weights + b, from, rows, out + b, stride);
}

}  // namespace

STEELYARD_CLONES void add_cross_products(std::span<const double* const> columns,
                                         std::span<const double* const> weights, std::size_t from,
                                         std::size_t rows, double* out, std::size_t stride) {
  std::size_t a = 0;
  for (; a + 4 <= columns.size(); a += 4)
    strip<4>(columns.data() + a, weights.data(), weights.size(), from, rows, out + a * stride,
             stride);
  for (; a < columns.size(); ++a)
    strip<1>(columns.data() + a, weights.data(), weights.size(), from, rows, out + a * stride,
             stride);
}

STEELYARD_CLONES double squares_about(const double* w, const double* y, double centre,
                                      std::size_t n) {
  Lanes sum = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes a, b;
    load(a, w + i);
    load(b, y + i);
    b -= centre;
    sum += a * b * b;
  }
  double total = sum_of(sum);
  for (; i < n; ++i) total += w[i] * (y[i] - centre) * (y[i] - centre);
  return total;
}

STEELYARD_CLONES double squares_about(const double* u, double centre, std::size_t n) {
  Lanes sum = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes a;
    load(a, u + i);
    a -= centre;
    sum += a * a;
  }
  double total = sum_of(sum);
  for (; i < n; ++i) total += (u[i] - centre) * (u[i] - centre);
  return total;
}

STEELYARD_CLONES double weighted_residuals(const double* w, const double* z, const double* fitted,
                                           const std::uint32_t* cell, std::size_t n, double* u) {
  if (cell == nullptr)
    for (std::size_t i = 0; i < n; ++i) u[i] = w[i] * z[i];
  else
    for (std::size_t i = 0; i < n; ++i) u[i] = w[i] * (z[i] - fitted[cell[i]]);
  Lanes sum = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes a;
    load(a, u + i);
    sum += a;
  }
  double total = sum_of(sum);
  for (; i < n; ++i) total += u[i];
  return total;
}

STEELYARD_CLONES TwoSums moments_by_cell(const double* f, const double* a, const double* b,
                                         std::size_t n) {
  Lanes first = {}, second = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes x, y, z;
    load(x, f + i);
    load(y, a + i);
    load(z, b + i);
    first += x * y;
    second += x * x * z;
  }
  TwoSums out{sum_of(first), sum_of(second)};
  for (; i < n; ++i) {
    out.first += f[i] * a[i];
    out.second += f[i] * f[i] * b[i];
  }
  return out;
}

STEELYARD_CLONES void linear_influence(const double* y, const double* x, double m, double scale,
                                       std::size_t n, double* z) {
  for (std::size_t i = 0; i < n; ++i) z[i] = (y[i] - m * x[i]) * scale;
}

}  // namespace steelyard
