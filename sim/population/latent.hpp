#pragma once

// The continuous truth behind a bucketed answer: a law per group, drawn inside the bucket by
// inverse CDF through tables, so that bucket shares stay exact.

#include <cstdint>
#include <vector>

#include "core/scenario.hpp"
#include "sim/population/junction_tree.hpp"

namespace steelyard {

/// Inverse CDF within each (group, bucket), linear between 256 nodes; an open bucket's last
/// interval has 256 nodes of its own, up to the quantile 1 - 2^-17 of the bucket.
/// The stated means are those of the tables, so draws and truth agree exactly; against the family
/// itself a lognormal's open-bucket mean is low by less than 0.02 % for sigma up to 1.
class LatentLaw {
 public:
  /// Fits the family to the bucket shares of each group by interval-censored maximum likelihood.
  /// @param law  where the bucket shares come from
  LatentLaw(const LatentSpec& spec, const JunctionTree& law);

  VariableId variable() const { return variable_; }
  const std::vector<VariableId>& group() const { return group_; }
  std::size_t groups() const { return groups_; }

  /// Mean in one bucket of one group, in the variable's unit.
  double mean(std::size_t group, std::size_t bucket) const {
    return means_[group * buckets_ + bucket];
  }

  /// Variance in one bucket of one group.
  double variance(std::size_t group, std::size_t bucket) const {
    return squares_[group * buckets_ + bucket] - mean(group, bucket) * mean(group, bucket);
  }

  /// The value at a 32-bit uniform word.
  double draw(std::size_t group, std::size_t bucket, std::uint32_t word) const {
    const double* nodes = &nodes_[(group * buckets_ + bucket) * kTable];
    double t = (static_cast<double>(word) + 0.5) * (kNodes * 0x1p-32);
    auto j = static_cast<std::size_t>(t);
    if (j == kNodes - 1) {
      t = (t - (kNodes - 1)) * kNodes;
      nodes += kNodes;
      j = static_cast<std::size_t>(t);
    }
    const double f = t - static_cast<double>(j);
    return nodes[j] + f * (nodes[j + 1] - nodes[j]);
  }

  struct Parameters {
    double location = 0, scale = 0, log_likelihood = 0;
  };
  /// Fitted parameters of a group (family lognormal: of the logarithm).
  const Parameters& parameters(std::size_t group) const { return parameters_[group]; }

 private:
  static constexpr std::size_t kNodes = 256;
  static constexpr std::size_t kTable =
      2 * kNodes + 1;  ///< kNodes nodes, then kNodes + 1 of the last interval

  void tabulate(std::size_t group, std::size_t bucket, const std::vector<double>& coarse,
                const std::vector<double>& fine);
  void fit_family(const LatentSpec& spec, const Variable& v, std::size_t group,
                  const std::vector<double>& shares);
  void take_density(const LatentSpec& spec, const Variable& v, std::size_t group,
                    const std::vector<LevelCode>& codes);

  VariableId variable_;
  std::vector<VariableId> group_;
  std::size_t groups_ = 0, buckets_ = 0;
  std::vector<double> nodes_, means_, squares_;
  std::vector<Parameters> parameters_;
};

}  // namespace steelyard
