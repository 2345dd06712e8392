#pragma once

// What calibrations explain of an influence value. The one place where the stages of a weighting
// turn into its linearized variance, for respondents as for cells.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/reference_design.hpp"
#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {

/// Weighted least squares on blocks of columns: β = (X'DX + penalty)⁻¹ r; columns that depend on
/// those before them get β = 0.
class LeastSquares {
 public:
  LeastSquares(Auxiliary x, std::span<const double> d, std::span<const double> penalty);
  /// Columns of X × right sides.
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Auxiliary& x() const { return x_; }
  /// X is the indicators of one margin, so that X'DX is diagonal.
  bool one_margin() const { return !group_weight_.empty(); }
  /// @param right  r by column, β on return. Cost O(columns²).
  void solve(std::vector<double>& right) const;
  /// The same for several right sides.
  void solve(Eigen::Ref<Rows> right) const;

 private:
  Auxiliary x_;
  std::vector<double> group_weight_;  ///< a single margin: its groups' weights, the whole matrix
  std::vector<std::size_t> columns_;
  Eigen::LLT<Eigen::MatrixXd> cholesky_;
};

/// Projection on the calibration variables of one stage, x'β with
/// β = (X'DQX + penalty)⁻¹ X'DQ z and the weights D before that stage.
/// Source: Deville & Särndal (1992), JASA 87, 376-382, section 3.4.
/// Where a column holds the predictions of a model that was fitted in the same sample, its
/// coefficients' own error adds d_i r_i h_i to d_i g_i (z_i - x_i'β) (linearization of both
/// estimating equations; Binder 1983, International Statistical Review 51, 279-292):
///   h = p'M⁻¹c,  M = Σ d μ' p p',  c = β_m d(T - Σ w μ)/db + λ_m Σ d μ' p (z - x'β),
/// column m, model coefficients b, residuals r = y - μ. What is fitted is then x'β - r h / g.
class Projection {
 public:
  /// @param d  sum of the weights before the stage, by cell
  /// @param g  the stage's factor, by cell
  Projection(const WeightStage& stage, std::span<const double> d, std::span<const double> g);
  bool none() const { return !squares_; }
  /// It is x'β alone, without a model's error.
  bool plain() const { return squares_ && model_ == nullptr; }
  const LeastSquares& squares() const { return *squares_; }
  std::span<const double> q() const { return q_; }                    ///< by cell; empty: 1
  std::span<const double> covariance() const { return covariance_; }  ///< of targets; empty: 0
  /// What the stage explains of each cell from s_c = Σ_{i in c} d_i z_i. Cost O(cells × blocks +
  /// columns²).
  /// @return β'Vβ, the variance that the targets' own errors add (0: known exactly)
  double fit(std::span<const double> s, std::vector<double>& fitted) const;

 private:
  void add_model_error(std::span<const double> s, const std::vector<double>& beta,
                       std::vector<double>& fitted) const;

  std::optional<LeastSquares> squares_, model_squares_;
  std::span<const double> q_, covariance_, g_;
  std::vector<double> d_;  ///< kept for a model only
  const AssistingModel* model_ = nullptr;
};

/// What the coefficients of a stage's factor add where they solve an equation in two samples
/// (ReferenceEquation): with b = J'⁻¹ Σ_A d (dg/dη) z x,
///   Σ d g z ≈ Σ_A d (g z + u x'b) - Σ_B d v x'b,
/// so that f = -u x'b / g is fitted, and B's rows have the influence -v x'b. Where equations are
/// combined, each adds its own of b'K_m.
/// Source: Chen, Li & Wu (2020), JASA 115, 2011-2021, theorem 1, for any such equation (Binder
/// 1983).
class EquationProjection {
 public:
  /// @param g  the stage's factor, by cell
  EquationProjection(const WeightStage& stage, std::size_t cells, std::span<const double> g);
  /// @param s          s_c = Σ_{i in c} d_i z_i
  /// @param reference  by row of B; its influence is added
  void fit(std::span<const double> s, std::vector<double>& fitted,
           std::vector<double>& reference) const;

 private:
  Auxiliary x_, reference_x_;
  /// Takes u x'b off the factor's residuals and v x'b off the reference sample's.
  void add_moment(std::span<const double> b, std::span<const double> score,
                  std::span<const double> reference_score, std::vector<double>& fitted,
                  std::vector<double>& reference) const;

  const ReferenceEquation* equation_;
  std::span<const double> g_;
  std::vector<std::size_t> columns_;
  Eigen::PartialPivLU<Eigen::MatrixXd> transposed_;
};

/// What the errors of benchmarks and of a reference sample add to a variance.
struct TargetErrors {
  double variance = 0;
  /// V_B²/df_B of a reference sample B that stages' equations refer to; nothing without one.
  std::optional<double> reference_spread;
};

/// Degrees of freedom of V = V_A + the targets' errors: V²/(V_A²/df + V_B²/df_B), errors of
/// benchmarks without error of their own; df itself without a reference sample.
/// Source: Satterthwaite (1946), Biometrics Bulletin 2, 110-114.
double degrees_of_freedom(double sampling, double df, const TargetErrors& targets);

/// The linearized total of a weighting in stages s = 1 ... S with factors g_s. Stage S has
/// Σ w_S z = t'β_S + Σ w_{S-1} g_S (z - x'β_S), which is stage S-1's total of another variable, so
/// from last to first z <- g_s (z - x_s'β_s); a stage without calibration variables: z <- g_s z.
/// With k the first calibrated stage and all sums by cell this comes to
///     Σ a_i (t_c z_i - f_c),   a = weights after stage k,   t = g_{k+1} ... g_S,
/// for one calibration a = w, t = 1, f = x'β. Errors of different stages' targets are taken as
/// independent. The weights must outlive it.
class Residuals {
 public:
  /// @param d  sum of base weights of each cell
  Residuals(const Weights& weights, std::span<const double> d);
  bool none() const { return steps_.empty(); }
  /// The only calibration, if there is one stage and nothing but x'β to it; else null.
  const Projection* only() const;
  /// a_i / d_i, by cell.
  std::span<const double> first() const { return first_; }
  /// t, by cell; empty: all 1.
  std::span<const double> later() const { return later_; }
  /// f of each cell from s_c = Σ_{i in c} d_i z_i (z as it is, not multiplied by t).
  /// @param reference  by row of the reference sample: an influence beside that of the stages;
  ///                   empty: none
  /// df_B, of V_B = Σ e² with the design's deviations e of B's n_B units in H strata, is
  /// 2 V_B²/(Σ e⁴ - V_B²/n_B) × (n_B - H)/n_B, at most n_B - H, which it is for normal e of equal
  /// variance: the variance of V_B from the contributions themselves.
  /// Source: Valliant & Rust (2010), J. Official Statistics 26, 585-602.
  TargetErrors fit(std::span<const double> s, std::vector<double>& fitted,
                   std::span<const double> reference = {}) const;

 private:
  struct Step {
    Projection projection;
    std::optional<EquationProjection> equation;  ///< in place of the projection
    std::span<const double> factor;
    std::vector<double> before;  ///< product of the factors before it, by cell; empty: 1
    std::vector<double> since;   ///< product of factors after stage k up to this one; empty: 1
  };
  std::vector<Step> steps_;  ///< stages k ... S
  std::vector<double> d_;    ///< kept for several stages only
  std::vector<double> product_, later_;
  std::span<const double> first_;
  std::shared_ptr<const ReferenceSample> reference_;
  std::optional<ReferenceDesign> reference_design_;
};

}  // namespace steelyard
