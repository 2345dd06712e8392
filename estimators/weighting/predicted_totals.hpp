#pragma once

// Totals of a reference sample's answers as a model predicts them, and their variance: what the
// estimators that model an answer share.

#include <memory>
#include <span>
#include <vector>

#include "estimators/survey/reference_design.hpp"
#include "estimators/weighting/answer_model.hpp"

namespace steelyard {

/// Σ d² (value of the respondent)² in one tabulated cell; values by level, or a + b y.
double squares_of(const Tabulation& table, std::size_t i, std::span<const double> value);

/// Σ d in one tabulated cell.
double tabulated_weight(const Tabulation& table, std::size_t i);

/// Σ_k influence_k m_k by cell. @param predicted  cells × levels
std::vector<double> expected_influence(std::span<const double> influence,
                                       std::span<const double> predicted);

/// What the error of a model's coefficients adds to the influence Σ_k (y_k - m_k) α_k of a
/// respondent, by free level and cell of A: α_k = x'c_k, c = M⁻¹ (Σ_B b dμ/dβ - Σ_A a dμ/dβ) with
/// μ = Σ_k influence_k m_k.
/// @param b  by cell of B
/// @param a  by cell of A; empty: 0
std::vector<std::vector<double>> coefficient_parts(const TwoSamples& samples,
                                                   const AnswerModel& model,
                                                   std::span<const double> influence,
                                                   std::span<const double> b,
                                                   std::span<const double> a = {});

/// m by cell of B and level from donors among the tabulated respondents; 0 in cells without any.
/// @param cells  of A
std::vector<double> donor_means(const Donors& donors, const Tabulation& table, std::size_t cells);

/// Totals Σ_B d m of predictions by cell of B.
class PredictedTotals : public ModelledAnswer {
 public:
  /// @param predicted  cells of B × levels
  PredictedTotals(std::shared_ptr<const TwoSamples> samples, std::size_t levels,
                  std::vector<double> predicted, std::span<const std::uint32_t> reference_rows);
  std::span<const double> totals() const override { return totals_; }

 protected:
  /// z by row of B: μ in the domain, 0 elsewhere.
  std::vector<double> reference_influence(std::span<const double> influence) const;
  /// Design variance of Σ_B d z.
  double reference_variance(std::vector<double> z) const;

  std::shared_ptr<const TwoSamples> samples_;
  std::size_t levels_;
  std::vector<double> predicted_;
  std::vector<std::uint32_t> rows_;
  ReferenceDesign design_;
  std::vector<double> totals_;
};

}  // namespace steelyard
