#pragma once

// Trimming: a stage after any weighting that cuts extreme weights and says what became of the
// weight that was cut off.

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "estimators/weighting/weighting.hpp"

namespace steelyard {

enum class TrimRule {
  once,      ///< cut; what is cut off goes in equal parts to the weights inside (may exceed again)
  strict,    ///< the same repeated until all are inside; only weights never cut take over
  truncate,  ///< cut; the total falls, and the loss is stated
  calibrated,  ///< inside the calibration: every margin and every cap hold at once
};

struct TrimResult {
  std::size_t cut = 0;  ///< respondents whose weight was cut
  double lost = 0;      ///< total weight that was not given to others
};

/// Cuts weights to [lower, upper] and redistributes (any rule but `calibrated`). Each entry stands
/// for `respondents` equal weights. Fails: unsupported if nobody is left to take what was cut off.
/// Source: Potter & Zheng (2015), JSM Proc., 2707-2721; once and strict as in Lumley (2010),
/// Complex Surveys, section 7.
Result<TrimResult> trim(std::vector<double>& weight, std::span<const std::uint32_t> respondents,
                        double lower, double upper, TrimRule rule);

/// Weighted by how many respondents have it: the p-quantile of the weights.
double weight_quantile(std::span<const double> weight, std::span<const std::uint32_t> respondents,
                       double p);

/// Kish's design effect of the weights, n Σw² / (Σw)².
double kish_deff(std::span<const double> weight, std::span<const std::uint32_t> respondents);

/// `inner` with the trimming options read from the same table; `inner` itself if none is given.
std::unique_ptr<const Weighting> with_trimming(std::unique_ptr<const Weighting> inner,
                                               ConfigReader& config);

}  // namespace steelyard
