// Simple random reference samples, of everybody or within strata.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/selection/drawn_persons.hpp"
#include "sim/selection/reference_groups.hpp"

namespace steelyard {
namespace {

/// Sizes are fixed, so that design weights and strata are the same in every replicate.
class StratifiedReference final : public ReferenceDesignDraw {
 public:
  StratifiedReference(ConfigReader& section, const ReferenceFrame& frame, bool stratified)
      : frame_(&frame.frame) {
    const auto n = static_cast<std::size_t>(
        section.integer("n", {.min = 2, .max = 100'000'000, .help = "persons in it"}));
    Texts names;
    if (stratified)
      names = section.texts("stratum", {.required = false, .help = "root variables, or groupings"});
    if (stratified && names.empty()) section.fail({}, "has no stratum", "add stratum = [\"...\"]");
    for (ReferenceGroup& group : reference_groups(section, frame, "stratum", names))
      strata_.push_back({std::move(group), 0});
    const bool equally =
        section.text("allocation", {.fallback = "proportional",
                                    .choices = {"proportional", "equal"},
                                    .help = "of n to the strata, two persons or more each"}) ==
        "equal";
    allocate(section, n, equally);
  }

  void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
            std::vector<std::uint64_t>& slots) const override {
    out.weights = weights_;
    out.stratum = stratum_;
    out.persons.resize(weights_.size());
    DrawnPersons drawn(slots, frame_->finite() ? out.persons.size() : 0);
    std::size_t at = 0;
    for (const Stratum& s : strata_)
      for (const std::size_t end = at + s.n; at < end; ++at) {
        Stream stream({seed, purpose("reference sample"), replicate, Unit{at}});
        PersonRef& person = out.persons[at];
        do {
          person = {s.cells.draw(stream), at};
          if (!frame_->finite()) break;
          std::optional<std::uint64_t> number;
          while (!number) number = frame_->person_at(stream.bits64(), person.cell);
          person.unit = *number;
        } while (!drawn.insert(frame_->first(person.cell) + person.unit));
      }
  }

 private:
  struct Stratum : ReferenceGroup {
    std::size_t n = 0;
  };

  /// Whole numbers by largest remainders, two or more each.
  void allocate(ConfigReader& section, std::size_t n, bool equally) {
    double everybody = 0;
    for (const Stratum& s : strata_) everybody += s.persons;
    if (n < 2 * strata_.size())
      section.fail(
          "n", fmt::format("= {} is less than two persons in each of {} strata", n, strata_.size()),
          "raise n or use fewer strata");
    const auto spread = static_cast<double>(n - 2 * strata_.size());
    std::vector<double> remainder;
    std::size_t given = 0;
    for (Stratum& s : strata_) {
      const double share =
          equally ? 1 / static_cast<double>(strata_.size()) : std::max(0.0, s.persons / everybody);
      const double exact = strata_.size() == 1 ? static_cast<double>(n) : 2 + share * spread;
      s.n = static_cast<std::size_t>(exact);
      given += s.n;
      remainder.push_back(exact - std::floor(exact));
    }
    std::vector<std::size_t> order(strata_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
    for (std::size_t k = 0; given < n; ++k, ++given) ++strata_[order[k % order.size()]].n;
    for (std::size_t h = 0; h < strata_.size(); ++h) {
      const Stratum& s = strata_[h];
      if (frame_->finite() && static_cast<double>(s.n) > s.persons)
        section.fail("n", fmt::format("takes {} persons from a stratum of {:.0f}", s.n, s.persons),
                     "lower n or use coarser strata");
      weights_.insert(weights_.end(), s.n, s.persons / static_cast<double>(s.n));
      if (strata_.size() > 1) stratum_.insert(stratum_.end(), s.n, static_cast<std::uint32_t>(h));
    }
  }

  const PopulationFrame* frame_;
  std::vector<Stratum> strata_;
  std::vector<double> weights_;
  std::vector<std::uint32_t> stratum_;
};

}  // namespace

std::unique_ptr<const ReferenceDesignDraw> make_stratified_reference(ConfigReader& section,
                                                                     const ReferenceFrame& frame,
                                                                     bool stratified) {
  return std::make_unique<StratifiedReference>(section, frame, stratified);
}

}  // namespace steelyard
