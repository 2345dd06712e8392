#pragma once

// Multilevel regression: partial pooling by maximum likelihood of the variances. Answers are
// collapsed to cells, so cost does not depend on the number of persons.

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "estimators/multilevel/design.hpp"
#include "estimators/multilevel/likelihood.hpp"

namespace steelyard {

/// What is known of the standard deviations σ beforehand; its log density is added.
struct DeviationPrior {
  enum class Kind {
    none,
    /// log σ: a gamma law of shape 2 and rate near 0, which keeps σ off 0.
    /// Source: Chung, Rabe-Hesketh, Dorie, Gelman & Liu (2013), Psychometrika 78, 685-709.
    boundary_avoiding,
    half_normal  ///< -σ²/(2 scale²); of a linear model σ relative to the residual's
  } kind = Kind::none;
  double scale = 1;
};

struct MultilevelOptions {
  DeviationPrior prior;
  /// Errors of the estimated variances in the covariance too.
  bool deviation_error = true;
};

/// Coefficients in the order of `covariance`: kept fixed columns, thresholds, group effects.
struct MultilevelFit {
  OutcomeModel model{};
  Eigen::VectorXd beta;              ///< by kept fixed column (ordered: none for the intercept)
  Eigen::VectorXd thresholds;        ///< ordered model
  Eigen::VectorXd effects;           ///< b, by column of the random part
  Eigen::VectorXd deviations;        ///< σ >= 0, by term of groups; 0: no differences found
  double residual_deviation = 0;     ///< linear
  double log_likelihood = 0;         ///< Laplace's marginal one; linear: restricted; prior included
  Eigen::MatrixXd covariance;        ///< posterior of all coefficients, as `options` say
  Eigen::MatrixXd conditional;       ///< the same given σ
  std::vector<std::size_t> columns;  ///< fixed columns of `beta`
  int evaluations = 0;
};

/// Binary and ordered answers: σ, β and τ maximise Laplace's approximation of the marginal
/// likelihood, ∫ exp(ℓ(β, τ, b)) dN(b; 0, σ²); group effects are its modes. The linear model:
/// restricted maximum likelihood, exact.
/// The covariance is that of the effects given (β, τ, σ) plus what the errors of these move the
/// modes (Kass & Steffey 1989, JASA 84, 717-726).
/// @param answers  by cell of the design
/// Fails: no_convergence (separation: the coefficient that runs off is named), singular_matrix,
/// empty_domain. Cost of an evaluation, of which there are about forty: O(cells × terms² +
/// columns³) and what EffectsSystem takes; linear: O(cells + (columns + effects)³). Sources:
/// Breslow & Clayton (1993), JASA 88, 9-25; Bates, Mächler, Bolker & Walker (2015), Journal of
/// Statistical Software 67(1), section 3.
Result<MultilevelFit> fit_multilevel(const MultilevelDesign& design, const CellAnswers& answers,
                                     const MultilevelOptions& options = {});

namespace detail {
Result<MultilevelFit> fit_laplace(const MultilevelDesign&, const CellAnswers&,
                                  const MultilevelOptions&);
Result<MultilevelFit> fit_linear(const MultilevelDesign&, const CellAnswers&,
                                 const MultilevelOptions&);

/// Log density of the prior of σ, and its derivative (signed σ).
struct PriorTerms {
  double value = 0, derivative = 0;
};
PriorTerms prior_terms(const DeviationPrior& prior, double sigma);

/// By column of the random part: which term it belongs to.
std::vector<Eigen::Index> term_of_effects(const MultilevelDesign& design);

/// X over kept fixed columns, then groups: M = [X Z]'diag(v)[X Z], full.
Eigen::MatrixXd joint_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v);
/// X'diag(v)X over kept fixed columns, full; and Z'diag(v)X.
Eigen::MatrixXd fixed_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v);
Eigen::MatrixXd cross_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v);
/// X'v over those columns, Z'v.
Eigen::VectorXd fixed_product(const MultilevelDesign& design,
                              const std::vector<std::size_t>& columns, std::span<const double> v);
Eigen::VectorXd random_product(const MultilevelDesign& design, std::span<const double> v);
/// Xβ, and Zb added to it.
void fixed_predictor(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                     const Eigen::VectorXd& beta, std::vector<double>& eta);
void add_effects(const MultilevelDesign& design, const Eigen::VectorXd& effects,
                 std::vector<double>& eta);
}  // namespace detail

}  // namespace steelyard
