#pragma once

// Which terms a model of participation keeps: penalised pseudo-likelihood.

#include <span>
#include <vector>

#include "estimators/weighting/participation.hpp"

namespace steelyard {

enum class SelectionPenalty {
  lasso,     ///< Tibshirani (1996), groups: Yuan & Lin (2006), JRSS B 68, 49-67
  adaptive,  ///< Zou (2006), JASA 101, 1418-1429: divided by the size in the full model
  scad,      ///< Fan & Li (2001), JASA 96, 1348-1360, a = 3.7; by local linear approximation, Zou &
             ///< Li (2008), Annals of Statistics 36, 1509-1533
};
enum class SelectionCriterion {
  /// -2 l + log(n_A) tr(H⁻¹V) of the refits: l is no likelihood, since B is weighted, and V = H
  /// would take what B estimates for known. Gao & Song (2010), JASA 105, 1531-1540.
  bic,
  /// Least held-out pseudo-deviance of the penalised fits over folds of both samples' rows.
  cross_validation,
};

struct SelectionOptions {
  SelectionPenalty penalty = SelectionPenalty::lasso;
  SelectionCriterion criterion = SelectionCriterion::bic;
  std::size_t folds = 5;
};

struct Selection {
  std::vector<std::size_t> terms;  ///< kept, ascending; numbered without the intercept
  double lambda = 0;               ///< relative to the smallest that leaves out every term
};

/// The same samples on these terms alone, numbered without the intercept.
TwoSamples with_terms(const TwoSamples& samples, std::span<const std::size_t> terms);

/// Maximises l(θ) = Σ_A a x'θ - Σ_B d log(1 + exp x'θ) - λ Σ_g w_g sd_g over a path of λ, where
/// sd_g is the standard deviation of term g's part of x'θ in the population that B estimates and
/// w_g the root of its number of free columns, so that neither units nor the coding of levels
/// matter. Newton's method outside, block coordinate descent on its quadratic inside. The folds
/// are dealt by a fixed stream over the rows' numbers.
/// Fails: no_convergence, singular_matrix (the refits; adaptive and SCAD also the full model's).
/// Cost O(cells × blocks²) a Newton step and O(columns²) a sweep; 30 λ, times folds + 1 if they are
/// cross-validated.
/// Source: Yang, Kim & Song (2020), JRSS B 82, 445-465, who take the SCAD.
Result<Selection> select_terms(const TwoSamples& samples, const CellIndex& index,
                               const SelectionOptions& options);

}  // namespace steelyard
