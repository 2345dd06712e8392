#pragma once

// How far an estimate may be off by selection on the answer itself, as a function of a dial φ: at 0
// the answer is missing at random given the covariates' proxy, at 1 selection depends on the answer
// alone.

#include <optional>

#include "estimators/bias_indices/proxy.hpp"
#include "estimators/bias_indices/tipping.hpp"

namespace steelyard {

/// Bias of the respondents' mean of y under a normal pattern-mixture model.
struct MeanBias {
  IndexEstimate correlation;  ///< ρ of the answer with its proxy: below 0.3 the indices say little
  IndexEstimate mub[3];       ///< at φ = 0, ½, 1, in units of y
  IndexEstimate standardised[3];  ///< SMUB: divided by the respondents' standard deviation
};
inline constexpr double kBiasDials[] = {0.0, 0.5, 1.0};

/// MUB(φ) = g(φ)/ρ (mean y - population mean of x'β), g = (φ + (1 - φ)ρ)/(φρ + 1 - φ).
/// Fails: as ProxyFit, unsupported (a constant answer, fewer than 3 of them).
/// Cost O(n + cells columns²). Source: Little, West, Boonstra & Hu (2020), J. Survey Statistics and
/// Methodology 8, 932-964.
Result<MeanBias> bias_of_mean(const ProxyData& data);

/// Bias of the respondents' share, from the proxy of a normal variable behind the answer.
struct ShareBias {
  IndexEstimate correlation;  ///< biserial
  IndexEstimate mubp[3];      ///< at φ = 0, ½, 1, as a share
  std::vector<Failure>
      failures;  ///< of a φ with a negative variance outside the sample: mubp is NaN
};

/// MUBP(φ) = share - [f share + (1 - f) Φ(μ₀/σ₀)], f the respondents' part of the population, with
/// μ₀ = Φ⁻¹(share) + g (m₀ - m₁)/s₁, σ₀² = 1 + g² (s₀² - s₁²)/s₁² of the others' proxy (m₀, s₀).
/// @param population  persons
/// Fails: as ProxyFit, unsupported (no reference sample: the proxy's variance in the population is
/// not known; all answers alike). Source: Andridge, West, Little, Boonstra & Alvarado-Leiton
/// (2019), J. Royal Statistical Society C 68, 1465-1483, with their two-step biserial correlation.
Result<ShareBias> bias_of_share(const ProxyData& data, double population);

/// φ at which the mean without that bias is `target`; nothing: never from 0 to 1.
struct TippingDial {
  std::optional<IndexEstimate> phi;
  double at_zero = 0, at_one = 0;  ///< the corrected means there
};
Result<TippingDial> tipping_dial(const ProxyData& data, double target);

}  // namespace steelyard
