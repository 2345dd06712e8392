#pragma once

// Persons out of a law: ancestral sampling down the junction tree with alias tables. Person i is a
// pure function of (seed, purpose, replicate, i) and of the root cell it lives in.

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.hpp"
#include "sim/population/population.hpp"

namespace steelyard {

/// A person before any answer: the root clique's cell, and the number of its stream.
struct PersonRef {
  std::uint32_t cell = 0;
  std::uint64_t unit = 0;
};

/// Index, threshold and alias of a discrete law; one 32-bit word a draw.
/// Source: Walker (1977), ACM TOMS 3, 253-256; Vose (1991), IEEE TSE 17, 972-975.
class AliasTable {
 public:
  AliasTable() = default;
  explicit AliasTable(std::span<const double> p);
  std::size_t size() const { return threshold_.size(); }
  /// 64 bits a draw: the high word picks the column, the low word decides.
  std::uint32_t draw(std::uint64_t bits) const {
    const auto j = static_cast<std::uint32_t>(((bits >> 32) * threshold_.size()) >> 32);
    return static_cast<std::uint32_t>(bits) < threshold_[j] ? j : alias_[j];
  }
  std::span<const std::uint32_t> thresholds() const { return threshold_; }
  std::span<const std::uint32_t> aliases() const { return alias_; }

 private:
  std::vector<std::uint32_t> threshold_, alias_;
};

/// Makes the answers of persons in blocks. Immutable and thread-safe; scratch is the caller's.
class Synthesizer {
 public:
  static constexpr std::size_t kBlock = 512;

  /// @param wanted   variables to be made; what they depend on is made as well
  /// @param latents  variables whose latent values are made too
  Synthesizer(const Population& population, std::span<const VariableId> wanted,
              std::span<const VariableId> latents);

  struct Scratch {
    std::vector<std::vector<LevelCode>>
        columns;  ///< by variable id: kBlock codes (empty if not made)
    std::vector<std::vector<double>>
        latent_values;  ///< by position in `latents`: kBlock values, 0 outside the universe
    std::vector<std::uint32_t> words, keys, cells, unit_low, unit_high;
  };
  Scratch scratch() const;

  /// Answers of up to kBlock persons, into the scratch's columns.
  void make(std::span<const PersonRef> persons, Seed seed, Purpose purpose, Replicate replicate,
            Scratch& scratch) const;

  std::span<const VariableId> made() const { return made_; }
  std::span<const VariableId> latents() const { return latent_ids_; }

 private:
  struct Step {
    std::size_t word = 0;
    std::size_t key = 0;  ///< which separator key it uses
    std::vector<VariableId> fresh;
    std::vector<std::uint32_t> offset, count;  ///< by separator state
    struct Entry {
      std::uint32_t threshold, alias;  ///< alias: relative to the state's offset
    };
    std::vector<Entry> entries;
    std::vector<LevelCode> codes;  ///< entries × fresh
  };
  struct Key {
    std::vector<VariableId> variables;
    std::vector<std::uint32_t> states;
  };
  struct LatentStep {
    const LatentLaw* law = nullptr;
    std::size_t word = 0;
  };

  std::size_t key_for(const VariableSet& separator);
  void fill_key(const Key& key, std::size_t n, Scratch& scratch, std::uint32_t* out) const;

  const Population* population_;
  std::vector<Step> steps_;
  std::vector<Key> keys_;
  std::vector<LatentStep> latent_steps_;
  std::vector<VariableId> made_, latent_ids_, root_variables_;
  std::vector<std::vector<LevelCode>>
      root_codes_;                  ///< by position in root_variables_: code of each root cell
  std::vector<bool> block_needed_;  ///< which counter blocks hold a used word
};

}  // namespace steelyard
