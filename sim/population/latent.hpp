#pragma once

// The continuous truth behind a bucketed answer: a law per group, drawn inside the bucket by
// inverse CDF through tables, so that bucket shares stay exact.

#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "core/size_distribution.hpp"
#include "sim/population/junction_tree.hpp"

namespace steelyard {

/// Respondents behind a scenario's shares: those reported, else those drawn; at least 1.
double survey_size(const Scenario& scenario);

/// What was fitted in one group.
struct LatentFit {
  std::optional<IntervalFit> fit;    ///< nothing: an empty group, or a density
  std::optional<double> tail_index;  ///< of the open bucket, where it is not the family's own tail
  double weight = 0;                 ///< the group's share of all persons
  std::vector<double> shares;        ///< of the buckets, in the group
  double table_error = 0;            ///< largest relative error of a bucket's mean, see LatentLaw
};

/// Inverse CDF within each (group, bucket): linear between 256 nodes, the last interval again
/// between 256. An open bucket has 32 nodes in each octave of its upper tail probability; its 32
/// rarest words of 2^32 have the means of their intervals: so no tail is cut off.
/// The stated means are those of the tables, so draws and truth agree exactly; `table_error` says
/// how far they are from the family's: at most 2e-4 in open buckets, 1e-3 in closed ones
/// (tests/sim/latent_test.cpp).
class LatentLaw {
 public:
  /// Fits the family to the bucket shares of each group by interval-censored maximum likelihood
  /// (family best: the one of lowest AIC among those that converge and have a mean).
  /// @param law           where the bucket shares come from
  /// @param observations  persons behind those shares, for AIC and standard errors
  /// @throws UserError naming the group where the family has too many parameters, does not
  ///         converge, or gives the open bucket no mean
  LatentLaw(const LatentSpec& spec, const JunctionTree& law, double observations);

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
    if (bucket == open_bucket_) {
      const double* node = &tails_[group * kTail + tail_node(~word)];
      const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(~word) + 0.5);
      return node[0] + static_cast<double>(bits & ((std::uint64_t{1} << 47) - 1)) * 0x1p-47 *
                           (node[1] - node[0]);
    }
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

  /// Share of a bucket's values at or below x: the inverse of draw, as the tables have it. Of an
  /// open bucket the 32 rarest words of 2^32 count as above every x.
  double share_below(std::size_t group, std::size_t bucket, double x) const;
  /// Where share_below leaves 0, and where it stops rising.
  double smallest(std::size_t group, std::size_t bucket) const;
  double largest(std::size_t group, std::size_t bucket) const;

  const LatentFit& fit(std::size_t group) const { return fits_[group]; }
  /// Levels of the group variables, in words: "status=employed & sex=male".
  std::string describe(const Schema& schema, std::size_t group) const;

 private:
  static constexpr std::size_t kNodes = 256;
  static constexpr std::size_t kTable =
      2 * kNodes + 1;  ///< kNodes nodes, then kNodes + 1 of the last interval
  static constexpr std::size_t kOctave = 32, kTail = 33 * kOctave + 1;
  static constexpr std::size_t kResolved = 6 * kOctave;  ///< node of the tail probability 2^-27

  /// The node at or below the tail probability (word + 1/2) 2^-32: the exponent and the first five
  /// bits of the mantissa. The other bits are the way to the next node.
  static std::size_t tail_node(std::uint32_t word) {
    const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(word) + 0.5);
    return (bits >> 47) - (std::uint64_t{1022} << 5);
  }

  std::vector<LevelCode> codes_of(const Schema& schema, std::size_t group) const;
  void tabulate(std::size_t group, std::size_t bucket, const std::function<double(double)>& value);
  /// @param value  at an upper tail probability; @param beyond  mean above that probability
  void tabulate_tail(std::size_t group, const std::function<double(double)>& value,
                     const std::function<double(double)>& beyond);
  void fit_family(const LatentSpec& spec, const Schema& schema, std::size_t group,
                  const std::vector<double>& shares, double observations);
  void take_density(const LatentSpec& spec, const Schema& schema, std::size_t group,
                    const std::vector<double>& shares);
  bool take_tail(const LatentSpec& spec, const Schema& schema, std::size_t group,
                 const std::vector<double>& shares);
  void note_error(std::size_t group, std::size_t bucket, double exact);

  VariableId variable_;
  std::vector<VariableId> group_;
  std::size_t groups_ = 0, buckets_ = 0;
  std::size_t open_bucket_ = std::numeric_limits<std::size_t>::max();
  std::vector<double> nodes_, tails_, means_, squares_;
  std::vector<LatentFit> fits_;
};

/// How well a family describes all groups of a latent law, and what it would say of the mean.
struct FamilyComparison {
  Family family;
  std::size_t parameters = 0;  ///< of all groups
  std::size_t not_ok = 0;      ///< groups whose fit is at a boundary or did not converge
  double aic = 0;              ///< summed over the groups
  double mean = 0;             ///< with the buckets' own shares; infinite if a group has none
};

/// Every family of "best", fitted to every group; in order of AIC. Empty for a density.
std::vector<FamilyComparison> compare_families(const LatentLaw& law, const Schema& schema,
                                               double observations);

}  // namespace steelyard
