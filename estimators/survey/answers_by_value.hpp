#pragma once

// The answers of each domain in order of value, for what depends on their order: quantiles and Gini
// coefficients.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "estimators/survey/estimation.hpp"
#include "estimators/survey/sum_columns.hpp"

namespace steelyard {

/// Sorts the answers to a column in a domain when they are first asked for and keeps their order.
/// Not thread-safe: it keeps scratch between calls. The references must outlive it.
class AnswersByValue {
 public:
  /// @param domains  gives the rows of each domain
  AnswersByValue(const SurveyData& data, const SumColumns& domains)
      : data_(data), domains_(domains) {}

  /// Rows of a domain that have an answer, in order of value; identity: 0, 1, ...
  struct Sorted {
    std::vector<std::uint32_t> rows, identity;
    std::vector<double> values;
  };
  /// Cost O(n log n) once, n the domain's rows.
  const Sorted& sorted(std::size_t column, std::size_t domain);
  /// Rows of a domain that have an answer, in their own order.
  void answered(std::size_t column, std::size_t domain, std::vector<std::uint32_t>& rows) const;

  /// Under the final weights; kept.
  const WeightedDistribution& distribution(std::size_t column, std::size_t domain);
  /// Under weights w of all rows. Cost O(n).
  WeightedDistribution distribution(std::size_t column, std::size_t domain,
                                    std::span<const double> w);

  /// Gini coefficient, Σ_ij w_i w_j max(x_i, x_j) / (Σw Σwx) - 1, and its derivative by each
  /// weight in the order of sorted(). Cost O(n).
  double gini(std::size_t column, std::size_t domain, std::span<const double> w,
              std::vector<double>* influence = nullptr);

  /// A quantile under the final weights with ties decided by rounding as R's survey does it:
  /// cumulated in extended precision, in the order of value then of row, totalled in the order of
  /// rows.
  double quantile_as_survey(std::size_t column, std::size_t domain, double p, QuantileRule rule);

 private:
  using Key = std::pair<std::size_t, std::size_t>;  ///< column, domain
  const SurveyData& data_;
  const SumColumns& domains_;
  std::map<Key, Sorted> sorted_;
  std::map<Key, std::optional<WeightedDistribution>> distributions_;
  std::vector<double> scratch_;
};

}  // namespace steelyard
