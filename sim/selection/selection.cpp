#include "sim/selection/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random_blocks.hpp"
#include "sim/selection/drawn_persons.hpp"

namespace steelyard {
namespace {

/// The selection stream of one replicate: draw i is block 0 of unit i, made in batches.
class SelectionWords {
 public:
  SelectionWords(Seed seed, Replicate replicate, Selection::Scratch& s)
      : seed_(seed), replicate_(replicate), s_(s) {
    s_.words.resize(4 * kBatch);
    s_.unit_low.resize(kBatch);
    s_.unit_high.resize(kBatch);
  }
  PhiloxBlock next() {
    if (at_ == kBatch) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        s_.unit_low[i] = static_cast<std::uint32_t>(first_ + i);
        s_.unit_high[i] = static_cast<std::uint32_t>((first_ + i) >> 32);
      }
      stream_blocks(seed_, purpose("selection"), replicate_, 0, s_.unit_low, s_.unit_high,
                    s_.words.data(), kBatch);
      first_ += kBatch;
      at_ = 0;
    }
    const std::size_t i = at_++;
    return {s_.words[i], s_.words[kBatch + i], s_.words[2 * kBatch + i], s_.words[3 * kBatch + i]};
  }

 private:
  static constexpr std::size_t kBatch = 512;
  Seed seed_;
  Replicate replicate_;
  Selection::Scratch& s_;
  std::uint64_t first_ = 0;
  std::size_t at_ = kBatch;
};

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
    cells_ = AliasTable(q.p);
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
  cells_ = AliasTable(weight);
}

void Selection::draw(Seed seed, Replicate replicate, std::span<PersonRef> persons,
                     Scratch& scratch) const {
  const auto pair = [](std::uint32_t high, std::uint32_t low) {
    return (std::uint64_t{high} << 32) | low;
  };
  SelectionWords words(seed, replicate, scratch);
  if (!frame_->finite()) {
    for (std::size_t i = 0; i < persons.size(); ++i) {
      const PhiloxBlock w = words.next();
      persons[i] = {cells_.draw(pair(w[0], w[1])), i};
    }
    return;
  }
  DrawnPersons drawn(scratch.slots, persons.size());
  constexpr int kTries = 64;  // after so many persons drawn before, the cell counts as used up
  for (PersonRef& person : persons) {
    for (int tries = kTries;; ++tries) {
      const PhiloxBlock w = words.next();
      if (tries == kTries) {
        person.cell = cells_.draw(pair(w[0], w[1]));
        tries = 0;
      }
      const auto within = static_cast<Wide>(pair(w[2], w[3])) * frame_->count(person.cell);
      person.unit = frame_->first(person.cell) + static_cast<std::uint64_t>(within >> 64);
      if (drawn.insert(person.unit)) break;
    }
  }
}

}  // namespace steelyard
