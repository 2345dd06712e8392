#include "sim/selection/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/random_blocks.hpp"
#include "sim/selection/drawn_persons.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kBatch = 512;

/// Of the numbers that the words give, as PopulationFrame::person_at, the first below `count`;
/// `count` or more if none is. Without branches: each would be guessed wrong every third time.
std::uint64_t first_number(const PhiloxBlock& words, std::uint64_t count) {
  const std::uint64_t mask = std::bit_ceil(count) - 1;
  const auto earlier = [&](std::uint64_t bits, std::uint64_t later) {
    return (bits & mask) < count ? bits & mask : later;
  };
  if (mask >> 32)  // a number takes two words
    return earlier((std::uint64_t{words[1]} << 32) | words[0],
                   ((std::uint64_t{words[3]} << 32) | words[2]) & mask);
  return earlier(words[0], earlier(words[1], earlier(words[2], words[3] & mask)));
}

}  // namespace

PopulationFrame::PopulationFrame(const Population& population) {
  const auto size = population.scenario().population_size;
  if (!size) return;
  const std::vector<double>& p = population.law().root().p;
  const auto n = static_cast<double>(*size);
  first_.reserve(p.size() + 1);
  first_.push_back(0);
  double cumulated = 0;
  for (double x : p) {
    cumulated += x;
    first_.push_back(std::min(*size, static_cast<std::uint64_t>(std::floor(cumulated * n + 0.5))));
  }
  first_.back() = *size;
}

PopulationFrame::PopulationFrame(std::span<const std::uint64_t> persons) : first_{0} {
  for (std::uint64_t n : persons) first_.push_back(first_.back() + n);
}

std::uint32_t PopulationFrame::cell_of(std::uint64_t unit) const {
  return static_cast<std::uint32_t>(std::upper_bound(first_.begin(), first_.end(), unit) -
                                    first_.begin() - 1);
}

Selection::Selection(const Population& population, const PopulationFrame& frame) : frame_(&frame) {
  const Clique& p = population.law().root();
  const Clique& q = population.sample_law().root();
  if (!frame.finite()) {
    cells_ = CellDraw(population.law().schema(), q, q.p);
    return;
  }
  std::vector<double> weight(p.cells, 0.0);
  double sum = 0;
  for (std::size_t c = 0; c < p.cells; ++c)
    if (p.p[c] > 0) sum += weight[c] = q.p[c] / p.p[c] * static_cast<double>(frame.count(c));
  for (std::size_t c = 0; c < p.cells; ++c) {
    if (frame.count(c) == 0) continue;
    const double expected = weight[c] / sum *
                            static_cast<double>(population.scenario().sample_size) /
                            static_cast<double>(frame.count(c));
    if (expected <= 0.5) continue;
    std::string cell;
    for (std::size_t k = 0; k < p.variables.size(); ++k)
      cell += fmt::format("{}{}={}", k ? ", " : "", population.law().schema()[p.variables[k]].name,
                          population.law().schema()[p.variables[k]].levels[p.code(c, k)]);
    throw UserError(
        {(population.scenario().folder / "scenario.toml").string()}, "population.size",
        fmt::format(
            "is too small for the selection: persons with {} would be drawn {:.2f} times each",
            cell, expected),
        "enlarge population.size or lower sample.size");
  }
  cells_ = CellDraw(population.law().schema(), p, weight);
}

void Selection::draw(Seed seed, Replicate replicate, std::span<PersonRef> persons,
                     Scratch& s) const {
  s.words.resize(cells_.blocks() * 4 * kBatch);
  s.cells.resize(kBatch);
  DrawnPersons drawn(s.slots, frame_->finite() ? persons.size() : 0);
  const auto take = [&](PersonRef& person, std::uint64_t number) {
    person.unit = number;
    return number < frame_->count(person.cell) && drawn.insert(frame_->first(person.cell) + number);
  };
  for (std::size_t begin = 0; begin < persons.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, persons.size() - begin);
    for (std::uint32_t b = 0; b < cells_.blocks(); ++b)
      unit_blocks({seed, purpose("selection"), replicate, Unit{begin}}, b, n,
                  &s.words[b * 4 * kBatch], kBatch);
    cells_.draw(s.words.data(), kBatch, std::span(s.cells).first(n));
    for (std::size_t i = 0; i < n; ++i) persons[begin + i] = {s.cells[i], begin + i};
    if (!frame_->finite()) continue;
    unit_blocks({seed, purpose("selection in the cell"), replicate, Unit{begin}}, 0, n,
                s.words.data(), kBatch);
    for (std::size_t i = 0; i < n; ++i)
      persons[begin + i].unit = first_number(
          {s.words[i], s.words[kBatch + i], s.words[2 * kBatch + i], s.words[3 * kBatch + i]},
          frame_->count(persons[begin + i].cell));
    for (std::size_t i = 0; i < n; ++i) {
      PersonRef& person = persons[begin + i];
      if (take(person, person.unit)) continue;
      Stream more({seed, purpose("selection again"), replicate, Unit{begin + i}});
      constexpr int kTries = 128;  // after so many the cell counts as used up
      for (int tries = 1;; ++tries) {
        const auto number = frame_->person_at(more.bits64(), person.cell);
        if (number && take(person, *number)) break;
        if (tries % kTries == 0) person.cell = cells_.draw(more);
      }
    }
  }
}

}  // namespace steelyard
