#pragma once

// Rules made of families fitted by maximum likelihood: which of the fits, and what law they make.

#include <memory>

#include "estimators/buckets/family_fits.hpp"

namespace steelyard {

enum class Choice {
  one,      ///< one family
  average,  ///< ten, by their weights
  best      ///< the one of ten of smallest criterion
};
/// What becomes of the fits: their own laws (averages are of statistics), or the law with their
/// density within buckets and the observed masses (calibrated.hpp).
enum class Within { fitted, calibrated };

struct FittedOptions {
  Choice choice = Choice::one;
  std::size_t family = 0;  ///< of Choice::one, in ml_families()
  Criterion criterion = Criterion::aic;
  /// MeanUse::matched: fits of the known mean; calibrated, fits without and a law tilted to it.
  MeanUse mean = MeanUse::ignored;
  Within within = Within::fitted;
};

/// `nearby` of its fits follows the fitted parameters and weights along their derivatives, so that
/// nothing is fitted again; empty where the likelihood has no sharp maximum.
std::unique_ptr<const BucketRule> make_fitted_rule(const FittedOptions& options);

template <FittedOptions kOptions>
std::unique_ptr<const BucketRule> make_fitted() {
  return make_fitted_rule(kOptions);
}

}  // namespace steelyard
