#include "estimators/intervals/level_covariance.hpp"

#include <algorithm>

namespace steelyard {
namespace {

/// out[group of i's cell] += scale of i's cell × row i, for L levels known to the compiler.
template <std::size_t L>
void add_rows(const Tabulation& table, const double* rows, std::span<const double> scale,
              const std::uint32_t* group, double* out) {
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    const std::uint32_t c = table.cells[i];
    const double by = scale.empty() ? 1.0 : scale[c];
    double* const o = out + L * group[c];
    for (std::size_t k = 0; k < L; ++k) o[k] += by * rows[L * i + k];
  }
}

using AddRows = void (*)(const Tabulation&, const double*, std::span<const double>,
                         const std::uint32_t*, double*);

template <std::size_t... L>
AddRows add_rows_of(std::size_t levels, std::index_sequence<L...>) {
  AddRows found = nullptr;
  ((levels == L + 1 ? found = &add_rows<L + 1> : found), ...);
  return found;
}

/// X' diag(scale) rows, columns of X × levels.
void transpose_multiply(const Auxiliary& x, const Tabulation& table, const double* rows,
                        std::span<const double> scale, double* out) {
  const std::size_t levels = table.levels;
  const AddRows add = add_rows_of(levels, std::make_index_sequence<LevelCovariance::kMostLevels>());
  for (const Auxiliary::Block& block : x.blocks) {
    double* const o = out + block.offset * levels;
    if (block.number.empty()) {
      add(table, rows, scale, block.groups.group_of.data(), o);
      continue;
    }
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::uint32_t c = table.cells[i];
      const double by = (scale.empty() ? 1.0 : scale[c]) * block.number[c];
      for (std::size_t k = 0; k < levels; ++k) o[k] += by * rows[levels * i + k];
    }
  }
}

}  // namespace

std::optional<LevelCovariance> LevelCovariance::make(const CellIndex& index, const Weights& weights,
                                                     const Residuals& residuals) {
  LevelCovariance out;
  out.n_ = static_cast<double>(index.n);
  out.poisson_ = !weights.participation.empty();
  out.factor_ = weights.factor;
  if (!residuals.none()) {
    out.projection_ = residuals.only();
    if (out.projection_ == nullptr) return std::nullopt;
    out.factor_ = residuals.first();
  }
  out.square_factor_.resize(index.cells);
  for (std::size_t c = 0; c < index.cells; ++c)
    out.square_factor_[c] = out.factor_[c] * out.factor_[c] *
                            (out.poisson_ ? 1 - std::min(1.0, weights.participation[c]) : 1.0);
  if (out.projection_ == nullptr) return out;
  const Auxiliary& x = out.projection_->squares().x();
  std::vector<double> weighted(index.cells), squared(index.cells);
  for (std::size_t c = 0; c < index.cells; ++c) {
    weighted[c] = out.factor_[c] * index.weight[c];
    squared[c] = out.square_factor_[c] * index.weight_squared[c];
  }
  const auto columns = static_cast<Eigen::Index>(x.columns());
  out.totals_.resize(columns);
  x.transpose_multiply(weighted, {out.totals_.data(), x.columns()});
  if (out.projection_->squares().one_margin()) {
    out.gram_.resize(columns, 1);
    x.transpose_multiply(squared, {out.gram_.data(), x.columns()});
  } else {
    x.gram(squared, out.gram_);
    out.gram_.triangularView<Eigen::StrictlyUpper>() = out.gram_.transpose();
  }
  return out;
}

Eigen::MatrixXd LevelCovariance::of(const Tabulation& table) const {
  EXPECTS(!table.moments && table.levels <= kMostLevels);
  const std::size_t levels = table.levels;
  const auto size = static_cast<Eigen::Index>(levels);
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(size), own = Eigen::VectorXd::Zero(size);
  const std::span<const double> squared = table.squared();
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    const std::uint32_t c = table.cells[i];
    for (std::size_t k = 0; k < levels; ++k) {
      sums.data()[k] += factor_[c] * table.weight[i * levels + k];
      own.data()[k] += square_factor_[c] * squared[i * levels + k];
    }
  }
  Eigen::MatrixXd squares = own.asDiagonal(), targets = Eigen::MatrixXd::Zero(size, size);
  if (projection_ != nullptr) remove_fit(table, sums, squares, targets);
  if (!poisson_) squares = n_ / (n_ - 1) * (squares - sums * sums.transpose() / n_);
  return squares + targets;
}

/// What the calibration takes from the sums and squares, and what its targets' errors add.
void LevelCovariance::remove_fit(const Tabulation& table, Eigen::VectorXd& sums,
                                 Eigen::MatrixXd& squares, Eigen::MatrixXd& targets) const {
  const Auxiliary& x = projection_->squares().x();
  const auto columns = static_cast<Eigen::Index>(x.columns());
  using Rows = LeastSquares::Rows;
  Rows beta = Rows::Zero(columns, sums.size()), cross = beta;
  transpose_multiply(x, table, table.weight.data(), projection_->q(), beta.data());
  transpose_multiply(x, table, table.squared().data(), square_factor_, cross.data());
  projection_->squares().solve(beta);
  sums.noalias() -= beta.transpose() * totals_;
  if (gram_.cols() == 1 && columns != 1)
    cross.noalias() -= 0.5 * gram_.col(0).asDiagonal() * beta;
  else
    cross.noalias() -= 0.5 * (gram_ * beta);
  const Eigen::MatrixXd half = beta.transpose() * cross;
  squares -= half + half.transpose();
  if (const std::span<const double> errors = projection_->covariance(); !errors.empty()) {
    const Eigen::Map<const Rows> v(errors.data(), columns, columns);
    targets.noalias() = beta.transpose() * (v * beta);
  }
}

}  // namespace steelyard
