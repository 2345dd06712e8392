#include "estimators/survey/sum_columns.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "estimators/survey/kernels.hpp"

namespace steelyard {
namespace {

enum Kind { kPlain, kPresent, kPaired, kOnes };

bool has_missing(std::span<const double> y) {
  std::size_t missing = 0;  // without an early end it is vectorised
  for (double v : y) missing += std::isnan(v);
  return missing > 0;
}

}  // namespace

SumColumns::SumColumns(std::size_t n, std::span<const std::uint32_t> domain_of,
                       std::size_t domains) {
  first_.assign(domains + 1, 0);
  if (domain_of.empty()) {
    everybody_ = true;
    order_.resize(n);
    std::iota(order_.begin(), order_.end(), 0u);
    std::fill(first_.begin() + 1, first_.end(), n);
    return;
  }
  for (std::uint32_t k : domain_of)
    if (k < domains) ++first_[k + 1];
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  order_.resize(first_.back());
  for (std::size_t i = 0; i < n; ++i)
    if (domain_of[i] < domains) order_[next[domain_of[i]]++] = static_cast<std::uint32_t>(i);
}

template <typename Value>
std::size_t SumColumns::push(Value&& value) {
  auto& column = made_.emplace_back(order_.size());
  for (std::size_t i = 0; i < column.size(); ++i) column[i] = value(order_[i]);
  columns_.push_back(column.data());
  return columns_.size() - 1;
}

std::size_t SumColumns::add(std::size_t key, std::span<const double> y) {
  const auto [at, fresh] = known_.try_emplace({kPlain, {key, 0}}, 0);
  if (!fresh) return at->second;
  if (everybody_ && !has_missing(y)) {
    columns_.push_back(y.data());
    return at->second = columns_.size() - 1;
  }
  return at->second = push([&](std::size_t i) { return std::isnan(y[i]) ? 0.0 : y[i]; });
}

std::size_t SumColumns::ones() {
  const auto [at, fresh] = known_.try_emplace({kOnes, {0, 0}}, 0);
  if (fresh) at->second = push([](std::size_t) { return 1.0; });
  return at->second;
}

std::size_t SumColumns::add_present(std::size_t key, std::span<const double> y) {
  if (!has_missing(y)) return ones();
  const auto [at, fresh] = known_.try_emplace({kPresent, {key, 0}}, 0);
  if (fresh) at->second = push([&](std::size_t i) { return std::isnan(y[i]) ? 0.0 : 1.0; });
  return at->second;
}

std::size_t SumColumns::add_where_present(std::size_t key, std::span<const double> y,
                                          std::size_t other_key, std::span<const double> other) {
  if (!has_missing(other)) return add(key, y);
  const auto [at, fresh] = known_.try_emplace({kPaired, {key, other_key}}, 0);
  if (fresh)
    at->second =
        push([&](std::size_t i) { return std::isnan(y[i]) || std::isnan(other[i]) ? 0.0 : y[i]; });
  return at->second;
}

std::size_t SumColumns::add_at_or_below(std::span<const double> y, std::span<const double> limit) {
  auto& column = made_.emplace_back(order_.size());
  columns_.push_back(column.data());
  for (std::size_t k = 0; k + 1 < first_.size(); ++k)
    for (std::size_t i = first_[k]; i < first_[k + 1]; ++i) column[i] = y[order_[i]] <= limit[k];
  return columns_.size() - 1;
}

Eigen::MatrixXd SumColumns::permuted(std::span<const double> w) const {
  Eigen::MatrixXd out(static_cast<Eigen::Index>(order_.size()), 1);
  permute_into(w, out.col(0));
  return out;
}

void SumColumns::permute_into(std::span<const double> w, Eigen::Ref<Eigen::VectorXd> out) const {
  if (everybody_) {
    std::copy(w.begin(), w.end(), out.data());
    return;
  }
  for (std::size_t i = 0; i < order_.size(); ++i) out[static_cast<Eigen::Index>(i)] = w[order_[i]];
}

SumColumns::Sums SumColumns::sums(const Eigen::MatrixXd& w) const {
  // Row blocks of every column against all weights: the weights' block stays in the cache.
  constexpr std::size_t kRows = 512;
  const auto sets = static_cast<std::size_t>(w.cols());
  std::vector<const double*> weights;
  for (std::size_t r = 0; r < sets; ++r) weights.push_back(w.data() + r * order_.size());
  std::vector<double> sum(columns_.size() * sets);
  Sums out;
  for (std::size_t k = 0; k + 1 < first_.size(); ++k) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t from = first_[k]; from < first_[k + 1]; from += kRows)
      add_cross_products(columns_, weights, from, std::min(kRows, first_[k + 1] - from), sum.data(),
                         sets);
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    out.push_back(Eigen::Map<const RowMajor>(sum.data(), static_cast<Eigen::Index>(columns_.size()),
                                             w.cols()));
  }
  return out;
}

}  // namespace steelyard
