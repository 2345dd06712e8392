#pragma once

// What an earlier run has left at an output, and what a run makes of it.

#include <memory>
#include <optional>
#include <string>

#include "cli/open_study.hpp"
#include "study/block_folder.hpp"
#include "study/ledger.hpp"

namespace steelyard {

class EarlierWork {
 public:
  enum class Meaning { refuse, replace, go_on };

  /// Looks for a result or a shard at `output`, and for finished blocks beside it.
  /// @throws UserError if there is any and `meaning` is refuse; for a result that cannot be read
  EarlierWork(std::string output, Meaning meaning);

  /// Of the work that is gone on with; nothing: there is none.
  std::optional<std::uint64_t> seed() const;
  std::optional<std::uint32_t> planned() const;
  /// Replicates of a result, which a run may not fall short of.
  std::uint32_t finished() const { return results_ ? results_->replicates : 0; }
  /// @throws UserError for another one than the work's
  void check_seed(std::uint64_t seed) const;

  /// Puts what is done, and valid for the study as it is now, into the ledger.
  /// @throws UserError if scenario, program version, conditions or shard are others, naming the
  /// difference
  void fill(const OpenStudy& study, const BlockManifest& now, ReplicateLedger& ledger, bool quiet);
  /// Whether a result is there that has all of the ledger.
  bool has_all(const ReplicateLedger& ledger) const;
  /// The folder for blocks, without those that are not valid any more.
  std::unique_ptr<BlockFolder> open_parts(const BlockManifest& now) const;

 private:
  std::string output_, parts_;
  Meaning meaning_;
  std::optional<StudyResults> results_;  ///< at the output
  std::optional<BlockManifest> blocks_;
  std::string blocks_at_;  ///< beside the output; of a finished shard: there
  /// Whether what is done stays valid with the estimators added since.
  bool keeps_results_ = true, keeps_blocks_ = true;
};

}  // namespace steelyard
