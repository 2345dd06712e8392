// Systematic reference samples of persons with probabilities proportional to a size.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/sums.hpp"
#include "sim/designs/pps.hpp"
#include "sim/selection/drawn_persons.hpp"
#include "sim/selection/hypergeometric.hpp"
#include "sim/selection/reference_selection.hpp"

namespace steelyard {
namespace {

/// By root cell: the product of what each variable's levels give.
std::vector<double> sizes(ConfigReader& section, const ReferenceFrame& frame) {
  const Schema& schema = frame.population.law().schema();
  std::vector<double> out(frame.persons.size(), 1.0);
  auto size = section.section("size");
  if (!size)
    section.fail("size", "is missing",
                 "give a number a level of root variables: size = { age = [1, 2, ...] }");
  for (const std::string& name : size->keys()) {
    const ReferenceFrame::Groups by = frame.groups(*size, name, {name});
    const std::vector<double> values = size->reals(name);
    const Variable& v = schema[schema.require(name, size->place(name))];
    if (values.size() != v.size())
      size->fail(name, fmt::format("has {} numbers for {} levels", values.size(), v.size()),
                 "give one a level, in the levels' order");
    for (std::size_t k = 0; k < values.size(); ++k)
      if (!(values[k] > 0) || !std::isfinite(values[k]))
        size->fail(name,
                   fmt::format("gives the level \"{}\" the size {:g}, so that its persons are "
                               "never drawn",
                               v.levels[k], values[k]),
                   "sizes are above 0");
    for (std::size_t c = 0; c < out.size(); ++c) out[c] *= values[by.of_cell[c]];
  }
  size->finish();
  return out;
}

/// Probabilities of a person by root cell, n of them expected.
struct PersonProbabilities {
  std::size_t n = 0;
  std::vector<double> of_cell;

  PersonProbabilities(ConfigReader& section, const ReferenceFrame& frame) {
    n = static_cast<std::size_t>(
        section.integer("n", {.min = 2, .max = 100'000'000, .help = "persons in it"}));
    of_cell = sizes(section, frame);
    double everybody = 0;
    for (std::size_t c = 0; c < of_cell.size(); ++c) everybody += frame.persons[c] * of_cell[c];
    for (std::size_t c = 0; c < of_cell.size(); ++c) {
      of_cell[c] *= static_cast<double>(n) / everybody;
      if (frame.persons[c] > 0 && of_cell[c] >= 1)
        section.fail("n",
                     fmt::format("= {} takes persons of the largest size for certain: their "
                                 "probability would be {:.3g}",
                                 n, of_cell[c]),
                     "lower n, or give them a smaller size");
    }
  }
};

/// Systematic in the order of the root cells; within a cell at random.
class SystematicReference final : public ReferenceDesignDraw {
 public:
  SystematicReference(ConfigReader& section, const ReferenceFrame& frame)
      : frame_(&frame.frame), probability_(section, frame) {
    std::vector<double> expected;
    for (std::size_t c = 0; c < frame.persons.size(); ++c) {
      if (!(frame.persons[c] > 0)) continue;
      cells_.push_back(static_cast<std::uint32_t>(c));
      expected.push_back(frame.persons[c] * probability_.of_cell[c]);
    }
    cumulated_ = cumulate(expected, probability_.n);
  }

  void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
            std::vector<std::uint64_t>& slots) const override {
    Stream start({seed, purpose("reference sample start"), replicate, {}});
    const double first = start.uniform();
    const std::size_t n = probability_.n;
    DrawnPersons drawn(slots, n);
    std::size_t position = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double at = first + static_cast<double>(k);
      while (position + 1 < cells_.size() && cumulated_[position] <= at) ++position;
      Stream stream({seed, purpose("reference sample"), replicate, Unit{k}});
      PersonRef person{cells_[position], 0};
      do {
        std::optional<std::uint64_t> number;
        while (!number) number = frame_->person_at(stream.bits64(), person.cell);
        person.unit = *number;
      } while (!drawn.insert(frame_->first(person.cell) + person.unit));
      out.persons.push_back(person);
      out.weights.push_back(1 / probability_.of_cell[person.cell]);
      out.unit_prob.push_back(probability_.of_cell[person.cell]);
      // Pairs of neighbours; of an odd number the last three.
      out.stratum.push_back(static_cast<std::uint32_t>(std::min(k, n - n % 2 - 1) / 2));
    }
  }

 private:
  const PopulationFrame* frame_;
  PersonProbabilities probability_;
  std::vector<std::uint32_t> cells_;  ///< root cells with persons
  std::vector<double> cumulated_;     ///< by those: persons to be drawn up to their end
};

/// Systematic with all persons in a new random order for each draw. In the order only the persons'
/// probabilities matter, so that it is drawn without replacement from how many have each.
class RandomSystematicReference final : public ReferenceDesignDraw {
 public:
  RandomSystematicReference(ConfigReader& section, const ReferenceFrame& frame)
      : frame_(&frame.frame) {
    const PersonProbabilities probability(section, frame);
    n_ = probability.n;
    std::map<double, std::vector<double>> by_probability;
    for (std::size_t c = 0; c < frame.persons.size(); ++c) {
      if (!(frame.persons[c] > 0)) continue;
      auto& inside = by_probability[probability.of_cell[c]];
      inside.resize(frame.persons.size(), 0.0);
      inside[c] = frame.persons[c];
    }
    for (const auto& [prob, inside] : by_probability)
      groups_.push_back(
          {prob, static_cast<std::uint64_t>(total(inside)),
           CellDraw(frame.population.law().schema(), frame.population.law().root(), inside)});
  }

  void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
            std::vector<std::uint64_t>& slots) const override {
    const std::vector<std::size_t> group = order({seed, purpose("reference order"), replicate, {}});
    DrawnPersons drawn(slots, n_);
    for (std::size_t k = 0; k < n_; ++k) {
      const Group& g = groups_[group[k]];
      Stream stream({seed, purpose("reference sample"), replicate, Unit{k}});
      PersonRef person;
      do {
        person.cell = g.cells.draw(stream);
        std::optional<std::uint64_t> number;
        while (!number) number = frame_->person_at(stream.bits64(), person.cell);
        person.unit = *number;
      } while (!drawn.insert(frame_->first(person.cell) + person.unit));
      out.persons.push_back(person);
      out.weights.push_back(1 / g.probability);
      out.unit_prob.push_back(g.probability);
    }
  }

 private:
  struct Group {
    double probability = 0;
    std::uint64_t persons = 0;
    CellDraw cells;  ///< of its persons
  };

  /// Groups of the n persons that are drawn. Persons of whom none can be the next one are passed
  /// together. Cost O(n × groups × the root of persons / n).
  std::vector<std::size_t> order(const StreamId& id) const {
    constexpr double kTogether = 32;
    Stream stream(id);
    std::vector<std::uint64_t> left;
    std::uint64_t all = 0;
    for (const Group& g : groups_) {
      left.push_back(g.persons);
      all += g.persons;
    }
    const double largest = groups_.back().probability;
    std::vector<std::size_t> out;
    double next = stream.uniform(), passed = 0;
    std::size_t g = 0;
    while (all > 0 && out.size() < n_) {
      if (const double safe = std::floor((next - passed) / largest); safe >= kTogether) {
        auto together = std::min(all, static_cast<std::uint64_t>(safe));
        std::uint64_t among = all;
        all -= together;
        for (std::size_t k = 0; together > 0; ++k) {
          const std::uint64_t own = hypergeometric(stream, among, left[k], together);
          among -= left[k];
          left[k] -= own;
          together -= own;
          passed += static_cast<double>(own) * groups_[k].probability;
        }
        continue;
      }
      std::uint64_t at = stream.below(all--);
      for (g = 0; at >= left[g]; ++g) at -= left[g];
      --left[g];
      passed += groups_[g].probability;
      if (passed <= next) continue;
      out.push_back(g);
      next += 1;
    }
    out.resize(n_, g);  // rounding of a start next to 1 must not leave out the last
    return out;
  }

  const PopulationFrame* frame_;
  std::size_t n_ = 0;
  std::vector<Group> groups_;
};

}  // namespace

std::unique_ptr<const ReferenceDesignDraw> make_systematic_reference(ConfigReader& section,
                                                                     const ReferenceFrame& frame,
                                                                     bool random_order) {
  if (random_order) return std::make_unique<RandomSystematicReference>(section, frame);
  return std::make_unique<SystematicReference>(section, frame);
}

}  // namespace steelyard
