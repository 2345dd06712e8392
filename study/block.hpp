#pragma once

// Blocks of replicates: the unit in which work is handed out and kept. A block holds the replicates
// of a fixed range, whatever the number of threads, processes or replicates of the study.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "study/replicate.hpp"

namespace steelyard {

/// Block b holds replicates 16 b to 16 b + 15.
inline constexpr std::uint32_t kBlockReplicates = 16;

constexpr std::uint32_t block_of(std::uint32_t replicate) { return replicate / kBlockReplicates; }
/// Blocks that hold the first `replicates`.
constexpr std::uint32_t blocks_of(std::uint32_t replicates) {
  return replicates / kBlockReplicates + (replicates % kBlockReplicates != 0);
}

/// One part of a study in k: of blocks 0, 1, 2 ... every k-th, from the index on.
struct Shard {
  std::uint32_t index = 0, count = 1;
  bool holds(std::uint32_t block) const { return block % count == index; }
  friend bool operator==(const Shard&, const Shard&) = default;
};

/// Replicates of one block that are done, all with the same estimators.
struct Block {
  std::string study;                      ///< fingerprint of the study that it belongs to
  std::uint32_t number = 0;               ///< its replicates lie in [16 number, 16 number + 16)
  Texts estimators;                       ///< by position in the results
  std::vector<std::uint32_t> replicates;  ///< their numbers, ascending
  std::vector<ReplicateResults> results;  ///< one a replicate
};

/// A block file that is not whole, or not one.
class DamagedBlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The block as bytes: a magic number with the format's version, the content (numbers as binary64,
/// little-endian; texts with their length), and a checksum of all that (FNV-1a, 64 bits).
std::string pack(const Block& block);

/// @throws DamagedBlock for a truncated, damaged or foreign text, or another format version
Block unpack(std::string_view bytes);

}  // namespace steelyard
