#include "estimators/survey/linearizer.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "estimators/survey/kernels.hpp"

namespace steelyard {

Linearizer::Linearizer(const SurveyDesign& design, std::span<const double> w,
                       std::span<const double> d, const CellIndex* index, const Weights* weights)
    : design_(design), w_(w), d_(d), index_(index), weights_(weights) {
  if (weights == nullptr) return;
  std::vector<double> by_cell(index->cells, 0.0);
  for (std::size_t i = 0; i < d.size(); ++i) by_cell[index->cell_of[i]] += d[i];
  residuals_.emplace(*weights, by_cell);
  if (residuals_->none()) residuals_.reset();
  if (!residuals_ || residuals_->later().empty()) return;
  first_.resize(w.size());
  for (std::size_t i = 0; i < w.size(); ++i)
    first_[i] = d[i] * residuals_->first()[index->cell_of[i]];
  w_ = first_;
}

void Linearizer::prepare_pieces() {
  pieces_ready_ = true;
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  const auto& parent = design_.stages()[0].parent_of_unit;
  const bool elements = design_.element_sampling();
  if (elements && design_.strata() == 1) {
    cell_weight_.assign(index_->cells, 0.0);
    cell_squared_.assign(index_->cells, 0.0);
    for (std::size_t i = 0; i < design_.n(); ++i) {
      cell_weight_[index_->cell_of[i]] += w_[i];
      cell_squared_[index_->cell_of[i]] += w_[i] * w_[i];
    }
    return;
  }
  for (std::size_t i = 0; i < design_.n(); ++i) {
    const std::uint32_t cell = index_->cell_of[i];
    const std::uint32_t group = elements ? parent[i] : design_.psu(i);
    const auto [found, fresh] = seen.try_emplace((std::uint64_t{group} << 32) | cell,
                                                 static_cast<std::uint32_t>(pieces_.size()));
    if (fresh) pieces_.push_back({cell, group, 0, 0});
    pieces_[found->second].weight += w_[i];
    pieces_[found->second].squared += w_[i] * w_[i];
  }
}

Result<double> Linearizer::full_elements(std::span<const double> z) {
  const DesignStage& stage = design_.stages()[0];
  const std::size_t n = design_.n();
  u_.resize(n);
  const double sum =
      weighted_residuals(w_.data(), z.data(), fitted_.data(),
                         residuals_ ? index_->cell_of.data() : nullptr, n, u_.data());
  sum_.assign(stage.parents, 0.0);
  squares_.assign(stage.parents, 0.0);
  if (stage.parents == 1) {
    sum_[0] = sum;
    squares_[0] = squares_about(u_.data(), sum / static_cast<double>(n), n);
  } else {
    for (std::size_t i = 0; i < n; ++i) sum_[stage.parent_of_unit[i]] += u_[i];
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t p = stage.parent_of_unit[i];
      const double e = u_[i] - sum_[p] / stage.units_in_parent[p];
      squares_[p] += e * e;
    }
  }
  return design_.variance_of_moments(sum_, squares_);
}

/// Fits the projection of z, and multiplies it by the factors of later stages.
std::span<const double> Linearizer::fit(std::span<const std::uint32_t> rows,
                                        std::span<const double> z) {
  const bool all = rows.empty();
  const std::size_t count = all ? design_.n() : rows.size();
  EXPECTS(z.size() == count);
  targets_ = {};
  if (residuals_) {
    by_cell_.assign(index_->cells, 0.0);
    if (all)
      for (std::size_t i = 0; i < count; ++i) by_cell_[index_->cell_of[i]] += d_[i] * z[i];
    else
      for (std::size_t k = 0; k < count; ++k)
        by_cell_[index_->cell_of[rows[k]]] += d_[rows[k]] * z[k];
    targets_ = residuals_->fit(by_cell_, fitted_);
    if (const auto later = residuals_->later(); !later.empty()) {
      scaled_.resize(count);
      for (std::size_t k = 0; k < count; ++k)
        scaled_[k] = z[k] * later[index_->cell_of[all ? k : rows[k]]];
      z = scaled_;
    }
  }
  return z;
}

void Linearizer::residuals(std::span<const std::uint32_t> rows, std::span<const double> z,
                           std::vector<double>& u) {
  z = fit(rows, z);
  fitted_residuals(rows, z, u);
}

/// u of the z that `fit` returned.
void Linearizer::fitted_residuals(std::span<const std::uint32_t> rows, std::span<const double> z,
                                  std::vector<double>& u) const {
  u.assign(design_.n(), 0.0);
  for (std::size_t k = 0; k < z.size(); ++k) {
    const std::size_t i = rows.empty() ? k : rows[k];
    u[i] = w_[i] * z[k];
  }
  if (residuals_)
    for (std::size_t i = 0; i < design_.n(); ++i) u[i] -= w_[i] * fitted_[index_->cell_of[i]];
}

double Linearizer::poisson_variance(std::span<const std::uint32_t> rows,
                                    std::span<const double> z) {
  fitted_residuals(rows, z, u_);
  double sum = 0;
  for (std::size_t i = 0; i < u_.size(); ++i)
    sum += (1 - std::min(1.0, weights_->participation[index_->cell_of[i]])) * u_[i] * u_[i];
  return sum;
}

Result<double> Linearizer::variance(std::span<const std::uint32_t> rows,
                                    std::span<const double> z) {
  z = fit(rows, z);
  auto variance = sampling_variance(rows, z);
  if (!variance) return variance;
  sampling_variance_ = variance.value();
  return targets_.variance == 0 ? sampling_variance_ : sampling_variance_ + targets_.variance;
}

Result<double> Linearizer::sampling_variance(std::span<const std::uint32_t> rows,
                                             std::span<const double> z) {
  const bool all = rows.empty();
  const std::size_t count = z.size();
  const auto row = [&](std::size_t k) { return all ? k : rows[k]; };
  if (weights_ != nullptr && !weights_->participation.empty() && design_.element_sampling() &&
      design_.strata() == 1)
    return poisson_variance(rows, z);
  if (design_.one_stage() && design_.element_sampling()) {
    if (all) return full_elements(z);
    const DesignStage& stage = design_.stages()[0];
    if (residuals_ && !pieces_ready_) prepare_pieces();
    sum_.assign(stage.parents, 0.0);
    squares_.assign(stage.parents, 0.0);
    const bool one = stage.parents == 1;
    double sum = 0, squares = 0;  // of a single stratum, kept out of memory
    for (std::size_t k = 0; k < count; ++k) {
      const std::uint32_t i = rows[k];
      const double w = w_[i], f = residuals_ ? fitted_[index_->cell_of[i]] : 0.0;
      const double wz = w * z[k], square = w * wz * (z[k] - 2 * f);
      if (one) {
        sum += wz;
        squares += square;
      } else {
        sum_[stage.parent_of_unit[i]] += wz;
        squares_[stage.parent_of_unit[i]] += square;
      }
    }
    if (one) {
      sum_[0] = sum;
      squares_[0] = squares;
    }
    if (residuals_ && !cell_weight_.empty()) {
      const TwoSums all_cells = moments_by_cell(fitted_.data(), cell_weight_.data(),
                                                cell_squared_.data(), cell_weight_.size());
      sum_[0] -= all_cells.first;
      squares_[0] += all_cells.second;
    } else if (residuals_) {
      for (const Piece& piece : pieces_) {
        const double f = fitted_[piece.cell];
        sum_[piece.group] -= f * piece.weight;
        squares_[piece.group] += f * f * piece.squared;
      }
    }
    for (std::size_t p = 0; p < stage.parents; ++p) {
      const double about = squares_[p] - sum_[p] * sum_[p] / stage.units_in_parent[p];
      squares_[p] = about > 1e-14 * squares_[p] ? about : 0.0;  // below it is rounding
    }
    return design_.variance_of_moments(sum_, squares_);
  }
  if (design_.one_stage()) {
    totals_.assign(design_.psus(), 0.0);
    for (std::size_t k = 0; k < count; ++k) totals_[design_.psu(row(k))] += w_[row(k)] * z[k];
    if (residuals_) {
      if (!pieces_ready_) prepare_pieces();
      for (const Piece& piece : pieces_) totals_[piece.group] -= fitted_[piece.cell] * piece.weight;
    }
    return design_.variance_of_unit_totals(totals_);
  }
  u_.assign(design_.n(), 0.0);
  for (std::size_t k = 0; k < count; ++k) u_[row(k)] = w_[row(k)] * z[k];
  if (residuals_)
    for (std::size_t i = 0; i < design_.n(); ++i) u_[i] -= w_[i] * fitted_[index_->cell_of[i]];
  return design_.variance(u_);
}

}  // namespace steelyard
