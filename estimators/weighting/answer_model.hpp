#pragma once

// A model of an answer given covariates, fitted to the respondents of a domain and used to predict
// the answers of a reference sample: linear for numbers, multinomial logistic for categories.

#include <Eigen/Dense>
#include <memory>
#include <span>
#include <vector>

#include "estimators/weighting/two_samples.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

struct Donors;

struct AnswerModel {
  bool moments = false;    ///< a number: its "levels" are 1 and y
  std::size_t levels = 0;  ///< K
  /// Expected totals by cell of A and of B, cells × levels: probabilities, or 1 and the mean.
  std::vector<double> a, b;
  /// Levels with coefficients of their own: all that occur but one; of a number level 1 alone.
  std::vector<std::size_t> free;
  std::vector<std::size_t> columns;  ///< covariates in use
  /// Of the coefficients, level by level: -d score/dβ.
  Eigen::LDLT<Eigen::MatrixXd> information;
};

/// Least squares, or maximum likelihood of the multinomial logistic model with the commonest level
/// as baseline, over the tabulated respondents with their base weights.
/// @param reference_weight  Σ d of the domain's reference sample by cell of B
/// Fails: empty_domain; empty_cell (a covariate level that the domain's reference sample has and no
/// respondent of the domain: named); no_convergence (a covariate separates the levels: named);
/// singular_matrix. Cost O(cells × terms² × levels²) an iteration, about six.
Result<AnswerModel> fit_answer_model(const TwoSamples& samples, const Tabulation& table,
                                     std::span<const double> reference_weight);

/// Σ d by cell of B over some of its rows.
std::vector<double> reference_cell_weights(const TwoSamples& samples,
                                           std::span<const std::uint32_t> rows);

/// Mass imputation: T_k = Σ_B d m_k. The variance holds the error of the coefficients and that of
/// the reference sample. Source: Kim, Park, Chen & Wu (2021), JRSS A 184, 941-963, theorem 1.
/// What is referred to must outlive the result.
/// @param donors  whose answers' means are taken in place of the predictions; null: none
std::unique_ptr<const ModelledAnswer> mass_imputation_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const Tabulation& table,
    std::span<const std::uint32_t> reference_rows, const Donors* donors = nullptr);

/// Doubly robust: T_k = Σ_A w (y_k - m_k) + Σ_B d m_k, w the propensity's weights. The
/// coefficients' error is of smaller order where the propensity model holds, and left out as in the
/// source. Source: Chen, Li & Wu (2020), JASA 115, 2011-2021, theorem 3.
std::unique_ptr<const ModelledAnswer> doubly_robust_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const CellIndex& index,
    const Weights& weights, const Tabulation& table, std::span<const std::uint32_t> reference_rows,
    double reference_scale);

}  // namespace steelyard
