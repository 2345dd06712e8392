#pragma once

// Designs of fixed size n with P(s) ∝ Π_{k in s} p_k/(1 - p_k) × (a + Σ_{k in s} v_k): conditional
// Poisson (a = 1, v = 0) and Sampford (a = 0, v_k = 1 - p_k), exact and without rejection.

#include "sim/designs/design.hpp"

namespace steelyard {

/// Works on Poisson-binomial probabilities of how many of the first, or of the last, units are
/// selected. All terms are positive: nothing cancels.
/// Source: Chen, Dempster & Liu (1994), Biometrika 81, 457-469 (conditional Poisson);
/// Sampford (1967), Biometrika 54, 499-513, in the form of Tille (2006), section 5.6.
class ConditionalPoisson {
 public:
  /// @param p  M values in (0, 1) with a sum near n, so that the tables stay in range
  /// @param v  M values >= 0, or empty for all 0
  /// Cost O(M n) time and memory (twice with v).
  ConditionalPoisson(std::vector<double> p, std::vector<double> v, double a, std::size_t n);

  std::size_t units() const { return p_.size(); }
  /// π_k; cost O(M n).
  std::vector<double> first_order() const { return first_order_given(units()); }
  /// π_kl; cost O(M² n).
  JointProbabilities joint() const;
  /// One pass over the units; cost O(M).
  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const;
  /// log of the sum of Π p/(1-p) × (a + Σ v) over all samples of n.
  double log_constant() const;

 private:
  /// Table t[i][j], i = 0 ... M and j = 0 ... n: plain (of 1) and with Σ v.
  struct Table {
    std::vector<double> plain, with_v;
  };
  double at(const std::vector<double>& t, std::size_t i, std::size_t j) const {
    return t[i * (n_ + 1) + j];
  }
  Table forward(std::size_t without) const;
  Table backward(std::size_t without) const;
  /// One more unit k before or after those of row `from`, into row `to`.
  void extend(Table& t, std::size_t from, std::size_t to, std::size_t k, bool skip) const;
  /// P(l in s | k in s) for all l; k = M: P(l in s).
  std::vector<double> first_order_given(std::size_t k) const;

  std::vector<double> p_, v_;
  double a_;
  std::size_t n_;
  Table backward_;
};

/// The p of the conditional Poisson design of size n whose inclusion probabilities are π: the
/// design of maximum entropy. Concave maximisation of Σ π log(p/(1-p)) - log constant, scaled by an
/// approximate Hessian; |π(p) - π|∞ ≤ 1e-12.
/// Fails: no_convergence. Cost O(M n) a step, 5 to 30 steps.
/// Source: Chen, Dempster & Liu (1994), theorem 1 and section 2.
Result<std::vector<double>> maximum_entropy_parameters(std::span<const double> probability,
                                                       std::size_t n);

}  // namespace steelyard
