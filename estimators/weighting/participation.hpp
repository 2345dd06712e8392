#pragma once

// Models of participation: P(person is among the respondents | x) = π(x'θ), from the respondents A
// and a reference sample B with design weights d.

#include <Eigen/Dense>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

enum class Link { logit, probit, cloglog };

/// What θ solves; a the base weights of A (1 without any).
enum class ParticipationEquation {
  /// Σ_A a f/(F(1-F)) x = Σ_B d f/(1-F) x, for the logit Σ_A x = Σ_B d π x: the pseudo-likelihood.
  /// Source: Chen, Li & Wu (2020), JASA 115, 2011-2021, section 2.
  pseudo_likelihood,
  /// Σ_A a x/π = Σ_B d x: weights 1/π meet the totals that B estimates.
  /// Source: Kim & Riddles (2012), Survey Methodology 38, 157-165; Chen, Li & Wu (2020), section 6.
  calibrated,
  /// Logistic regression of being in A on the pooled samples without weights; its p is taken for
  /// π. Known to be wrong unless B has everybody: shown because it is often done.
  pooled,
  /// The same with B's weights: p/(1 - p) = π, so that π = exp(x'θ).
  /// Source: Wang, Valliant & Li (2021), Statistics in Medicine 40, 5237-5250.
  adjusted_logistic,
};

/// Everything of one value of η = x'θ that solver, weights and variance need.
struct ParticipationTerms {
  double u = 0, du = 0;  ///< U = Σ_A a u x - Σ_B b v x, b = d (pooled: 1); derivatives by η
  double v = 0, dv = 0;
  double g = 0, dg = 0;  ///< weight factor 1/π
  double pi = 0;
};
ParticipationTerms participation_terms(ParticipationEquation equation, Link link, double eta);

struct ParticipationFit {
  std::vector<double> theta;          ///< by column; 0 where it depends on those before it
  std::vector<double> eta_a, eta_b;   ///< by cell
  Eigen::MatrixXd jacobian;           ///< -dU/dθ; zero rows and columns where θ is left out
  std::vector<std::size_t> columns;   ///< that are in the model
  std::vector<std::string> left_out;  ///< terms that follow from those before them
  int iterations = 0;
};

/// Newton's method with step halving. Fails: no_convergence (separation: the coefficient that runs
/// off is named), singular_matrix, infeasible (more respondents than the reference sample's design
/// weights sum to, overall or with a level). Cost O(cells × terms²) an iteration, about six.
Result<ParticipationFit> fit_participation(const TwoSamples& samples,
                                           ParticipationEquation equation, Link link);

/// Weights 1/π with what their variance needs. Respondents with base weights a stand for a people
/// each before, so that π/a is their own probability of being in the sample.
Weights participation_weights(const TwoSamples& samples, const ParticipationFit& fit,
                              ParticipationEquation equation, Link link);

}  // namespace steelyard
