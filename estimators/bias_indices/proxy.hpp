#pragma once

// The respondents' answer y, covariates x of respondents and population, and the best predictor of
// y from x: what the pattern-mixture indices of selection bias are made of.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "estimators/survey/reference_design.hpp"
#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

/// Rows with an answer; the first column of X is 1.
struct ProxyData {
  const Auxiliary* x = nullptr;            ///< by cell of the respondents
  std::span<const std::uint32_t> cell_of;  ///< n
  std::span<const double> y, weight;       ///< n: answers, base weights > 0
  /// Population means of X's columns, known exactly. Used where `samples` is null.
  std::vector<double> means;
  /// The reference sample that estimates them, whose `a` is X. Null: there is none.
  const TwoSamples* samples = nullptr;
};

/// A number with its linearization: what each respondent and each row of the reference sample adds.
struct Linearized {
  double value = 0;
  std::vector<double> a, b;  ///< n; rows of the reference sample (empty without one)
};

/// Adds factor times the linearization; the value is left to the caller.
void add_scaled(Linearized& to, const Linearized& from, double factor);

/// Variance: respondents drawn with replacement, n/(n - 1) Σ (a_i - mean)²; the reference sample by
/// its design, which is made once.
class LinearizedVariance {
 public:
  explicit LinearizedVariance(const ProxyData& data);
  double operator()(const Linearized& x) const;

 private:
  std::optional<ReferenceDesign> reference_;
};

/// Linear predictor x'β of the answer and its moments, each with its linearization. Moments have
/// divisor Σ weight.
struct Proxy {
  std::vector<double> beta;       ///< by column of X; 0 where it depends on those before it
  std::vector<double> of_cell;    ///< x'β of the respondents' cells
  std::vector<double> reference;  ///< x'β of the reference sample's cells
  Linearized mean_y, var_y;
  Linearized mean, var;  ///< of the proxy among the respondents
  Linearized population_mean;
  Linearized population_var;  ///< with a reference sample only
};

/// β̂ with its estimating equation, so that whatever depends on it can be linearized.
class ProxyFit {
 public:
  /// Ordinary (weighted) least squares of y on x; for a share the probit regression.
  /// Fails: singular_matrix (nothing varies), no_convergence (the covariates separate the answers).
  static Result<ProxyFit> linear(const ProxyData& data);
  static Result<ProxyFit> probit(const ProxyData& data);

  const Proxy& proxy() const { return proxy_; }
  const ProxyData& data() const { return *data_; }
  /// Linearization of derivative'β̂.
  void add_beta(Linearized& to, std::span<const double> derivative, double factor = 1) const;
  /// Respondents' w_i/Σw.
  std::span<const double> share() const { return share_; }
  std::span<const double> share_of_cell() const { return cell_share_; }

 private:
  explicit ProxyFit(const ProxyData& data);
  std::optional<Failure> solve_linear();
  std::optional<Failure> solve_probit();
  void describe();

  const ProxyData* data_;
  Proxy proxy_;
  std::vector<double> share_, cell_share_;
  std::vector<double> residual_;  ///< by row: β's score without x, w_i/Σw included
  std::vector<std::size_t> columns_;
  Eigen::LLT<Eigen::MatrixXd> information_;
};

}  // namespace steelyard
