// Reference samples in two stages: geographic units, then persons of each.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/designs/pps.hpp"
#include "sim/selection/drawn_persons.hpp"
#include "sim/selection/reference_groups.hpp"

namespace steelyard {
namespace {

class TwoStageReference final : public ReferenceDesignDraw {
 public:
  TwoStageReference(ConfigReader& section, const ReferenceFrame& frame) : frame_(&frame.frame) {
    const Texts names = section.texts(
        "cluster", {.help = "root variables, or groupings, whose cross are the primary units"});
    if (names.empty())
      section.fail("cluster", "names no variable", "for instance cluster = [\"province\"]");
    drawn_ = static_cast<std::size_t>(
        section.integer("clusters", {.min = 2, .help = "primary units to select"}));
    each_ = static_cast<std::size_t>(
        section.integer("units", {.min = 2,
                                  .max = 10'000'000,
                                  .help = "persons to select from each of them; a unit of fewer "
                                          "is taken whole"}));
    proportional_ = section.text("selection",
                                 {.fallback = "simple_random",
                                  .choices = {"simple_random", "pps"},
                                  .help = "of primary units; pps: with probabilities proportional "
                                          "to their persons, systematic in random order"}) == "pps";
    units_ = reference_groups(section, frame, "cluster", names);
    if (drawn_ > units_.size())
      section.fail(
          "clusters",
          fmt::format("= {} exceeds the population's {} primary units", drawn_, units_.size()),
          "select fewer");
    if (proportional_) {
      std::vector<double> size;
      for (const ReferenceGroup& u : units_) size.push_back(u.persons);
      probability_ = inclusion_probabilities(size, drawn_).value();
    } else {
      probability_.assign(units_.size(),
                          static_cast<double>(drawn_) / static_cast<double>(units_.size()));
    }
  }

  void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
            std::vector<std::uint64_t>& slots) const override {
    Stream stream({seed, purpose("reference primary units"), replicate, {}});
    const std::vector<std::uint32_t> chosen = primary_units(stream);
    std::size_t n = 0;
    for (const std::uint32_t u : chosen) n += size_of(u);
    DrawnPersons drawn(slots, n);
    for (const std::uint32_t u : chosen) {
      const std::size_t m = size_of(u);
      const double share = static_cast<double>(m) / units_[u].persons;
      for (std::size_t k = 0; k < m; ++k) {
        Stream own({seed, purpose("reference sample"), replicate, Unit{out.persons.size()}});
        PersonRef person;
        do {
          person.cell = units_[u].cells.draw(own);
          std::optional<std::uint64_t> number;
          while (!number) number = frame_->person_at(own.bits64(), person.cell);
          person.unit = *number;
        } while (!drawn.insert(frame_->first(person.cell) + person.unit));
        out.persons.push_back(person);
        out.weights.push_back(1 / (probability_[u] * share));
        out.unit.push_back(u);
        out.unit_prob.push_back(std::min(1.0, probability_[u]));
        out.within_share.push_back(share);
      }
    }
  }

 private:
  std::size_t size_of(std::uint32_t unit) const {
    return std::min(each_, static_cast<std::size_t>(units_[unit].persons));
  }

  /// In ascending order.
  std::vector<std::uint32_t> primary_units(Stream& stream) const {
    std::vector<std::uint32_t> order(units_.size()), chosen;
    std::iota(order.begin(), order.end(), 0u);
    for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[stream.below(k)]);
    if (proportional_) {
      std::vector<double> ordered;
      for (const std::uint32_t u : order) ordered.push_back(probability_[u]);
      systematic_positions(cumulate(ordered, drawn_), drawn_, stream.uniform(), chosen);
      for (std::uint32_t& u : chosen) u = order[u];
    } else {
      chosen.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(drawn_));
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  const PopulationFrame* frame_;
  std::vector<ReferenceGroup> units_;
  std::vector<double> probability_;  ///< by primary unit
  std::size_t drawn_ = 0, each_ = 0;
  bool proportional_ = false;
};

}  // namespace

std::unique_ptr<const ReferenceDesignDraw> make_two_stage_reference(ConfigReader& section,
                                                                    const ReferenceFrame& frame) {
  return std::make_unique<TwoStageReference>(section, frame);
}

}  // namespace steelyard
