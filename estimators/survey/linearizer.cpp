#include "estimators/survey/linearizer.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace steelyard {

Linearizer::Linearizer(const SurveyDesign& design, std::span<const double> w,
                       std::span<const double> d, const CellIndex* index, const Weights* weights)
    : design_(design), w_(w), d_(d), index_(index) {
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
  const bool by_cell = elements && design_.strata() == 1;
  if (by_cell)
    for (std::uint32_t c = 0; c < index_->cells; ++c) pieces_.push_back({c, 0, 0, 0});
  for (std::size_t i = 0; i < design_.n(); ++i) {
    const std::uint32_t cell = index_->cell_of[i];
    std::uint32_t at = cell;
    if (!by_cell) {
      const std::uint32_t group = elements ? parent[i] : design_.psu(i);
      const auto [found, fresh] = seen.try_emplace((std::uint64_t{group} << 32) | cell,
                                                   static_cast<std::uint32_t>(pieces_.size()));
      if (fresh) pieces_.push_back({cell, group, 0, 0});
      at = found->second;
    }
    pieces_[at].weight += w_[i];
    pieces_[at].squared += w_[i] * w_[i];
  }
}

Result<double> Linearizer::full_elements(std::span<const double> z) {
  const DesignStage& stage = design_.stages()[0];
  const std::size_t n = design_.n();
  u_.resize(n);
  if (residuals_) {
    const std::uint32_t* cell = index_->cell_of.data();
    for (std::size_t i = 0; i < n; ++i) u_[i] = w_[i] * (z[i] - fitted_[cell[i]]);
  } else {
    for (std::size_t i = 0; i < n; ++i) u_[i] = w_[i] * z[i];
  }
  sum_.assign(stage.parents, 0.0);
  squares_.assign(stage.parents, 0.0);
  if (stage.parents == 1) {
    double s[4] = {0, 0, 0, 0}, q[4] = {0, 0, 0, 0};
    std::size_t i = 0;
    for (; i + 4 <= n; i += 4)
      for (std::size_t k = 0; k < 4; ++k) s[k] += u_[i + k];
    for (; i < n; ++i) s[0] += u_[i];
    sum_[0] = (s[0] + s[1]) + (s[2] + s[3]);
    const double mean = sum_[0] / static_cast<double>(n);
    for (i = 0; i + 4 <= n; i += 4)
      for (std::size_t k = 0; k < 4; ++k) q[k] += (u_[i + k] - mean) * (u_[i + k] - mean);
    for (; i < n; ++i) q[0] += (u_[i] - mean) * (u_[i] - mean);
    squares_[0] = (q[0] + q[1]) + (q[2] + q[3]);
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
  target_variance_ = 0;
  if (residuals_) {
    by_cell_.assign(index_->cells, 0.0);
    if (all)
      for (std::size_t i = 0; i < count; ++i) by_cell_[index_->cell_of[i]] += d_[i] * z[i];
    else
      for (std::size_t k = 0; k < count; ++k)
        by_cell_[index_->cell_of[rows[k]]] += d_[rows[k]] * z[k];
    target_variance_ = residuals_->fit(by_cell_, fitted_);
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
  u.assign(design_.n(), 0.0);
  for (std::size_t k = 0; k < z.size(); ++k) {
    const std::size_t i = rows.empty() ? k : rows[k];
    u[i] = w_[i] * z[k];
  }
  if (residuals_)
    for (std::size_t i = 0; i < design_.n(); ++i) u[i] -= w_[i] * fitted_[index_->cell_of[i]];
}

Result<double> Linearizer::variance(std::span<const std::uint32_t> rows,
                                    std::span<const double> z) {
  z = fit(rows, z);
  auto variance = sampling_variance(rows, z);
  if (target_variance_ == 0 || !variance) return variance;
  return variance.value() + target_variance_;
}

Result<double> Linearizer::sampling_variance(std::span<const std::uint32_t> rows,
                                             std::span<const double> z) {
  const bool all = rows.empty();
  const std::size_t count = z.size();
  const auto row = [&](std::size_t k) { return all ? k : rows[k]; };
  if (design_.one_stage() && design_.element_sampling()) {
    if (all) return full_elements(z);
    const DesignStage& stage = design_.stages()[0];
    if (residuals_ && !pieces_ready_) prepare_pieces();
    sum_.assign(stage.parents, 0.0);
    squares_.assign(stage.parents, 0.0);
    for (std::size_t k = 0; k < count; ++k) {
      const std::uint32_t i = rows[k], p = stage.parent_of_unit[i];
      const double w = w_[i], f = residuals_ ? fitted_[index_->cell_of[i]] : 0.0;
      sum_[p] += w * z[k];
      squares_[p] += w * w * z[k] * (z[k] - 2 * f);
    }
    if (residuals_)
      for (const Piece& piece : pieces_) {
        const double f = fitted_[piece.cell];
        sum_[piece.group] -= f * piece.weight;
        squares_[piece.group] += f * f * piece.squared;
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
