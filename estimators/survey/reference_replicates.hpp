#pragma once

// A reference sample in replicates: under other weights, and drawn again beside the respondents.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/sample.hpp"
#include "estimators/survey/replicates.hpp"

namespace steelyard {

/// The reference sample with its weights times `factor`; rows whose weight is then zero are left
/// out. Calibrated weights are calibrated again. @param factor  n factors >= 0
/// @param kept  filled with the rows that stay. Fails as calibrate_reference. Cost O(n variables)
Result<std::shared_ptr<const ReferenceSample>> resampled(const ReferenceSample& from,
                                                         std::span<const double> factor,
                                                         std::vector<std::uint32_t>& kept);

/// Places in `kept` (ascending) of those of `rows` (ascending) that are among them.
std::vector<std::uint32_t> places_of(std::span<const std::uint32_t> rows,
                                     std::span<const std::uint32_t> kept);

/// Replicates of a reference sample by its own design: strata, primary units. JK1 is JKn in strata;
/// the bootstrap of primary units that were drawn without replacement is Rao-Wu-Yue-Beaumont's.
/// Fails as make_replicates, saying that it is the reference sample's design.
Result<ReplicateDesign> reference_replicates(const ReferenceSample& reference,
                                             const ReplicateOptions& options);

/// Whether replicates of two samples may run side by side.
enum class Joining {
  one_after_another,  ///< each sample's replicates leave the other sample as it was drawn
  side_by_side,       ///< both are drawn again in each; needs draws that are independent
};

/// Replicates of respondents together with those of a reference sample. The samples are
/// independent, so that their variances add up. Side by side where that is allowed and number and
/// constants are the same; otherwise the reference sample's follow the respondents', and
/// deviations are from the full-sample estimate. Degrees of freedom are the smaller of the two:
/// those of a sum of variances are never less (Satterthwaite 1946, Biometrics Bulletin 2, 110-114).
/// @pre neither has fill_reference; `own` gives factors, not final weights
ReplicateDesign join_replicates(ReplicateDesign own, ReplicateDesign reference, Joining joining);

/// A reference sample from one replicate to the next.
class ReferenceResampler {
 public:
  /// @param reference  null, or a design without fill_reference: there is nothing to draw again
  ReferenceResampler(std::shared_ptr<const ReferenceSample> reference,
                     const ReplicateDesign& design);
  /// Sets the reference sample of `benchmarks` to that of replicate r. Fails: unsupported (a factor
  /// below zero, as `generalized` can give).
  std::optional<Failure> set(std::size_t r, Benchmarks& benchmarks);
  /// Its rows that are in the replicate.
  std::span<const std::uint32_t> kept() const { return kept_; }

 private:
  std::shared_ptr<const ReferenceSample> reference_;
  const ReplicateDesign* design_;
  std::vector<double> factor_;
  std::vector<std::uint32_t> kept_;
};

}  // namespace steelyard
