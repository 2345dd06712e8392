#pragma once

// Persons out of a law: ancestral sampling down the junction tree, by inverse CDF. A person is a
// pure function of the seed and of who it is; each answer has a word of its own, so in a law that
// differs a little the same person gives mostly the same answers.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/random.hpp"
#include "sim/population/inverse_cdf.hpp"
#include "sim/population/population.hpp"

namespace steelyard {

/// A person before any answer: the root clique's cell, and its number: of a finite population's
/// person among those of its cell, of others among the respondents.
struct PersonRef {
  std::uint32_t cell = 0;
  std::uint64_t unit = 0;
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
    std::vector<std::uint32_t> words, keys, cells, unit_low, unit_high, replicates, entries;
  };
  Scratch scratch() const;

  /// Answers of up to kBlock persons, into the scratch's columns. Streams are (seed, purpose,
  /// replicate, number); persons of a finite population are the same in every replicate, so they
  /// have their cell in its place. So a cell that grows by a person renames nobody.
  /// @param replicate  nothing: persons of a finite population
  void make(std::span<const PersonRef> persons, Seed seed, Purpose purpose,
            std::optional<Replicate> replicate, Scratch& scratch) const;

  std::span<const VariableId> made() const { return made_; }
  std::span<const VariableId> latents() const { return latent_ids_; }

 private:
  struct Step {
    std::size_t word = 0;
    std::size_t key = 0;  ///< which separator key it uses
    std::vector<VariableId> fresh;
    InverseCdf law;                ///< by separator state
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
