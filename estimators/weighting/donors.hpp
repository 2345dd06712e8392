#pragma once

// Imputation from donors: a reference person's answer is a mean, plain or local, of the answers of
// respondents who are near.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "estimators/weighting/answer_model.hpp"
#include "estimators/weighting/covariate_space.hpp"
#include "estimators/weighting/nearest_points.hpp"

namespace steelyard {

/// Respondents that may be donors, as points.
struct DonorPool {
  std::size_t dimensions = 1;
  std::vector<double> a, b;    ///< row-major by cell: donors, those who receive
  std::vector<double> weight;  ///< by cell of A: Σ d; 0: no donor
  std::vector<double> rows;    ///< by cell of A: respondents
  NearestPoints points;

  DonorPool(CovariateSpace space, std::vector<double> weight, std::vector<double> rows);
  std::span<const double> at_a(std::size_t c) const;
  std::span<const double> at_b(std::size_t c) const;
};

/// Whose answers make up those of each cell of B: m_j = Σ_c share_jc Σ_{i in c} d_i y_i.
struct Donors {
  std::vector<std::size_t> first;   ///< cells of B, and the end
  std::vector<std::uint32_t> cell;  ///< of A
  std::vector<double> share;
  /// By cell of A: Σ_j w_j share_jc, the factor of the respondents' weights in Σ_B w m.
  std::vector<double> factors(std::span<const double> weight_b, std::size_t cells) const;
};

/// The mean of the `count` nearest respondents and of those who are as near as the last, by their
/// base weights. @param needed  by cell of B; cells with 0 get no donors
Donors nearest_donors(const DonorPool& pool, std::span<const double> needed, double count);

/// Local regression: least squares on (1, x - x_j) with weights d (1 - (u/h)²), u the distance and
/// h that of the `count`-th nearest respondent; directions in which those there do not differ are
/// left out. Degree 0: the weighted mean. Cost O(count × dimensions²) a cell of B.
/// Source: Cleveland (1979), JASA 74, 829-836.
Donors local_donors(const DonorPool& pool, std::span<const double> needed, double count,
                    int degree);

/// The tabulated respondents as a pool. Rows of a cell: (Σ d)²/Σ d², their number where base
/// weights are equal within cells.
DonorPool pool_of(CovariateSpace space, const Tabulation& table, std::size_t cells);

/// T = Σ_B d m, m from donors. Variance, with w the factors times base weights:
///   V_B(Σ d m) + Σ_A (w² - Q) e²,
/// e² the answer's variance at that x: n_i/(n_i - 1) (z - mean)² over the six nearest respondents,
/// itself among them; Q is the design variance of a donor's shares, since V_B also holds the
/// donors' own errors, which are counted in w² once. Nothing is added for bias from donors that
/// are far away.
/// With a model, donors are near in its predictions, and its coefficients' error moves the donors:
/// w grows by d α of coefficient_parts with c = M⁻¹(Σ_B d dμ/dβ - Σ_A w dμ/dβ).
/// The bootstrap does not hold for a fixed number of donors (Abadie & Imbens 2008, Econometrica 76,
/// 1537-1557).
/// Sources: Yang, Kim & Hwang (2021), Survey Methodology 47, 29-58; Abadie & Imbens (2006),
/// Econometrica 74, 235-267 (e²), and (2016), Econometrica 84, 781-807 (estimated scores).
/// What is referred to must outlive the result.
std::unique_ptr<const ModelledAnswer> donor_totals(std::shared_ptr<const TwoSamples> samples,
                                                   DonorPool pool, Donors donors,
                                                   const Tabulation& table,
                                                   std::span<const std::uint32_t> reference_rows,
                                                   std::optional<AnswerModel> model = {});

/// Predictive mean matching. "Predicted": donors are near in what the model predicts for them;
/// "observed": their answers are near to what it predicts for the reference person, so that their
/// mean is nearly that prediction and has its variance, that of mass_imputation_totals.
/// Fails as fit_answer_model; unsupported (observed answers that are categories, or respondents
/// with equal covariates, whose answers are known by their sum alone).
/// Source: Chlebicki, Chrostowski & Beręsewicz (2024), arXiv 2403.13750; Yang & Kim (2020),
/// Scandinavian J. Statistics 47, 839-861.
enum class PredictiveMatch { predicted, observed };
Result<std::unique_ptr<const ModelledAnswer>> predictive_mean_totals(
    std::shared_ptr<const TwoSamples> samples, const Tabulation& table,
    std::span<const std::uint32_t> reference_rows, double donors, PredictiveMatch match);

}  // namespace steelyard
