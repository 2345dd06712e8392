#pragma once

// Runs the replicates of a study that are not done yet, block by block: on all cores, and on all
// processes of a run. The numbers depend on none of that.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "study/ledger.hpp"
#include "study/ranks.hpp"
#include "study/session.hpp"

namespace steelyard {

/// Set from elsewhere: no block is begun any more, those under way are finished.
struct StopRequest {
  std::atomic<bool> heeded{false};  ///< whether somebody looks at it
  std::atomic<int> signal{0};       ///< 0: go on
  std::atomic<bool> silent{false};  ///< another process tells the user
};

struct RunSettings {
  std::uint32_t replicates = 0;
  int threads = 0;  ///< 0: all cores
  Shard shard;
  /// Keeps a block that is complete; called by workers, for different blocks at the same time.
  std::function<void(const Block&)> keep = {};
  std::string study = {};  ///< fingerprint of blocks
  StopRequest* stop = nullptr;
  /// Whether the first `replicates` of the ledger are enough, and why; asked in the order of
  /// replicates, from `enough_from` on, after every kUntilBlocks blocks (from 2,048 replicates on
  /// after every sixteenth to thirty-second part of those done).
  std::function<std::optional<std::string>(const ReplicateLedger&, std::uint32_t replicates,
                                           const StudyResults& described)>
      enough = {};
  std::uint32_t enough_from = 0;
  Ranks* ranks = nullptr;  ///< null: this process alone
};

/// Blocks between two looks at the stopping rule, at least: 64 replicates.
inline constexpr std::uint32_t kUntilBlocks = 4;

/// How a run ended.
struct RunEnd {
  enum class Why { complete, enough, interrupted };
  Why why = Why::complete;
  std::uint32_t replicates = 0;  ///< without a gap from 0 on; of a shard: all of its own
  std::string reason;            ///< of the stopping rule
};

/// Runs what the ledger lacks. The first exception of a replicate or of `keep` is thrown again
/// after all threads have stopped.
/// @param described  what StudySession::describe gave; for the stopping rule
RunEnd run_replicates(StudySession& session, ReplicateLedger& ledger, const RunSettings& settings,
                      const StudyResults& described, const StudyProgress& progress = {});

/// A whole study: described, run and concluded. On ranks other than 0: only its replicates.
/// StudyResults::ended says why it ended before settings.replicates.
/// @param described  told of the results before any replicate is made
/// @throws NegativeAnswer if it was interrupted before the first block was done
StudyResults run_study(StudySession& session, ReplicateLedger& ledger, const RunSettings& settings,
                       const StudyProgress& progress = {},
                       const std::function<void(const StudyResults&)>& described = {});

}  // namespace steelyard
