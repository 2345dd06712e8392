#pragma once

// One call of estimate_all(). Internal: see estimation.hpp.

#include <Eigen/Dense>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/answers_by_value.hpp"
#include "estimators/survey/estimation.hpp"
#include "estimators/survey/linearizer.hpp"
#include "estimators/survey/sum_columns.hpp"

namespace steelyard {

class EstimationRun {
 public:
  EstimationRun(const SurveyData& data, std::span<const EstimateRequest> requests,
                const EstimationOptions& options)
      : data_(data),
        requests_(requests),
        o_(options),
        sums_(data.n, data.domain_of, data.domains.size()),
        answers_(data, sums_) {}
  EstimationRun(const EstimationRun&) = delete;
  EstimationRun& operator=(const EstimationRun&) = delete;

  std::vector<EstimateRow> run(std::vector<double>* replicate_values);
  /// What run() also fills, by row, under linearization.
  void keep_influences(std::vector<std::vector<double>>& u);

 private:
  static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

  /// How a request is read off the sums: numerator over denominator, or numerator alone.
  struct SumPair {
    std::size_t numerator = 0, denominator = kNone;
    static constexpr std::size_t kNone = std::size_t(-1);
  };
  /// F(at) of a domain and the variance of its estimate.
  struct Share {
    double value = 0;
    Result<double> variance;
  };
  /// θ_r by row and replicate.
  struct ReplicateValues {
    std::size_t replicates = 0;
    std::vector<double> theta;
    std::span<double> of(std::size_t row) { return {theta.data() + row * replicates, replicates}; }
  };

  std::size_t domains() const { return data_.domains.size(); }
  std::size_t row_number(std::size_t r, std::size_t k) const { return r * domains() + k; }
  EstimateRow& row(std::size_t r, std::size_t k) { return rows_[row_number(r, k)]; }

  // Points: estimation.cpp.
  SumPair columns_of(const EstimateRequest& q);
  void point(std::size_t r, std::size_t k);
  std::size_t count_present(const EstimateRequest& q, std::size_t k) const;
  /// Sum of a column's products in a domain, for one column of weights.
  static double sum_of(const SumColumns::Sums& sums, std::size_t domain, std::size_t column,
                       std::size_t weight = 0) {
    return sums[domain](static_cast<Eigen::Index>(column), static_cast<Eigen::Index>(weight));
  }
  static double value_of(const SumPair& pair, const SumColumns::Sums& sums, std::size_t k,
                         std::size_t weight) {
    const double above = sum_of(sums, k, pair.numerator, weight);
    return pair.denominator == SumPair::kNone ? above
                                              : above / sum_of(sums, k, pair.denominator, weight);
  }

  // Errors by linearization: linearized_estimates.cpp.
  void linearize();
  void linearize(Linearizer& linearizer, std::size_t r, std::size_t k);
  Result<double> linear_variance(Linearizer& linearizer, std::size_t r, std::size_t k);
  Result<double> variance_and_influence(Linearizer& linearizer, std::size_t r, std::size_t k,
                                        std::span<const std::uint32_t> rows);
  void quantile_influence(Linearizer& linearizer, std::size_t r, std::size_t k);
  Share share_variance(Linearizer& linearizer, const EstimateRequest& q, std::size_t k, double at);
  void score_interval(Linearizer& linearizer, std::size_t r, std::size_t k);
  double score_end(Linearizer& linearizer, const EstimateRequest& q, std::size_t k,
                   const std::vector<double>& values, double goal);

  // Errors by replication: replicated_estimates.cpp.
  void replicate(std::vector<double>* replicate_values);
  std::vector<SumPair> replicated_pairs();
  std::optional<Failure> replicate_all(const std::vector<SumPair>& pairs, ReplicateValues& values);
  bool per_replicate(const EstimateRequest& q) const;
  double value_in_replicate(std::size_t r, std::size_t k, std::span<const double> w);
  void interval_from(std::size_t r, std::size_t k, std::span<double> theta, const SumPair& pair,
                     const std::optional<Failure>& failure);

  // From errors to intervals and design effects: estimate_intervals.cpp.
  double df_of(std::size_t k) const;
  IntervalSetting setting(std::size_t k);
  void finish(std::size_t r, std::size_t k, double variance);
  ProportionInterval interior(const EstimateRow& out) const;
  double domain_weight(std::size_t k);
  void design_effects(std::size_t r, std::size_t k, double variance);
  void invert(std::size_t r, std::size_t k, double share, double se);
  void set_quantile_limits(EstimateRow& out, double lower, double upper);

  const SurveyData& data_;
  std::span<const EstimateRequest> requests_;
  const EstimationOptions& o_;
  SumColumns sums_;
  AnswersByValue answers_;
  SumColumns::Sums totals_;
  std::vector<SumPair> pairs_;
  std::vector<EstimateRow> rows_;
  Eigen::MatrixXd w_;  ///< final weights in the order of sums_
  std::vector<double> domain_weights_;
  double df_ = 0;  ///< of the domain at hand
  IntervalSetting setting_;
  std::vector<double> z_;
  std::vector<std::uint32_t> some_rows_;
  std::vector<std::vector<double>>* influences_ = nullptr;
};

}  // namespace steelyard
