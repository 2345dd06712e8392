#pragma once

// Who gets into the sample: drawn in O(n), never by a scan of the population.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/population/cell_draw.hpp"
#include "sim/population/synthesis.hpp"

namespace steelyard {

/// The persons of a finite population, numbered by root cell: cell c holds persons
/// first(c) ... first(c + 1) - 1. Cell counts are the expected ones, rounded so that every run of
/// cells is within one person of its expectation. A superpopulation has no persons of its own.
class PopulationFrame {
 public:
  explicit PopulationFrame(const Population& population);
  /// @param persons  by root cell, in place of the expected ones
  explicit PopulationFrame(std::span<const std::uint64_t> persons);

  bool finite() const { return !first_.empty(); }
  std::uint64_t size() const { return finite() ? first_.back() : 0; }
  std::uint64_t count(std::size_t cell) const { return first_[cell + 1] - first_[cell]; }
  std::uint64_t first(std::size_t cell) const { return first_[cell]; }
  /// The cell that person `unit` lives in.
  std::uint32_t cell_of(std::uint64_t unit) const;
  /// The number in its cell of one of the cell's persons, each as likely; nothing: try other bits.
  /// In a cell of a few persons more or less the same bits mostly give the same number.
  std::optional<std::uint64_t> person_at(std::uint64_t bits, std::size_t cell) const {
    const std::uint64_t number = bits & (std::bit_ceil(count(cell)) - 1);
    if (number >= count(cell)) return std::nullopt;
    return number;
  }

  /// Calls f(persons) for persons begin ... end - 1, in order, in blocks of Synthesizer::kBlock.
  template <typename F>
  void each_block(std::uint64_t begin, std::uint64_t end, F&& f) const {
    std::vector<PersonRef> persons;
    std::uint32_t cell = begin < end ? cell_of(begin) : 0;
    for (std::uint64_t block = begin; block < end; block += Synthesizer::kBlock) {
      persons.clear();
      for (std::uint64_t i = block; i < std::min(end, block + Synthesizer::kBlock); ++i) {
        while (i >= first_[cell + 1]) ++cell;
        persons.push_back({cell, i - first_[cell]});
      }
      f(persons);
    }
  }

 private:
  std::vector<std::uint64_t> first_;
};

/// Draws samples of fixed size n. Each respondent's root cell is drawn from the sample law; in a
/// finite population (odds q/p times the persons that the cell has) it is then one of the cell's
/// persons, each at most once: a simple random sample without replacement within the cell. In a
/// superpopulation it is a person of its own. Each draw has its own random numbers and is monotone
/// in them: where the laws differ a little, most draws give the same persons.
class Selection {
 public:
  /// @throws UserError if some cell's persons would be selected with expected frequency above one
  /// half
  Selection(const Population& population, const PopulationFrame& frame);

  /// Memory that draws can share, one a thread.
  struct Scratch {
    std::vector<std::uint64_t> slots;
    std::vector<std::uint32_t> words, cells;
  };

  /// @param persons  n entries to fill
  void draw(Seed seed, Replicate replicate, std::span<PersonRef> persons, Scratch& scratch) const;

  /// Purpose and replicate of the streams that the drawn persons' answers come from.
  Purpose purpose_of_answers() const {
    return frame_->finite() ? purpose("person") : purpose("respondent");
  }
  std::optional<Replicate> replicate_of_answers(Replicate replicate) const {
    return frame_->finite() ? std::nullopt : std::optional(replicate);
  }

 private:
  const PopulationFrame* frame_;
  CellDraw cells_;
};

}  // namespace steelyard
