#pragma once

// Weighted sums over respondents, vectorised. Eight partial sums, always added in the same order,
// on every instruction set: the same bits on every machine.

#include <cstddef>
#include <cstdint>
#include <span>

namespace steelyard {

/// out[j * stride + r] += Σ_i columns[j][from + i] weights[r][from + i] over `rows` rows.
/// Cost: rows × columns × weights multiply-adds, from the cache if rows is about 512.
void add_cross_products(std::span<const double* const> columns,
                        std::span<const double* const> weights, std::size_t from, std::size_t rows,
                        double* out, std::size_t stride);

/// Σ w_i (y_i - centre)².
double squares_about(const double* w, const double* y, double centre, std::size_t n);

/// u_i = w_i (z_i - fitted[cell_i]); without cells u_i = w_i z_i. @return Σ u
double weighted_residuals(const double* w, const double* z, const double* fitted,
                          const std::uint32_t* cell, std::size_t n, double* u);

/// Σ (u_i - centre)².
double squares_about(const double* u, double centre, std::size_t n);

/// Σ f_i a_i and Σ f_i² b_i.
struct TwoSums {
  double first = 0, second = 0;
};
TwoSums moments_by_cell(const double* f, const double* a, const double* b, std::size_t n);

/// z_i = (y_i - m x_i) scale.
void linear_influence(const double* y, const double* x, double m, double scale, std::size_t n,
                      double* z);

}  // namespace steelyard
