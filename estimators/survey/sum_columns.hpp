#pragma once

// Columns whose weighted sums make the estimates, by domain; summed for many sets of weights at
// once by matrix products.

#include <Eigen/Dense>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace steelyard {

class SumColumns {
 public:
  /// By domain: columns × sets of weights.
  using Sums = std::vector<Eigen::MatrixXd>;

  /// @param domain_of  n domain numbers, >= domains for none; empty: everybody is in domain 0
  SumColumns(std::size_t n, std::span<const std::uint32_t> domain_of, std::size_t domains);

  /// Everybody is in one domain and rows are in their own order.
  bool everybody() const { return everybody_; }
  /// Rows in any domain.
  std::size_t size() const { return order_.size(); }
  std::span<const std::uint32_t> rows(std::size_t domain) const {
    return {order_.data() + first_[domain], first_[domain + 1] - first_[domain]};
  }
  /// Where the rows of a domain begin, in the order that permuted() makes.
  std::size_t first(std::size_t domain) const { return first_[domain]; }
  /// A column's values for the rows of a domain.
  const double* column(std::size_t column, std::size_t domain) const {
    return columns_[column] + first_[domain];
  }

  /// Number of the column with y, missing answers as 0; the same `key` gives the same column.
  /// A column that needs no change is not copied: y must outlive the object.
  std::size_t add(std::size_t key, std::span<const double> y);
  /// 1 where y is not missing.
  std::size_t add_present(std::size_t key, std::span<const double> y);
  /// y where both are present, else 0.
  std::size_t add_where_present(std::size_t key, std::span<const double> y, std::size_t other_key,
                                std::span<const double> other);
  /// 1 where y is at most the domain's own limit.
  std::size_t add_at_or_below(std::span<const double> y, std::span<const double> limit);

  /// Weights in the order of rows(), as a matrix of one column.
  Eigen::MatrixXd permuted(std::span<const double> w) const;
  void permute_into(std::span<const double> w, Eigen::Ref<Eigen::VectorXd> out) const;

  /// Cost O(columns × rows × sets), near the speed of the processor's multiply-adds.
  Sums sums(const Eigen::MatrixXd& w) const;

 private:
  template <typename Value>
  std::size_t push(Value&& value);
  std::size_t ones();

  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> first_;
  bool everybody_ = false;
  std::vector<const double*> columns_;
  std::deque<std::vector<double>> made_;  ///< those that are not somebody else's
  /// (kind, key, other key) of columns that may be shared.
  std::map<std::pair<int, std::pair<std::size_t, std::size_t>>, std::size_t> known_;
};

}  // namespace steelyard
