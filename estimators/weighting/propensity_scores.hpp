#pragma once

// What methods that only order or compare people by an estimated propensity share: its quantile
// classes, and the variance of weights that follow the reference sample class by class.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "estimators/weighting/participation.hpp"

namespace steelyard {

/// Classes of a score: class of x = how many of the cuts are below x.
struct ScoreClasses {
  std::vector<double> cuts;               ///< classes - 1, ascending
  std::vector<std::uint32_t> of_a, of_b;  ///< by cell
  std::size_t count() const { return cuts.size() + 1; }
};

/// Cuts at the k/K quantiles, inf{x: F(x) >= k/K}, of the scores with these weights by cell; an
/// empty span of weights leaves that sample out. Cost O(cells log cells).
ScoreClasses quantile_classes(std::span<const double> score_a, std::span<const double> weight_a,
                              std::span<const double> score_b, std::span<const double> weight_b,
                              std::size_t classes);

/// The stage of weights whose total in each class is the reference sample's, U_k = Σ_{A,k} a g -
/// Σ_{B,k} d: f is the weighted mean of z in the class. Exact for such weights, with the classes
/// taken as fixed. Classes with no weight are left out.
/// @param before  product of the factors of earlier stages, by cell of A
/// @param g       all factors together; the stage's own is g / before
WeightStage class_stage(const TwoSamples& samples, const ScoreClasses& classes,
                        std::span<const double> before, std::span<const double> g);

/// Odds against being a respondent, exp(-η), from a pooled logistic regression or the adjusted one.
Weights odds_weights(const TwoSamples& samples, const ParticipationFit& fit,
                     ParticipationEquation equation);

/// Key `propensity`: the logistic regression behind a score, on the pooled samples without weights,
/// or with the reference sample's. Both samples' people must be alike given the score. With weights
/// that needs no more than a right model; without, A's people with a score are like B's rows with
/// it, and are like the population's only if B's weights d do not vary among them.
ParticipationEquation read_score_equation(ConfigReader& config);

/// The stages of weights g that follow a score x'θ closely (matching, kernels), by way of an
/// expansion for smooth weights: w(s) = f_B(s)/f_A(s) of the score's densities, proportional to
/// exp(-s) in the model, so that
///   d Σ w z/dθ = -Σ_A w (z - m(s)) x,  m(s) = E(z|s),
/// and B's persons have the influence m(s_j). These are the odds' stage, with θ's equation, and
/// then one on classes of the score, whose means stand for m.
/// Source: Abadie & Imbens (2016), Econometrica 84, 781-807, theorem 1, for two samples.
void set_score_stages(const TwoSamples& samples, const ParticipationFit& fit,
                      ParticipationEquation equation, const CellIndex& index, Weights& weights);

/// The 0 < p < 1 quantile inf{x: F(x) >= p} and the standard deviation of the respondents' scores.
double score_quantile(std::span<const double> score, std::span<const double> weight, double p);
double score_sd(std::span<const double> score, std::span<const double> weight);

/// Counts of rows by cell, as weights.
std::vector<double> row_counts(const CellIndex& index);

}  // namespace steelyard
