#pragma once

// Which replicates of a study are done, and what they gave.

#include <span>
#include <vector>

#include "study/block.hpp"

namespace steelyard {

/// Replicates 0 to R - 1 of a study, each absent, complete, or with some of the estimators still to
/// be made. Memory: as the replicates themselves. Not thread-safe.
class ReplicateLedger {
 public:
  /// @param estimators  names of the study's estimators, all different
  ReplicateLedger(Texts estimators, std::uint32_t replicates);

  const Texts& estimators() const { return estimators_; }
  std::uint32_t replicates() const { return static_cast<std::uint32_t>(slots_.size()); }

  /// Takes the numbers of all estimators that this replicate still lacks; what it has already is
  /// kept. Replicates beyond the study's are passed over.
  /// @param estimators  of the results, by name; those that the study does not have are left out
  void add(const Texts& estimators, std::uint32_t replicate, const ReplicateResults& results);
  void add(const Block& block);

  bool complete(std::uint32_t replicate) const;
  bool complete_block(std::uint32_t block) const;
  /// By estimator: 1 if it is still to be made; empty: all are.
  std::span<const std::uint8_t> missing(std::uint32_t replicate) const;
  /// How many from replicate 0 on are complete without a gap.
  std::uint32_t leading() const;
  /// How many are complete, and how many have some of the estimators.
  std::uint32_t completed() const;
  std::uint32_t begun() const;

  const ReplicateResults& at(std::uint32_t replicate) const { return slots_[replicate].results; }
  /// The complete replicates of a block, to be kept.
  Block block(std::uint32_t number, const std::string& study) const;
  /// Moves the first replicates out; the ledger is empty then.
  std::vector<ReplicateResults> take(std::uint32_t replicates);

 private:
  struct Slot {
    ReplicateResults results;
    bool begun = false;
    std::vector<std::uint8_t> missing;  ///< by estimator; empty once complete
  };
  const std::vector<std::size_t>& positions(const Texts& estimators);

  Texts estimators_;
  std::vector<Slot> slots_;
  Texts source_;                       ///< whose positions are known
  std::vector<std::size_t> position_;  ///< of the source's estimators; kNowhere: not of the study
};

/// Columns of a finished study's results as replicates, with the estimators' names.
/// @throws UserError if the results are of a format that does not have all of it
std::vector<ReplicateResults> replicates_of(const StudyResults& results);

/// Fills what each simulated survey would have printed (StudyResults::survey_*).
/// @param numbers  identifiers of the published numbers, by position in ReplicateResults::published
void record_survey(const std::vector<ReplicateResults>& replicates, Texts numbers,
                   StudyResults& results);

}  // namespace steelyard
