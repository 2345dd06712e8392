#pragma once

// A reference sample of a synthetic population: people selected with known probabilities, whom
// estimators see beside the respondents.

#include <cstdint>
#include <span>
#include <vector>

#include "core/config.hpp"
#include "sim/selection/selection.hpp"

namespace steelyard {

/// Simple random sampling without replacement, of everybody or within strata of root variables.
/// Sizes are fixed, so that design weights and strata are the same in every replicate.
class ReferenceSelection {
 public:
  /// @param section  [reference]: design, n, stratum, allocation, asks
  /// @throws UserError for a stratum that is no root variable, that has nobody, or fewer persons
  /// than are to be drawn from it
  ReferenceSelection(ConfigReader& section, const Population& population,
                     const PopulationFrame& frame);

  std::size_t size() const { return weights_.size(); }
  /// What its respondents are asked.
  std::span<const VariableId> asked() const { return asked_; }
  /// n design weights: persons of the stratum over those drawn.
  const std::vector<double>& weights() const { return weights_; }
  /// n, numbered from 0; empty: one stratum.
  const std::vector<std::uint32_t>& strata() const { return stratum_; }

  /// @param persons  n entries to fill, stratum after stratum
  /// Cost O(n).
  void draw(Seed seed, Replicate replicate, std::span<PersonRef> persons,
            std::vector<std::uint64_t>& slots) const;

  /// Purpose and replicate of the streams that the drawn persons' answers come from: of a finite
  /// population the same person would tell either sample the same.
  Purpose purpose_of_answers() const {
    return frame_->finite() ? purpose("person") : purpose("reference respondent");
  }
  std::optional<Replicate> replicate_of_answers(Replicate replicate) const {
    return frame_->finite() ? std::nullopt : std::optional(replicate);
  }

 private:
  struct Stratum {
    double persons = 0;
    CellDraw cells;  ///< of its persons
    std::size_t n = 0;
  };
  void make_strata(ConfigReader& section, const Population& population);
  void allocate(ConfigReader& section, std::size_t n, bool equally);

  const PopulationFrame* frame_;
  std::vector<Stratum> strata_;
  std::vector<VariableId> asked_;
  std::vector<double> weights_;
  std::vector<std::uint32_t> stratum_;
};

}  // namespace steelyard
