#include "estimators/multilevel/effects_system.hpp"

#include <cmath>

namespace steelyard {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

EffectsSystem::EffectsSystem(const MultilevelDesign& design) : design_(design) {
  const auto& blocks = design.random.blocks;
  if (blocks.empty()) {
    begin_.assign(1, 0);
    return;
  }
  for (std::size_t k = 1; k < blocks.size(); ++k)
    if (blocks[k].size() > blocks[largest_].size()) largest_ = k;
  first_ = blocks[largest_].offset;
  for (std::size_t k = 0; k < blocks.size(); ++k) {
    if (k == largest_) continue;
    terms_.push_back(k);
    offset_.push_back(static_cast<std::uint32_t>(effect_.size()));
    for (std::size_t j = 0; j < blocks[k].size(); ++j)
      effect_.push_back(static_cast<Index>(blocks[k].offset + j));
  }
  const std::size_t rows = blocks[largest_].size(), columns = effect_.size();
  gram_largest_.resize(rows);
  const std::uint32_t* row = design.group(largest_).data();
  constexpr auto kApart = ~std::uint32_t{0};
  std::vector<std::uint32_t> pair_of(rows * columns, kApart);
  for (std::size_t l = 0; l < terms_.size(); ++l) {
    const std::uint32_t* group = design.group(terms_[l]).data();
    for (std::size_t c = 0; c < design.cells(); ++c)
      pair_of[row[c] * columns + offset_[l] + group[c]] = 0;
  }
  begin_.push_back(0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      auto& pair = pair_of[i * columns + j];
      if (pair == kApart) continue;
      pair = static_cast<std::uint32_t>(column_.size());
      column_.push_back(static_cast<std::uint32_t>(j));
    }
    begin_.push_back(static_cast<std::uint32_t>(column_.size()));
  }
  for (std::size_t l = 0; l < terms_.size(); ++l) {
    const std::uint32_t* group = design.group(terms_[l]).data();
    auto& pair = pair_.emplace_back(design.cells());
    for (std::size_t c = 0; c < design.cells(); ++c)
      pair[c] = pair_of[row[c] * columns + offset_[l] + group[c]];
  }
}

void EffectsSystem::weigh(std::span<const double> weight) {
  const auto others = static_cast<Index>(effect_.size());
  std::fill(gram_largest_.begin(), gram_largest_.end(), 0.0);
  gram_met_.assign(column_.size(), 0.0);
  gram_others_.setZero(others, others);
  if (groups() == 0) return;
  const std::uint32_t* row = design_.group(largest_).data();
  for (std::size_t c = 0; c < weight.size(); ++c) gram_largest_[row[c]] += weight[c];
  for (std::size_t l = 0; l < terms_.size(); ++l) {
    const std::uint32_t *pair = pair_[l].data(), *group = design_.group(terms_[l]).data();
    for (std::size_t c = 0; c < weight.size(); ++c) gram_met_[pair[c]] += weight[c];
    for (std::size_t k = 0; k <= l; ++k) {
      const std::uint32_t* column = design_.group(terms_[k]).data();
      double* corner = &gram_others_(offset_[l], offset_[k]);
      for (std::size_t c = 0; c < weight.size(); ++c)
        corner[group[c] + column[c] * effect_.size()] += weight[c];
    }
  }
}

bool EffectsSystem::factorise(const VectorXd& lambda) {
  lambda_largest_.resize(groups());
  lambda_others_.resize(static_cast<Index>(effect_.size()));
  for (std::size_t j = 0; j < effect_.size(); ++j)
    lambda_others_[static_cast<Index>(j)] = lambda[effect_[j]];
  inverse_pivot_.resize(groups());
  met_.resize(column_.size());
  schur_.noalias() = lambda_others_.asDiagonal() * gram_others_ * lambda_others_.asDiagonal();
  schur_.diagonal().array() += 1;
  for (std::size_t i = 0; i < groups(); ++i) {
    const double own = lambda[static_cast<Index>(first_ + i)];
    lambda_largest_[i] = own;
    const double pivot = 1 + own * own * gram_largest_[i];
    if (!(pivot > 0)) return false;
    inverse_pivot_[i] = 1 / pivot;
    const std::uint32_t begin = begin_[i], end = begin_[i + 1];
    for (std::uint32_t e = begin; e < end; ++e)
      met_[e] = own * lambda_others_[column_[e]] * gram_met_[e];
    for (std::uint32_t e = begin; e < end; ++e) {
      const double times = met_[e] * inverse_pivot_[i];
      double* column = schur_.col(column_[e]).data();
      for (std::uint32_t f = e; f < end; ++f) column[column_[f]] -= times * met_[f];
    }
  }
  if (effect_.empty()) return true;
  llt_.compute(schur_);
  return llt_.info() == Eigen::Success;
}

double EffectsSystem::log_determinant() const {
  double sum = 0;
  for (const double p : inverse_pivot_) sum -= std::log(p);
  return effect_.empty() ? sum : sum + 2 * llt_.matrixLLT().diagonal().array().log().sum();
}

void EffectsSystem::solve(Eigen::Ref<MatrixXd> v) const {
  VectorXd others(static_cast<Index>(effect_.size()));
  for (Index k = 0; k < v.cols(); ++k) {
    double *column = v.col(k).data(), *own = column + first_;
    for (std::size_t j = 0; j < effect_.size(); ++j)
      others[static_cast<Index>(j)] = column[effect_[j]];
    for (std::size_t i = 0; i < groups(); ++i) {
      const double times = own[i] * inverse_pivot_[i];
      for (std::uint32_t e = begin_[i]; e < begin_[i + 1]; ++e)
        others[column_[e]] -= times * met_[e];
    }
    if (!effect_.empty()) llt_.solveInPlace(others);
    for (std::size_t i = 0; i < groups(); ++i) {
      for (std::uint32_t e = begin_[i]; e < begin_[i + 1]; ++e)
        own[i] -= met_[e] * others[column_[e]];
      own[i] *= inverse_pivot_[i];
    }
    for (std::size_t j = 0; j < effect_.size(); ++j)
      column[effect_[j]] = others[static_cast<Index>(j)];
  }
}

void EffectsSystem::invert(SharedInverse& out) const {
  const auto others = static_cast<Index>(effect_.size());
  out.others.setIdentity(others, others);
  if (others > 0) llt_.solveInPlace(out.others);
  out.largest.resize(groups());
  out.met.resize(column_.size());
  for (std::size_t i = 0; i < groups(); ++i) {
    double sum = 0;
    for (std::uint32_t e = begin_[i]; e < begin_[i + 1]; ++e) {
      const double* column = out.others.col(column_[e]).data();
      double product = 0;
      for (std::uint32_t f = begin_[i]; f < begin_[i + 1]; ++f)
        product += met_[f] * column[column_[f]];
      out.met[e] = -product * inverse_pivot_[i];
      sum += met_[e] * out.met[e];
    }
    out.largest[i] = inverse_pivot_[i] * (1 - sum);
  }
}

MatrixXd EffectsSystem::inverse() const {
  SharedInverse shared;
  invert(shared);
  const auto rows = static_cast<Index>(groups()), others = static_cast<Index>(effect_.size());
  // The rows of the largest term: by the others, and by each other.
  MatrixXd across = MatrixXd::Zero(others, rows), own = MatrixXd::Zero(rows, rows);
  for (Index i = 0; i < rows; ++i) {
    const auto at = static_cast<std::size_t>(i);
    for (std::uint32_t e = begin_[at]; e < begin_[at + 1]; ++e)
      across.col(i) -= met_[e] * inverse_pivot_[at] * shared.others.col(column_[e]);
    own(i, i) = inverse_pivot_[at];
  }
  for (Index j = 0; j < rows; ++j) {
    const auto at = static_cast<std::size_t>(j);
    for (std::uint32_t e = begin_[at]; e < begin_[at + 1]; ++e)
      own.col(j) -= met_[e] * inverse_pivot_[at] * across.row(column_[e]).transpose();
  }
  const auto first = static_cast<Index>(first_);
  MatrixXd out(rows + others, rows + others);
  out.block(first, first, rows, rows) = own;
  for (Index a = 0; a < others; ++a) {
    const Index effect = effect_[static_cast<std::size_t>(a)];
    out.col(effect).segment(first, rows) = across.row(a).transpose();
    out.row(effect).segment(first, rows) = across.row(a);
    for (Index b = 0; b < others; ++b)
      out(effect_[static_cast<std::size_t>(b)], effect) = shared.others(b, a);
  }
  return out;
}

VectorXd EffectsSystem::diagonal(const SharedInverse& inverse) const {
  VectorXd out(static_cast<Index>(groups() + effect_.size()));
  for (std::size_t i = 0; i < groups(); ++i)
    out[static_cast<Index>(first_ + i)] = inverse.largest[i];
  for (std::size_t j = 0; j < effect_.size(); ++j)
    out[effect_[j]] = inverse.others(static_cast<Index>(j), static_cast<Index>(j));
  return out;
}

VectorXd EffectsSystem::derivative(const SharedInverse& inverse) const {
  VectorXd out(static_cast<Index>(groups() + effect_.size()));
  const auto others = static_cast<Index>(effect_.size());
  VectorXd of_others = VectorXd::Zero(others);
  for (Index j = 0; j < others; ++j) {
    of_others[j] += gram_others_(j, j) * lambda_others_[j] * inverse.others(j, j);
    for (Index k = j + 1; k < others; ++k) {
      const double product = gram_others_(k, j) * inverse.others(k, j);
      of_others[j] += lambda_others_[k] * product;
      of_others[k] += lambda_others_[j] * product;
    }
  }
  for (std::size_t i = 0; i < groups(); ++i) {
    double sum = gram_largest_[i] * lambda_largest_[i] * inverse.largest[i];
    for (std::uint32_t e = begin_[i]; e < begin_[i + 1]; ++e) {
      const double product = gram_met_[e] * inverse.met[e];
      sum += lambda_others_[column_[e]] * product;
      of_others[column_[e]] += lambda_largest_[i] * product;
    }
    out[static_cast<Index>(first_ + i)] = sum;
  }
  for (Index j = 0; j < others; ++j) out[effect_[static_cast<std::size_t>(j)]] = of_others[j];
  return out;
}

void EffectsSystem::leverage(const SharedInverse& inverse, std::vector<double>& out) const {
  const std::size_t cells = design_.cells();
  out.assign(cells, 0.0);
  if (groups() == 0) return;
  std::vector<double> own(groups()), met(column_.size());
  for (std::size_t i = 0; i < groups(); ++i) {
    own[i] = lambda_largest_[i] * lambda_largest_[i] * inverse.largest[i];
    for (std::uint32_t e = begin_[i]; e < begin_[i + 1]; ++e)
      met[e] = 2 * lambda_largest_[i] * lambda_others_[column_[e]] * inverse.met[e];
  }
  const MatrixXd others =
      lambda_others_.asDiagonal() * inverse.others * lambda_others_.asDiagonal();
  const std::uint32_t* row = design_.group(largest_).data();
  for (std::size_t c = 0; c < cells; ++c) out[c] = own[row[c]];
  for (std::size_t l = 0; l < terms_.size(); ++l) {
    const std::uint32_t *pair = pair_[l].data(), *group = design_.group(terms_[l]).data();
    for (std::size_t c = 0; c < cells; ++c) out[c] += met[pair[c]];
    for (std::size_t k = 0; k <= l; ++k) {
      const double times = k == l ? 1 : 2;
      const std::uint32_t* column = design_.group(terms_[k]).data();
      const double* corner = &others(offset_[l], offset_[k]);
      for (std::size_t c = 0; c < cells; ++c)
        out[c] += times * corner[group[c] + column[c] * effect_.size()];
    }
  }
}

}  // namespace steelyard
