#pragma once

// A folder of finished blocks: what a run leaves behind when it is killed, and what a shard leaves
// for `steelyard merge`.

#include <filesystem>
#include <functional>
#include <optional>

#include "core/program_id.hpp"
#include "core/resolved.hpp"
#include "study/block.hpp"

namespace steelyard {

/// What the blocks of a folder belong to.
struct BlockManifest {
  ProgramId program;
  std::string scenario;  ///< folder, or the name of a shipped one
  Texts settings, conditions;
  bool accept = false, tally_truth = false;
  std::uint64_t seed = 0;
  std::uint32_t replicates = 0;
  Shard shard;
  std::vector<ResolvedEntry> resolved;  ///< see resolve()

  /// What all blocks of a study have in common, whatever its replicates, shards and later
  /// estimators: sixteen hexadecimal digits.
  std::string fingerprint() const;
};

/// Whether there is a folder of blocks at a path.
bool is_block_folder(const std::filesystem::path& path);

/// Whether it holds a block, whole or not.
bool has_blocks(const std::filesystem::path& folder);

/// @throws UserError if it is not there, damaged, or of another format version
BlockManifest read_manifest(const std::filesystem::path& folder);

/// Reads the blocks that belong to a study, in their order.
/// @param damaged  told of a file that is not whole, with the problem; it is passed over
/// @throws UserError naming a block of another study
void read_blocks(
    const std::filesystem::path& folder, const std::string& study,
    const std::function<void(const Block&)>& take,
    const std::function<void(const std::string& file, const std::string& problem)>& damaged);

/// A folder of blocks that this process writes to, and no other: it is locked until the object
/// goes or the process ends.
class BlockFolder {
 public:
  /// Makes the folder if it is not there.
  /// @throws UserError if another process works there
  /// @throws std::system_error if it cannot be made
  enum class Content { kept, discarded };  ///< of blocks that are there
  BlockFolder(std::filesystem::path folder, const BlockManifest& manifest, Content content);
  ~BlockFolder();
  BlockFolder(const BlockFolder&) = delete;
  BlockFolder& operator=(const BlockFolder&) = delete;

  const std::filesystem::path& path() const { return folder_; }
  /// Writes a block beside its place, flushes it to the disk and renames it into it. Thread-safe
  /// for different blocks.
  /// @throws std::runtime_error with the system's reason, and what is kept
  void keep(const Block& block) const;
  /// Removes the folder.
  void remove();
  /// Gives the folder another name, as a finished output.
  /// @throws std::system_error
  void rename(const std::filesystem::path& target);

 private:
  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace steelyard
