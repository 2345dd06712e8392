#pragma once

// What all designs with probabilities proportional to size share: the probabilities, and the units
// that are certain taken out before anything is drawn.

#include "sim/designs/design.hpp"

namespace steelyard {

/// π_k = n x_k / Σx; units that reach 1 are taken for certain and the rest shares what is left of
/// n, until none reaches 1.
/// @param size  N sizes >= 0
/// @return N probabilities in [0, 1] that sum to n
/// Fails: unsupported (a size that is negative or not finite, n above the number of positive
/// sizes). Cost O(N × rounds). Source: Särndal, Swensson & Wretman (1992), section 3.6.1.
Result<std::vector<double>> inclusion_probabilities(std::span<const double> size, std::size_t n);

/// A way to draw from units with 0 < π < 1 whose sum is a whole number n >= 1. Immutable.
class PpsSampler {
 public:
  virtual ~PpsSampler() = default;
  /// @param chosen  filled with positions among the units, in any order, each once
  virtual void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const = 0;
  virtual Result<JointProbabilities> joint() const = 0;
};

using MakePpsSampler = std::unique_ptr<const PpsSampler> (*)(std::vector<double> probability,
                                                             std::size_t n);

/// The design of a sampler: reads option `n` and the frame's sizes.
std::unique_ptr<const SamplingDesign> make_pps_design(ConfigReader& config,
                                                      const DesignFrame& frame,
                                                      MakePpsSampler make);

/// Position in `points` (cumulated probabilities of M units) of n equal steps from `start`:
/// the systematic sample of units in their order. Each unit at most once, exactly n units.
/// @param cumulated  M cumulated probabilities, the last one n
/// @param start      in [0, 1)
void systematic_positions(std::span<const double> cumulated, std::size_t n, double start,
                          std::vector<std::uint32_t>& chosen);

/// Running sums; the last one is set to n, which it is up to rounding.
std::vector<double> cumulate(std::span<const double> probability, std::size_t n);

}  // namespace steelyard
