#pragma once

// What random replicates are drawn from: units of each stage, resampled within their parents.

#include <numeric>
#include <span>
#include <vector>

#include "estimators/survey/replicates.hpp"

namespace steelyard {

/// Units of each parent of a stage, in one array.
struct Families {
  std::vector<std::uint32_t> first, unit;  ///< units of parent p: unit[first[p] ... first[p + 1])
  explicit Families(const DesignStage& stage) : first(stage.parents + 1, 0), unit(stage.units) {
    for (std::uint32_t p : stage.parent_of_unit) ++first[p + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (std::uint32_t u = 0; u < stage.units; ++u) unit[next[stage.parent_of_unit[u]]++] = u;
  }
};

/// Everything that random replicates draw from; shared by all replicates.
struct Resampler {
  const SurveyDesign& design;
  ReplicateOptions options;
  std::vector<Families> families;
  std::vector<std::vector<double>> above;  ///< by stage and parent: fraction product
  std::vector<double> unit_prob;           ///< of each primary unit, where they differ

  Resampler(const SurveyDesign& d, const ReplicateOptions& o);

  /// Factors of all rows in replicate r.
  void fill(std::size_t r, std::span<double> factor) const;

 private:
  /// Units within those drawn depend on how often these were.
  bool nested() const {
    return options.method == ReplicateMethod::preston ||
           options.method == ReplicateMethod::rao_wu_yue_beaumont;
  }
  StreamId stream(std::size_t replicate, std::size_t stage, std::size_t parent) const {
    return {*options.seed, purpose("replicate weights"),
            Replicate{static_cast<std::uint32_t>(replicate)},
            Unit{(std::uint64_t{stage} << 36) | parent}};
  }

  /// Part of the variance that is left of a unit's deviations at the first stage: 1 - π.
  double open(std::size_t s, std::size_t parent, std::size_t unit) const {
    if (s == 0 && !unit_prob.empty()) return 1 - unit_prob[unit];
    return above[s][parent] * (1 - design.stages()[s].fraction[parent]);
  }

  /// Deviation of each unit of a stage, mean 0, and how often (relative to its expectation) the
  /// unit was drawn.
  void deviations(std::size_t r, std::size_t s, std::vector<double>& a,
                  std::vector<double>& drawn) const;
};

}  // namespace steelyard
